"""The image files that a column of a table names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.inside import pictures_folder
from realmix.data.cells.table import NUMBER, PATH_COLUMN, Table
from realmix.data.folders.walk import IMAGE_ENDINGS

_LOOKED_FOR = 100  # files that a column names
_FOLDERS, _ENTRIES = 50, 1000  # beside a table, that are looked into, and of each
_SERVED = {"/data/local-files/?d=": "", "/data/upload/": "upload/"}
_USUAL = (".jpg", ".png", ".jpeg", ".webp")  # endings of files that are named without


class Place(NamedTuple):
    """Where files lie that a column names, and what stands behind their names."""

    folder: Path
    ending: str = ""

    def file(self, text: str) -> Path:
        """The file of a cell; one outside of any table's folder where there can be none."""
        try:
            return (self.folder / f"{text}{self.ending}").resolve()
        except (OSError, ValueError, RuntimeError):  # a NUL byte, or links in a circle
            return Path(self.folder.anchor)


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
    named = [*_with_endings(table, names), *_without_endings(table, names)]
    return next((name for name in named if place_of_images(table, name)), None)


def place_of_images(table: Table, column: str) -> Place | None:
    """Where the files of a column are: beside the table, or below a folder that lies there.

    Of several folders it is the one with most of them, then the one that is called as the table
    is: train.csv and train_images. None where they are not found, or nothing tells which it is.

    Args:
        table: that was read.
        column: whose cells name the files, perhaps without their endings.
    """
    root = table.path.resolve().parent
    cells = [*islice(filter(None, map(_name, table.cells[column])), _LOOKED_FOR)]
    bare = not all(cell.lower().endswith(IMAGE_ENDINGS) for cell in cells)
    found = Counter[Place]()
    endings = _USUAL if bare else ("",)
    if beside := [end for end in endings if any(_is_there(Place(root, end), root, cells))]:
        return Place(root, beside[0])
    for folder in _folders_below(root):
        for place in (Place(folder, ending) for ending in endings):
            found[place] = sum(_is_there(place, root, cells))
    most = max(found.values(), default=0)
    best = [place for place, count in found.items() if count == most > 0]
    named = [place for place in best if place.folder.name.startswith(table.path.stem)]
    return best[0] if len(best) == 1 else named[0] if len(named) == 1 else None


def missing_images(table: Table, names: Sequence[str]) -> str:
    """A sentence on the first column of names of image files none of which is there, or ""."""
    for name in _with_endings(table, names):
        first = next(filter(None, map(_name, table.cells[name])))
        if "://" in first:
            return (
                f"Column '{printable(name)}' holds addresses of images, such as"
                f" '{printable(first)}', and nothing is fetched from a network: download them, and"
                " write the names of the files instead."
            )
        return (
            f"Column '{printable(name)}' names image files that are not there, such as"
            f" '{printable(table.path.parent / first)}': their paths are relative to the table."
        )
    return ""


def in_folder(table: Table, column: str) -> str:
    """``" in 'train'"`` where the files of a column are not beside the table, or ""."""
    root, place = table.path.resolve().parent, place_of_images(table, column)
    if place is None or place.folder == root:
        return ""
    return f" in '{printable(place.folder.relative_to(root))}'"


def image_paths(table: Table, column: str) -> tuple[Path, ...]:
    """The files that a column names, all below the table's folder or the current one, or kept.

    Raises:
        DataError: a cell is empty, or a path leads elsewhere.
    """
    root, files = table.path.resolve().parent, []
    place = place_of_images(table, column) or Place(root)
    for row, cell in enumerate(table.cells[column]):
        text = _name(cell)
        if not text:
            raise DataError(f"{table.at(row)}: the cell of column '{printable(column)}' is empty.")
        file = place.file(text)
        if not _is_inside(file, root):
            raise DataError(
                f"{table.at(row)}: the path '{printable(text)[:80]}' leads outside the table's "
                "folder and the current one, and is refused. Put the table beside the images or "
                "above them, or start realmix in a folder above both."
            )
        files.append(file)
    return tuple(files)


def _is_inside(file: Path, root: Path) -> bool:
    return any(file.is_relative_to(place) for place in (root, Path.cwd(), pictures_folder()))


def _name(cell: object) -> str:
    """What a cell names, or ""; of an address under which Label Studio serves a file, the file."""
    text = "" if cell is None else str(cell).strip()
    for address, folder in _SERVED.items():
        if text.startswith(address):
            return folder + unquote(text.removeprefix(address))
    return text


def _with_endings(table: Table, names: Sequence[str]) -> list[str]:
    """The columns all of whose cells end as names of image files do."""

    def named(name: str) -> bool:
        cells = [text.lower() for text in map(_name, table.cells[name]) if text]
        return bool(cells) and all(cell.endswith(IMAGE_ENDINGS) for cell in cells)

    return [name for name in names if named(name)]


def _without_endings(table: Table, names: Sequence[str]) -> list[str]:
    """The columns of different texts that may be names of files, where images lie in a folder."""
    if not any(map(_holds_images, _folders_below(table.path.resolve().parent))):
        return []

    def may_name(name: str) -> bool:
        cells = [*islice((c for c in table.cells[name] if _name(c)), _LOOKED_FOR)]
        texts = all(isinstance(cell, str) and len(cell) < 256 for cell in cells)
        return texts and len(set(cells)) == len(cells) and not all(map(NUMBER.fullmatch, cells))

    return [name for name in names if may_name(name)]


def _folders_below(root: Path) -> list[Path]:
    """The folders in a folder, and in these, but for hidden ones."""
    first = _folders_in(root)
    return [*first, *(inner for folder in first for inner in _folders_in(folder))][:_FOLDERS]


def _folders_in(folder: Path) -> list[Path]:
    shown = (e for e in _entries(folder) if not e.name.startswith("."))
    return sorted(Path(entry.path) for entry in shown if entry.is_dir())


def _holds_images(folder: Path) -> bool:
    return any(entry.name.lower().endswith(IMAGE_ENDINGS) for entry in _entries(folder))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Some of what is in a folder; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return list(islice(found, _ENTRIES))
    except OSError:
        return []


def _is_there(place: Place, root: Path, cells: Sequence[str]) -> Iterator[bool]:
    files = map(place.file, cells)
    return (_is_inside(file, root) and file.is_file() for file in files)
