"""Labels that a classifier of the other labels doubts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

RIGHT = 0.5  # at most so many of the doubted labels are expected to be right
START, ROUNDS = 0.05, 200  # of the share of wrong labels, by EM


class Doubt(NamedTuple):
    """A labeled row, its class, the class that it looks like, and the chance of a wrong label."""

    row: int
    given: int
    likely: int
    chance: float


def doubts(held: Array, label: Labels) -> list[Doubt]:
    """Labels more of which are wrong than right, the most doubtful first.

    The largest set whose mean chance of being right is at most a half: a bound on the false
    discovery rate (Efron et al., 2001; Sun and Cai, 2007, JASA 102). Confident learning (Northcutt
    et al., 2021) has none: at 4 labels a class it doubts a quarter of the right labels of CIFAR-10.

    Args:
        held: (n, K) calibrated probabilities of rows that were held out.
        label: (n,) their classes; each of the K occurs. The only row of a class was not held out,
            and is not doubted.
    """
    able = np.flatnonzero(np.bincount(label, minlength=held.shape[1])[label] > 1)
    if held.shape[1] < 2 or not len(able):
        return []
    wrong = chance_wrong(held[able, label[able]], held.shape[1])
    order = np.argsort(-wrong, kind="stable")
    right = np.cumsum(1 - wrong[order]) / np.arange(1, len(order) + 1)  # ascending
    rows = order[: np.searchsorted(right, RIGHT, side="right")]
    likely = held.argmax(1)
    return [
        Doubt(int(row), int(label[row]), int(likely[row]), float(wrong[place]))
        for place, row in zip(rows, able[rows], strict=True)
        if likely[row] != label[row]
    ]


def chance_wrong(own: Array, num_classes: int) -> Array:
    """(n,) P(label is wrong), if a share r of the labels was drawn from the other classes.

    P = r q / (r q + (1 - r) p), q = (1 - p) / (K - 1), and r its mean: EM of the one unknown.

    Args:
        own: (n,) p, the calibrated probability of each row's label.
        num_classes: K, 2 or more.
    """
    other = (1 - own) / (num_classes - 1)
    share, wrong = START, np.zeros_like(own)
    for _ in range(ROUNDS):
        wrong = share * other / np.maximum(share * other + (1 - share) * own, 1e-300)
        share = float(wrong.mean())
    return wrong
