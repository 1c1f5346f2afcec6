"""`Encoding`: a table's columns as they were fitted, kept in the model's file as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import counted, printable, shortened, suggestion
from realmix.data.mixed.cells import AsText, blank
from realmix.data.mixed.columns import KINDS, Column

_PLURAL = {"number": "", "boolean": "", "category": "categories", "date": ""}
MOST_SHOWN = 5  # names of columns, strange cells


@dataclass(frozen=True)
class Encoding:
    """From named columns of any kind to (N, D) numbers, as the training rows had them.

    Attributes:
        columns: one for each column that is learned from, in order.
        blank: share of their cells that were blank in the training rows.
    """

    columns: tuple[Column, ...]
    blank: float = 0.0

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Names of the columns of the table."""
        return tuple(column.name for column in self.columns)

    @property
    def as_text(self) -> dict[str, AsText]:
        """These names, and whether their cells are read as text, not as numbers."""
        return {column.name: column.as_text for column in self.columns}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the D numbers."""
        return tuple(name for column in self.columns for name in column.names)

    @property
    def quantities(self) -> frozenset[str]:
        """Names of columns that were taken as numbers because they hold numbers."""
        return frozenset(column.name for column in self.columns if column.kind == "number")

    @property
    def groups(self) -> tuple[int, ...]:
        """(D,) which column of the table each number comes from."""
        return tuple(i for i, column in enumerate(self.columns) for _ in column.names)

    @property
    def flags(self) -> np.ndarray:
        """(D,) bool, which numbers are 0 or 1: values of categories, truths, "is blank"."""
        return np.array([one for column in self.columns for one in column.flags], dtype=bool)

    @property
    def changes(self) -> bool:
        """Whether the numbers are anything but those of the table."""
        return any(column.names != (column.name,) or column.as_text for column in self.columns)

    @property
    def described(self) -> str:
        """How many columns of each kind, and which; how many numbers, and blanks."""
        kinds = []
        for kind, plural in _PLURAL.items():
            named = [column.described for column in self.columns if column.kind == kind]
            if named:
                listed = ", ".join(map(printable, named[:MOST_SHOWN]))
                listed += ", ..." * (len(named) > MOST_SHOWN)
                kinds.append(f"{counted(len(named), kind, plural)} ({listed})")
        blanks = f", {self.blank:.1%} of their cells blank" if self.blank else ""
        return f"{', '.join(kinds)}{blanks}; as numbers {counted(len(self.names), 'column')}"

    def __call__(
        self, table: Mapping[str, np.ndarray], what: str, others: Sequence[str] = ()
    ) -> np.ndarray:
        """(N, D) float64 of a table's columns; those that it has beside them are not looked at.

        Args:
            table: (N,) cells of each column by its name: see `mixed.cells`.
            what: the table, for the message.
            others: names of further columns, one of which may be meant.

        Raises:
            DataError: a column is missing.
        """
        wanted, given = self.columns_read, (*table, *others)
        missing = [name for name in wanted if name not in table]
        if missing:
            listed = ", ".join(printable(name) for name in missing[:10])
            hint = printable(suggestion(missing[0], given))
            raise DataError(
                f"{what} lacks {len(missing)} of the {len(wanted)} feature columns that the model "
                f"learns from: {listed}.{hint}"
            )
        return np.concatenate([column(table[column.name]) for column in self.columns], axis=1)

    def shown(self, numbers: np.ndarray) -> list[list[str]]:
        """N rows of cells that a person reads, as `columns_read` has them, of (N, D) numbers."""
        ends = np.cumsum([len(column.names) for column in self.columns])[:-1]
        parts = zip(self.columns, np.split(numbers, ends, axis=1), strict=True)
        return [list(row) for row in zip(*(c.shown(part) for c, part in parts), strict=True)]

    def notes(self, table: Mapping[str, np.ndarray], what: str) -> Iterator[str]:
        """What cells of further rows are unlike those of the training rows, in sentences."""
        strange = {column: column.strange(table[column.name]) for column in self.columns}
        unseen = {c.name: found for c, found in strange.items() if found and c.kind == "category"}
        wrong = {c.name: found for c, found in strange.items() if found and c.kind != "category"}
        if unseen:
            yield (
                f"Values of {what} that no training row has count as none of the known ones: "
                f"{_listed(unseen)}."
            )
        if wrong:
            yield f"Cells of {what} that are not of their column's kind count as blank: " + (
                f"{_listed(wrong)}."
            )
        whole = [
            c for c in self.columns if not (c.blanks if c.kind != "category" else "" in c.levels)
        ]
        new = {c.name: int(blank(table[c.name]).sum()) for c in whole}
        if new := {name: count for name, count in new.items() if count}:
            told = [f"'{name}' ({counted(count, 'row')})" for name, count in new.items()]
            yield (
                f"Columns of {what} have blanks, though no training row had any there; they are "
                f"filled with the training rows' median, or are no category: "
                f"{shortened(told, MOST_SHOWN)}."
            )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        return {"columns": [asdict(column) for column in self.columns], "blank": self.blank}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_json` wrote, read back as JSON."""
        return cls(tuple(_column(one) for one in values["columns"]), float(values["blank"]))


def _column(values: Mapping[str, Any]) -> Column:
    kind: Callable[..., Column] = KINDS[values["kind"]]
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _listed(found: Mapping[str, Counter[str]]) -> str:
    """Columns with the strange cells that they have most."""
    return shortened([f"{name} {_most(cells)}" for name, cells in found.items()], MOST_SHOWN)


def _most(cells: Counter[str]) -> str:
    named: Sequence[tuple[str, int]] = cells.most_common(MOST_SHOWN)
    listed = ", ".join(f"'{printable(cell)[:40]}' ({counted(n, 'row')})" for cell, n in named)
    return listed + (" and more" if len(cells) > len(named) else "")
