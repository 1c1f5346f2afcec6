"""Data frames with columns of any kind: pandas', or any that have columns and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from realmix.base.errors import UsageError
from realmix.data.columns import Names, Wanted
from realmix.data.mixed.cells import AsText, blank, column_of
from realmix.data.mixed.encoding import Encoding
from realmix.data.mixed.kinds import fitted
from realmix.estimators.faces import warn


def encoding_of(
    X: Any, categorical: Names = None, numeric: Names = None
) -> tuple[Encoding | None, tuple[str, ...]]:
    """What makes numbers of a data frame, and notes; None where X is numbers without blanks.

    Args:
        X: rows as a user gives them.
        categorical: columns that the user says are categories.
        numeric: columns that the user says are numbers.

    Raises:
        UsageError: columns are named that X has not.
        DataError: see `realmix.data.mixed.kinds.fitted`.
    """
    wanted = Wanted.of(categorical=categorical, numeric=numeric)
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        if wanted != Wanted():
            raise UsageError("categorical and numeric name columns of a data frame; X is none.")
        return None, ()
    wanted.check(list(map(str, X.columns)), "X")
    table = _cells(X, {name: wanted.as_text(name) for name in map(str, X.columns)})
    whole = all(column.dtype == np.float64 and not blank(column).any() for column in table.values())
    if whole or not len(X):
        return None, ()
    return fitted(table, [f"row {row}" for row in range(len(X))], wanted)


def encoded_columns(encoding: Encoding | None) -> dict[str, Any]:
    """What a `Dataset` keeps of an encoding."""
    return {} if encoding is None else {"encoding": encoding, "columns": encoding.names}


def frame_rows(model: Any, X: Any, encoding: Encoding, reset: bool) -> np.ndarray:
    """(N, D) float64 of a data frame; new values that are strange are warnings.

    Args:
        model: the estimator, which remembers the names of columns, or compares them.
        X: the data frame.
        encoding: what was fitted.
        reset: remember instead of comparing.

    Raises:
        UsageError: X is no data frame.
        ValueError: columns have other names than in `fit`.
    """
    if not hasattr(X, "columns"):
        raise UsageError("The model learned from a data frame, by its columns' names. Give one.")
    validate_data(model, X, reset=reset, skip_check_array=True)
    table = _cells(X, encoding.as_text)
    if not reset:
        warn(encoding.notes(table, "X"))
    return encoding(table, "X")


def _cells(X: Any, as_text: dict[str, AsText]) -> dict[str, np.ndarray]:
    named = {str(name): X[name] for name in X.columns}
    return {name: column_of(np.asarray(named[name]), text) for name, text in as_text.items()}
