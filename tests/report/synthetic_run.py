"""A run folder as `realmix fit` leaves it, made up: for the tests of the report, and to look at."""

import io
from pathlib import Path

import numpy as np
import sklearn.datasets

from realmix.base.files import append_line, write_atomically, write_json
from realmix.evaluate.gate import decide
from realmix.evaluate.metrics import Estimate
from realmix.report.words import reason

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RULE = "Each label was held out once: 5 times, the models were trained on 4/5 of the labels."


def guesses(rng, label, classes, strength):
    """(n, K) probabilities that are right more often the larger `strength`."""
    logits = rng.normal(size=(len(label), classes)) * 1.3
    logits[np.arange(len(label)), label] += strength
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probs.astype(np.float32)


def write_run(
    folder: Path,
    *,
    classes=CLASSES,
    algorithm="realmix",
    strength=(2.6, 3.6),
    labels=250,
    pool=1500,
    test=800,
    images=True,
    gated=True,
    bad_files=(),
    notes=(),
    without=(),
):
    """Write the four records; `without` names evidence or result keys and files to leave out."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    evidence, result = _judged(rng, len(classes), strength, labels, test, algorithm)
    if not gated:  # nothing is held out, and the only model stands in for the baseline
        nothing = np.zeros((0, len(classes)), np.float32)
        rule = "Nothing was held out or compared (--no-gate)."
        test_figures = {**result["test"], "baseline": None}
        label = nothing[:, 0].astype(int)
        verdict = decide(label, nothing, nothing, algorithm=algorithm, rule=rule, gate="none")
        result = {**verdict.to_json(), "reason": rule, "test": test_figures}
        evidence = {key: value for key, value in evidence.items() if "heldout" not in key}
        evidence["test_baseline"] = evidence["test_shipped"] = evidence["test_model"]
    evidence |= _pool(rng, len(classes), pool, images)
    result |= {
        "gated": gated,
        "undertrained": None,
        "ended": None,
        "network": ["wrn-28-2 (1,467,610 weights) on 32 x 32 pixels"],
        "labels": labels,
        "unlabeled": pool,
        "classes": list(classes),
        "steps": 4000,
        "seconds": 754.2,
        "images_seen": 4000 * 448,
        "seed": 0,
        "versions": {"realmix": "0.1.0", "torch": "2.15.0", "numpy": "2.4.6", "python": "3.11.7"},
        "notes": list(notes),
        "bad_files": [list(pair) for pair in bad_files],
        "pseudo_labels": {"accuracy": 0.913, "count": pool},
    }
    for key in without:
        evidence.pop(key, None)
        result.pop(key, None)
    if "config.json" not in without:
        write_json(folder / "config.json", _config(algorithm))
    if "evidence.npz" not in without:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **evidence)
        write_atomically(folder / "evidence.npz", buffer.getvalue())
    if "metrics.jsonl" not in without:
        _log(rng, folder / "metrics.jsonl", algorithm)
    write_json(folder / "result.json", result)
    return folder, result


def _judged(rng, classes, strength, labels, test, algorithm):
    label, test_label = rng.integers(classes, size=labels), rng.integers(classes, size=test)
    evidence = {"heldout_label": label, "test_label": test_label}
    for name, power in zip(("baseline", "model"), strength, strict=True):
        evidence[f"heldout_{name}"] = guesses(rng, label, classes, power)
        evidence[f"test_{name}"] = guesses(rng, test_label, classes, power)
    held_out = (evidence["heldout_baseline"], evidence["heldout_model"])
    verdict = decide(label, *held_out, algorithm=algorithm, rule=RULE)
    result = {**verdict.to_json(), "reason": reason(verdict), "test": {"count": test}}
    evidence["heldout_shipped"] = verdict.answer(*held_out)
    evidence["test_shipped"] = verdict.answer(evidence["test_baseline"], evidence["test_model"])
    for name in ("baseline", "model", "shipped") if test else ():
        result["test"][name] = Estimate.of(evidence[f"test_{name}"], test_label).to_json()
    return evidence, result


def _pool(rng, classes, count, images):
    probs = guesses(rng, rng.integers(classes, size=count), classes, 3.4)
    order = np.argsort(probs.max(1))
    evidence = {
        "pool_shipped": probs,
        "labeled_counts": rng.integers(20, 30, size=classes),
        "sure_index": order[::-1][:24],
        "unsure_index": order[:24],
    }
    if images:
        digits = (sklearn.datasets.load_digits().images * 15.9).astype(np.uint8)[:, None]
        for kind in ("sure", "unsure"):
            evidence[f"{kind}_images"] = digits[evidence[f"{kind}_index"] % len(digits)]
    return evidence


def _log(rng, path, algorithm):
    for part in ("fold-1", "fold-2", "fold-3", "final"):
        for name in {"supervised": None, algorithm: None}:
            for step in range(0, 4000, 100):
                done, noise = step / 4000, 1 + 0.1 * rng.normal()
                record = {
                    "phase": f"{part}/{name}",
                    "step": step,
                    "seconds": step / 20,
                    "loss": (2.3 * np.exp(-4 * done) + 0.1) * noise,
                    "supervised": (2.2 * np.exp(-5 * done) + 0.02) * noise,
                }
                if name != "supervised":
                    record["unlabeled"] = 0.4 * np.exp(-2 * done) * noise
                    record["trusted_rate"] = min(1, 0.3 + 0.6 * done * noise)
                    record["unlearned_rate"] = max(0, 1 - 1.2 * done * noise)
                    record["effective_classes"] = float("nan") if step == 0 else 9 + noise
                if step % 500 == 0 and part != "final":
                    record["accuracy"] = 0.85 - 0.7 * np.exp(-6 * done) * noise
                append_line(path, record)


def _config(algorithm):
    return {
        "command": ["realmix", "fit", "digits@250", "--algorithm", algorithm, "--out", "runs/a b"],
        "data": "digits@250",
        "algorithm": {"name": algorithm, "temperature": 0.5, "in_distribution": 0.9},
        "model": "wrn-28-2",
        "batch_size": 64,
        "views": ["weak", "strong"],
        "encoder": None,
    }
