"""Excel files: the first sheet with rows as a table."""

from __future__ import annotations

import datetime
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable
from realmix.data.cells.table import Cells, Table, header_of

SUFFIXES = (".xlsx", ".xlsm")
Rows = list[tuple[int, list[Any]]]
"""Each with its number in the sheet."""


def read_sheet(path: Path) -> Table:
    """The first sheet of an Excel file that has rows: of formulas the values that were saved.

    Its first row that is not empty names the columns. Empty rows, and columns with neither a name
    nor a cell, are passed over.

    Raises:
        UsageError: openpyxl is missing.
        DataError: no whole Excel file, no rows, a column without a name.
    """
    name, rows, others = _rows(path)
    if len(rows) < 2:
        raise DataError(f"'{printable(path)}' has no rows below a line of names.")
    width = max(len(cells) for _, cells in rows)
    wide = (cells + [None] * (width - len(cells)) for _, cells in rows)
    columns = map(list, zip(*wide, strict=True))
    filled = [column for column in columns if any(cell is not None for cell in column)]
    header = header_of(path, ["" if names is None else str(names) for names, *_ in filled])
    notes = (f"Of '{printable(path)}' the sheet '{printable(name)}' is read alone.",) * others
    pairs = zip(header, filled, strict=True)
    cells: dict[str, Cells] = {head: column for head, (_, *column) in pairs}
    return Table(path, cells, "row", [number for number, _ in rows[1:]], notes)


def _rows(path: Path) -> tuple[str, Rows, bool]:
    """Name, numbered rows that are not empty, and whether other sheets have rows too."""
    if find_spec("openpyxl") is None:
        raise UsageError(
            f"Reading '{printable(path)}' needs openpyxl: pip install 'realmix[tables]'. "
            "Or save the sheet as CSV, which needs nothing."
        )
    import openpyxl

    found: list[tuple[str, Rows]] = []
    try:
        with warnings.catch_warnings(action="ignore"):  # of styles, and the like
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            for sheet in book.worksheets:
                numbered = enumerate(sheet.iter_rows(values_only=True), 1)
                rows = ((number, list(map(_cell, row))) for number, row in numbered)
                filled = [row for row in rows if any(cell is not None for cell in row[1])]
                found += [(sheet.title, filled)] if filled else []
            book.close()
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can make openpyxl raise anything
        raise DataError(
            f"'{printable(path)}' is no whole Excel file that can be read ({error}). If it opens in"
            " Excel, it may have a password: save it without, or as CSV."
        ) from None
    if not found:
        return "", [], False
    return *found[0], len(found) > 1


def _cell(value: Any) -> Any:
    """A number, a text, or None where nothing is."""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    if isinstance(value, (bool, datetime.date, datetime.time, datetime.timedelta)):
        return str(value)
    return None if isinstance(value, str) and not value.strip() else value
