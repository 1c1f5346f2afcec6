"""Columns that were fitted to the training rows: of any kind to numbers, the same for new rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import numpy as np

from realmix.base.wording import harmless
from realmix.data.mixed.cells import AsText, blank, numbers_of, texts_of
from realmix.data.mixed.dates import HOUR, PARTS, parts_of
from realmix.data.mixed.written import Mark, number

TRUE, FALSE = ("true", "yes", "y", "t", "on"), ("false", "no", "n", "f", "off")
RARE = "\0rare"  # no cell of a file can hold it
_LEVEL = {RARE: "(rare)", "": "(blank)"}


@dataclass(frozen=True)
class Number:
    """Numbers, or words for true and false; a blank is the median, and has a column that says so.

    Attributes:
        name: of the column.
        kind: "number" or "boolean".
        median: of the training rows.
        blanks: whether some were blank there.
        mark: of the decimals where they are written with units or marked thousands; see `written`.
        unit: that they are written with; cells of another one are blank. None: of any.
    """

    name: str
    kind: Literal["number", "boolean"]
    median: float
    blanks: bool
    mark: Literal["", ".", ","] = ""
    unit: str | None = None

    @property
    def as_text(self) -> AsText:
        """How `cells.column_of` reads its cells."""
        return "written" if self.mark else self.kind == "boolean"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *_indicator(self.name, self.blanks))

    @property
    def flags(self) -> tuple[bool, ...]:
        return (self.kind == "boolean", *[True] * self.blanks)

    @property
    def described(self) -> str:
        return self.name

    def __call__(self, column: np.ndarray) -> np.ndarray:
        """(N, 1 or 2) float64 of (N,) cells."""
        return _filled(self.read(column)[:, None], (self.median,), self.blanks)

    def read(self, column: np.ndarray) -> np.ndarray:
        """(N,) float64, NaN where a cell is blank or none of that kind."""
        if self.mark:
            return written_of(column, self.mark, self.unit)
        return truths_of(column) if self.kind == "boolean" else numbers_of(column)

    def shown(self, numbers: np.ndarray) -> list[str]:
        """N cells that a person reads, of what a call made of them."""
        return ["" if row[1:].any() else f"{row[0]:.15g}" for row in numbers]

    def strange(self, column: np.ndarray) -> Counter[str]:
        """Cells that are none of that kind."""
        return _counted(column, np.isnan(self.read(column)))


@dataclass(frozen=True)
class Category:
    """One 0/1 column for each value; rare ones share one, those never seen before have none.

    Attributes:
        name: of the column.
        levels: values with a column of their own; "" is blank.
        rare: values that share a column.
    """

    name: str
    levels: tuple[str, ...]
    rare: tuple[str, ...]
    kind: Literal["category"] = "category"
    as_text: ClassVar[AsText] = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={_LEVEL.get(level, level)}" for level in self._columns)

    @property
    def flags(self) -> tuple[bool, ...]:
        return (True,) * len(self._columns)

    @property
    def described(self) -> str:
        count = len([level for level in self.levels if level]) + len(self.rare)
        return f"{self.name}: {count:,} values"

    @property
    def _columns(self) -> tuple[str, ...]:
        return (*self.levels, RARE) if self.rare else self.levels

    def __call__(self, column: np.ndarray) -> np.ndarray:
        """(N, number of `names`) float64 of (N,) cells."""
        from sklearn.preprocessing import OneHotEncoder  # takes half a second

        rare = frozenset(self.rare)
        cells = [RARE if text in rare else text or "" for text in texts_of(column.tolist())]
        known = np.array(self._columns, dtype=object)
        encoder = OneHotEncoder(categories=[known], handle_unknown="ignore", sparse_output=False)
        encoder.fit(known[:, None])
        found: np.ndarray = encoder.transform(np.array(cells, dtype=object)[:, None])
        return found

    def shown(self, numbers: np.ndarray) -> list[str]:
        """N cells that a person reads, of what a call made of them; rare values are one."""
        names = [{RARE: "(rare)"}.get(level, harmless(level)) for level in self._columns]
        return [names[row.argmax()] if row.any() else "(new)" for row in numbers]

    def strange(self, column: np.ndarray) -> Counter[str]:
        """Values that were not among the training rows."""
        texts = texts_of(column.tolist())
        known = {*self.levels, *self.rare}
        return _counted(texts, np.array([text not in known for text in texts], dtype=bool))


@dataclass(frozen=True)
class Date:
    """Year, month, day of week (Monday is 0), days since the first date; the hour if there is one.

    Attributes:
        name: of the column.
        form: how they are written: `dates.FORMS`.
        origin: the first date of the training rows, ISO 8601.
        hours: whether they have a time of day.
        medians: of the training rows, for blanks.
        blanks: whether some were blank there.
    """

    name: str
    form: str
    origin: str
    hours: bool
    medians: tuple[float, ...]
    blanks: bool
    kind: Literal["date"] = "date"
    as_text: ClassVar[AsText] = True

    @property
    def names(self) -> tuple[str, ...]:
        parts = (*PARTS, HOUR) if self.hours else PARTS
        return (
            *(f"{self.name}: {part}" for part in parts),
            *_indicator(self.name, self.blanks),
        )

    @property
    def flags(self) -> tuple[bool, ...]:
        return (*[False] * len(self.medians), *[True] * self.blanks)

    @property
    def described(self) -> str:
        return self.name

    def read(self, column: np.ndarray) -> np.ndarray:
        """(N, 4 or 5) float64, NaN where a cell is blank or no date."""
        origin = datetime.fromisoformat(self.origin)
        return parts_of(texts_of(column.tolist()), self.form, origin)[:, : 4 + self.hours]

    def __call__(self, column: np.ndarray) -> np.ndarray:
        """(N, number of `names`) float64 of (N,) cells."""
        return _filled(self.read(column), self.medians, self.blanks)

    def shown(self, numbers: np.ndarray) -> list[str]:
        """N cells that a person reads, of what a call made of them."""
        first, parts = datetime.fromisoformat(self.origin), len(self.medians)
        dates = [first + timedelta(seconds=round(86_400 * row[3])) for row in numbers]
        texts = [str(date if self.hours else date.date()) for date in dates]
        marks = numbers[:, parts:]
        return ["" if mark.any() else text for text, mark in zip(texts, marks, strict=True)]

    def strange(self, column: np.ndarray) -> Counter[str]:
        """Cells that are no dates of that form."""
        return _counted(column, np.isnan(self.read(column)[:, 0]))


Column = Number | Category | Date
KINDS: dict[str, type[Column]] = {
    "number": Number,
    "boolean": Number,
    "category": Category,
    "date": Date,
}


def written_of(column: np.ndarray, mark: Mark, unit: str | None = None) -> np.ndarray:
    """(N,) float64 of (N,) texts, NaN where one is blank or no number with that mark and unit."""
    if column.dtype == np.float64:
        return column
    values = (np.nan if cell is None else number(cell, mark, unit) for cell in column)
    return np.array([*values], np.float64)


def truths_of(column: np.ndarray) -> np.ndarray:
    """(N,) float64: 1 for a word that means true, 0 for one that means false, else NaN."""
    value = dict.fromkeys(TRUE, 1.0) | dict.fromkeys(FALSE, 0.0) | {"1": 1.0, "0": 0.0}
    texts = texts_of(column.tolist())
    return np.array([value.get((text or "").lower(), np.nan) for text in texts], np.float64)


def _indicator(name: str, blanks: bool) -> tuple[str, ...]:
    return (f"{name} is blank",) if blanks else ()


def _filled(values: np.ndarray, medians: tuple[float, ...], blanks: bool) -> np.ndarray:
    """(N, D) without NaN, and behind it a column of where it was, if there are to be `blanks`."""
    missing = np.isnan(values)
    whole = np.where(missing, medians, values)
    return np.column_stack([whole, missing[:, :1]]) if blanks else whole


def _counted(column: np.ndarray, wrong: np.ndarray) -> Counter[str]:
    return Counter(str(cell) for cell in column[wrong & ~blank(column)])
