"""`Source`: rows as one place holds them, before several are put together into a `Dataset`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable, suggestion
from realmix.data.folders.walk import Bad

_WHOLE = re.compile(r"-?\d+\.0+")


@dataclass(frozen=True)
class Source:
    """Rows of one folder, table, file or built-in data set. One of `inputs` and `files` is given.

    Attributes:
        names: where each row came from, printable.
        label: (N,) int64 index into `classes`, -1 where the row has none.
        classes: class names in label order.
        inputs: (N, C, H, W) uint8 or (N, D) float32.
        files: the image file of each row, not read yet.
        columns: names of the D features, where they have names.
        groups: what each row belongs to beside its class, None where nothing is known.
        truth: (N,) int64 true labels of unlabeled rows where known, -1 elsewhere.
        test: test rows that came along.
        preset: see `Dataset.preset`.
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
    columns: tuple[str, ...] | None = None
    groups: tuple[str | None, ...] | None = None
    truth: np.ndarray | None = None
    test: Source | None = None
    preset: str = "photos"
    notes: tuple[str, ...] = ()
    refused: tuple[Bad, ...] = ()
    bad_files: tuple[Bad, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def is_images(self) -> bool:
        return self.inputs is None or self.inputs.ndim == 4

    def take(self, rows: np.ndarray) -> Source:
        """The source with only these rows (int64)."""
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            label=self.label[rows],
            inputs=None if self.inputs is None else self.inputs[rows],
            files=None if self.files is None else tuple(self.files[i] for i in rows),
            groups=None if self.groups is None else tuple(self.groups[i] for i in rows),
            truth=None if self.truth is None else self.truth[rows],
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


def class_name(value: Any) -> str | None:
    """The name of a label as found in a table or an array; None where it marks no label.

    Whole numbers have one name however they were written: pandas turns 1 into 1.0 as soon as one
    label of the column is missing.

    Raises:
        DataError: the label is a number with a fraction.

    >>> [class_name(v) for v in ("cat ", 1, 1.0, "1.0", True, "", None, float("nan"))]
    ['cat', '1', '1', '1', 'True', None, None, None]
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and not value.is_integer():
        raise DataError(
            f"Label {value!r} is a number with a fraction; labels are classes: whole numbers or "
            "names. Predicting a quantity (regression) is not supported."
        )
    text = str(value).strip()
    if _WHOLE.fullmatch(text):
        text = text.partition(".")[0]
    return text or None


def class_order(names: set[str]) -> tuple[str, ...]:
    """Class names sorted; as numbers where all of them are whole numbers.

    >>> class_order({"10", "9"}), class_order({"b", "a", "10"})
    (('9', '10'), ('10', 'a', 'b'))
    """
    whole = all(re.fullmatch(r"-?[0-9]+", name) for name in names)
    return tuple(sorted(names, key=int)) if whole else tuple(sorted(names))


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
