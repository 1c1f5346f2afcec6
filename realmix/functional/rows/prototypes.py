"""A direction a class, from labels and a pool whose classes are given shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from realmix.functional.rows.shares import share_offsets

Array = NDArray[np.float64]

INNER = 10  # Sinkhorn's iterations for each of EM's


def directions(sums: Array) -> Array:
    """(K, D) rows of length 1; a row of zeros stays."""
    unit: Array = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return unit


def prototype_mixture(
    rows: Array,
    pool: Array,
    given: Array,
    prior: Array,
    temperature: float,
    pool_weight: float,
    balance: float,
    iterations: int,
    tolerance: float = 1e-4,
) -> tuple[Array, Array, int]:
    """Alternate q_u = softmax(<u, mu> / T + B b) and mu_c ~ sum_i y_ic x_i + lambda sum_u q_uc u.

    A mixture of von Mises-Fisher distributions of one concentration, 1 / T (Banerjee et al., 2005,
    JMLR 6:1345); b gives the pool's classes the shares `prior` (Caron et al., 2020,
    https://arxiv.org/abs/2006.09882, has them equal).

    Args:
        rows: (n, D) labeled, of mean square length 1.
        pool: (N, D), likewise.
        given: (n, K) one-hot labels; a class without one has a direction by the pool alone.
        prior: (K,) > 0, sums to one.
        temperature: T.
        pool_weight: lambda of a row of the pool; a labeled one has 1.
        balance: B in [0, 1]: 0 leaves the pool its own shares.
        iterations: at most.
        tolerance: largest change of a direction at which it ends.

    Returns:
        (K, D) W = mu / T and (K,) B b of W x + B b, and how many iterations it took.
    """
    sums, offsets = given.T @ rows, np.zeros(len(prior))
    slopes = directions(sums) / temperature
    if not len(pool) or not pool_weight:
        return slopes, offsets, 0
    for number in range(1, iterations + 1):
        logits = pool @ slopes.T
        offsets = balance * share_offsets(logits, prior, INNER) if balance else offsets
        posterior = softmax(logits + offsets, axis=1)
        before = slopes
        slopes = directions(sums + pool_weight * posterior.T @ pool) / temperature
        if np.abs(slopes - before).max() * temperature < tolerance:
            return slopes, offsets, number
    return slopes, offsets, iterations
