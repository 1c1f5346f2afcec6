"""`Table`: columns of cells as a file holds them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.columns import INDEX
from realmix.data.levels import LARGEST_WHOLE, NOT_IN_FLOAT64, lost_levels

PATH_COLUMN = "path"
Cells = Sequence[Any] | np.ndarray
"""Of a column: numbers or text, None where missing."""
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        path: the file.
        cells: the values of each column by its name, in the file's order: numbers or text, or the
            files of pictures that were in it; None where missing.
        unit: what `places` counts: "line" or "row".
        places: where each row stands in the file, for messages.
        notes: see `Dataset.notes`.
        indices: columns that pandas wrote as its index.
        files: the file of each row, where there are several; `path` is the first.
        several: of columns that are not read, as cells hold several values: the first such row,
            and what it holds.
    """

    path: Path
    cells: dict[str, Cells]
    unit: str
    places: Sequence[int]
    notes: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    files: Sequence[Path] = ()
    several: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def file_of_each(self) -> Sequence[Path]:
        """The file of each row."""
        return self.files or [self.path] * len(self.places)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rows: file and place."""
        pairs = zip(self.file_of_each, self.places, strict=True)
        return tuple(f"{printable(file)}:{place}" for file, place in pairs)

    def at(self, row: int) -> str:
        """Where a row is: file and line or row."""
        return f"'{printable(self.file_of_each[row])}', {self.unit} {self.places[row]}"


def joined(tables: Sequence[Table]) -> Table:
    """The rows of several tables, one after the other; a column that one lacks is empty there.

    Args:
        tables: one or more.
    """
    first, *others = tables
    if not others:
        return first
    cells = {}
    for name in dict.fromkeys(name for table in tables for name in table.cells):
        like = next(table.cells[name] for table in tables if name in table.cells)
        cells[name] = _chained([t.cells.get(name, _nothing(like, len(t.places))) for t in tables])
    return replace(
        first,
        cells=cells,
        places=[place for table in tables for place in table.places],
        files=[file for table in tables for file in table.file_of_each],
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
    )


def _chained(parts: Sequence[Cells]) -> Cells:
    """One column of its parts; arrays stay arrays."""
    if all(isinstance(part, np.ma.MaskedArray) for part in parts):
        data, mask = (np.concatenate([getattr(p, k) for p in parts]) for k in ("data", "mask"))
        return np.ma.MaskedArray(data, mask)
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return [None if cell is np.ma.masked else cell for part in parts for cell in part]


def _nothing(like: Cells, rows: int) -> Cells:
    """So many missing cells of the kind of a column."""
    if isinstance(like, np.ma.MaskedArray):
        return np.ma.MaskedArray(np.zeros(rows, like.dtype), [True] * rows)
    return np.full(rows, np.nan) if isinstance(like, np.ndarray) else [None] * rows


def header_of(path: Path, given: Sequence[str]) -> list[str]:
    """The names of a table's columns; a first one without is an index, named as pandas names it.

    Raises:
        DataError: another one has no name, or two have the same.
    """
    names = [name.strip() for name in given]
    if not names[0] and INDEX not in names:
        names[0] = INDEX
    if "" in names:
        raise DataError(
            f"'{printable(path)}': column {names.index('') + 1} of {len(names)} has no name. "
            "Name it or remove it."
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"'{printable(path)}' has the column '{printable(twice[0])}' more than once. "
            f"{row_for_names(names) or 'Rename or remove one.'}"
        )
    return names


def row_for_names(names: Sequence[str]) -> str:
    """A sentence where what should name the columns looks like a row of data, else "".

    Columns may be numbered or named by years or wavelengths: such numbers ascend.

    >>> row_for_names(["age", "label"]), row_for_names(["0", "1", "2", "label"])
    ('', '')
    >>> row_for_names(["39", "State-gov", "13"])
    'Its first line looks like a row (39, State-gov, 13): write the names of the columns above it.'
    """
    numbers = [float(name) for name in names if NUMBER.fullmatch(name)]
    if all(low < high for low, high in pairwise(numbers)):
        return ""
    first = ", ".join(printable(name)[:20] for name in names[:3]) + ", ..." * (len(names) > 3)
    return f"Its first line looks like a row ({first}): write the names of the columns above it."


def lost_numbers(table: Table, columns: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """A sentence about columns whose numbers are too long for float64.

    Args:
        table: as it was read.
        columns: (N,) of each, float64 where it holds numbers.
    """
    numbers = {name: np.nan_to_num(c) for name, c in columns.items() if c.dtype == np.float64}
    long = [name for name, c in numbers.items() if np.abs(c).max(initial=0) > LARGEST_WHOLE]
    if not long:
        return ()
    texts = [np.array(list(map(str, table.cells[name]))) for name in long]
    before = np.stack([np.unique(text, return_inverse=True)[1] for text in texts], axis=1)
    after = np.stack([numbers[name] for name in long], axis=1)
    return lost_levels(before, after, long, NOT_IN_FLOAT64)


def groups_of(table: Table, column: str | None, needed: bool) -> tuple[str | None, ...] | None:
    """The group of each row, None where the cell is empty.

    Args:
        table: as it was read.
        column: that names them, or None.
        needed: whether it must be there.

    Raises:
        UsageError: it is not.
    """
    if column is None or (column not in table.cells and not needed):
        return None
    if column not in table.cells:
        columns = [printable(name) for name in table.cells]
        raise UsageError(
            f"--group: '{printable(table.path)}' has no column '{printable(column)}'; its columns "
            f"are {', '.join(columns[:10])}.{suggestion(column, columns)}"
        )
    return tuple(None if c is None else str(c).strip() or None for c in table.cells[column])
