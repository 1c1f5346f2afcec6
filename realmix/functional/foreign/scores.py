"""How well each row fits the classes; larger is better. All are judged by benchmarks/audit.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import logsumexp, softmax

Array = NDArray[np.floating]

NEIGHBORS = 3
_CHUNK = 8192  # rows


def largest_probability(logits: Array) -> Array:
    """max_k p_k of (N, K) logits: RealMix's own score (Hendrycks and Gimpel, 2017)."""
    found: Array = softmax(logits, axis=1).max(1)
    return found


def energy(logits: Array) -> Array:
    """log sum_k exp(logit_k) of (N, K) logits (Liu et al., 2020, arXiv 2010.03759, eq. 4)."""
    found: Array = logsumexp(logits, axis=1)
    return found


def neighbors(rows: Array, labeled: Array, count: int = NEIGHBORS) -> Array:
    """Mean cosine to the `count` nearest of (n, D) labeled rows, of (N, D) rows."""
    count = min(count, len(labeled))
    known = unit(labeled)
    cosine = np.concatenate([unit(rows[i : i + _CHUNK]) @ known.T for i in _starts(rows)])
    found: Array = np.partition(cosine, -count, axis=1)[:, -count:].mean(1)
    return found


def prototypes(rows: Array, labeled: Array, label: NDArray[np.int64]) -> Array:
    """max_c cos(x, mu_c), mu_c the mean direction of the labeled rows of class c.

    Args:
        rows: (N, D).
        labeled: (n, D).
        label: (n,) int64.
    """
    known = unit(labeled)
    means = unit(np.stack([known[label == c].mean(0) for c in np.unique(label)]))
    found: Array = np.concatenate(
        [(unit(rows[i : i + _CHUNK]) @ means.T).max(1) for i in _starts(rows)]
    )
    return found


def mahalanobis(rows: Array, labeled: Array, label: NDArray[np.int64]) -> Array:
    """-min_c |x - mu_c|^2 of rows whitened by the pool (Lee et al., 2018); see `prototypes`."""
    means = np.stack([labeled[label == c].mean(0) for c in np.unique(label)])
    square = (rows**2).sum(1)[:, None] - 2 * rows @ means.T + (means**2).sum(1)
    found: Array = -square.min(1)
    return found


def whitener(rows: Array, ridge: float) -> tuple[Array, Array]:
    """m (D,) and W (D, D), so that (x - m) W has the covariance I where the ridge is 0.

    W W' = (C + ridge (tr C / D) I)^-1. A large ridge only moves the origin; a small one makes all
    directions equal, those too that few rows tell of. All rows that are compared must be among
    these: a row that shaped C has shorter coordinates than one that did not.

    Args:
        rows: (N, D) float32.
        ridge: > 0, in mean variances.
    """
    mean = rows.mean(0)
    center = rows - mean
    covariance = (center.T @ center / len(rows)).astype(np.float64)
    level = max(np.trace(covariance) / len(covariance), 1e-12)
    covariance[np.diag_indices_from(covariance)] += ridge * level
    lower = cholesky(covariance, lower=True)
    whole = solve_triangular(lower, np.eye(len(lower)), lower=True).T
    return mean, (whole * np.sqrt(ridge * level)).astype(rows.dtype)


def unit(rows: Array) -> Array:
    """Rows of length 1; those of length 0 stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Array = rows / np.where(length > 0, length, 1)
    return found


def _starts(rows: Array) -> range:
    return range(0, len(rows), _CHUNK)
