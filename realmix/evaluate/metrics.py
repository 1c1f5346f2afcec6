"""What a classifier's probabilities are worth: (probs, label) -> number or arrays.

`probs` is (n, K) with rows that sum to 1, `label` is (n,) with classes in [0, K), and n >= 1.
A prediction is the first class of the largest probability. scikit-learn is imported where it is
used, because it takes a second and a run needs it only at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.base.errors import DataError
from realmix.evaluate.intervals import Interval, wilson, worth

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class PerClass:
    """One value for each class, each array (K,); NaN where it is undefined (0 / 0)."""

    precision: NDArray[np.float64]  # share of the predictions of this class that are right
    recall: NDArray[np.float64]  # share of the rows of this class that are found
    f1: NDArray[np.float64]  # harmonic mean of the two
    count: NDArray[np.int64]  # rows of this class


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed."""

    error: float  # expected calibration error, in [0, 1]; 0 is perfect
    confidence: NDArray[np.float64]  # (bins,) mean confidence, NaN in an empty bin
    accuracy: NDArray[np.float64]  # (bins,) share of right predictions, NaN in an empty bin
    count: NDArray[np.int64]  # (bins,) predictions in the bin


def accuracy(probs: Floats, label: Integers) -> float:
    """Share of right predictions, in [0, 1].

    >>> accuracy(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    0.5
    """
    return float((predicted(probs, label) == label).mean())


def balanced_accuracy(probs: Floats, label: Integers) -> float:
    """Mean recall of the classes that occur in `label`, in [0, 1]: every class counts the same."""
    from sklearn.metrics import recall_score

    guess = predicted(probs, label)
    return float(recall_score(label, guess, labels=np.unique(label), average="macro"))


def per_class(probs: Floats, label: Integers) -> PerClass:
    """Precision, recall, F1 and number of rows of each class."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        label,
        predicted(probs, label),
        labels=np.arange(probs.shape[1]),
        zero_division=np.nan,
    )
    return PerClass(*columns)


def confusion(probs: Floats, label: Integers) -> NDArray[np.int64]:
    """(K, K) counts: row = true class, column = predicted class."""
    from sklearn.metrics import confusion_matrix

    table = confusion_matrix(label, predicted(probs, label), labels=np.arange(probs.shape[1]))
    return np.asarray(table, np.int64)


def calibration(probs: Floats, label: Integers, bins: int = 10) -> Calibration:
    """Expected calibration error over `bins` bins of equal width, (low, high], and the bins.

    error = sum over bins of count / n * |accuracy - confidence|.

    Reference:
        Guo et al., 2017, https://arxiv.org/abs/1706.04599, eqs. 1 to 3.
    """
    right = (predicted(probs, label) == label).astype(float)
    top = probs.max(1).astype(float)
    place = np.clip(np.ceil(top * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    confidence = np.bincount(place, top, minlength=bins) / filled
    share = np.bincount(place, right, minlength=bins) / filled
    error = np.nansum(count / len(label) * np.abs(share - confidence))
    return Calibration(float(error), confidence, share, count)


def negative_log_likelihood(probs: Floats, label: Integers) -> float:
    """Mean of -log p(true class), in nats; 0 is perfect, log K is guessing.

    A probability of 0 counts as the smallest normal float32, so that the mean stays finite.
    """
    predicted(probs, label)
    given = given_to_truth(probs, label)
    return float(-np.log(np.maximum(given, np.finfo(np.float32).tiny)).mean())


def given_to_truth(probs: Floats, label: Integers) -> NDArray[np.float64]:
    """(n,) what is given to the true class of each row, in [0, 1]."""
    given: NDArray[np.float64] = probs[np.arange(len(label)), label].astype(float)
    return given


def predicted(probs: Floats, label: Integers) -> NDArray[np.intp]:
    """(n,) predicted class of each row.

    Raises:
        DataError: shapes that do not fit, no rows, a class outside [0, K), or a probability that
            is not finite.
    """
    if probs.ndim != 2 or label.shape != probs.shape[:1]:
        raise DataError(f"probs {probs.shape} and label {label.shape} are not (n, K) and (n,).")
    if len(label) == 0:
        raise DataError("There are no labeled rows to evaluate on.")
    if label.min() < 0 or label.max() >= probs.shape[1]:
        raise DataError(
            f"Labels must lie in [0, {probs.shape[1]}), and {label.min()} to {label.max()} occur."
        )
    if not np.isfinite(probs).all():
        raise DataError("Probabilities must be finite, and some are NaN or infinite.")
    return np.asarray(probs.argmax(1))


@dataclass(frozen=True)
class Estimate:
    """A model's figures on labeled rows, all in [0, 1].

    Attributes:
        accuracy: None without labels.
        interval: its 95 % Wilson interval; in cross-validation wider, see `intervals.worth`.
        balanced: balanced accuracy, the mean recall of the classes.
        recall: of each class; None where no row has it.
    """

    accuracy: float | None
    interval: Interval
    balanced: float | None = None
    recall: tuple[float | None, ...] = ()

    @classmethod
    def of(cls, probs: Floats, label: Integers, folds: int = 1) -> Estimate:
        if len(label) == 0:
            return cls(None, wilson(0, 0))
        right = int((predicted(probs, label) == label).sum())
        recall = [
            None if np.isnan(share) else float(share) for share in per_class(probs, label).recall
        ]
        share, each = right / len(label), worth(folds)
        balanced = balanced_accuracy(probs, label)
        interval = wilson(right * each, len(label) * each)
        return cls(share, interval, balanced, tuple(recall))

    def to_json(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "balanced_accuracy": self.balanced,
            "recall": list(self.recall),
        }
