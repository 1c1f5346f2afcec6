"""Texts from Python: a list of them, a column, or the columns of a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.table import Table
from realmix.data.columns import Wanted
from realmix.data.labels import Labels, is_missing
from realmix.data.texts.columns import as_texts, joined, text_columns

_FRAME = Path("X")  # what a data frame is called in messages


class Given(NamedTuple):
    """Texts, and of which columns they are; of a list there are none."""

    texts: np.ndarray
    columns: tuple[str, ...] | None = None


def given_texts(X: Any, columns: Sequence[str] | None = None) -> Given | None:
    """The (N,) texts that X holds; None where it holds something else.

    Args:
        X: list or column of strings, or a data frame with columns of text.
        columns: of a data frame; by default those that `text_columns` finds.

    Raises:
        DataError: an entry among strings that is none; a data frame without those columns.
    """
    if hasattr(X, "columns") and hasattr(X, "to_dict"):
        return _of_frame(X, columns)
    values = X.tolist() if hasattr(X, "tolist") and np.ndim(X) == 1 else X
    if not isinstance(values, (list, tuple)) or not any(isinstance(one, str) for one in values):
        return None
    for row, one in enumerate(values):
        if not isinstance(one, str):
            raise DataError(
                f"X[{row}] is {printable(repr(one))[:40]}, and the others are texts. Fill it in,"
                " or remove the row."
            )
    return Given(as_texts([str(one) for one in values]))


def _of_frame(frame: Any, columns: Sequence[str] | None) -> Given | None:
    cells: dict[str, Any] = {
        str(name): [
            None if cell is None or is_missing(cell) else cell for cell in frame[name].tolist()
        ]
        for name in frame.columns
    }
    table = Table(_FRAME, cells, "row", range(len(frame)))
    if columns is None:
        nothing = Labels([None] * len(frame), {})
        columns = text_columns(table, tuple(cells), nothing, Wanted())
    if not columns:
        return None
    missing = [name for name in columns if name not in cells]
    if missing:
        raise DataError(f"X has no column '{printable(missing[0])}' of texts, as it had in fit.")
    return Given(joined(table, columns), tuple(columns))
