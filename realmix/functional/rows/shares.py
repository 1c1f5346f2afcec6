"""How often classes occur in a pool, and probabilities changed until they occur as wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

Array = NDArray[np.float64]

FLOOR = 1e-9  # of a class' share, so that one that nobody predicts can be raised
ROUNDS, TOLERANCE = 200, 1e-5


def shares_by_em(
    probs: Array, given: Array, weight: Array | None = None, prior: float = 0.0
) -> Array:
    """The shares pi for which the pool's probabilities, times pi / given, have the mean pi.

    The likeliest shares by expectation maximization (Saerens, Latinne and Decaestecker, 2002,
    Neural Computation 14:21).

    Args:
        probs: (N, K) of a calibrated classifier that learned from classes of the shares `given`.
        given: (K,) > 0, that sum to one.
        weight: (N,) >= 0 of each row.
        prior: rows of the shares `given` that are seen besides, for each row of the pool.
    """
    rows = np.ones(len(probs)) if weight is None else weight
    shares, total = given.copy(), max(rows.sum(), 1e-300)
    for _ in range(ROUNDS):
        factor = shares / given  # posterior_uk = p_uk factor_k / sum_j p_uj factor_j
        new = factor * ((rows / np.maximum(probs @ factor, 1e-300)) @ probs) / total
        new = (new + prior * given) / (1 + prior)
        done = np.abs(new - shares).max() < TOLERANCE
        shares = new
        if done:
            break
    return shares


def beyond_chance(found: Array, without: Array, given: Array) -> Array:
    """An estimate, drawn to what was supposed by as much as chance moves it: James and Stein, 1961.

    given + max(0, 1 - v / |found - given|^2) (found - given), where v is the estimate's variance by
    the jackknife, (J - 1) / J sum_j |without_j - mean_j without_j|^2 (Efron and Stein, 1981).

    Args:
        found: (K,) the estimate.
        without: (J, K) the estimates that leave out one of J parts of what it was made from.
        given: (K,) what is supposed.
    """
    parts, apart = len(without), ((found - given) ** 2).sum()
    variance = (parts - 1) / parts * ((without - without.mean(0)) ** 2).sum()
    drawn: Array = given + max(0.0, 1 - variance / max(apart, 1e-300)) * (found - given)
    return drawn


def share_offsets(logits: Array, shares: Array, iterations: int = 20) -> Array:
    """(K,) b with mean_u softmax(z_u + b) = shares, by Sinkhorn's alternation.

    The rows of softmax(z_u + b) are the closest to softmax(z_u) in relative entropy of all
    assignments with these shares (Cuturi, 2013, https://arxiv.org/abs/1306.0895); b is also the
    correction of a classifier for other class priors (Saerens et al., 2002, Neural Computation 14).

    Args:
        logits: (N, K), N >= 1.
        shares: (K,) > 0, that sum to one.
        iterations: of the alternation.

    Returns:
        b, whose mean is zero.
    """
    offsets = np.zeros(logits.shape[1])
    for _ in range(iterations):
        now = softmax(logits + offsets, axis=1).mean(0)
        offsets += np.log(shares) - np.log(np.maximum(now, FLOOR))
    balanced: Array = offsets - offsets.mean()
    return balanced


def with_shares(probs: Array, shares: Array, balance: float = 1.0) -> Array:
    """Probabilities that have the wanted shares and are else as close to those given as can be.

    Args:
        probs: (N, K) >= 0, N >= 1.
        shares: (K,) > 0, that sum to one.
        balance: in [0, 1]: how much of the offset is taken; 0 changes nothing.
    """
    logits = np.log(np.maximum(probs, FLOOR))
    balanced: Array = softmax(logits + balance * share_offsets(logits, shares), axis=1)
    return balanced
