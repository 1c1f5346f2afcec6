"""From the file of a table to its cells, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells import jsonl, parquet, sheets
from realmix.data.cells.csv_text import kind_of, read_csv
from realmix.data.cells.table import Table, header_of, joined, row_for_names

SUFFIXES = (".csv", ".tsv", *parquet.SUFFIXES, *jsonl.SUFFIXES, *sheets.SUFFIXES)


def read_cells(path: Path) -> Table:
    """The cells of a table, as the file has them.

    Raises:
        DataError: it cannot be read.
        UsageError: pyarrow or openpyxl is missing.
        StorageError: the pictures in it cannot be kept.
    """
    suffix = kind_of(path)
    if suffix in jsonl.SUFFIXES:
        return jsonl.read_json_table(path)
    if suffix in sheets.SUFFIXES:
        return sheets.read_sheet(path)
    if suffix in parquet.SUFFIXES:
        return parquet.read_parquet_table(path)
    return _read_csv_table(path)


def read_files(files: Sequence[Path], alike: bool = True) -> Table:
    """The rows of several files, one after the other.

    Args:
        files: one or more, in one folder.
        alike: they must have the same columns; else one that a file lacks is empty there.

    Raises:
        DataError: as `read_cells`; or the columns differ.
    """
    first, *others = tables = [read_cells(file) for file in files]
    for other in others:
        if alike and set(other.cells) != set(first.cells):
            lone = sorted(set(other.cells) ^ set(first.cells))[0]
            has, lacks = (other, first) if lone in other.cells else (first, other)
            raise DataError(
                f"'{printable(has.path)}' has the column '{printable(lone)}', and"
                f" '{printable(lacks.path)}' has not. The files of one folder are read as one"
                " table: move those that are not of it, or give one file."
            )
    return joined(tables)


def _read_csv_table(path: Path) -> Table:
    records, notes = read_csv(path)
    header = header_of(path, records[0][1])
    columns = zip(*(cells for _, cells in records[1:]), strict=True)
    places = [line for line, _ in records[1:]]
    if row := row_for_names(header):
        notes += (f"'{printable(path)}': {row[0].lower()}{row[1:]}",)
    return Table(path, dict(zip(header, columns, strict=True)), "line", places, notes)
