"""Data written so that `realmix fit` and other programs read them, and truth.csv beside them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from realmix.base.errors import UsageError
from realmix.base.files import write_atomically
from realmix.base.wording import printable
from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import Truth

TABLE, TEST, TRUTH = "data.csv", "test.csv", "truth.csv"
FIELDS = ("name", "part", "label", "truth", "foreign", "origin", "changed", "copy_of")


def write_dataset(
    dataset: Dataset, truth: Truth, original: Dataset, folder: Path
) -> tuple[str, ...]:
    """Write pictures as class folders, other rows as tables, and what each row really is.

    Pictures lie in train/CLASS, unlabeled and test/CLASS as PNG; rows and texts in data.csv, whose
    label is empty where a row is of the pool, and test.csv.

    Args:
        dataset: what scenarios made.
        truth: what its rows really are.
        original: what they were given, whose rows `truth.row` numbers.
        folder: empty or not there.

    Returns:
        The words behind `realmix fit` that read it.

    Raises:
        UsageError: the folder is not empty.
        StorageError: it cannot be written.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError(f"--out {printable(folder)} is not empty. Choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    if dataset.is_images:
        names = _write_pictures(dataset, folder)
        words: tuple[str, ...] = (str(folder),)
    else:
        names = [f"row {i}" for i in range(1, len(dataset.label) + 1)]
        _write_rows(dataset, dataset.inputs, dataset.label, folder / TABLE)
        words = (str(folder / TABLE),)
        if dataset.test_inputs is not None and dataset.test_label is not None:
            _write_rows(dataset, dataset.test_inputs, dataset.test_label, folder / TEST)
            words = (*words, "--test", str(folder / TEST))
    _write(folder / TRUTH, FIELDS, _truth_rows(dataset, truth, original, names))
    return words


def _truth_rows(
    dataset: Dataset, truth: Truth, original: Dataset, names: Sequence[str]
) -> Iterable[tuple[object, ...]]:
    classes, count = (*dataset.classes, ""), len(original.label)
    first = {int(row): place for place, row in reversed(list(enumerate(truth.row)))}
    for place, row in enumerate(truth.row.tolist()):
        known = original.names if row < count else None
        origin = known[row] if known else (f"row {row + 1}" if row < count else "from elsewhere")
        same = row < count and np.array_equal(dataset.inputs[place], original.inputs[row])
        yield (
            names[place],
            "pool" if truth.pool[place] else "labeled",
            classes[dataset.label[place]],
            classes[truth.label[place]],
            int(truth.foreign[place]),
            printable(origin),
            int(row < count and not same),
            names[first[row]] if first[row] < place else "",
        )


def _write_pictures(dataset: Dataset, folder: Path) -> list[str]:
    """The file of each row, as a path below the folder."""
    names = []
    folders = [_folder_name(name, place) for place, name in enumerate(dataset.classes)]
    for row, label in enumerate(dataset.label.tolist()):
        part = "unlabeled" if label < 0 else f"train/{folders[label]}"
        names.append(f"{part}/{row:06}.png")
        _write_picture(dataset.inputs[row], folder / names[-1])
    if dataset.test_inputs is not None and dataset.test_label is not None:
        for row, label in enumerate(dataset.test_label.tolist()):
            path = folder / f"test/{folders[label]}/{row:06}.png"
            _write_picture(dataset.test_inputs[row], path)
    return names


def _folder_name(name: str, place: int) -> str:
    """A class name as a folder name that every system takes."""
    plain = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", name).strip(". ")
    return plain or f"class-{place}"


def _write_picture(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    Image.fromarray(shown).save(path)


def _write_rows(dataset: Dataset, inputs: np.ndarray, label: np.ndarray, path: Path) -> None:
    classes = (*dataset.classes, "")
    if dataset.is_texts:
        rows: Iterable[Sequence[object]] = zip(inputs, (classes[c] for c in label), strict=True)
        _write(path, ("text", "label"), rows)
        return
    columns = dataset.column_names
    if len(columns) != inputs.shape[1]:  # columns that became several numbers each
        columns = tuple(f"column {i + 1}" for i in range(inputs.shape[1]))
    numbers = ((*map(float, row), classes[c]) for row, c in zip(inputs, label, strict=True))
    _write(path, (*columns, "label"), numbers)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    write_atomically(path, text.getvalue())
