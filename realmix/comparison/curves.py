"""Accuracy along an axis: over numbers of labels, and over a shift of the pool."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Needed:
    """How many labels the labels alone need for an accuracy.

    Attributes:
        labels: that many; or the end of the measured range.
        bound: "" where it was found within; "<" or ">" where it lies beyond an end.
    """

    labels: float
    bound: str = ""

    def __str__(self) -> str:
        """In words.

        >>> str(Needed(1234.5)), str(Needed(40.0, "<"))
        ('about 1,230', 'fewer than 40')
        """
        words = {"": "about", "<": "fewer than", ">": "more than"}[self.bound]
        return f"{words} {_rounded(self.labels) if not self.bound else round(self.labels):,}"


def labels_needed(
    labels: Sequence[float], accuracy: Sequence[float], wanted: float
) -> Needed | None:
    """Where a curve of accuracy over labels first comes to `wanted`.

    Between its points the curve is a line in the logarithm of the labels, as such curves nearly
    are; one that falls on its way is held at the highest it has been.

    Args:
        labels: growing.
        accuracy: of each.
        wanted: an accuracy.

    Returns:
        None for fewer than two points.

    >>> round(labels_needed([10, 100, 1000], [0.5, 0.7, 0.9], 0.8).labels, 1)
    316.2
    """
    if len(labels) < 2:
        return None
    logs, heights = np.log(np.asarray(labels, float)), np.maximum.accumulate(accuracy)
    if wanted < heights[0]:
        return Needed(float(labels[0]), "<")
    if wanted > heights[-1]:
        return Needed(float(labels[-1]), ">")
    place = int(np.argmax(heights >= wanted))
    if place == 0:
        return Needed(float(labels[0]))
    low, high = heights[place - 1], heights[place]
    share = (wanted - low) / (high - low)
    log = logs[place - 1] + share * (logs[place] - logs[place - 1])
    return Needed(math.exp(log))


@dataclass(frozen=True)
class Shift:
    """A curve of accuracy over a shift t, summed up.

    Attributes:
        area: under the curve, over the length of its range: the mean accuracy over t.
        worst: the lowest accuracy.
        variation: the way up and down along the curve, over the length of its range.
        correlation: of accuracy with t; NaN of a level curve.
    """

    area: float
    worst: float
    variation: float
    correlation: float


def summed_up(t: Sequence[float], accuracy: Sequence[float]) -> Shift | None:
    """What the Robust-SSL benchmark tells of a curve (Jia et al., ICLR 2024, "Realistic evaluation
    of semi-supervised learning algorithms in open environments"): area under Acc(t), worst case,
    expected variation magnitude, the integral of |Acc'(t)|, and the correlation of Acc with t.

    Between its points the curve is a line. All four are of the curve, so unevenly placed points
    count by the length of the pieces between them.

    Args:
        t: shift of each point, growing.
        accuracy: of each.

    Returns:
        None for fewer than two points.

    >>> found = summed_up([0.0, 0.5, 1.0], [0.9, 0.7, 0.8])
    >>> [round(value, 3) for value in (found.area, found.worst, found.variation, found.correlation)]
    [0.775, 0.7, 0.3, -0.555]
    """
    x, y = np.asarray(t, float), np.asarray(accuracy, float)
    if len(x) < 2:
        return None
    width = np.diff(x) / (x[-1] - x[0])

    def integral(left: np.ndarray, right: np.ndarray, also: np.ndarray, end: np.ndarray) -> float:
        """Of the product of two curves that are lines between their points."""
        parts = (2 * left * also + left * end + right * also + 2 * right * end) / 6
        return float((width * parts).sum())

    one = np.ones(len(x))
    x = (x - x[0]) / (x[-1] - x[0])
    pairs = {
        (a, b): integral(u[:-1], u[1:], v[:-1], v[1:])
        for a, u in (("1", one), ("x", x), ("y", y))
        for b, v in (("1", one), ("x", x), ("y", y))
    }
    spread = pairs["y", "y"] - pairs["y", "1"] ** 2
    both = (pairs["x", "x"] - pairs["x", "1"] ** 2) * spread
    covariance = pairs["x", "y"] - pairs["x", "1"] * pairs["y", "1"]
    return Shift(
        area=pairs["y", "1"],
        worst=float(y.min()),
        variation=float(np.abs(np.diff(y)).sum() / (t[-1] - t[0])),
        correlation=covariance / math.sqrt(both) if spread > 1e-12 else math.nan,
    )


def _rounded(value: float) -> int:
    """To three digits: more would say more than is known."""
    digits = max(math.floor(math.log10(value)) - 2, 0) if value > 0 else 0
    return int(round(value / 10**digits) * 10**digits)
