"""`Source`: rows as one place holds them, before several are put together into a `Dataset`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable, suggestion
from realmix.data.folders.walk import Bad
from realmix.data.labels import NOTHING_SAID, Marks

Column = np.ndarray | None


@dataclass(frozen=True)
class Source:
    """Rows of one folder, table, file or built-in data set. One of `inputs`, `files` and `cells`.

    Attributes:
        names: where each row came from, printable.
        label: (N,) int64 index into `classes`, -1 where the row has none.
        classes: class names in label order.
        inputs: (N, C, H, W) uint8, or other numbers that are not scaled yet; (N, D) float32 or
            float64; or (N,) texts.
        files: the image file of each row, not read yet.
        cells: (N,) cells of each column of a table: see `realmix.data.mixed.cells`.
        columns: names of the D features, where they have names; or of the columns of text.
        unused: names of further columns of the table.
        groups: what each row belongs to beside its class, None where nothing is known.
        translated: (N,) texts there and back, where the table has them.
        weak: (N,) names of classes, None where blank, where the table has labels of unknown worth.
        truth: (N,) int64 true labels of unlabeled rows where known, -1 elsewhere.
        test: test rows that came along.
        preset: see `Dataset.preset`.
        marks: what its labels settled: values that mean "no label" and values that are classes.
        notes: see `Dataset.notes`.
        refused: what stands among labeled rows and is no image: an error unless bad files are
            skipped on purpose.
        bad_files: what else was passed over.
    """

    names: tuple[str, ...]
    label: np.ndarray
    classes: tuple[str, ...]
    inputs: np.ndarray | None = None
    files: tuple[Path, ...] | None = None
    cells: Mapping[str, np.ndarray] | None = None
    columns: tuple[str, ...] | None = None
    unused: tuple[str, ...] = ()
    groups: tuple[str | None, ...] | None = None
    translated: np.ndarray | None = None
    weak: np.ndarray | None = None
    truth: np.ndarray | None = None
    test: Source | None = None
    preset: str = "photos"
    marks: Marks = NOTHING_SAID
    notes: tuple[str, ...] = ()
    refused: tuple[Bad, ...] = ()
    bad_files: tuple[Bad, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def is_images(self) -> bool:
        return self.cells is None and (self.inputs is None or self.inputs.ndim == 4)

    @property
    def is_texts(self) -> bool:
        return self.inputs is not None and self.inputs.ndim == 1

    @property
    def kind(self) -> str:
        """What the rows are, in a word or two."""
        return "images" if self.is_images else "texts" if self.is_texts else "feature rows"

    def take(self, rows: np.ndarray) -> Source:
        """The source with only these rows (int64)."""
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            label=self.label[rows],
            inputs=None if self.inputs is None else self.inputs[rows],
            files=None if self.files is None else tuple(self.files[i] for i in rows),
            groups=None if self.groups is None else tuple(self.groups[i] for i in rows),
            cells=self.cells and {name: column[rows] for name, column in self.cells.items()},
            truth=None if self.truth is None else self.truth[rows],
            translated=None if self.translated is None else self.translated[rows],
            weak=None if self.weak is None else self.weak[rows],
        )

    def with_classes(self, classes: Sequence[str]) -> Source:
        """The same rows; what is not among `classes` becomes -1 (no label, or unknown truth)."""
        place = {name: i for i, name in enumerate(classes)}
        lookup = np.array([place.get(name, -1) for name in self.classes] + [-1], dtype=np.int64)
        return replace(
            self,
            label=lookup[self.label],  # -1 picks the last entry
            classes=tuple(classes),
            truth=None if self.truth is None else lookup[self.truth],
        )

    def as_pool(self, classes: Sequence[str]) -> Source:
        """The rows without labels; those that were known and are in `classes` become the truth."""
        known = self.with_classes(classes)
        return replace(
            known,
            label=np.full(len(self), -1, dtype=np.int64),
            truth=known.label,
            refused=(),
            bad_files=self.refused + self.bad_files,
        )


def of_all(columns: Sequence[np.ndarray | None], sizes: Sequence[int], fill: object) -> Column:
    """(N,) objects of all parts, `fill` where a part has none; None where all have none."""
    if all(column is None for column in columns):
        return None
    pairs = zip(columns, sizes, strict=True)
    return np.concatenate([np.full(n, fill, object) if c is None else c for c, n in pairs])


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Class names sorted; as numbers where all of them are whole numbers, equal ones as text.

    >>> class_order({"10", "9", "09"}), class_order({"b", "a", "10"})
    (('09', '9', '10'), ('10', 'a', 'b'))
    """
    order = sorted(set(names))
    whole = all(re.fullmatch(r"-?[0-9]+", name) for name in order)
    return tuple(sorted(order, key=int)) if whole else tuple(order)


def encode(
    names: Sequence[str | None], classes: Sequence[str] | None = None, where: str = ""
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as numbers: ((N,) int64 with -1 for None, class names).

    Args:
        names: class name of each row, or None.
        classes: the classes in their order; without it, the names that occur, sorted.
        where: what the names belong to, for the message.

    Raises:
        DataError: a name is not among the given `classes`.
    """
    found = {name for name in names if name is not None}
    order = class_order(found) if classes is None else tuple(classes)
    for unknown in sorted(found.difference(order))[:1]:
        raise unknown_class(unknown, order, where)
    place: dict[str | None, int] = {None: -1} | {name: i for i, name in enumerate(order)}
    return np.array([place[name] for name in names], dtype=np.int64), order


def unknown_class(name: str, classes: Sequence[str], where: str) -> DataError:
    """The error for a class that is not among the known ones."""
    known = ", ".join(printable(c) for c in classes[:10]) + (", ..." if len(classes) > 10 else "")
    hint = printable(suggestion(name, classes))
    return DataError(
        f"{where}: class '{printable(name)}' is not among the {len(classes)} classes "
        f"({known}).{hint} Rename or remove these rows."
    )


def exam_rows(exam: Source, classes: Sequence[str], given: str) -> Source:
    """The labeled rows of a test set, their labels as places in the training classes.

    Raises:
        DataError: there are none, or one of them is of another class.
    """
    known = np.flatnonzero(exam.label >= 0)
    if not len(known):
        raise DataError(f"No row of the test set '{printable(given)}' has a label.")
    present = [exam.classes[c] for c in np.unique(exam.label[known])]
    for name in present:
        if name not in classes:
            raise unknown_class(name, classes, f"Test set '{printable(given)}'")
    left = len(exam) - len(known)
    notes = (f"{left:,} test rows without a label are not used.",) if left else ()
    return replace(exam.with_classes(classes).take(known), notes=exam.notes + notes)
