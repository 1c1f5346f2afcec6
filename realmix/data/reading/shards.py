"""A folder of tables: the parts of a data set, each in one file or in several."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.csv_text import kind_of
from realmix.data.cells.read import SUFFIXES, read_cells, read_files
from realmix.data.cells.table import Table, joined
from realmix.data.folders.names import Role, role, says_nothing
from realmix.data.folders.walk import IMAGE_ENDINGS, TEXT
from realmix.data.reading.source import Source
from realmix.data.reading.tables import Asked

EXAMS: tuple[Role, Role] = ("test", "validation")
Shards = dict[Role | None, list[Path]]
_SHARDS = tuple(suffix for suffix in SUFFIXES if suffix != ".json")  # which may say things of them
_NUMBERED = re.compile(r"[-_.]?\d+(-of-\d+)?(-[0-9a-f]{16})?$")  # train-00000-of-00002


def tables_at(path: Path) -> list[Path]:
    """The tables that a path stands for: itself, or those in a folder; or none."""
    if path.is_dir():
        return tables_in(path)
    return [path] if kind_of(path) in SUFFIXES and path.is_file() else []


def tables_in(folder: Path, alone: bool = True) -> list[Path]:
    """The tables in a folder without folders, or in its only folder where that is called `data`.

    Or in its folders where all are called as parts are (`train`, `test`, ...) and hold files alone.
    Names are looked at, and not what is in the files.

    Args:
        folder: that was given.
        alone: they are none where pictures, arrays or more texts lie beside them. Without class
            folders nothing labels these but a table, so that one may lie among them.
    """
    files, folders = _listed(folder)
    if len(folders) == 1 and says_nothing(folders[0].name) and not any(map(_is_data, files)):
        files, folders = _listed(folders[0])[0], []
    if folders and all(role(one.name) for one in folders):
        inside = [_listed(one) for one in folders]
        if not any(deeper for _, deeper in inside) and not any(map(_is_data, files)):
            files, folders = [file for found, _ in inside for file in found], []
    if alone and any(map(_is_named_as_image, files)):  # sooner than it is counted below
        return []
    tables = [file for file in files if kind_of(file) in _SHARDS]
    texts = sum(kind_of(file) == TEXT for file in files)
    other = texts > len(tables) or sum(map(_is_data, files)) > len(tables)
    return [] if folders or (alone and other) else tables


def tables_beside(folder: Path) -> list[Path]:
    """The tables in a folder that is not read as them; none where it is no folder."""
    if not folder.is_dir() or tables_in(folder, alone=False):
        return []
    return [file for file in _listed(folder)[0] if kind_of(file) in _SHARDS]


def parts_of(folder: Path, files: Sequence[Path]) -> Shards:
    """The files by the part that their names say, such as train-00000-of-00002.parquet.

    Or the folder that they are in, such as train/data-00000-of-00001.arrow. None stands for those
    that say none.

    Raises:
        DataError: nothing is to be learned from.
    """
    parts: Shards = {}
    for file in files:
        stem = file.name[: -len("".join(file.suffixes))] or file.name
        said = role(_NUMBERED.sub("", stem)) or (file.parent != folder and role(file.parent.name))
        parts.setdefault(said or None, []).append(file)
    if "train" not in parts and set(parts) != {None}:
        raise DataError(
            f"'{printable(folder)}' holds tables, of which none is called as a training part is,"
            " such as train.csv. Give the files by themselves: realmix fit TABLE --test TABLE."
        )
    return parts


def read_shards(
    folder: Path, files: Sequence[Path], asked: Asked, is_pool: bool, is_exam: bool
) -> Source:
    """The rows of the training part and of the pool, and the test part.

    Where no test part has labels, the validation part takes its place; what has none is a pool.

    Args:
        folder: that was given.
        files: the tables in it; see `tables_in`.
        asked: how they are read.
        is_pool: all of them are the pool.
        is_exam: they are the test set, of which only the test part is taken where there is one.

    Raises:
        DataError: a table may be of another part; see `parts_of`, `read_files` and `read_table`.
    """
    if is_pool:
        return asked.rows(read_files(files, alike=False), False)
    parts = parts_of(folder, files)
    train = parts.get("train") or parts[None]
    if is_exam:
        return asked.rows(read_files(parts.get("test") or parts.get("validation") or train), True)
    table = read_files(train)
    notes = [] if train is parts.get(None) else _passed_over(parts.get(None, []), table, asked)
    if "pool" in parts:
        table = with_pool(table, read_files(parts["pool"], alike=False), asked.label_column)
        notes.append(f"{_named(parts['pool'])} joins the pool.")
    source, test = asked.rows(table, True), None
    for named in (parts[part] for part in EXAMS if part in parts):
        if test is not None:
            notes.append(f"{_named(named)} is not used; --test takes another test set.")
            continue
        exam = read_files(named)
        rows = asked.like(source).rows(exam, False)
        if (rows.label >= 0).any():
            test = rows
            notes.append(f"{_named(named)} is the test set, unless --test names another.")
        else:
            table = with_pool(table, exam, asked.label_column)
            source = asked.rows(table, True)
            notes.append(f"{_named(named)} has no labels and joins the pool.")
    return replace(source, test=test, notes=(*source.notes, *notes))


def _passed_over(files: Sequence[Path], table: Table, asked: Asked) -> list[str]:
    """What is said of tables whose names say no part, where they can be none.

    Raises:
        DataError: one has all that is learned from.
    """
    for file in files:
        try:
            columns = set(read_cells(file).cells)
        except DataError:
            continue  # no table at all
        if columns >= set(table.cells) - {asked.label_column}:
            raise DataError(
                f"'{printable(file.parent)}' holds tables whose names say their part, and"
                f" '{printable(file.name)}', whose name says none. Give the files by themselves:"
                " realmix fit TABLE --test TABLE --unlabeled TABLE."
            )
    said = "Not used, as their names say no part and their columns are others"
    return [f"{said}: {_named(files)}."] if files else []


def _named(files: Sequence[Path]) -> str:
    return ", ".join(map(_name, files[:3])) + ", ..." * (len(files) > 3)


def _name(file: Path) -> str:
    """Of a file, with its folder where that alone says the part."""
    alone = role(file.name) or not role(file.parent.name)
    return printable(file.name if alone else f"{file.parent.name}/{file.name}")


def with_pool(table: Table, pool: Table, label_column: str) -> Table:
    """The rows of a table, and behind them those of a pool, without labels."""
    shared = {name: c for name, c in pool.cells.items() if name in table.cells}
    shared.pop(label_column, None)
    return joined([table, replace(pool, cells=shared)])


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files in a folder, and the folders, sorted, without hidden ones.

    Nothing where it cannot be read: whoever reads its images says so.
    """
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return [], []
    shown.sort(key=lambda entry: entry.name)
    folders = [Path(entry.path) for entry in shown if entry.is_dir()]
    return [Path(entry.path) for entry in shown if entry.is_file()], folders


def _is_data(file: Path) -> bool:
    """Whether a file is a table, an array or a picture, by its name."""
    return _is_named_as_image(file) or kind_of(file) in (*_SHARDS, ".npz")


def _is_named_as_image(file: Path) -> bool:
    return file.name.lower().endswith(IMAGE_ENDINGS)
