"""A plain classifier on features: what it says of labeled rows it has not seen, and of the pool."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from realmix.functional.foreign.detect import folds
from realmix.functional.rows.gaussians import discriminant

Array = NDArray[np.floating]
Labels = NDArray[np.int64]

FOLDS = 5
DIRECTIONS = 256  # of largest variance, in which classes are told apart


class Reading(NamedTuple):
    """Calibrated probabilities.

    Attributes:
        held: (n, K) of each labeled row, by the labels of the other folds.
        pool: (N, K) of each row of the pool, by all labels.
    """

    held: NDArray[np.float64]
    pool: NDArray[np.float64]


def read(labeled: Array, label: Labels, pool: Array, num_classes: int, seed: int = 0) -> Reading:
    """Shrunk discriminant analysis, as in `functional.rows.gaussians`, its temperature fitted.

    Args:
        labeled: (n, D) features.
        label: (n,) int64 in 0..K-1, each class at least once.
        pool: (N, D).
        num_classes: K.
        seed: deals the labels into folds.
    """
    given = np.eye(num_classes)[label]
    prior = given.mean(0)
    labeled, pool = (rows.astype(np.float64) for rows in _reduced(labeled, pool))
    slopes, bias = discriminant(labeled, given, prior)
    held, pooled = labeled @ slopes.T + bias, pool @ slopes.T + bias
    able = np.bincount(label)[label] >= 2  # a lone label always trains
    part = folds(label, seed, FOLDS)
    for now in np.unique(part[able]):
        out = (part == now) & able
        slopes, bias = discriminant(labeled[~out], given[~out], prior)
        held[out] = labeled[out] @ slopes.T + bias
    heat = _temperature(held, label)
    return Reading(softmax(held / heat, axis=1), softmax(pooled / heat, axis=1))


def _reduced(labeled: Array, pool: Array) -> tuple[Array, Array]:
    """Both in the directions of largest variance of both."""
    both = np.concatenate([labeled, pool])
    if both.shape[1] <= DIRECTIONS:
        return labeled, pool
    some = both[:: -(-len(both) // 10_000)]
    mean = some.mean(0)
    _, directions = np.linalg.eigh((some - mean).T @ (some - mean))
    kept = directions[:, -DIRECTIONS:]
    return (labeled - mean) @ kept, (pool - mean) @ kept


def _temperature(logits: Array, label: Labels) -> float:
    """T that makes softmax(logits / T) likeliest (Guo et al., 2017)."""

    def loss(log_heat: float) -> float:
        likely = log_softmax(logits / np.exp(log_heat), axis=1)
        return -float(likely[np.arange(len(label)), label].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 5.0), method="bounded").x))
