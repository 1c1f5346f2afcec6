"""A column's cells as they were read: (N,) float64, or (N,) objects that are text or None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import numpy as np

from realmix.data.labels import NO_LABEL, class_name
from realmix.data.mixed.written import may_be_either, told, usual_mark

BLANK = NO_LABEL - {"-1", "-100"}
"""Text of a cell that means "nothing here"; -1 and -100 are numbers like others."""


AsText = bool | Literal["written"]
"""Whether a column is read as text: no, yes, or yes and letter by letter, 1.000 not as 1."""


def column_of(values: Any, as_text: AsText = False) -> np.ndarray:
    """A column: (N,) float64 with NaN where blank, if all that is filled are numbers; else text.

    Text that can only be read as numbers, with a decimal comma or a unit, stays as it is written.

    Args:
        values: N cells: numbers, booleans, text, dates; None, NaN or `BLANK` where blank.
        as_text: keep numbers as text, as those of a category are, or as they are written.

    >>> column_of(["1", "", "2.5"]), column_of(["1", "NA", "x "])
    (array([1. , nan, 2.5]), array(['1', None, 'x'], dtype=object))
    """
    if as_text == "written" and getattr(values, "dtype", np.dtype("O")).kind not in "biuf":
        return _written(values.tolist() if hasattr(values, "tolist") else values)
    if getattr(values, "dtype", np.dtype("O")).kind == "M":  # dates would be numbers too
        values, as_text = np.datetime_as_string(values, unit="s"), True
    if not as_text and (numbers := _numbers(values)) is not None:
        return numbers
    cells = values.tolist() if hasattr(values, "tolist") else values
    texts = texts_of(cells)
    if not as_text and (numbers := _numbers(texts)) is not None:
        return numbers
    if not as_text and told(written := _written(cells)):
        return written
    return texts


def with_thousands(
    cells: Mapping[str, Any], columns: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The columns, numbers as they are written where points mark thousands: 1.234 beside 0,5.

    Args:
        cells: of each column as they were read.
        columns: what `column_of` made of them.
    """
    if all(column.dtype == np.float64 or not told(column) for column in columns.values()):
        return dict(columns)
    pointed = {
        name for name, c in columns.items() if c.dtype == np.float64 and _points(cells[name])
    }
    if usual_mark(column for name, column in columns.items() if name not in pointed) != ",":
        return dict(columns)
    return {n: _written(cells[n]) if n in pointed else column for n, column in columns.items()}


def _points(cells: Any) -> bool:
    """Whether points stand where they may mark thousands, and nowhere else."""
    texts = [cell for cell in cells if isinstance(cell, str) and "." in cell]
    return bool(texts) and all(map(may_be_either, map(str.strip, texts)))


def as_read(column: np.ndarray) -> AsText:
    """How `column_of` is asked for further cells of a column."""
    return "written" if column.dtype == object and told(column, ".") else column.dtype == object


def _written(values: Iterable[Any]) -> np.ndarray:
    texts = [None if class_name(value) in BLANK else str(value).strip() for value in values]
    return np.array(texts, dtype=object)


def _numbers(values: Any) -> np.ndarray | None:
    try:
        found: np.ndarray = np.ma.filled(np.ma.asarray(values, np.float64), np.nan)
    except (TypeError, ValueError):
        return None
    return found if found.ndim == 1 else None  # cells that are lists of numbers are none


def texts_of(values: Iterable[Any]) -> np.ndarray:
    """(N,) objects: each cell as text, None where blank; 1.0 and "1.0" are "1"."""
    names = (class_name(value) for value in values)
    return np.array([None if name in BLANK else name for name in names], dtype=object)


def numbers_of(column: np.ndarray) -> np.ndarray:
    """(N,) float64 of a column, NaN where a cell is blank or no number."""
    if column.dtype == np.float64:
        return column
    numbers = np.full(len(column), np.nan)
    for row in np.flatnonzero(~blank(column)):
        with suppress(ValueError):  # NaN then, as where it is blank
            numbers[row] = float(column[row])
    return numbers


def blank(column: np.ndarray) -> np.ndarray:
    """(N,) bool, where a column has nothing."""
    if column.dtype == np.float64:
        missing: np.ndarray = np.isnan(column)
        return missing
    return np.array([cell is None for cell in column], dtype=bool)


def by_place(rows: np.ndarray) -> dict[str, np.ndarray]:
    """The cells of each column of (N, D) rows, which are called by their place from 1 on."""
    return {f"column {place}": cells for place, cells in enumerate(rows.T, 1)}


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One column of several tables' parts of it; text where one of them is."""
    if all(part.dtype == np.float64 for part in parts):
        return np.concatenate(parts)
    texts = [part if part.dtype == object else texts_of(part.tolist()) for part in parts]
    return np.concatenate(texts)
