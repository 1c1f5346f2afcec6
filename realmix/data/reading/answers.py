"""Answers: a table, CSV or Excel, that names rows of the pool and says their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import harmless, printable, suggestion
from realmix.data.cells import sheets
from realmix.data.cells.csv_text import Records, kind_of, read_csv
from realmix.data.labels import NOTHING_SAID, Marks, class_name
from realmix.data.pools import Dataset
from realmix.data.reading.source import unknown_class

NONE_OF_THEM = "?"  # the label of a row that is of no class, or that nobody can tell
_MOST_COMPARED = 2000  # names among which a mistyped one is looked for

Answers = dict[str, int]
"""Class of each named row, -1 where it is of none of them."""


def read_answers(
    path: Path,
    classes: Sequence[str],
    names: Sequence[str],
    whose: str,
    marks: Marks = NOTHING_SAID,
) -> tuple[Answers, tuple[str, ...]]:
    """The filled rows of a table with the columns name and label; others are read past.

    A row whose label is empty, or means "no label", is no answer. "?" says that the row is of none
    of the classes, unless a class has that name.

    Args:
        path: the table, CSV as `read_csv` takes it, or Excel.
        classes: the class names, in label order.
        names: those that can be answered.
        whose: what these are, for messages.
        marks: what the data's labels settled.

    Returns:
        The answers, and notes for the user.

    Raises:
        UsageError: there is no such file, or it lacks a column.
        DataError: a name or a class that is not known, or two answers for one row, with the line.
    """
    if not path.is_file():
        raise UsageError(f"There is no file '{printable(path)}' of answers. Check the path.")
    records, notes = _read(path)
    name_column, label_column = _columns(path, [cell.strip() for cell in records[0][1]])
    known = {harmless(name): name for name in names} | {name: name for name in names}
    answers: Answers = {}
    for line, cells in records[1:]:
        given, label = cells[name_column].strip(), class_name(cells[label_column])
        if label not in (*classes, NONE_OF_THEM) and marks.means_none(label):
            continue
        where = f"'{printable(path)}', line {line}"
        if given not in known:
            raise _unknown_name(given, names, whose, where)
        place = _place(label, classes, where)
        if answers.setdefault(known[given], place) != place:
            raise DataError(
                f"{where}: '{printable(given)}' is answered twice, and differently. Keep one."
            )
    return answers, notes


def with_answers(dataset: Dataset, path: Path, marks: Marks = NOTHING_SAID) -> Dataset:
    """The pool rows that are answered become labeled, for training only.

    They were chosen where two models disagree, so they would not measure a model fairly.

    Raises:
        UsageError, DataError: see `read_answers`.
    """
    names = dataset.names or ()
    pool = np.flatnonzero(dataset.label < 0)
    answers, notes = read_answers(
        path, dataset.classes, [names[row] for row in pool], "the unlabeled rows", marks
    )
    label, trains_only = dataset.label.copy(), np.zeros(len(dataset.label), bool)
    for row in pool:
        label[row] = answers.get(names[row], -1)
        trains_only[row] = label[row] >= 0
    told = f"{trains_only.sum():,} answers join the labels; they train and are never held out."
    return replace(
        dataset, label=label, trains_only=trains_only, notes=(*dataset.notes, *notes, told)
    )


def _read(path: Path) -> tuple[Records, tuple[str, ...]]:
    """Records of a CSV table, or of the Excel file that it was saved as."""
    if kind_of(path) not in sheets.SUFFIXES:
        return read_csv(path)
    table = sheets.read_sheet(path)
    rows = zip(*table.cells.values(), strict=True)
    texts = (["" if cell is None else str(cell) for cell in row] for row in rows)
    return [(0, list(table.cells)), *zip(table.places, texts, strict=True)], table.notes


def _columns(path: Path, header: list[str]) -> tuple[int, int]:
    for column in ("name", "label"):
        if header.count(column) != 1:
            listed = ", ".join(printable(name) for name in header[:10])
            raise UsageError(
                f"'{printable(path)}' needs one column '{column}'; its columns are {listed}. "
                "Expected a table like to_label.csv: name,label."
            )
    return header.index("name"), header.index("label")


def _place(label: str, classes: Sequence[str], where: str) -> int:
    if label in classes:
        return list(classes).index(label)
    if label == NONE_OF_THEM:
        return -1
    raise unknown_class(label, classes, where)


def _unknown_name(given: str, names: Sequence[str], whose: str, where: str) -> DataError:
    hint = suggestion(given, names) if len(names) <= _MOST_COMPARED else ""
    return DataError(
        f"{where}: '{printable(given)}' is none of {whose}.{printable(hint)} "
        "Copy names as to_label.csv has them, and remove this line."
    )
