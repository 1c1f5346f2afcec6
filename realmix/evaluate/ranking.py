"""Several models on the same held-out labels: their order, and a line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.evaluate.intervals import Interval
from realmix.evaluate.judges import JUDGES, Judge, compare, standard_error
from realmix.evaluate.metrics import Estimate, Floats, Integers


def ranked(
    judge: Judge, label: Integers, probs: Mapping[str, Floats], names: Sequence[str]
) -> list[str]:
    """Methods by their figure on held-out labels, of equal ones the likelier first.

    Args:
        judge: what they are compared by.
        label: (n,) classes; with n = 0 the order stays.
        probs: (n, K) of each method.
        names: which methods.
    """
    if len(label) == 0:
        return list(names)
    likelihood = JUDGES["log_loss"]
    return sorted(names, key=lambda n: (-judge(probs[n], label), -likelihood(probs[n], label)))


def preferred(
    judge: Judge, label: Integers, probs: Mapping[str, Floats], names: Sequence[str], favorite: str
) -> list[str]:
    """Methods as `ranked` has them, but a favorite first unless another is clearly better.

    The best of several on few held-out labels is often the luckiest. So one that is known to be
    good is taken where the best is ahead of it by no more than the standard error of the lead
    (the rule of one standard error: Breiman et al., 1984, Classification and regression trees).

    Args:
        judge: what they are compared by.
        label: (n,) classes; with n = 0 the favorite is first.
        probs: (n, K) of each method.
        names: which methods.
        favorite: one of them, or "" for none.
    """
    order = ranked(judge, label, probs, names)
    if favorite not in names:
        return order
    if len(label):
        lead = compare(judge, probs[favorite], probs[order[0]], label)
        if lead.gain > lead.standard_error:
            return order
    return [favorite, *(name for name in order if name != favorite)]


def leads(
    judge: Judge, baseline: Floats, candidates: Sequence[Floats], label: Integers
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(k,) gains of candidates over the baseline and (k, k) covariance of their errors, in points.

    Of two gains it is (e_i^2 + e_j^2 - e_ij^2) / 2, where e are standard errors, e_ij that of the
    difference between the two candidates.

    Args:
        judge: what they are compared by.
        baseline: (n, K) probabilities; n >= 1.
        candidates: (n, K) of each.
        label: (n,) classes.
    """
    base, *others = (judge.outcome(probs, label) for probs in (baseline, *candidates))
    gains = [judge.value(other, label) - judge.value(base, label) for other in others]
    own = np.array([standard_error(judge, base, other, label) ** 2 for other in others])
    covariance = np.diag(own)
    for i, j in combinations(range(len(others)), 2):
        between = standard_error(judge, others[i], others[j], label) ** 2
        covariance[i, j] = covariance[j, i] = (own[i] + own[j] - between) / 2
    return np.array(gains) / judge.point, covariance / judge.point**2


def attempts(
    judge: Judge,
    label: Integers,
    probs: Mapping[str, Floats],
    seconds: Mapping[str, float],
    candidates: Sequence[str],
    base: str,
) -> list[dict[str, Any]]:
    """What each method came to, for result.json; the best is chosen by these very labels.

    Args:
        judge: what they are compared by.
        label: (n,) classes of the held-out rows.
        probs: (n, K) of each method.
        seconds: that its trainings for the comparison took.
        candidates: those that use the pool.
        base: the one that stands for the labels alone; gains over it are in points of the judge.
    """
    gains = {
        name: compare(judge, probs[base], probs[name], label)
        for name in candidates
        if len(label) and base not in candidates
    }
    return [
        {
            "algorithm": name,
            "uses_pool": name in candidates,
            **Estimate.of(probs[name], label).to_json(),
            "seconds": round(seconds[name], 3),
            "gain": gains[name].gain / judge.point if name in gains else None,
            "gain_interval": _points(gains[name].interval, judge) if name in gains else None,
        }
        for name in probs
    ]


def _points(interval: Interval, judge: Judge) -> list[float]:
    return [end / judge.point for end in interval]
