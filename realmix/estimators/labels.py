"""Labels as scikit-learn's users give them: which rows have one, and whether they are classes."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from realmix.base.errors import DataError

UNLABELED = -1
_SIGNS = ({"-1", "1"}, {"-1.0", "1.0"})


def divide(y: Any, signs: bool | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The labels of the labeled rows, and which rows these are.

    Args:
        y: (N,) or (N, 1) whole numbers, booleans or strings; -1, "", None or NaN: no label.
        signs: whether -1 is a class, the other of 1. By default it is where `y` holds -1 and 1 and
            nothing else: no algorithm can learn from one class, and two are often coded so.

    Returns:
        (n,) labels, and (N,) bool with n true entries.

    Raises:
        DataError: labels that are no classes.

    >>> divide([3, -1, 4])
    (array([3, 4]), array([ True, False,  True]))
    """
    if isinstance(y, (list, tuple)):  # numpy would turn ["cat", -1] into two strings
        y = np.array(y, dtype=object)
    values = column_or_1d(y, warn=True)
    items = values.tolist()
    if signs is None and set(map(str, items)) in _SIGNS:
        signs = True
        warnings.warn(
            "y holds -1 and 1 and nothing else: taken as two classes, every row labeled. If -1 "
            "means unlabeled, give rows of a second class; to be sure, code classes as 0 and 1.",
            stacklevel=3,
        )
    known = np.array([not _is_missing(i) and (signs or not is_mark(i)) for i in items], dtype=bool)
    return _as_classes(values[known]), known


def is_mark(item: Any) -> bool:
    """Whether it is -1, which "-1" is too: so numpy writes it in an array of strings."""
    return bool(item.strip() == "-1" if isinstance(item, str) else item == UNLABELED)


def _is_missing(item: Any) -> bool:
    if isinstance(item, str):
        return not item.strip()
    same = item == item  # false for NaN; neither true nor false for pandas' NA
    return item is None or not (isinstance(same, (bool, np.bool_)) and same)


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
