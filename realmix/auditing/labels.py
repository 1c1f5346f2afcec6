"""Labels that a classifier of the other labels doubts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


class Doubt(NamedTuple):
    """A labeled row, its class, the class that it looks like, and the chance of that."""

    row: int
    given: int
    likely: int
    chance: float


def doubts(held: Array, label: Labels) -> list[Doubt]:
    """Confident learning (Northcutt, Jiang and Chuang, 2021, arXiv 1911.00068), surest first.

    A label y is doubted where another class k is the likeliest and its probability is at least
    t_k, the mean probability of class k over the rows that are labeled so.

    Args:
        held: (n, K) probabilities of rows that were held out.
        label: (n,) their classes; each of the K occurs.
    """
    own = held[np.arange(len(label)), label]
    counts = np.bincount(label, minlength=held.shape[1])
    usual = np.bincount(label, own, held.shape[1]) / np.maximum(counts, 1)
    likely = held.argmax(1)
    chance = held.max(1)
    rows = np.flatnonzero((likely != label) & (chance >= usual[likely]) & (counts[label] > 1))
    rows = rows[np.argsort(own[rows] - chance[rows], kind="stable")]
    return [Doubt(int(r), int(label[r]), int(likely[r]), float(chance[r])) for r in rows]
