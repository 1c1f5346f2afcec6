"""Tables with columns of any kind: pandas' frames, or arrays with blanks or text in them."""

from __future__ import annotations

from numbers import Real
from types import NoneType
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from realmix.base.errors import UsageError
from realmix.data.columns import Names, Wanted
from realmix.data.mixed.cells import AsText, blank, by_place, column_of
from realmix.data.mixed.encoding import Encoding
from realmix.data.mixed.kinds import fitted
from realmix.data.pixels.arrays import one_array
from realmix.estimators.faces import warn


def encoding_of(
    X: Any, categorical: Names = None, numeric: Names = None
) -> tuple[Encoding | None, tuple[str, ...]]:
    """What makes numbers of a table, and notes; None where X is numbers without blanks.

    Args:
        X: rows as a user gives them.
        categorical: columns that the user says are categories.
        numeric: columns that the user says are numbers.

    Raises:
        UsageError: columns are named that X has not.
        DataError: see `realmix.data.mixed.kinds.fitted`.
    """
    wanted = Wanted.of(categorical=categorical, numeric=numeric)
    if not _is_frame(X):
        if wanted != Wanted():
            raise UsageError("categorical and numeric name columns of a data frame; X is none.")
        if not _has_more_than_numbers(X):
            return None, ()
    columns = _columns(X)
    wanted.check(list(columns), "X")
    table = _cells(columns, {name: wanted.as_text(name) for name in columns})
    whole = all(column.dtype == np.float64 and not blank(column).any() for column in table.values())
    if whole or not len(X):
        return None, ()
    return fitted(table, [f"row {row}" for row in range(len(X))], wanted)


def encoded_columns(encoding: Encoding | None) -> dict[str, Any]:
    """What a `Dataset` keeps of an encoding."""
    return {} if encoding is None else {"encoding": encoding, "columns": encoding.names}


def frame_rows(model: Any, X: Any, encoding: Encoding, reset: bool) -> np.ndarray:
    """(N, D) float64 of a table; new values that are strange are warnings.

    Args:
        model: the estimator, which remembers the names of columns, or compares them.
        X: the data frame, or array.
        encoding: what was fitted.
        reset: remember instead of comparing.

    Raises:
        UsageError: X is no data frame, and in `fit` it was one.
        ValueError: columns have other names than in `fit`.
    """
    named, columns = hasattr(model, "feature_names_in_"), _columns(X)
    if not reset and named and not _is_frame(X):
        raise UsageError("The model learned from a data frame, by its columns' names. Give one.")
    validate_data(model, X, reset=reset, skip_check_array=True)
    table = _cells(columns, encoding.as_text)
    if not reset:
        warn(encoding.notes(table, "X"))
    return encoding(table, "X")


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def _has_more_than_numbers(X: Any) -> bool:
    """Whether these are N rows of D cells, and some of the cells blank or text."""
    array = X if isinstance(X, np.ndarray) else one_array(X)
    if array.ndim != 2 or array.dtype.kind == "c":
        return False
    try:
        return bool(np.isnan(array.astype(np.float64, copy=False)).any())
    except ValueError:  # text that is no number
        return all(isinstance(cell, (str, Real, NoneType)) for cell in array.ravel().tolist())
    except TypeError:  # no cells of a table
        return False


def _columns(X: Any) -> dict[str, Any]:
    """The N cells of each column by its name; those of an array are called by their place."""
    if _is_frame(X):
        return {str(name): X[name] for name in X.columns}
    array = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else np.asarray(X)
    return by_place(array)


def _cells(columns: dict[str, Any], as_text: dict[str, AsText]) -> dict[str, np.ndarray]:
    present = {name: text for name, text in as_text.items() if name in columns}
    return {name: column_of(np.asarray(columns[name]), text) for name, text in present.items()}
