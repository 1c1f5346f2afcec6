"""Accuracy from few labels and many predictions: prediction-powered intervals.

Labeled rows tell whether a prediction is right, y_i in {0, 1}; for them and for the pool's rows it
is known how sure a model was, f_i. What the pool says of f, which is much, tells something of y, as
far as the two go together:

    accuracy = mean(y) + lambda (mean of f over the pool - mean of f over the labeled rows)

with the lambda that makes the variance smallest (PPI++). It holds if labeled rows and pool are rows
of one kind, and if f has seen the labels of neither: then any f will do, a bad one for nothing.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.base.errors import DataError
from realmix.evaluate.intervals import Correct, Interval, wilson

FEWEST = 20
"""Labeled rows from which on the interval covered at its rate: benchmarks/records/coverage."""
APART = 1.5
"""Standard errors by which the pool's mean sureness may lie from that of the labeled rows."""
Sure = NDArray[np.floating]


@dataclass(frozen=True)
class Powered:
    """An accuracy by labels and pool.

    Attributes:
        accuracy: in [0, 1].
        interval: of it.
        power: lambda >= 0; at 0 the pool says nothing, and all is as without it.
        worth: independent rows that alone would give an interval of this width.
    """

    accuracy: float
    interval: Interval
    power: float
    worth: float

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "interval": list(self.interval)}


def powered(
    correct: Correct, sure: Sure, pool_sure: Sure, level: float = 0.95, each: float = 1.0
) -> Powered:
    """PPI++'s estimate, with Wilson's interval of as many rows as its variance is worth.

    With the correlation r of y and f, N rows of the pool and n labeled ones:

        lambda = cov(y, f) / var(f) * N / (N + n)      variance = var(y) / n * (1 - r^2 N / (N + n))

    so it is worth n / (1 - r^2 N / (N + n)) rows: n where f says nothing, n + N where f is y. A
    normal interval, as the paper's, covers too seldom at 20 labels; Wilson's of that many rows
    does not. r^2 is made smaller by the freedom that lambda has, 1 - (1 - r^2)(n - 1) / (n - 2).

    Args:
        correct: (n,) bool, n >= 1: whether the prediction of each labeled row was right.
        sure: (n,) f of these rows, by models that have not seen their labels.
        pool_sure: (N,) f of rows of the pool, N >= 1, by the same models.
        level: of the two-sided interval, in (0, 1).
        each: what a labeled row counts in it, in (0, 1]; see `intervals.worth`.

    Raises:
        DataError: arrays that do not fit together.

    Reference:
        Angelopoulos, Duchi and Zrnic, 2023, https://arxiv.org/abs/2311.01453, algorithm 1 and
        equation 6 for a mean; sample splits as Zrnic and Candes, 2024,
        https://doi.org/10.1073/pnas.2322083121. The interval's shape is that of survey samples:
        Korn and Graubard, 1998, Survey Methodology 24:193, with Wilson's formula.
    """
    _check(correct, sure, pool_sure)
    n, share, right = len(correct), float(correct.mean()), correct.astype(float)
    freedom = len(pool_sure) / (len(pool_sure) + n)
    spread, f = float(np.var(sure)), np.asarray(sure, float)
    both = float(np.mean((right - share) * (f - f.mean())))
    if n < 3 or both <= 0 or spread * share * (1 - share) == 0:
        return _of(share, 0.0, n * each, level)
    explained = min(both**2 / (spread * share * (1 - share)), 1.0)
    explained = 1 - (1 - explained) * (n - 1) / (n - 2)
    if explained <= 0:
        return _of(share, 0.0, n * each, level)
    power = both / spread * freedom
    found = share + power * (float(np.mean(pool_sure)) - float(f.mean()))
    return _of(min(max(found, 0.0), 1.0), power, n * each / (1 - explained * freedom), level)


def _of(accuracy: float, power: float, worth: float, level: float) -> Powered:
    return Powered(accuracy, wilson(accuracy * worth, worth, level), power, worth)


def apart(sure: Sure, pool_sure: Sure) -> float:
    """How many standard errors the pool's mean sureness lies from that of the labeled rows.

    Rows of one kind differ by luck alone. Foreign rows in the pool, labels of the easy rows, or
    classes of other shares show here, and then the pool's sureness says nothing of the labels'.
    """
    n, pool = np.asarray(sure, float), np.asarray(pool_sure, float)
    error = math.sqrt(n.var() / max(len(n) - 1, 1) + pool.var() / len(pool))
    return abs(float(pool.mean() - n.mean())) / max(error, 1e-12)


def refusal(sure: Sure, pool_sure: Sure) -> str | None:
    """Why `powered` is not to be asked, in a sentence; None where it may be.

    Args:
        sure: (n,) f of the labeled rows.
        pool_sure: (N,) f of rows of the pool.
    """
    if len(sure) < FEWEST:
        return f"It takes {FEWEST} labeled rows or more, not {len(sure)}."
    if not len(pool_sure):
        return "There is no pool."
    if (far := apart(sure, pool_sure)) > APART:
        return (
            f"The labels alone are not as sure of the pool as of the labeled rows ({far:.1f}"
            " standard errors apart), so these may not be rows of one kind."
        )
    return None


def _check(correct: Correct, sure: Sure, pool_sure: Sure) -> None:
    if correct.ndim != 1 or correct.shape != sure.shape or pool_sure.ndim != 1:
        raise DataError(
            "Each labeled row needs its outcome and its sureness, each row of the pool a sureness:"
            f" {correct.shape}, {sure.shape} and {pool_sure.shape} were given."
        )
    if not len(correct) or not len(pool_sure):
        raise DataError("There are no labeled rows, or no rows of the pool.")
