"""What a run keeps for its report and its result: predictions, and what they come to."""

from __future__ import annotations

from typing import Any

import numpy as np

from realmix.data.examine.equal import firsts
from realmix.data.pools import Dataset
from realmix.evaluate.dispute import drawn
from realmix.evaluate.metrics import Estimate, Floats

Evidence = dict[str, np.ndarray]

EXCERPT = 600  # characters of a text that is shown
GALLERY = 24  # most and least confident pool examples that the report shows


def judged_evidence(
    part: str, label: np.ndarray, baseline: Floats, model: Floats, shipped: Floats
) -> Evidence:
    """Labeled rows, and what each model says of them.

    Args:
        part: "heldout" (pooled over the folds) or "test".
        label: (n,) classes.
        baseline: (n, K) probabilities by the labels alone.
        model: by the candidate.
        shipped: by what ships.
    """
    probs = {"baseline": baseline, "model": model, "shipped": shipped}
    return {f"{part}_label": label} | {f"{part}_{name}": rows for name, rows in probs.items()}


def pool_evidence(
    dataset: Dataset, baseline: Floats, model: Floats, shipped: Floats, seed: int
) -> Evidence:
    """What the models say of the pool, where the shipped one is most and least sure.

    Args:
        dataset: what was read.
        baseline: (n, K) probabilities of its unlabeled rows by the labels alone; n may be 0.
        model: by the candidate.
        shipped: by what ships. Of equal rows one is shown.
        seed: draws the rows on which baseline and model disagree.
    """
    known, pool = dataset.label[dataset.label >= 0], np.flatnonzero(dataset.label < 0)
    evidence: Evidence = {"labeled_counts": np.bincount(known, minlength=len(dataset.classes))}
    if len(pool) == 0:
        return evidence
    order = shipped.max(1).argsort(kind="stable")
    evidence |= {"pool_baseline": baseline, "pool_model": model, "pool_shipped": shipped}
    evidence |= _disputed(dataset, pool, drawn(baseline, model, seed))
    for name, first in {"sure": order[::-1], "unsure": order}.items():
        few = first[: 4 * GALLERY]
        index = few[firsts(dataset.inputs[pool[few]]) == np.arange(len(few))][:GALLERY]
        evidence[f"{name}_index"] = index
        evidence |= shown(dataset, name, dataset.inputs[pool[index]])
        if dataset.names is not None:
            evidence[f"{name}_names"] = np.array([dataset.names[row] for row in pool[index]])
    return evidence


def shown(dataset: Dataset, name: str, rows: np.ndarray) -> Evidence:
    """Pictures or texts of some rows, for the gallery of that name; nothing of feature rows."""
    if dataset.is_texts:  # as fixed-width strings, which need no pickle
        return {f"{name}_texts": np.array([excerpt(text) for text in rows], str)}
    return {f"{name}_images": rows} if dataset.is_images else {}


def excerpt(text: str) -> str:
    """The start of a text that is long; without control characters."""
    cut = text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()} ..."
    return "".join(c if c == "\n" or c.isprintable() else " " for c in cut)


def _disputed(dataset: Dataset, pool: np.ndarray, index: np.ndarray) -> Evidence:
    """What `realmix decide` asks about: names of the pool rows, and what the drawn ones show."""
    names = dataset.names or tuple(f"row {row}" for row in range(len(dataset.label)))
    rows = dataset.inputs[pool[index]]
    evidence: Evidence = {
        "pool_names": np.array([names[row] for row in pool]),
        "decide_index": index,
    }
    if dataset.is_images or dataset.is_texts:
        return evidence | shown(dataset, "decide", rows)
    columns, encoding = dataset.column_names, dataset.encoding
    if encoding is not None and encoding.changes:
        rows, columns = np.array(encoding.shown(rows), dtype=str), encoding.columns_read
    return evidence | {"decide_features": rows, "decide_columns": np.array(columns)}


def test_figures(evidence: Evidence, compared: bool) -> dict[str, Any] | None:
    """Figures on the test data; None where there are none."""
    if "test_label" not in evidence:
        return None
    label = evidence["test_label"]
    figures: dict[str, Any] = {"count": len(label), "baseline": None}
    for name in ("baseline", "model", "shipped") if compared else ("model", "shipped"):
        figures[name] = Estimate.of(evidence[f"test_{name}"], label).to_json()
    return figures


def oracle_figures(dataset: Dataset, probs: Floats | None) -> dict[str, Any] | None:
    """Accuracy of the shipped model on pool rows whose truth is known, and was not used."""
    if dataset.oracle is None or probs is None:
        return None
    truth = dataset.oracle[dataset.label < 0]
    known = truth >= 0
    if not known.any():
        return None
    hits = probs.argmax(1)[known] == truth[known]
    return {"accuracy": float(hits.mean()), "count": int(known.sum())}
