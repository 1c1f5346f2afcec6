"""How large a share of a pool belongs to no class, from where held-out labeled rows rank in it.

The scores of labeled rows follow some law, those of the pool's foreign rows another that is lower.
Whatever monotone scale makes both normal, only the ranks u of labeled rows within the pool count
(the binormal model of Dorfman and Alf, 1969):

    labeled z ~ N(0, 1)     foreign z ~ N(-d, 1)     pool: (1 - a) labeled + a foreign
    u(z) = (1 - a) Phi(-z) + a Phi(-z - d)      g(u) = phi(z) / ((1 - a) phi(z) + a phi(z + d))

g is the density of the ranks, 1 / (1 - a) at u = 0: the best-ranked part of the pool is pure
(Garg et al., 2021, arXiv 2111.00980, use that alone). The posterior of (a, d) is summed on a grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

SHARES = np.linspace(0.0, 1.0, 101)  # a
SEPARATIONS = np.linspace(0.3, 6.0, 39)  # d: 0.3 is an AUROC of .58, 2.3 one of .95
BELIEF = 2.0  # of d before anything is seen
DOUBT = 0.5  # the belief's deviation
WORTH = 0.7  # rows for each: those that are held out together share a score, and with it its luck
LEVEL = 0.9
_Z = np.linspace(-10.0, 8.0, 361)[::-1]  # from the best rank to the worst
_ABOVE = ndtr(-_Z)
_U = np.linspace(0.0, 1.0, 201)  # where the curve of probabilities is kept
_BINS = 500  # of ranks, where there are more


class Share(NamedTuple):
    """What the ranks tell.

    Attributes:
        share: a, its posterior median.
        low, high: between them a lies with 90 %; the shortest such interval.
        separation: d, its posterior mean.
        curve: (201,) P(foreign) of a row at rank 0, 0.005, ..., 1 of the pool, 0 the best.
    """

    share: float
    low: float
    high: float
    separation: float
    curve: Array

    def foreign(self, rank: Array) -> Array:
        """P(foreign) of rows of the pool at these ranks, in [0, 1]; 0 is the best."""
        found: Array = np.interp(rank, _U, self.curve)
        return found


def ranks(scores: NDArray[np.floating], pool: NDArray[np.floating]) -> Array:
    """(n,) share of the pool's scores (N,) that are higher, a tie counting half."""
    ordered = np.sort(pool)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    found: Array = 1 - (below + 1) / (2 * (len(pool) + 1))
    return found


def foreign_share(
    rank: Array,
    weight: Array | None = None,
    belief: float = BELIEF,
    doubt: float = DOUBT,
    worth: float = WORTH,
) -> Share:
    """The share of the pool that belongs to no class.

    Args:
        rank: (n,) of labeled rows within the pool, by a score that has not seen their labels.
        weight: (n,) >= 0 of each, where classes have other shares in the pool; they count as many
            rows as (sum w)^2 / sum w^2.
        belief: the separation d that is expected before anything is seen.
        doubt: the belief's deviation.
        worth: for how many rows each of `rank` counts, in (0, 1].
    """
    given = np.ones(len(rank)) if weight is None else np.asarray(weight, np.float64)
    given = worth * given * given.sum() / max((given**2).sum(), 1e-12)
    if len(rank) > _BINS:
        given, edges = np.histogram(rank, _BINS, (0.0, 1.0), weights=given)
        rank = (edges[1:] + edges[:-1]) / 2
    prior = -0.5 * ((SEPARATIONS - belief) / doubt) ** 2
    likelihood = [[given @ log_g for log_g in log_densities(rank, d)] for d in SEPARATIONS]
    log_posterior = np.array(likelihood).T + prior
    posterior = np.exp(log_posterior - log_posterior.max())
    posterior /= posterior.sum()
    return _told(posterior)


def log_densities(rank: Array, d: float) -> Iterator[Array]:
    """log g(u) at these ranks, for each of `SHARES`."""
    foreign_above = ndtr(-_Z - d)
    ratio = np.exp(np.minimum(-_Z * d - d * d / 2, 600))  # phi(z + d) / phi(z)
    for a in SHARES:
        pool = (1 - a) * _ABOVE + a * foreign_above
        yield np.interp(rank, pool, -np.log((1 - a) + a * ratio + 1e-300))


@cache
def _curves() -> Array:
    """(D, A, 201) P(foreign) at the ranks `_U`, for each of `SEPARATIONS` and `SHARES`."""
    log_g = np.array([list(log_densities(_U, d)) for d in SEPARATIONS])
    found: Array = 1 - (1 - SHARES[:, None]) * np.exp(log_g)
    return found


def _told(posterior: Array) -> Share:
    """The moments and the interval of a posterior over `SHARES` and `SEPARATIONS`."""
    over = posterior.sum(1)
    middle = np.concatenate([[0.0], (over.cumsum() - over / 2), [1.0]])
    share = float(np.interp(0.5, middle, np.concatenate([[0.0], SHARES, [1.0]])))
    low, high = shortest(over)
    curve = np.einsum("ad,dau->u", posterior, _curves())
    separation = float(posterior.sum(0) @ SEPARATIONS)
    return Share(share, low, high, separation, curve.clip(0, 1))


def shortest(over: Array, level: float = LEVEL) -> tuple[float, float]:
    """The ends of the shortest interval that holds `level`; over[i] stands for SHARES[i] +- 0.005.

    One with as much on either side cannot reach 0 or 1, and pools of no foreign row, or of nothing
    else, are no rare ones.

    Args:
        over: (101,) of `SHARES`, that sum to one.
        level: in (0, 1).
    """
    below = np.concatenate([[0.0], over.cumsum()])
    end = np.searchsorted(below, below[:-1] + level - 1e-9)  # over[start:end] holds it
    length = np.where(end < len(below), end - np.arange(len(over)), len(below))
    start = int(length.argmin())
    half = (SHARES[1] - SHARES[0]) / 2
    last = start + length[start] - 1
    return max(float(SHARES[start] - half), 0.0), min(float(SHARES[last] + half), 1.0)
