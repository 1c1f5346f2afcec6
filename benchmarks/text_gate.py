"""AG News with 40 labels, minilm frozen: which methods fall on its views, and what the gate does.

    python -m benchmarks.text_gate [--pool 1000] [--tests 1500] [--seeds 0 1 2 3 4]
        [--encoder minilm] [--augment words] [--methods auto uda ...] [--record DIR]

Eight views of every text are encoded once and kept in the cache of features; a head is then trained
on them by each method, with its comparison on held-out labels, several draws of labels. A line of
gate.jsonl each: accuracy on the test rows of the labels alone, of the method and of what ships,
what the gate said, and the shares of the classes that the method gives the pool.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.records import RECORDS, Line, made_with
from benchmarks.text_tuned import read_texts
from realmix.base.files import append_line, whole_lines
from realmix.data.pools import Dataset
from realmix.data.splits import stratified_labels
from realmix.runs.augmentation import augmented, encoding_of
from realmix.runs.climb.tuning import learned_from
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

LABELS, WORDS = 40, "words"
THRESHOLDS = (0.8, 0.95)  # of UDA and FixMatch
PARTS = {"baseline": "alone", "model": "method", "shipped": "shipped"}
TOLD = ("labels_alone", "outcome", "collapse", "shipped", "p_worse", "steps")
METHODS = (
    "auto",
    "uda",
    "fixmatch",
    "remixmatch",
    "adamatch",
    "softmatch",
    "flexmatch",
    "mixmatch",
)
FIELDS = {"remixmatch": {"augmentation": "rand_augment"}}


def texts_of(pool: int, tests: int) -> Dataset:
    """So many rows of AG News, all with their label."""
    found, rng = read_texts("agnews", Path()), np.random.default_rng(0)
    (rows, label), (exam, known) = (
        zip(*(pairs[i] for i in rng.permutation(len(pairs))[:most]), strict=True)
        for pairs, most in ((found["train"], pool + LABELS), (found["test"], tests))
    )
    classes = ("World", "Sports", "Business", "Sci/Tech")
    return Dataset(
        np.array(rows, object), np.array(label), classes, "words", oracle=np.array(label),
        test_inputs=np.array(exam, object), test_label=np.array(known),
    )  # fmt: skip


def case_of(line: Line) -> tuple[str, str, str, int]:
    encoder, augment = line.get("encoder", "minilm"), line.get("augment", WORDS)
    return encoder, augment, line["algorithm"], line["seed"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pool", type=int, default=1000)
    parser.add_argument("--tests", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--augment", default=WORDS)
    parser.add_argument("--record", type=Path, default=RECORDS / "text_tuned")
    asked = parser.parse_args()
    asked.record.mkdir(parents=True, exist_ok=True)
    file = asked.record / "gate.jsonl"
    encoder = Config("agnews", encoder=asked.encoder, augment=asked.augment, algorithm="uda")
    whole = augmented(texts_of(asked.pool, asked.tests), encoder).dataset
    whole = learned_from(whole, encoding_of(whole, encoder), encoder)
    assert whole.encoded is not None
    done = {case_of(line) for line in whole_lines(file)}
    for seed in asked.seeds:
        label = np.full(len(whole.label), -1)
        known = stratified_labels(whole.label, LABELS, seed)
        label[known] = whole.label[known]
        for method in asked.methods:
            if (asked.encoder, asked.augment, method, seed) in done:
                continue
            seen = whole.encoded
            if method == "auto":  # learns from the plain view alone
                seen = replace(seen, augmented=None)
            began = time.monotonic()
            config = Config(
                "agnews", algorithm=method, seed=seed, device="cpu", fields=FIELDS.get(method, {})
            )
            dataset = replace(whole, label=label, encoded=seen)
            outcome = Experiment(Phases(dataset, config, None, Silent())).run()
            evidence, result = outcome.evidence, outcome.result
            said, truth = evidence["pool_model"], whole.label[label < 0]
            right = said.argmax(1) == truth
            sure = {str(t): said.max(1) >= t for t in THRESHOLDS}
            line = {
                "encoder": asked.encoder,
                "augment": asked.augment,
                "algorithm": method,
                "seed": seed,
                "labels": LABELS,
                "pool": asked.pool,
                "test": {
                    name: float(
                        (evidence[f"test_{part}"].argmax(1) == evidence["test_label"]).mean()
                    )
                    for part, name in PARTS.items()
                },
                "held out": {part: result[part]["accuracy"] for part in ("baseline", "model")},
                **{name: result[name] for name in TOLD},
                "pool right": float(right.mean()),
                "pool shares": (np.bincount(said.argmax(1), minlength=4) / len(said)).tolist(),
                "sure": {
                    t: [float(kept.mean()), float(right[kept].mean())]
                    for t, kept in sure.items()
                    if kept.any()
                },
                "seconds": round(time.monotonic() - began, 1),
                "versions": made_with(),
            }
            append_line(file, line)
            print({k: v for k, v in line.items() if k != "versions"}, flush=True)


if __name__ == "__main__":
    main()
