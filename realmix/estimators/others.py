"""Rows and labels as other libraries hold them: polars, pyarrow, Hugging Face's datasets, SciPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from realmix.base.errors import UsageError


def rows_of(X: Any) -> Any:
    """`X` as pandas, NumPy or a list has it.

    Raises:
        TypeError: a sparse matrix, which scikit-learn refuses so too.
        UsageError: what turns this library's frames into pandas' is not installed.
    """
    if issparse(X):
        raise TypeError(
            f"X is a sparse matrix of shape {X.shape}, and rows must be dense. Of texts give the"
            " texts themselves. Other rows: make_pipeline(TruncatedSVD(256), this estimator), or"
            " X.toarray()."
        )
    if hasattr(X, "to_pandas"):
        try:
            return X.to_pandas()
        except ImportError as error:
            what = f"{type(X).__module__.partition('.')[0]}'s {type(X).__name__}"
            raise UsageError(f"To read {what}: pip install {error.name or 'pandas'}.") from None
    return list(X) if _is_a_lazy_list(X) else X


def labels_of(y: Any) -> Any:
    """`y` as NumPy or a list has it; whole numbers stay so beside missing ones."""
    if hasattr(y, "to_pylist"):  # pyarrow's
        return y.to_pylist()
    if hasattr(y, "to_list") and not isinstance(getattr(y, "dtype", None), np.dtype):
        return y.to_list()  # polars', and pandas' types of its own
    return list(y) if _is_a_lazy_list(y) else y


def _is_a_lazy_list(values: Any) -> bool:
    """Such as a column of Hugging Face's datasets, whose pictures are opened as they are read."""
    return isinstance(values, Sequence) and not isinstance(values, (list, tuple, str, bytes))
