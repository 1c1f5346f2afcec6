"""When a model that used the pool is no model of these data, whatever the comparison says."""

from __future__ import annotations

from typing import Literal

import numpy as np

from realmix.evaluate.judges import Judge
from realmix.evaluate.metrics import Floats, Integers

DRIFT = 0.15  # share of the pool that a candidate may call another class than expected

Collapse = Literal["", "unheard", "constant", "one class", "drifted"]
"""Why; "" where it has not collapsed."""


def collapse(
    judge: Judge,
    label: Integers,
    held: Floats,
    pool: tuple[Floats, Floats] | None = None,
    heard: bool = True,
) -> Collapse:
    """Why a candidate collapsed, or "".

    Args:
        judge: of the comparison.
        label: (n,) classes of the held-out rows; n may be 0.
        held: (n, K) the candidate's probabilities of them.
        pool: (N, K) probabilities of the pool by the labels alone and by the candidate.
        heard: whether any row of the pool ever counted in the candidate's training.
    """
    if not heard:
        return "unheard"
    if names_one_class(held, label):
        return "one class"
    if len(label) and judge(held, label) <= judge.constant(label):
        return "constant"
    if pool is not None and names_one_class(pool[1], label):
        return "one class"
    return "drifted" if pool is not None and drifted(label, *pool) else ""


def names_one_class(probs: Floats, label: Integers) -> bool:
    """Whether a model calls all rows (n, K) one class where the labels (m,) are of several."""
    return len(np.unique(probs.argmax(1))) == 1 and len(np.unique(label)) > 1


def drifted(label: Integers, baseline: Floats, candidate: Floats) -> bool:
    """Whether the final candidate runs off to some classes, which no held-out label may show.

    It does if the shares of the classes that it predicts on the pool lie further than `DRIFT` (in
    total variation) both from those that the labels alone predict there and from those of the
    labels, and further from the latter than the labels alone do.

    Args:
        label: (n,) classes of labeled rows.
        baseline: (N, K) probabilities of the pool by the labels alone.
        candidate: by the candidate; N may be 0.
    """
    if len(label) == 0 or len(candidate) == 0:
        return False
    num_classes = candidate.shape[1]
    given, base, other = (
        np.bincount(classes, minlength=num_classes) / len(classes)
        for classes in (label, baseline.argmax(1), candidate.argmax(1))
    )

    def apart(one: Floats, two: Floats) -> float:
        return float(np.abs(one - two).sum() / 2)

    away = apart(other, given)
    return min(apart(other, base), away) > DRIFT and away > apart(base, given)
