"""Labels as scikit-learn's users give them: which rows have one, and whether they are classes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from realmix.base.errors import DataError
from realmix.data.labels import NOTHING_SAID, Labels, Marks, class_name, read_labels
from realmix.estimators.others import labels_of

UNLABELED = -1


def divide(y: Any, marks: Marks = NOTHING_SAID, asks: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The labels of the labeled rows, and which rows these are.

    Args:
        y: (N,) or (N, 1) whole numbers, booleans or strings; what means "no label" among them:
            `realmix.data.labels`.
        marks: what the user says of values in y.
        asks: refuse what can be read two ways.

    Returns:
        (n,) labels, and (N,) bool with n true entries.

    Raises:
        DataError: labels that are no classes, or may be none.

    >>> divide([3, -1, 4])
    (array([3, 4]), array([ True, False,  True]))
    """
    values, labels = read(y, marks, asks)
    known = np.array([name is not None for name in labels.names], dtype=bool)
    return _as_classes(values[known]), known


def read(y: Any, marks: Marks, asks: bool = True) -> tuple[np.ndarray, Labels]:
    """`y` as a column, and what it says."""
    y = labels_of(y)
    if isinstance(y, (list, tuple)):  # numpy would turn ["cat", -1] into two strings
        y = np.array(y, dtype=object)
    if isinstance(y, np.ma.MaskedArray):
        hidden, y = np.ma.getmaskarray(y), y.data.astype(object)
        y[hidden] = None
    values = column_or_1d(y, warn=True)
    numbers = [v for v in values.tolist() if isinstance(v, float) and v == v]
    _as_classes(np.array(numbers))  # those with a fraction are refused in scikit-learn's words
    return values, read_labels(values, marks, "y", asks)


def settled(marks: Marks, classes: np.ndarray) -> Marks:
    """For labels that are compared with a fitted model's: its classes are classes."""
    return Marks(marks.unlabeled, (*marks.classes, *map(class_name, classes.tolist())))


def _as_classes(labels: np.ndarray) -> np.ndarray:
    """Labels with a type of their own, not `object`; only whole numbers, booleans and strings."""
    if labels.dtype == object:
        if not any(all(isinstance(i, kind) for i in labels) for kind in (str, Real, np.bool_)):
            raise DataError("Unknown label type: y must hold either whole numbers or strings.")
        labels = np.array(labels.tolist())
    if labels.dtype.kind not in "biufU":
        raise DataError(f"Unknown label type: {labels.dtype}. Give whole numbers or strings.")
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (np.floor(labels) == labels)).all():
        raise DataError(
            "Unknown label type: continuous. y has labels with a fraction or infinite ones; "
            "classes are whole numbers or strings, and quantities cannot be learned."
        )
    return labels
