"""`Table`: columns of cells as a file holds them, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.levels import LARGEST_WHOLE, NOT_IN_FLOAT64, lost_levels

PATH_COLUMN = "path"


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        path: the file.
        cells: the values of each column by its name, in the file's order: numbers or text, None
            where missing.
        unit: what `places` counts: "line" or "row".
        places: where each row stands in the file, for messages.
        notes: see `Dataset.notes`.
        indices: columns that pandas wrote as its index.
    """

    path: Path
    cells: dict[str, Sequence[Any] | np.ndarray]
    unit: str
    places: Sequence[int]
    notes: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()

    def at(self, row: int) -> str:
        """Where a row is: file and line or row."""
        return f"'{printable(self.path)}', {self.unit} {self.places[row]}"


def _parses(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _not_numbers(table: Table, column: str) -> DataError:
    """Why a column cannot be a feature: text throughout, a cell that is text, or an empty one."""
    cells = [None if c is None or not str(c).strip() else c for c in table.cells[column]]
    filled = [(row, cell) for row, cell in enumerate(cells) if cell is not None]
    wrong = [(row, cell) for row, cell in filled if not _parses(cell)]
    name = printable(column)
    if wrong and len(wrong) == len(filled):
        row, cell = wrong[0]
        return DataError(
            f"{table.at(row)}: column '{name}' holds text ('{printable(cell)[:40]}'), but feature "
            f"columns must be numbers. Learn from it as text (--text-column '{name}'), leave it "
            f"out (--drop-columns '{name}'), or write it as one 0/1 column for each value. (Image "
            f"files belong in a column named '{PATH_COLUMN}', the label in label_column.)"
        )
    if wrong:
        row, cell = wrong[0]
        more = f" So are {len(wrong) - 1:,} more cells of it." if len(wrong) > 1 else ""
        return DataError(
            f"{table.at(row)}: '{printable(cell)[:40]}' in column '{name}' is not a number.{more} "
            "Write numbers like 1.5."
        )
    empty = [row for row, cell in enumerate(cells) if cell is None]
    return DataError(
        f"{table.at(empty[0])}: column '{name}' is empty there"
        + (f" and in {len(empty) - 1:,} more rows" if len(empty) > 1 else "")
        + ". Fill the cells in (the column's median, say) or remove the rows."
    )


def numbers_of(table: Table, column: str) -> np.ndarray | None:
    """(N,) float64 of a column, NaN where a number is missing; None where it holds other text."""
    cells = table.cells[column]
    try:
        return np.ma.filled(np.ma.asarray(cells, np.float64), np.nan)
    except (TypeError, ValueError):
        return None


def features_of(table: Table, parsed: Mapping[str, np.ndarray | None]) -> np.ndarray:
    """(N, D) float64 of the columns; NaN and infinite values are found later."""
    values = np.empty((len(table.places), len(parsed)))
    for i, (column, numbers) in enumerate(parsed.items()):
        if numbers is None:
            raise _not_numbers(table, column)
        values[:, i] = numbers
    return values


def lost_numbers(table: Table, columns: Sequence[str], inputs: np.ndarray) -> tuple[str, ...]:
    """A sentence about columns whose numbers are too long for float64; (N, D) holds them."""
    if not len(inputs):
        return ()
    long = [i for i, most in enumerate(np.abs(inputs).max(0)) if most > LARGEST_WHOLE]
    if not long:
        return ()
    texts = [np.array(list(map(str, table.cells[columns[i]]))) for i in long]
    before = np.stack([np.unique(text, return_inverse=True)[1] for text in texts], axis=1)
    return lost_levels(before, inputs[:, long], [columns[i] for i in long], NOT_IN_FLOAT64)
