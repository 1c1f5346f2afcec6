"""Several models on the same held-out labels: their order, and a line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from realmix.evaluate.intervals import Interval
from realmix.evaluate.judges import JUDGES, Judge, compare
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


def attempts(
    judge: Judge,
    label: Integers,
    probs: Mapping[str, Floats],
    seconds: Mapping[str, float],
    candidates: Sequence[str],
    base: str,
    folds: int = 1,
    fell: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """What each method came to, for result.json; the best is chosen by these very labels.

    Args:
        judge: what they are compared by.
        label: (n,) classes of the held-out rows.
        probs: (n, K) of each method.
        seconds: that its trainings for the comparison took.
        candidates: those that use the pool.
        base: the one that stands for the labels alone; gains over it are in points of the judge.
        folds: in which the rows were held out.
        fell: why candidates collapsed that did.
    """
    gains = {
        name: compare(judge, probs[base], probs[name], label, folds)
        for name in candidates
        if len(label) and base not in candidates
    }
    return [
        {
            "algorithm": name,
            "uses_pool": name in candidates,
            **Estimate.of(probs[name], label, folds).to_json(),
            "seconds": round(seconds[name], 3),
            "collapse": fell.get(name, ""),
            "gain": gains[name].gain / judge.point if name in gains else None,
            "gain_interval": _points(gains[name].interval, judge) if name in gains else None,
        }
        for name in probs
    ]


def _points(interval: Interval, judge: Judge) -> list[float]:
    return [end / judge.point for end in interval]
