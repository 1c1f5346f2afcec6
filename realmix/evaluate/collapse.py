"""When a model that used the pool is no model of these data, whatever the comparison says."""

from __future__ import annotations

from typing import Literal

import numpy as np

from realmix.evaluate.judges import Judge
from realmix.evaluate.metrics import Floats, Integers

DRIFT = 0.15  # share of rows that a candidate may call another class than expected
UNFORETOLD = 0.25  # and than its answers on held-out rows foretell, of which there are few

Collapse = Literal["", "unheard", "constant", "neither", "one class", "drifted"]
"""Why; "" where it has not collapsed."""


def collapse(
    judge: Judge,
    label: Integers,
    held: Floats,
    pool: tuple[Floats, Floats] | None = None,
    heard: bool = True,
    alone: Floats | None = None,
) -> Collapse:
    """Why a candidate collapsed, or ""; "neither" where the labels alone are no better.

    Args:
        judge: of the comparison.
        label: (n,) classes of the held-out rows; n may be 0.
        held: (n, K) the candidate's probabilities of them.
        pool: (N, K) probabilities of the pool by the labels alone and by the candidate.
        heard: whether any row of the pool ever counted in the candidate's training.
        alone: (n, K) the labels alone's probabilities of the held-out rows, where they are known.
    """
    if not heard:
        return "unheard"
    if names_one_class(held, label) or _runs_to_one_class(held, label):
        return "one class"
    if len(label) and judge(held, label) <= (nothing := judge.constant(label)):
        both = alone is not None and judge(alone, label) <= nothing
        return "neither" if both else "constant"
    if pool is not None and names_one_class(pool[1], label) and not _of_one_class(label, *pool):
        return "one class"
    both_held = None if alone is None else (alone, held)
    return "drifted" if pool is not None and drifted(label, *pool, both_held) else ""


def names_one_class(probs: Floats, label: Integers) -> bool:
    """Whether a model calls all rows (n, K) one class where the labels (m,) are of several."""
    return len(np.unique(probs.argmax(1))) == 1 and len(np.unique(label)) > 1


def _runs_to_one_class(held: Floats, label: Integers) -> bool:
    """Whether a model calls nearly all held-out rows (n, K) one class, of which fewer are (n,)."""
    called = held.argmax(1)
    return len(label) > 0 and _nearly_all(called, np.bincount(called).argmax(), label)


def _of_one_class(label: Integers, baseline: Floats, candidate: Floats) -> bool:
    """Whether the labels alone too find nearly all of the pool in the class that is called.

    Not where the labels are so unequal themselves: a rare class is what must not be lost.
    """
    return _nearly_all(baseline.argmax(1), candidate[0].argmax(), label)


def _nearly_all(called: Integers, one: np.intp, label: Integers) -> bool:
    """Whether nearly all rows are called one class, and clearly fewer labels are of it."""
    there, labeled = np.mean(called == one), np.mean(label == one)
    return bool(there >= 1 - DRIFT and there - labeled > DRIFT)


def drifted(
    label: Integers,
    baseline: Floats,
    candidate: Floats,
    held: tuple[Floats, Floats] | None = None,
) -> bool:
    """Whether the final candidate runs off to some classes, which no held-out label may show.

    It does if the shares of the classes that it predicts on the pool lie further than `DRIFT` (in
    total variation) both from those that the labels alone predict there and from those of the
    labels, and further from the latter than the labels alone do; and by more than `UNFORETOLD`
    from those that held-out rows foretell. For labels drawn at random have other shares than the
    pool, and a candidate that finds classes which the labels alone overlook names them more often.
    And the two must lie as far apart on the half of the pool of which the labels alone are surest:
    rows of no class at all have no right share, and are seldom among these.

    Args:
        label: (n,) classes of labeled rows.
        baseline: (N, K) probabilities of the pool by the labels alone.
        candidate: by the candidate; N may be 0.
        held: (n, K) each, by both models of the held-out rows, where they are known.
    """
    if len(label) == 0 or len(candidate) == 0:
        return False
    num_classes = candidate.shape[1]
    sure = baseline.max(1) >= np.median(baseline.max(1))
    called = label, *(probs.argmax(1) for probs in (baseline, candidate))
    given, base, other = (_shares(classes, num_classes) for classes in called)
    away = _apart(other, given)
    if min(_apart(other, base), away) <= DRIFT or away <= _apart(base, given):
        return False
    if _apart(*(_shares(classes[sure], num_classes) for classes in called[1:])) <= DRIFT:
        return False
    return held is None or _apart(other, foretold(base, *held)) > UNFORETOLD


def _shares(classes: Integers, num_classes: int) -> Floats:
    """(K,) of rows of these classes, of which there are some."""
    counted: Floats = np.bincount(classes, minlength=num_classes) / len(classes)
    return counted


def foretold(shares: Floats, baseline: Floats, candidate: Floats) -> Floats:
    """The shares of the classes that a candidate should predict on the pool, (K,).

    Where the labels alone predict class i, it should predict class j as often as it did on held-out
    rows. To these half a row of each class is added on which the two agree.

    Args:
        shares: (K,) of the classes that the labels alone predict on the pool.
        baseline: (n, K) probabilities of the held-out rows by the labels alone.
        candidate: by the candidate.
    """
    seen = np.eye(len(shares)) / 2
    np.add.at(seen, (baseline.argmax(1), candidate.argmax(1)), 1)
    told: Floats = shares @ (seen / seen.sum(1, keepdims=True))
    return told


def _apart(one: Floats, two: Floats) -> float:
    return float(np.abs(one - two).sum() / 2)
