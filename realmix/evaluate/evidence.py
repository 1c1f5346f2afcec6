"""What a run keeps for its report and its result: predictions, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from realmix.data.pools import Dataset
from realmix.data.splits import Fold
from realmix.evaluate.gate import Estimate

Evidence = dict[str, np.ndarray]

GALLERY = 24  # most and least confident pool examples that the report shows


def held_out_evidence(
    dataset: Dataset, folds: Sequence[Fold], baseline: list[np.ndarray], model: list[np.ndarray]
) -> Evidence:
    """Predictions of every held-out row, pooled over the folds.

    Args:
        dataset: what was read.
        folds: (training rows, held-out rows) each; there may be none.
        baseline: (n, K) probabilities of the held-out rows, fold by fold.
        model: the same, of the candidate.
    """
    rows = np.concatenate([np.zeros(0, np.int64), *(held for _, held in folds)])
    nothing = np.zeros((0, len(dataset.classes)), np.float32)
    return {
        "heldout_label": dataset.label[rows],
        "heldout_baseline": np.concatenate([nothing, *baseline]),
        "heldout_model": np.concatenate([nothing, *model]),
    }


def pool_evidence(dataset: Dataset, probs: np.ndarray) -> Evidence:
    """What the shipped model says of the pool, and where it is most and least sure.

    Args:
        dataset: what was read.
        probs: (n, K) probabilities of its unlabeled rows; n may be 0.
    """
    known, pool = dataset.label[dataset.label >= 0], np.flatnonzero(dataset.label < 0)
    evidence = {"labeled_counts": np.bincount(known, minlength=len(dataset.classes))}
    if len(pool) == 0:
        return evidence
    order = probs.max(1).argsort(kind="stable")
    evidence["pool_probs"] = probs
    for name, index in {"sure": order[::-1][:GALLERY], "unsure": order[:GALLERY]}.items():
        evidence[f"{name}_index"] = index
        if dataset.is_images:
            evidence[f"{name}_images"] = dataset.inputs[pool[index]]
        if dataset.names is not None:
            evidence[f"{name}_names"] = np.array([dataset.names[row] for row in pool[index]])
    return evidence


def test_figures(evidence: Evidence, gated: bool) -> dict[str, Any] | None:
    """Accuracy on the test data with its interval; None where there are none."""
    if "test_label" not in evidence:
        return None
    label = evidence["test_label"]
    figures: dict[str, Any] = {"count": len(label), "baseline": None}
    for name in ("baseline", "model") if gated else ("model",):
        correct = evidence[f"test_{name}"].argmax(1) == label
        figures[name] = Estimate.of(correct).to_json()
    return figures


def oracle_figures(dataset: Dataset, probs: np.ndarray) -> dict[str, Any] | None:
    """Accuracy of the shipped model on pool rows whose truth is known, and was not used."""
    if dataset.oracle is None:
        return None
    truth = dataset.oracle[dataset.label < 0]
    known = truth >= 0
    if not known.any():
        return None
    hits = probs.argmax(1)[known] == truth[known]
    return {"accuracy": float(hits.mean()), "count": int(known.sum())}
