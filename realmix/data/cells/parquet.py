"""Files of Parquet and Arrow: numbers, text, pictures, vectors of numbers, names of classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable
from realmix.data.cells.inside import pictures, vectors
from realmix.data.cells.nested import Several, columns_of, not_read
from realmix.data.cells.table import Table, header_of

PARQUET, ARROW = ".parquet", b"ARROW1"
SUFFIXES = (PARQUET, ".arrow", ".feather")


def read_parquet_table(path: Path) -> Table:
    """The columns of a file of Parquet, or of Arrow, as Feather and Hugging Face's datasets are.

    A column of encoded pictures gives the files that hold them, one of lists of numbers a column
    for each place. Numbers that Hugging Face's datasets have names for get these, and -1 is none.
    What else holds other cells is read as that of JSON is; see `columns_of`.

    Raises:
        UsageError: pyarrow is missing.
        DataError: no whole file, or no rows.
        StorageError: its pictures cannot be kept.
    """
    table = _opened(path)
    header = header_of(path, [str(name) for name in table.column_names])
    if not table.num_rows:
        raise DataError(f"'{printable(path)}' has no rows.")
    metadata = table.schema.metadata or {}
    named, cells, several = _class_names(metadata), dict[str, Any](), Several()
    where = [f"'{printable(path)}', row {row}" for row in range(1, table.num_rows + 1)]
    for name, column in zip(header, table.columns, strict=True):
        if (files := pictures(column)) is not None:
            cells[name] = files
        elif (parts := vectors(column, name)) is not None:
            cells |= parts
        elif _holds_cells(column.type):
            inside, left = columns_of([{name: cell} for cell in column.to_pylist()], where)
            cells, several = cells | inside, several | left
        else:
            cells[name] = _plain(column, named.get(name))
    places, notes = range(1, table.num_rows + 1), not_read(several)
    indices = _indices(metadata)
    return Table(path, cells, "row", places, notes, indices=indices, several=several)


def _opened(path: Path) -> Any:
    if find_spec("pyarrow") is None:
        raise UsageError(
            f"Reading '{printable(path)}' needs pyarrow: pip install 'realmix[tables]'. "
            "A CSV table needs nothing."
        )
    import pyarrow as pa
    import pyarrow.parquet as parquet

    kind = "Parquet" if path.suffix.lower() == PARQUET else "Arrow"
    try:
        if kind == "Arrow":
            return _arrow(path)
        with parquet.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{printable(path)}' is no whole {kind} file ({reason}).") from None


def _arrow(path: Path) -> Any:
    """The table of a file of Arrow: with an end, as Feather's, or a stream, as the datasets'."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        begin = file.read(len(ARROW))
        file.seek(0)
        opener = pa.ipc.open_file if begin == ARROW else pa.ipc.open_stream
        return opener(file).read_all()


def _plain(column: Any, names: Sequence[str] | None) -> Sequence[Any] | np.ndarray:
    """Numbers as they are, everything else as text; None where missing."""
    from pyarrow import types

    values: list[Any] = column.to_pylist()
    whole = types.is_integer(column.type)
    if names and whole:
        return [None if v is None or v == -1 else _name(v, names) for v in values]
    if types.is_unsigned_integer(column.type):  # which may hide a -1: see `read_labels`
        kind = np.dtype(column.type.to_pandas_dtype())
        filled = np.array([0 if value is None else value for value in values], kind)
        return np.ma.array(filled, mask=[value is None for value in values])
    numbers = types.is_floating, types.is_boolean, types.is_decimal
    if whole or any(is_kind(column.type) for is_kind in numbers):
        return values
    return [None if value is None else str(value) for value in values]


def _name(value: int, names: Sequence[str]) -> str:
    return names[value] if 0 <= value < len(names) else str(value)


def _holds_cells(kind: Any) -> bool:
    """Whether cells are bytes, or hold other cells."""
    from pyarrow import types

    binary = types.is_binary, types.is_large_binary, types.is_binary_view
    holders = types.is_nested, types.is_fixed_size_binary, *binary
    return any(is_such(kind) for is_such in holders)


def _indices(metadata: Mapping[bytes, bytes]) -> tuple[str, ...]:
    """The columns that are pandas' index, as it says in a Parquet file."""
    try:
        named = json.loads(metadata[b"pandas"])["index_columns"]
        return tuple(name.strip() for name in named if isinstance(name, str))
    except (KeyError, TypeError, ValueError):  # not written by pandas
        return ()


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The names of the classes of columns, as Hugging Face's datasets write them."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {name: feature["names"] for name, feature in features.items() if "names" in feature}
    except (KeyError, TypeError, ValueError, AttributeError):  # not written by them
        return {}
    return {name: [str(one) for one in names] for name, names in found.items()}
