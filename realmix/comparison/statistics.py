"""What several seeds and several algorithms allow to be said.

Each test is a library's, and here for a reason:

- mean and interval over seeds: Student's t (SciPy), the interval of a mean of few values;
- two algorithms on the same draws: the paired t-test, since one draw of labels is hard for both;
- many such tests: Holm's correction (statsmodels), which holds for tests that depend on each other
  as these do, and loses less than Bonferroni's;
- all algorithms by rank: Friedman's test, and Nemenyi's critical difference by the studentized
  range (SciPy), as Demsar, 2006, "Statistical comparisons of classifiers over multiple data sets".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Interval = tuple[float, float]
NOTHING: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class Mean:
    """Of some values.

    Attributes:
        value: their mean; NaN of none.
        deviation: their standard deviation, n - 1 in the denominator; NaN of one.
        interval: 95 % interval of the mean; NaN of one value.
        count: how many.
    """

    value: float
    deviation: float
    interval: Interval
    count: int

    @property
    def half(self) -> float:
        """Half of the interval, before it is cut at 0 and 1."""
        return max(self.interval[1] - self.value, self.value - self.interval[0])


def mean_of(values: Sequence[float], level: float = 0.95) -> Mean:
    """Mean with its t-interval: mean ± t s / sqrt(n), where t has n - 1 degrees of freedom.

    >>> low, high = mean_of([1.0, 2.0, 3.0]).interval
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    from scipy.stats import t

    count = len(values)
    if count == 0:
        return Mean(math.nan, math.nan, NOTHING, 0)
    value = float(np.mean(values))
    if count == 1:
        return Mean(value, math.nan, NOTHING, 1)
    deviation = float(np.std(values, ddof=1))
    half = float(t.ppf((1 + level) / 2, count - 1)) * deviation / math.sqrt(count)
    return Mean(value, deviation, (value - half, value + half), count)


@dataclass(frozen=True)
class Difference:
    """Between two algorithms on the same draws.

    Attributes:
        mean: of second - first.
        p: of the paired t-test, two-sided; NaN where it has nothing to test.
        corrected: p with Holm's correction over all differences of its table.
    """

    mean: Mean
    p: float
    corrected: float = math.nan


def paired(first: Sequence[float], second: Sequence[float]) -> Difference:
    """The second's lead over the first, value by value.

    Equal differences leave nothing to test: p is 1 where they are 0, and NaN elsewhere, as few test
    rows make them equal by chance.

    >>> round(paired([0.1, 0.2, 0.3], [0.2, 0.4, 0.4]).p, 4)
    0.0572
    """
    from scipy.stats import t

    leads = np.asarray(second, float) - np.asarray(first, float)
    mean = mean_of(leads.tolist())
    if mean.count < 2:
        return Difference(mean, math.nan)
    if mean.deviation < 1e-12:
        return Difference(mean, 1.0 if abs(mean.value) < 1e-12 else math.nan)
    score = mean.value / (mean.deviation / math.sqrt(mean.count))
    return Difference(mean, 2 * float(t.sf(abs(score), mean.count - 1)))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's corrected p-values; NaN stays and counts for nothing.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03, float("nan")])]
    [0.03, 0.06, 0.06, nan]
    """
    from statsmodels.stats.multitest import multipletests

    corrected = np.full(len(p), np.nan)
    known = np.isfinite(np.asarray(p, float))
    if known.any():
        corrected[known] = multipletests(np.asarray(p, float)[known], method="holm")[1]
    return [float(value) for value in corrected]


@dataclass(frozen=True)
class Ranks:
    """Algorithms by their mean rank over draws that all of them did.

    Attributes:
        names: best first.
        ranks: mean rank of each; 1 is best.
        p: of Friedman's test that all are alike.
        critical: difference of mean ranks that is no chance (Nemenyi, 5 %).
        draws: how many.
        alike: groups of neighbors in `names`, as (first, last), that the test cannot tell apart.
    """

    names: tuple[str, ...]
    ranks: tuple[float, ...]
    p: float
    critical: float
    draws: int
    alike: tuple[tuple[int, int], ...]


def critical_difference(count: int, draws: int, level: float = 0.05) -> float:
    """``q sqrt(k (k + 1) / (6 N))``, q the studentized range's quantile over sqrt(2).

    Demsar, section 3.2.2.

    >>> round(critical_difference(4, 14), 2)  # the paper's example: q = 2.569
    1.25
    """
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - level, count, np.inf)) / math.sqrt(2)
    return q * math.sqrt(count * (count + 1) / (6 * draws))


def ranked(names: Sequence[str], accuracy: np.ndarray) -> Ranks | None:
    """Friedman's test and Nemenyi's groups.

    Args:
        names: of the k algorithms.
        accuracy: (N, k), a row for each draw.

    Returns:
        None for fewer than three algorithms or two draws, of which the test says nothing.
    """
    from scipy.stats import friedmanchisquare, rankdata

    draws, count = accuracy.shape
    if count < 3 or draws < 2:
        return None
    each = rankdata(-accuracy, axis=1)
    mean = each.mean(0)
    varies = bool((np.ptp(each, axis=1) > 0).any())
    p = float(friedmanchisquare(*accuracy.T).pvalue) if varies else 1.0
    order = np.argsort(mean, kind="stable")
    sorted_ranks, critical = mean[order], critical_difference(count, draws)
    groups = [
        (i, max(j for j in range(i, count) if sorted_ranks[j] - sorted_ranks[i] <= critical))
        for i in range(count)
    ]
    # a group that lies within another says nothing more
    alike = [
        (i, j)
        for i, j in groups
        if j > i and not any((a <= i and j <= b) and (a, b) != (i, j) for a, b in groups)
    ]
    return Ranks(
        tuple(names[place] for place in order),
        tuple(float(rank) for rank in sorted_ranks),
        p,
        critical,
        draws,
        tuple(alike),
    )
