"""The pool without what should not train: a list that `fit` takes, and what is not on it."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.auditing.findings import Findings
from realmix.base.files import write_atomically
from realmix.base.wording import harmless, printable
from realmix.data.cells.read import read_files
from realmix.data.cells.table import PATH_COLUMN
from realmix.data.folders.named import image_column
from realmix.data.pools import Dataset
from realmix.data.reading.shards import tables_at

LEFT_OUT = "left_out.csv"
FILES = {"unlabeled": "pool", "data": "data", "test": "test"}  # what is written in whose place
_TEXT = "text"

Rows = NDArray[np.int64]


def write_lists(found: Findings, folder: Path, label_column: str = "label") -> dict[str, str]:
    """Write left_out.csv, and in place of each place that holds rows left out a cleaned one.

    The data's own labeled rows are in the cleaned data, the pool's rows alone in the cleaned pool,
    and test rows that are no copy of a labeled one in the cleaned test set.

    Returns:
        The file that takes the place of "data", "unlabeled" and "test", for those that need one.

    Raises:
        StorageError: they cannot be written.
    """
    leaked = found.leaked
    reasons = found.left_out | {pair.row: f"is {found.name(pair.other)}" for pair in leaked}
    rows = [[harmless(printable(found.name(r))), why] for r, why in reasons.items()]
    write_atomically(folder / LEFT_OUT, _csv(("row", "reason"), rows))
    dataset, label = found.dataset, found.dataset.label
    added = _rows_of(dataset, found.unlabeled)
    kept = np.ones(len(label), bool)
    kept[list(found.left_out)] = False
    written = {}
    for argument, mine in (("unlabeled", added), ("data", ~added)):
        given = found.unlabeled if argument == "unlabeled" else found.data
        lost = ~kept & mine
        if given is not None and (lost.any() or argument == "unlabeled"):
            named = None if given == found.unlabeled else label_column
            place = folder / FILES[argument]
            written[argument] = str(
                _write(dataset, given, np.flatnonzero(kept & mine), place, named)
            )
    if found.tests and (leaked or (found.test is None and "data" in written)):
        exam, place = _exam(dataset), folder / FILES["test"]
        left = np.setdiff1d(np.arange(found.tests), [pair.row - len(label) for pair in leaked])
        given = found.test or found.data
        written["test"] = str(_write(exam, given, left, place, label_column))
    return written


def _exam(dataset: Dataset) -> Dataset:
    """The test rows as data."""
    assert dataset.test_inputs is not None
    assert dataset.test_label is not None
    return replace(
        dataset,
        inputs=dataset.test_inputs,
        label=dataset.test_label,
        names=dataset.test_names,
        files=dataset.test_files,
    )


def _rows_of(dataset: Dataset, unlabeled: str | None) -> NDArray[np.bool_]:
    """Which rows came with `unlabeled`."""
    count = len(dataset.label)
    if unlabeled is None:
        return np.zeros(count, bool)
    path = Path(unlabeled)
    names = dataset.names or ("",) * count
    tables = tables_at(path)
    if dataset.files and not tables:
        came = [file.resolve().is_relative_to(path.resolve()) for file in dataset.files]
    elif dataset.files:
        root, table = tables[0].resolve().parent, read_files(tables, alike=False)
        cells = table.cells[image_column(table, tuple(table.cells)) or PATH_COLUMN]
        files = {(root / str(cell).strip()).resolve() for cell in cells}
        came = [file.resolve() in files for file in dataset.files]
    else:
        came = [name.startswith(printable(path)) for name in names]
    found: NDArray[np.bool_] = (dataset.label < 0) & np.array(came)
    return found


def _write(dataset: Dataset, given: str, rows: Rows, place: Path, label_column: str | None) -> Path:
    """Rows of what was `given`, with their labels where there is a column for them."""
    path = Path(given)
    label = [dataset.classes[c] if c >= 0 else "" for c in dataset.label[rows]]
    labels = [] if label_column is None else [(label_column, label)]
    if dataset.files:
        root = place.parent.resolve()
        paths = [os.path.relpath(dataset.files[row].resolve(), root) for row in rows]
        return _table(place, [(PATH_COLUMN, paths), *labels])
    if tables := tables_at(path):
        return _table(place, _cells(tables, [(dataset.names or ())[row] for row in rows]))
    if dataset.is_texts:
        column = (dataset.columns or (_TEXT,))[0]
        return _table(place, [(column, dataset.inputs[rows].tolist()), *labels])
    file = place.with_suffix(".npz")
    buffer = io.BytesIO()
    y: dict[str, Any] = (
        {"y": dataset.label[rows], "classes": np.array(dataset.classes)} if labels else {}
    )
    np.savez(buffer, x=dataset.inputs[rows], **y)
    write_atomically(file, buffer.getvalue())
    return file


def _cells(tables: Sequence[Path], names: Sequence[str]) -> list[tuple[str, Sequence[Any]]]:
    """The columns of tables, of the rows with these names, as the files have them."""
    table = read_files(tables, alike=False)
    place = {name: row for row, name in enumerate(table.names)}
    rows = [place[name] for name in names]
    return [(name, [column[row] for row in rows]) for name, column in table.cells.items()]


def _table(place: Path, columns: Sequence[tuple[str, Sequence[Any]]]) -> Path:
    file = place.with_suffix(".csv")
    rows = zip(*(values for _, values in columns), strict=True)
    text = _csv([name for name, _ in columns], (["" if v is None else v for v in r] for r in rows))
    write_atomically(file, text)
    return file


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()
