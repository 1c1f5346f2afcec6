"""Evidence for one of two models, valid whenever one stops; rows drawn without replacement.

Let C, B and Z be the numbers of M rows on which the first, the second, and neither of two models
is right; n of the rows were drawn at random, and c, b and z of them are of each kind. All evidence
is a ratio Q / P of the probabilities of these outcomes in their order: P under what is doubted,
the largest that all else leaves open; Q under a mixture. Under what is doubted the ratio ever
exceeds a limit with a chance of at most 1 / limit, however often one looks (Ville, 1939).

Reference:
    Robbins, 1970, https://doi.org/10.1214/aoms/1177696786 (mixtures); Waudby-Smith and Ramdas,
    2020, https://arxiv.org/abs/2006.04347 (without replacement).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln

Integers = NDArray[np.integer]


class Counts(NamedTuple):
    """Outcomes of each kind, each an integer array of one shape.

    Attributes:
        first, second: c and b, outcomes where only that model is right.
        neither: z.
    """

    first: Integers
    second: Integers
    neither: Integers

    @classmethod
    def along(cls, outcomes: Integers) -> Counts:
        """(paths, n + 1) counts after 0 to n of (paths, n) outcomes: 1, -1, and 0 for neither."""
        start = [(0, 0), (1, 0)]
        return cls(*(np.pad((outcomes == kind).cumsum(1), start) for kind in (1, -1, 0)))

    @property
    def drawn(self) -> Integers:
        """n."""
        return self.first + self.second + self.neither

    @property
    def swapped(self) -> Counts:
        """With the other model as the first."""
        return Counts(self.second, self.first, self.neither)

    def take(self, chosen: NDArray[np.bool_]) -> Counts:
        """Some of them."""
        return Counts(*(kind[chosen] for kind in self))


def log_evidence(counts: Counts, rows: int) -> NDArray[np.float64]:
    """Natural logarithm of the evidence that the first model is better: that C > B.

    Q / P of the rows where exactly one is right. Q: each falls to the first with a chance p that
    is uniform on (1/2, 1). P: of D such rows in all, each model has half. For a clear lead P grows
    with D, so D is taken as large as it may still be. In an endless supply P = 2^-(c + b).

    Args:
        counts: so far.
        rows: M.

    Returns:
        As the counts; -inf where the first is not ahead, inf where it cannot be caught up.

    >>> none = np.zeros(2, int)
    >>> np.exp(log_evidence(Counts(np.array([7, 8]), none, none), 10**7)).round(1)
    array([31.9, 56.8])
    """
    c, b, _ = counts
    half = (rows - counts.neither) / 2  # of D
    with np.errstate(divide="ignore", invalid="ignore"):
        mixture = betaln(c + 1, b + 1) + np.log(2 * betainc(b + 1, c + 1, 0.5))
        equal = _falling(half, c) + _falling(half, b) - _falling(2 * half, c + b)
    evidence = np.where(c > half, np.inf, mixture - equal)
    return np.where(c > b, evidence, -np.inf)


def excluded(net: Integers, counts: Counts, rows: int, limit: float) -> NDArray[np.bool_]:
    """Whether the evidence against C - B = net reaches `limit`, or it has become impossible.

    Q: the shares of the three kinds are Dirichlet(1/2, 1/2, 1/2). P: with the likeliest B.

    Args:
        net: whole numbers; broadcast against the counts.
        counts: so far.
        rows: M.
        limit: reached wrongly with a chance of 1 / limit at most.
    """
    c, b, z = counts
    low, high = np.broadcast_arrays(np.maximum(b, c - net), (rows - net - z) // 2)
    second = _likeliest(net, counts, rows, low, np.maximum(low, high))
    rest = np.maximum(rows - net - 2 * second, z)
    mixture = sum(gammaln(count + 0.5) - gammaln(0.5) for count in counts)
    mixture = mixture + gammaln(1.5) - gammaln(counts.drawn + 1.5)
    doubted = _falling(second + net, c) + _falling(second, b) + _falling(rest, z)
    doubted = doubted - _falling(rows, counts.drawn)
    return np.asarray((high < low) | (mixture - doubted >= math.log(limit)))


def within(least: int, counts: Counts, rows: int, limit: float) -> NDArray[np.bool_]:
    """Whether all |C - B| >= least are `excluded`.

    P is log-concave in C - B but for odd and even values, which differ by the split of Z: beyond
    an estimate inside, two excluded neighbors exclude all that follows.
    """
    inside = abs(counts.first - counts.second) * rows <= least * counts.drawn
    for net in (least, least + 1, -least, -least - 1):
        inside[inside] = excluded(np.array(net), counts.take(inside), rows, limit)
    return inside


def _likeliest(
    net: Integers, counts: Counts, rows: int, low: Integers, high: Integers
) -> NDArray[np.int64]:
    """The B in [low, high] of the largest P, by bisection: P is log-concave in B."""
    c, b, z = counts
    first, last = low.astype(np.int64), high.astype(np.int64)
    while (first < last).any():
        middle = (first + last) // 2
        rest = rows - net - 2.0 * middle
        with np.errstate(divide="ignore", invalid="ignore"):  # P(middle + 1) / P(middle)
            growth = (middle + net + 1) / (middle + net + 1 - c) * (middle + 1) / (middle + 1 - b)
            growth *= (rest - z) * (rest - 1 - z) / (rest * (rest - 1))
        grows = (growth > 1) & (first < last)
        first, last = np.where(grows, middle + 1, first), np.where(grows, last, middle)
    return first


def net_interval(c: int, b: int, z: int, rows: int, limit: float) -> tuple[int, int]:
    """The smallest and largest C - B that are not `excluded`."""
    left = rows - c - b - z
    net = np.arange(c - b - left, c - b + left + 1)
    counts = Counts(np.array(c), np.array(b), np.array(z))
    kept = net[~excluded(net, counts, rows, limit)]
    return int(kept.min()), int(kept.max())


def _falling(number: Any, count: Any) -> NDArray[np.float64]:
    """log(number (number - 1) ... (number - count + 1)), also of halves."""
    return np.asarray(gammaln(number + 1.0) - gammaln(number - count + 1.0))
