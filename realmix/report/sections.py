"""The parts of the report as plain values for its template; None where the run lacks them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.evaluate import metrics
from realmix.evaluate.gate import ALONE, STUDENT, SUPERVISED, UNSETTLED
from realmix.report import galleries, plots
from realmix.report.record import Run
from realmix.report.words import TOGETHER, gained, points

Section = dict[str, Any] | None
LARGEST_TABLE = 20  # classes that a confusion table shows in full
MOST_ROWS, MOST_CURVES = 50, 12  # rows of every other table, charts

CURVES = {
    "loss": ("Loss", "What training makes small: the sum of its parts."),
    "supervised": ("Supervised loss", "The error on the labeled rows."),
    "unlabeled": ("Unlabeled loss", "The error on the pool, times its weight."),
    "accuracy": ("Accuracy while training", "Share of held-out labels predicted right."),
    "mask_rate": ("Confident", "Share of pool rows confident enough to learn from."),
    "trusted_rate": ("Trusted", "Share of pool rows taken to belong to the classes."),
    "unlearned_rate": ("Unlearned", "Share of labeled rows not yet learned; only they count."),
}
"""Logged figures by name: title and explanation, in the order of the report."""


def accuracies(result: dict[str, Any], figures: dict[str, Any] | None) -> Section:
    """The models' accuracies from `figures`, which is result.json or its "test" part."""
    rows = []
    for key, name, color in _models(result, held=figures is result):
        estimate = (figures or {}).get("pair" if key == "shipped" and figures is result else key)
        if estimate and estimate["accuracy"] is not None:
            low, high = estimate["interval"]
            rows.append(plots.Bar(name, estimate["accuracy"], low, high, color))
    if not rows:
        return None
    return {"rows": rows, "picture": plots.accuracies(rows)}


def scores(run: Run, part: str) -> list[dict[str, Any]]:
    """Further figures of each model on "heldout" or "test" rows."""
    rows = []
    for key, name, _ in _models(run.result, held=part == "heldout"):
        label, probs = run.evidence.get(f"{part}_label"), run.evidence.get(f"{part}_{key}")
        if label is not None and probs is not None and len(label):
            rows.append(
                {
                    "name": name,
                    "balanced": metrics.balanced_accuracy(probs, label),
                    "likelihood": metrics.negative_log_likelihood(probs, label),
                    "calibration": metrics.calibration(probs, label).error,
                }
            )
    return rows


def curves(run: Run) -> list[dict[str, Any]]:
    """A chart for each logged figure, the well-known ones first, with what is drawn in it."""
    logged = {key for record in run.records for key in record if _is_plain(key)}
    charts: list[dict[str, Any]] = []
    for key in [*CURVES, *sorted(logged - set(CURVES) - {"step", "seconds", "phase"})]:
        found = [line for line in _lines(run.records, key) if len(line.steps)]
        # one figure of a computation is no curve, nor is what was fitted at once
        lines = [one for one in found if max(one.steps) > (0 if key in CURVES else min(one.steps))]
        if lines and len(charts) < MOST_CURVES:
            words = key.replace("_", " ").capitalize()
            title, explanation = CURVES.get(key, (words, "As the algorithm logged it."))
            is_share = key == "accuracy" or key.endswith("_rate")
            drawn = [word for line in lines for word in (line.color, line.is_final)]
            chart = {"title": title, "explanation": explanation, "drawn": drawn}
            charts.append({**chart, "picture": plots.curve(lines, is_share)})
    return charts


def judged(run: Run) -> Section:
    """Confusion, per-class figures and calibration of the shipped model, on test rows if any."""
    for part, name in (("test", "test"), ("heldout", "held-out")):
        label, probs = run.evidence.get(f"{part}_label"), run.evidence.get(f"{part}_shipped")
        if label is not None and probs is not None and len(label):
            calibration = metrics.calibration(probs, label)
            return {
                "rows": name,
                "count": len(label),
                "confusion": _confusion(metrics.confusion(probs, label), run.classes),
                "per_class": _per_class(metrics.per_class(probs, label), run.classes),
                "calibration": calibration.error,
                "reliability": plots.reliability(calibration),
            }
    return None


def tried(run: Run) -> Section:
    """Every method that was compared, the best first; None where there were but two."""
    found = [line for line in run.result.get("tried", ()) if line["accuracy"] is not None]
    if len(found) < 3:
        return None
    judge = run.result["judge"]
    score = "balanced_accuracy" if judge in ("balanced", "macro_f1") else "accuracy"
    taken = (run.result["labels_alone"], run.result["algorithm"])
    rows = [
        {**line, "score": line[score], "taken": line["algorithm"] in taken, "gain": points(line)}
        for line in sorted(found, key=lambda line: -line[score])
    ]
    shown = score.replace("_", " ")
    return {"rows": rows, "score": shown, "gained": gained(judge, shown)}


def next_command(run: Run) -> str | None:
    """What settles a verdict that is open; None where nothing is."""
    result = run.result
    is_open = result["outcome"] in UNSETTLED and "decided_by_answers" not in result
    if not (is_open and result.get("gated", True) and result["unlabeled"]):
        return None
    return shlex.join(["realmix", "decide", str(run.folder)])


def worst_class(run: Run) -> Section:
    """The class of which what ships finds the least, on test rows if there are any."""
    for part in ("test", "heldout"):
        label, probs = run.evidence.get(f"{part}_label"), run.evidence.get(f"{part}_shipped")
        if label is not None and probs is not None and len(label):
            recall = metrics.per_class(probs, label).recall
            place = int(np.nanargmin(recall))
            count = int((label == place).sum())
            return {"name": run.classes[place], "recall": float(recall[place]), "count": count}
    return None


def pool_shares(run: Run) -> Section:
    """How often each class is predicted on the pool, against its share of the labels."""
    probs, counts = run.evidence.get("pool_shipped"), run.evidence.get("labeled_counts")
    if probs is None or not len(probs):
        return None
    guessed = np.bincount(probs.argmax(1), minlength=probs.shape[1]) / len(probs)
    labeled = counts / max(counts.sum(), 1) if counts is not None else np.full(len(guessed), np.nan)
    mean = probs.mean(0, dtype=float)
    entropy = -sum(p * math.log(p) for p in mean if p > 0)
    order = _first(np.abs(guessed - np.nan_to_num(labeled)))
    return {
        "rows": [(run.classes[i], float(labeled[i]), float(guessed[i])) for i in order],
        "left_out": len(guessed) - len(order),
        "scale": float(max(guessed.max(), np.nan_to_num(labeled).max())),
        "effective": math.exp(entropy),
        "count": len(probs),
    }


def examples(run: Run, kind: str) -> list[dict[str, Any]]:
    """The pool rows named by `kind`: "sure" or "unsure"; pictures where the rows are images."""
    index = run.evidence.get(f"{kind}_index")
    probs = run.evidence.get("pool_shipped")
    rows: list[dict[str, Any]] = []
    for place, row in enumerate(() if index is None else index.tolist()):
        known = probs[row] if probs is not None and row < len(probs) else None
        rows.append(
            {
                "row": row,
                "file": galleries.name_of(run, kind, place),
                "picture": galleries.picture_of(run, kind, place),
                "text": galleries.text_of(run, kind, place),
                "name": run.classes[int(known.argmax())] if known is not None else None,
                "confidence": float(known.max()) if known is not None else None,
            }
        )
    return rows


def settings(value: object, name: str = "") -> list[tuple[str, str]]:
    """A nested configuration as (dotted name, value) rows."""
    if isinstance(value, dict) and value:
        inner = (
            settings(item, f"{name}.{key}" if name else str(key)) for key, item in value.items()
        )
        return [row for rows in inner for row in rows]
    if isinstance(value, list):
        return [(name, ", ".join(str(item) for item in value))]
    return [(name, "none" if value is None else str(value))]


def _models(result: dict[str, Any], held: bool = False) -> list[tuple[str, str, str]]:
    """(key in the records, name, color) of each model of the run, the baseline first.

    A student has no figures on held-out labels, for it learned all labels, once.
    """
    if result["outcome"] == "alone":
        return [("model", ALONE, plots.BASELINE)]
    name = str(result["algorithm"])
    rows = [
        ("baseline", ALONE, plots.BASELINE),
        ("model", name if _is_plain(name) else "candidate", plots.MODEL),
    ]
    together = TOGETHER.get(result["shipped"])
    if together and not (held and result["shipped"] == STUDENT):
        rows.append(("shipped", together, plots.PAIR))
    return rows if result.get("gated", True) else rows[1:]


def _is_plain(name: str) -> bool:
    """Whether matplotlib's own font can show it."""
    return name.isascii() and name.isprintable()


def _lines(records: Sequence[dict[str, Any]], key: str) -> Iterable[plots.Line]:
    """One line a phase for the figure `key`, those of the labels alone first, so below."""
    points: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        if isinstance(record.get(key), (int, float)) and "step" in record:
            phase = str(record.get("phase", ""))
            points.setdefault(phase, []).append((record["step"], record[key]))
    for phase in sorted(points, key=lambda phase: not phase.endswith(SUPERVISED)):
        steps, values = np.array(points[phase], float).T
        color = plots.BASELINE if phase.endswith(SUPERVISED) else plots.MODEL
        yield plots.Line(steps, values, color, is_final=not phase.startswith("fold"))


def _confusion(table: NDArray[np.int64], classes: Sequence[str]) -> dict[str, Any]:
    """The whole table for a few classes; a picture and the commonest errors for many."""
    errors = table - np.diag(np.diag(table))
    worst = np.argsort(-errors, axis=None, kind="stable")[:15]
    pairs = [divmod(int(place), len(table)) for place in worst]
    is_small = len(table) <= LARGEST_TABLE
    # the square root keeps a share of a few percent visible
    shades = np.sqrt(table / np.maximum(table.sum(1, keepdims=True), 1))
    return {
        "rows": list(zip(classes, table.tolist(), shades.tolist(), strict=True)),
        "picture": None if is_small else plots.confusion(table),
        "worst": [(classes[i], classes[j], int(errors[i, j])) for i, j in pairs if errors[i, j]],
    }


def _per_class(found: metrics.PerClass, classes: Sequence[str]) -> dict[str, Any]:
    columns = (found.precision, found.recall, found.f1, found.count)
    order = _first(-np.nan_to_num(found.f1))
    rows = [(classes[i], *(column[i].item() for column in columns)) for i in order]
    return {"rows": rows, "left_out": len(classes) - len(order)}


def _first(importance: NDArray[np.float64]) -> list[int]:
    """All places in their order, or the `MOST_ROWS` most important ones, the first first."""
    if len(importance) <= MOST_ROWS:
        return list(range(len(importance)))
    return [int(i) for i in np.argsort(-importance, kind="stable")[:MOST_ROWS]]
