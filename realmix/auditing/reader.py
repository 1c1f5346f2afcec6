"""A plain classifier on features: what it says of labeled rows that it has not seen, and the pool."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from realmix.functional.foreign.detect import folds
from realmix.functional.gaussians import discriminant

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

    held: Array
    pool: Array


def read(labeled: Array, label: Labels, pool: Array, num_classes: int, seed: int = 0) -> Reading:
    """Shrunk discriminant analysis (see `realmix.functional.gaussians`), its temperature fitted.

    Args:
        labeled: (n, D) features.
        label: (n,) int64 in 0..K-1, each class at least once.
        pool: (N, D).
        num_classes: K.
        seed: deals the labels into folds.
    """
    given = np.eye(num_classes)[label]
    prior = given.mean(0)
    labeled, pool = _reduced(labeled, pool)
    part = folds(label, seed, FOLDS)
    held = np.zeros((len(label), num_classes))
    for now in np.unique(part):
        rest = part != now
        slopes, bias = discriminant(labeled[rest], given[rest], prior)
        held[~rest] = labeled[~rest] @ slopes.T + bias
    slopes, bias = discriminant(labeled, given, prior)
    heat = _temperature(held, label)
    return Reading(softmax(held / heat, axis=1), softmax((pool @ slopes.T + bias) / heat, axis=1))


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
