"""CSV and Parquet tables of image paths or numeric features, with or without a label column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.reading.csv_text import read_csv
from realmix.data.reading.source import Source, class_name, encode

PATH_COLUMN = "path"
SUFFIXES = (".csv", ".tsv", ".parquet")


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
    """

    path: Path
    cells: dict[str, Sequence[Any] | np.ndarray]
    unit: str
    places: Sequence[int]
    notes: tuple[str, ...] = ()

    def at(self, row: int) -> str:
        """Where a row is: file and line or row."""
        return f"'{printable(self.path)}', {self.unit} {self.places[row]}"


def _check_header(path: Path, header: Sequence[str]) -> None:
    if "" in header:
        raise DataError(
            f"'{printable(path)}': column {header.index('') + 1} of {len(header)} has no name. "
            "Name it or remove it (pandas writes its index so: use to_csv(..., index=False))."
        )
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise DataError(
            f"'{printable(path)}' has the column '{printable(twice[0])}' more than once. "
            "Rename or remove one."
        )


def _read_csv_table(path: Path) -> Table:
    records, notes = read_csv(path)
    header = [name.strip() for name in records[0][1]]
    _check_header(path, header)
    columns = zip(*(cells for _, cells in records[1:]), strict=True)
    places = [line for line, _ in records[1:]]
    return Table(path, dict(zip(header, columns, strict=True)), "line", places, notes)


def _read_parquet_table(path: Path) -> Table:
    if find_spec("pyarrow") is None:
        raise UsageError(
            f"Reading '{printable(path)}' needs pyarrow: pip install 'realmix[tables]'. "
            "A CSV table needs nothing."
        )
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{printable(path)}' is no whole Parquet file ({reason}).") from None
    header = [str(name).strip() for name in table.column_names]
    _check_header(path, header)
    if not table.num_rows:
        raise DataError(f"'{printable(path)}' has no rows.")
    kinds = pa.types
    cells: dict[str, Any] = {}
    for name, column in zip(header, table.columns, strict=True):
        numeric = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_decimal)
        plain = any(is_kind(column.type) for is_kind in numeric)
        values = column.to_pylist()
        cells[name] = values if plain else [None if v is None else str(v) for v in values]
    return Table(path, cells, "row", range(1, table.num_rows + 1))


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
            "columns must be numbers. Remove the column, or write it as one 0/1 column for each "
            f"value. (Image files belong in a column named '{PATH_COLUMN}', the label in "
            "label_column.)"
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


def _features(table: Table, columns: Sequence[str]) -> np.ndarray:
    """(N, D) float32 of the named columns; NaN and infinite values are found later."""
    values = np.empty((len(table.places), len(columns)), dtype=np.float32)
    for i, column in enumerate(columns):
        try:
            numbers = np.asarray(table.cells[column], dtype=np.float64)
        except (TypeError, ValueError):
            raise _not_numbers(table, column) from None
        with np.errstate(over="ignore"):  # becomes infinite, which is refused
            values[:, i] = numbers
    return values


def _image_paths(table: Table) -> tuple[Path, ...]:
    """The files that the path column names, all inside the table's folder."""
    root = table.path.resolve().parent
    files = []
    for row, cell in enumerate(table.cells[PATH_COLUMN]):
        text = "" if cell is None else str(cell).strip()
        if not text:
            raise DataError(f"{table.at(row)}: the cell of column '{PATH_COLUMN}' is empty.")
        try:
            file = (root / text).resolve()
        except (OSError, ValueError, RuntimeError):  # a NUL byte, or links in a circle
            file = root.parent
        if not file.is_relative_to(root):
            raise DataError(
                f"{table.at(row)}: the path '{printable(text)[:80]}' leads outside the table's "
                "folder and is refused. Put the table beside the images or above them."
            )
        files.append(file)
    return tuple(files)


def _labels(table: Table, label_column: str, needed: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    if label_column not in table.cells:
        if not needed:
            return np.full(len(table.places), -1, dtype=np.int64), ()
        columns = [printable(name) for name in table.cells]
        listed = ", ".join(columns[:10]) + (", ..." if len(columns) > 10 else "")
        raise UsageError(
            f"'{printable(table.path)}' has no label column '{printable(label_column)}'; its "
            f"columns are {listed}.{suggestion(label_column, columns)} "
            "Name it with label_column (--label-column)."
        )
    return encode([class_name(cell) for cell in table.cells[label_column]])


def _groups(table: Table, column: str | None, needed: bool) -> tuple[str | None, ...] | None:
    """The group of each row, None where the cell is empty."""
    if column is None or (column not in table.cells and not needed):
        return None
    if column not in table.cells:
        columns = [printable(name) for name in table.cells]
        raise UsageError(
            f"--group: '{printable(table.path)}' has no column '{printable(column)}'; its columns "
            f"are {', '.join(columns[:10])}.{suggestion(column, columns)}"
        )
    return tuple(None if c is None else str(c).strip() or None for c in table.cells[column])


def read_table(
    path: Path, label_column: str, needs_labels: bool, group_column: str | None = None
) -> Source:
    """The rows of a CSV or Parquet table: image files of its `path` column, or its features.

    Args:
        path: the file; image paths in it are relative to its folder.
        label_column: the column with class names or numbers, empty where unlabeled.
        needs_labels: whether the label column must be there, and that of groups if it is named.
        group_column: what tells which rows belong together; it is no feature.

    Raises:
        DataError: it cannot be read; cells that are no numbers; paths that lead elsewhere.
        UsageError: there is no such label column, or pyarrow is missing.
    """
    read = _read_parquet_table if path.suffix.lower() == ".parquet" else _read_csv_table
    table = read(path)
    label, classes = _labels(table, label_column, needs_labels)
    groups = _groups(table, group_column, needs_labels)
    others = tuple(name for name in table.cells if name not in (label_column, group_column))
    if PATH_COLUMN in others:
        files = _image_paths(table)
        names = tuple(printable(file) for file in files)
        unused = [printable(name) for name in others if name != PATH_COLUMN]
        more = (f"Columns not used beside the images: {', '.join(unused[:10])}.",) if unused else ()
        return Source(names, label, classes, files=files, groups=groups, notes=table.notes + more)
    if not others:
        raise DataError(
            f"'{printable(path)}' has no column beside '{printable(label_column)}'. Expected "
            f"numeric feature columns, or a column '{PATH_COLUMN}' of image files."
        )
    places = tuple(f"{printable(path)}:{place}" for place in table.places)
    inputs = _features(table, others)
    return Source(
        *(places, label, classes, inputs),
        columns=others,
        groups=groups,
        preset="features",
        notes=table.notes,
    )
