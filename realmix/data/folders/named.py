"""The image files that a column of a table names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.inside import pictures_folder
from realmix.data.cells.table import PATH_COLUMN, Table
from realmix.data.folders.walk import IMAGE_ENDINGS

_LOOKED_FOR = 100  # files that a column names


def image_column(table: Table, names: Sequence[str]) -> str | None:
    """The column of images: of those inside the table, or that names files.

    This is `path`, or the first of which some are there.

    Args:
        table: that was read.
        names: the columns that it may be.
    """
    if inside := [name for name in names if any(isinstance(c, Path) for c in table.cells[name])]:
        return inside[0]
    if PATH_COLUMN in names:
        return PATH_COLUMN
    root = table.path.resolve().parent
    return next((n for n in _with_endings(table, names) if _any_there(root, table.cells[n])), None)


def missing_images(table: Table, names: Sequence[str]) -> str:
    """A sentence on the first column of names of image files none of which is there, or ""."""
    for name in _with_endings(table, names):
        first = next(str(cell).strip() for cell in table.cells[name] if _said(cell))
        return (
            f"Column '{printable(name)}' names image files that are not there, such as"
            f" '{printable(table.path.parent / first)}': their paths are relative to the table."
        )
    return ""


def image_paths(table: Table, column: str) -> tuple[Path, ...]:
    """The files that a column names, all below the table's folder or the current one, or kept.

    Raises:
        DataError: a cell is empty, or a path leads elsewhere.
    """
    root = table.path.resolve().parent
    files = []
    for row, cell in enumerate(table.cells[column]):
        text = "" if cell is None else str(cell).strip()
        if not text:
            raise DataError(f"{table.at(row)}: the cell of column '{printable(column)}' is empty.")
        file = _resolved(root, text)
        if not _is_inside(file, root):
            raise DataError(
                f"{table.at(row)}: the path '{printable(text)[:80]}' leads outside the table's "
                "folder and the current one, and is refused. Put the table beside the images or "
                "above them, or start realmix in a folder above both."
            )
        files.append(file)
    return tuple(files)


def _resolved(root: Path, text: str) -> Path:
    try:
        return (root / text).resolve()
    except (OSError, ValueError, RuntimeError):  # a NUL byte, or links in a circle
        return root.parent


def _is_inside(file: Path, root: Path) -> bool:
    return any(file.is_relative_to(place) for place in (root, Path.cwd(), pictures_folder()))


def _said(cell: object) -> bool:
    return cell is not None and bool(str(cell).strip())


def _with_endings(table: Table, names: Sequence[str]) -> list[str]:
    """The columns all of whose cells end as names of image files do."""

    def named(name: str) -> bool:
        cells = [str(cell).strip().lower() for cell in table.cells[name] if _said(cell)]
        return bool(cells) and all(cell.endswith(IMAGE_ENDINGS) for cell in cells)

    return [name for name in names if named(name)]


def _any_there(root: Path, cells: Iterable[object]) -> bool:
    named = (_resolved(root, str(cell).strip()) for cell in cells if _said(cell))
    return any(_is_inside(file, root) and file.is_file() for file in islice(named, _LOOKED_FOR))
