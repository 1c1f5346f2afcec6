"""Cells that hold other cells, as the objects and lists of JSON and of Parquet do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.table import Cells

DEEPEST = 5  # objects in objects; what is in deeper ones is not read
HOLDERS = (dict, list, bytes)
Several = dict[str, tuple[int, str]]
"""Of a column whose cells hold several values: the first row of this kind, and what it holds."""


def columns_of(
    objects: Sequence[Mapping[str, Any]], where: Sequence[str]
) -> tuple[dict[str, Cells], Several]:
    """The columns of objects, None where one lacks a key; what is no number is text.

    What an object holds in another has a column of its own, named as in `data.text`. A list of one
    value is this value, an empty one is missing; lists of as many numbers are columns `name[0]`,
    `name[1]`, ...

    Args:
        objects: keys and values, as JSON has them.
        where: each one's place, for messages.

    Raises:
        DataError: an object has two values of one name.
    """
    rows = [_flat(one, place) for one, place in zip(objects, where, strict=True)]
    names = dict.fromkeys(name for row in rows for name in row)
    cells, several = dict[str, Cells](), Several()
    for name in names:
        column = [_alone(row.get(name)) for row in rows]
        if _nothing(column) and any(other.startswith(f"{name}.") for other in names):
            continue  # an object that is missing
        held = next((row for row, cell in enumerate(column) if isinstance(cell, HOLDERS)), -1)
        if held < 0:
            cells[name] = column
        elif (numbers := _vectors(column)) is not None:
            cells |= {f"{name}[{i}]": numbers[:, i] for i in range(numbers.shape[1])}
        else:
            several[name] = held, listed(column[held])
    return cells, several


def listed(cell: Any) -> str:
    """What a cell holds, in short."""
    inside = ["bytes"] if isinstance(cell, bytes) else [*cell]
    shown = ", ".join(f"'{printable(str(one))[:30]}'" for one in inside[:3])
    return shown + ", ..." * (len(inside) > 3)


def not_read(several: Mapping[str, object]) -> tuple[str, ...]:
    """A note about the columns whose cells hold several values, if there are any."""
    names = ", ".join(printable(name) for name in list(several)[:10]) + ", ..." * (
        len(several) > 10
    )
    return (f"Columns whose cells hold several values are not read: {names}.",) * bool(several)


def _flat(one: Mapping[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in _fields(one, "", 1):
        if name in found:
            raise DataError(f"{where}: two values are named '{printable(name)}'. Rename one.")
        found[name] = value
    return found


def _fields(one: Mapping[str, Any], inside: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in one.items():
        name = inside + key.strip()
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _fields(value, f"{name}.", depth + 1)
        else:
            yield name, value


def _alone(cell: Any) -> Any:
    """The only value of a list, as a cell; None of none."""
    if isinstance(cell, list) and len(cell) < 2:
        return _alone(cell[0]) if cell else None
    return cell if cell is None or type(cell) in (int, float, str, *HOLDERS) else str(cell)


def _nothing(column: Sequence[Any]) -> bool:
    return all(cell is None for cell in column)


def _vectors(column: Sequence[Any]) -> np.ndarray | None:
    """(N, D) float64 of lists of D numbers, NaN where one is missing; None of anything else."""
    lists = [cell for cell in column if cell is not None]
    if not all(isinstance(cell, list) for cell in lists) or len({len(cell) for cell in lists}) != 1:
        return None
    if not all(type(value) in (int, float) for cell in lists for value in cell):
        return None
    rows = np.full((len(column), len(lists[0])), np.nan)
    rows[[cell is not None for cell in column]] = lists
    return rows
