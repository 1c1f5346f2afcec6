"""What stands inside a cell of a Parquet file: pictures, vectors of numbers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.cache import cache_folder
from realmix.base.errors import StorageError
from realmix.base.wording import printable
from realmix.data.pixels.formats import ending_of

_BLOCK = 256  # rows that are Python's at a time
_LOOKED_AT = 20  # cells, to tell what a column holds


def pictures_folder() -> Path:
    """Where the pictures of tables are kept as files."""
    return (cache_folder() / "pictures").resolve()


def pictures(column: Any) -> list[Any] | None:
    """The files of a column of encoded pictures, None where a cell is empty.

    Args:
        column: pyarrow's, of binary cells or as Hugging Face's datasets have them, with the fields
            `bytes` and `path`; a cell without bytes is the path.

    Returns:
        None where it holds no pictures: anything else, or sounds, which have these fields too.

    Raises:
        StorageError: they cannot be written.
    """
    if not _may_hold_bytes(column.type):
        return None
    filled = (cell for cell in map(_bytes_and_path, _values(column)) if any(cell))
    seen = list(islice(filled, _LOOKED_AT))  # one of them may be damaged
    known = any(ending_of(data) for data, _ in seen if data)
    if not seen or (any(data for data, _ in seen) and not known):
        return None
    cells = map(_bytes_and_path, _values(column))
    return [path if data is None else _kept(data) for data, path in cells]


def vectors(column: Any, name: str) -> dict[str, np.ndarray] | None:
    """Columns `name[0]`, `name[1]`, ... of lists of numbers; None where their lengths differ.

    Args:
        column: pyarrow's; an empty cell is NaN in all of them.
        name: of the column.
    """
    from pyarrow import compute, types

    kind, lists = column.type, (types.is_list, types.is_large_list, types.is_fixed_size_list)
    if not any(is_list(kind) for is_list in lists):
        return None
    if not (types.is_integer(kind.value_type) or types.is_floating(kind.value_type)):
        return None
    lengths = compute.list_value_length(column).drop_null().unique().to_pylist()
    if len(lengths) != 1 or lengths[0] == 0:
        return None
    (width,), there = lengths, column.is_valid().to_numpy()
    rows = np.full((len(column), width), np.nan)
    flat = compute.list_flatten(column.drop_null())
    rows[there] = flat.to_numpy().astype(np.float64).reshape(-1, width)
    return {f"{name}[{place}]": rows[:, place] for place in range(width)}


def _values(column: Any) -> Iterator[Any]:
    for start in range(0, len(column), _BLOCK):
        yield from column.slice(start, _BLOCK).to_pylist()


def _may_hold_bytes(kind: Any) -> bool:
    """Whether cells are bytes, or have fields of which `bytes` are."""
    from pyarrow import types

    if types.is_struct(kind):
        fields = (kind.field(place) for place in range(kind.num_fields))
        return any(field.name == "bytes" and _may_hold_bytes(field.type) for field in fields)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _bytes_and_path(cell: Any) -> tuple[bytes | None, str | None]:
    if isinstance(cell, dict):
        return cell["bytes"] or None, cell.get("path") or None
    return cell or None, None


def _kept(data: bytes) -> Path:
    """A file with these bytes, whose name they tell: what is there already is not written again."""
    digest = blake2b(data, digest_size=16).hexdigest()
    file = pictures_folder() / digest[:2] / f"{digest}{ending_of(data) or ''}"
    try:
        if not (file.exists() and file.stat().st_size == len(data)):
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_name(f".{secrets.token_hex(8)}.tmp")
            half.write_bytes(data)
            os.replace(half, file)
    except OSError as error:
        raise StorageError(
            f"The pictures of a table are kept as files, and '{printable(file)}' cannot be written"
            f" ({error.strerror or error}). Make space there, or have them kept elsewhere with the"
            " variable REALMIX_CACHE."
        ) from error
    return file
