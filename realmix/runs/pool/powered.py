"""What a run's pool tells of how good its models are: see `realmix.evaluate.powered`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from realmix.base.randomness import derive
from realmix.evaluate.intervals import worth
from realmix.evaluate.powered import powered, refusal
from realmix.report.evidence import Evidence
from realmix.runs.parts.phase import Trained
from realmix.runs.phases import Phases
from realmix.runs.prepared import Prepared

MOST = 5000  # rows of the pool that are asked: more would move the interval by little
_DRAW = 31  # stream of randomness


def with_pool(
    phases: Phases, folds: Sequence[Trained], evidence: Evidence
) -> dict[str, Any] | None:
    """The models' accuracies by held-out labels and pool, for result.json.

    Args:
        phases: of the run.
        folds: the trainings of a method that learned from labels alone, each without some of them.
        evidence: what the models said of the held-out rows.

    Returns:
        "why_not": a sentence where labels and pool do not allow it, and then nothing else; else
        None, "rows" of the pool that were asked, and by name of the model its figures. None
        without held-out labels, without a pool, or without the labels alone.
    """
    label, rows = evidence["heldout_label"], phases.rows
    if not folds or not len(label) or not len(rows.pool_rows):
        return None
    pool_sure = pool_sureness(rows, folds, phases.config.seed)
    sure, each = evidence["heldout_baseline"].max(1), worth(len(folds))
    if why_not := refusal(sure, pool_sure):
        return {"why_not": why_not}
    figures = {}
    for name in ("baseline", "model", "shipped"):
        correct = evidence[f"heldout_{name}"].argmax(1) == label
        figures[name] = powered(correct, sure, pool_sure, each=each).to_json()
    return {"why_not": None, "rows": len(pool_sure), **figures}


def pool_sureness(rows: Prepared, folds: Sequence[Trained], seed: int) -> np.ndarray:
    """(N,) largest probability of rows of the pool, by models that learned from labels alone.

    They have not seen the pool, so it is to them what the labels are that were held out of them.
    A method that learned from the pool is surer of it than of other rows of its kind.

    Args:
        rows: of the run.
        folds: the trainings of that method; they count by the labels held out of each.
        seed: draws the rows where they are more than `MOST`.
    """
    order = np.random.default_rng(derive(seed, _DRAW)).permutation(len(rows.pool_rows))[:MOST]
    inputs = rows.inputs[rows.pool_rows[np.sort(order)]]
    sure = [rows.probs(fold.network, inputs).max(1) for fold in folds]
    mean: np.ndarray = np.average(sure, axis=0, weights=[len(fold.held) for fold in folds])
    return mean
