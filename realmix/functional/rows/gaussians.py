"""A mixture with one Gaussian a class and one covariance, from labels and a pool (Nigam, 2000)."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, eigsh
from scipy.special import softmax

Array = NDArray[np.float64]

MANY = 400  # rows or columns; all of 2,560 take 7 seconds of a core, the largest 60 of them one


def principal(rows: Array, most: int) -> tuple[Array, Array]:
    """Mean (D,) and the directions (d, D) of largest variance, d <= most; none without variance.

    Of N rows of D columns those are the eigenvectors v of X' X / N, of the largest eigenvalues, or
    X' u / |X' u| of the eigenvectors u of X X' / N, where rows are fewer than columns.
    """
    mean = rows.mean(0)
    away, wide = rows - mean, len(rows) < rows.shape[1]
    variance, found = _largest((away @ away.T if wide else away.T @ away) / len(rows), most)
    kept = variance > 1e-12 * max(variance[-1], 1e-300)
    directions = found[:, kept].T[::-1][:most]
    if wide:
        directions = directions @ away
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return mean, directions


def _largest(symmetric: Array, most: int) -> tuple[Array, Array]:
    """The largest eigenvalues, ascending, and their vectors: `most` by Lanczos, of few all."""
    size = len(symmetric)
    if size >= MANY and size > 4 * most:
        start = np.random.default_rng(0).normal(size=size)  # ones are orthogonal to all that vary
        with suppress(ArpackError):  # nothing varies, or too little to be told apart
            values, vectors = eigsh(symmetric, most, which="LA", v0=start)
            order = np.argsort(values)
            return values[order], vectors[:, order]
    values, vectors = np.linalg.eigh(symmetric)
    return values, vectors


def discriminant(rows: Array, weight: Array, prior: Array) -> tuple[Array, Array]:
    """W, b of log pi_c + log N(x; mu_c, S) = W x + b + (what is equal for all classes).

    S = (1 - s) C + s (tr C / D) I, with C the covariance within the classes and
    s = D / (D + sum of weights): as many rows as there are dimensions are worth the identity.

    Args:
        rows: (n, D).
        weight: (n, K) >= 0, of each row in each class.
        prior: (K,) pi > 0.
    """
    mass, width = weight.sum(0), rows.shape[1]
    means = weight.T @ rows / np.maximum(mass, 1e-12)[:, None]
    each = weight.sum(1)[:, None]
    within = ((each * rows).T @ rows - (mass[:, None] * means).T @ means) / mass.sum()
    share, level = width / (width + mass.sum()), max(np.trace(within) / width, 1e-9)
    shrunk = (1 - share) * within + share * level * np.eye(width)
    slopes: Array = np.linalg.solve(shrunk, means.T).T
    return slopes, np.log(prior) - (slopes * means).sum(1) / 2


def expectation_maximization(
    rows: Array,
    pool: Array,
    given: Array,
    prior: Array,
    pool_weight: float,
    iterations: int,
    tolerance: float = 1e-3,
) -> tuple[Array, Array, int]:
    """Alternate the pool's posteriors and `discriminant`, from that of the labels alone.

    Args:
        rows: (n, D) labeled.
        pool: (N, D).
        given: (n, K) one-hot labels.
        prior: (K,) pi > 0, which stays.
        pool_weight: of a row of the pool, in [0, 1]; a labeled one has 1.
        iterations: at most.
        tolerance: largest change of a posterior at which it ends.

    Returns:
        (K, D) W, (K,) b, and how many iterations it took.
    """
    slopes, bias = discriminant(rows, given, prior)
    both, before = np.concatenate([rows, pool]), np.zeros((len(pool), given.shape[1]))
    if not len(pool) or not pool_weight:
        return slopes, bias, 0
    for number in range(1, iterations + 1):
        posterior = softmax(pool @ slopes.T + bias, axis=1)
        if np.abs(posterior - before).max() < tolerance:
            return slopes, bias, number - 1
        before = posterior
        slopes, bias = discriminant(both, np.concatenate([given, pool_weight * posterior]), prior)
    return slopes, bias, iterations
