"""How often each class occurs in the pool, whatever its share among the labels.

Both estimates correct what a classifier of the labels says of the pool: EM its probabilities
(Saerens, Latinne and Decaestecker, 2002, Neural Computation 14:21), BBSE its errors, by the
confusions of held-out labels (Lipton, Wang and Smola, 2018, arXiv 1802.03916).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from realmix.functional.rows.shares import shares_by_em

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

DRAWS, LEVEL = 100, 0.9
MOST_DRAWN = 2000  # rows of the pool in a draw


class ClassShares(NamedTuple):
    """Shares of the classes among the pool's rows that belong to one.

    Attributes:
        given: (K,) of the labels.
        em, bbse: (K,) of the pool, by either method.
        low, high: (K,) between them EM's lie with 90 %, by a bootstrap of labels and pool.
    """

    given: Array
    em: Array
    bbse: Array
    low: Array
    high: Array


def black_box(held: Array, label: Labels, probs: Array, weight: Array | None = None) -> Array:
    """The shares pi >= 0 with confusion C pi = how often the pool is taken for each class.

    Args:
        held: (n, K) probabilities of labeled rows that were held out, each class at least once.
        label: (n,) their classes.
        probs: (N, K) of the pool.
        weight: (N,) >= 0 of each of its rows.
    """
    classes = held.shape[1]
    confusion = np.zeros((classes, classes))  # of a row of class k, how often it is taken for j
    np.add.at(confusion, (held.argmax(1), label), 1)
    confusion /= np.maximum(confusion.sum(0), 1)
    taken = np.bincount(probs.argmax(1), weight, classes) / (
        len(probs) if weight is None else max(weight.sum(), 1e-300)
    )
    shares = nnls(confusion, taken)[0]
    found: Array = shares / max(shares.sum(), 1e-300)
    return found


def class_shares(
    held: Array, label: Labels, probs: Array, weight: Array | None = None, seed: int = 0
) -> ClassShares:
    """Both estimates, and an interval of the first.

    Args:
        held: (n, K) probabilities of held-out labeled rows.
        label: (n,) their classes; each of the K occurs.
        probs: (N, K) of the pool.
        weight: (N,) of each of its rows, its chance to belong to a class at all.
        seed: of the bootstrap.
    """
    rows = np.ones(len(probs)) if weight is None else weight
    given = np.bincount(label, minlength=held.shape[1]) / len(label)
    em = shares_by_em(probs, given, rows)
    rng = np.random.default_rng(seed)
    drawn = np.array([_again(held, label, probs, rows, em, rng) for _ in range(DRAWS)])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    bbse = black_box(held, label, probs, rows)
    return ClassShares(given, em, bbse, np.minimum(low, em), np.maximum(high, em))


def _again(
    held: Array, label: Labels, probs: Array, rows: Array, em: Array, rng: np.random.Generator
) -> Array:
    """EM of a pool drawn again, off by how far it is off on labeled rows drawn to have EM's shares.

    The first is the luck of the pool, the second that of the labels and the classifier's errors.
    """
    given = np.bincount(label, minlength=held.shape[1]) / len(label)
    some = rng.integers(len(probs), size=min(len(probs), MOST_DRAWN))
    pool = shares_by_em(probs[some], given, rows[some])
    chance = (em / given)[label]
    twins = rng.choice(len(label), len(label), p=chance / chance.sum())
    planted = np.bincount(label[twins], minlength=held.shape[1]) / len(label)
    found: Array = pool + shares_by_em(held[twins], given) - planted
    return found.clip(0, 1)
