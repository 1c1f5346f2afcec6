"""Columns that are no features: pandas' indices, row numbers, names of rows, the label again."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from realmix.base.errors import UsageError
from realmix.base.wording import printable, shortened, suggestion

_PANDAS = re.compile(r"__index_level_\d+__|Unnamed: \d+(_level_\d+)?", re.IGNORECASE)
_NAMES_ROWS = re.compile(
    r"(row|sample|record|image|file|item|obs|case)?[ _.-]?"
    r"(id|ids|uuid|guid|key|index|idx|nr|no|num|number|name|hash|serial|row|record|line|level_\d)"
    r"|.+[ _.-](id|uuid|guid|idx|index|key|hash)|[a-z]+I[dD]|#",
)
_NAMES_LABEL = re.compile(r"(.*[ _.-])?(label|labels|target|class|classes|truth|y)([ _.-].*)?")
INDEX = "Unnamed: 0"  # how pandas reads a first column without a name, which is its index
FEW_ROWS, SOME_ROWS = 10, 20  # below which a column is this or that by chance
DISTINCT = 0.9  # share of the rows that a name of rows has values for
RESTARTS = 3  # of a count that several joined tables leave


Names = str | Sequence[str] | None
"""Names of columns, a list or separated by commas."""


@dataclass(frozen=True)
class Wanted:
    """Which columns of a table the user wants.

    Attributes:
        features: these and no others; none is every column that can be a feature.
        dropped: none of these.
        categorical: columns whose values are categories, though they are numbers, or many.
        numeric: columns whose values are numbers, though some cells are none.
        texts: these, as texts.
    """

    features: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        features: Names = None,
        dropped: Names = None,
        categorical: Names = None,
        numeric: Names = None,
        texts: Names = None,
    ) -> Wanted:
        """From lists of names, or names that commas separate.

        Raises:
            UsageError: two of features, dropped and texts were given, or a column has two kinds.
        """
        if sum(map(bool, (features, dropped, texts))) > 1:
            raise UsageError(
                "Give one of --feature-columns, --drop-columns and --text-column, not two."
            )
        wanted = cls(*map(_split, (features, dropped, categorical, numeric, texts)))
        for name in wanted.categorical:
            if name in wanted.numeric:
                raise UsageError(
                    f"--categorical and --numeric both name the column '{printable(name)}'."
                )
        return wanted

    @property
    def as_written(self) -> dict[str, Literal["written"]]:
        """The columns whose numbers are read as they are written."""
        return dict.fromkeys(self.numeric, "written")

    def as_text(self, name: str) -> bool | Literal["written"]:
        """Whether a column is read as text: of a category, or as its numbers are written."""
        return "written" if name in self.numeric else name in self.categorical

    def check(self, columns: Sequence[str], what: str) -> None:
        """Raises UsageError for a name that no column has; `what` is the table."""
        options = ("feature-columns", "drop-columns", "categorical", "numeric", "text-column")
        given = (self.features, self.dropped, self.categorical, self.numeric, self.texts)
        for option, names in zip(options, given, strict=True):
            for name in names:
                if name not in columns:
                    hint = printable(suggestion(name, columns))
                    raise UsageError(
                        f"{what} has no column '{printable(name)}', which --{option} names.{hint}"
                        f" Its columns are {shortened(columns)}."
                    )


def _split(names: Names) -> tuple[str, ...]:
    given = names.split(",") if isinstance(names, str) else names or ()
    return tuple(name.strip() for name in given)


def no_features(
    columns: Mapping[str, tuple[Any, np.ndarray | None]],
    labels: Sequence[str | None],
    indices: Collection[str] = (),
) -> dict[str, str]:
    """Columns that tell nothing of new rows, or what only the label may tell, and why.

    Args:
        columns: the cells of each column by its name, and as (N,) float64 if they are numbers.
        labels: N classes, None where there is none.
        indices: columns that pandas says are its index.
    """
    known = np.array([row for row, name in enumerate(labels) if name is not None], dtype=np.int64)
    classes = np.array([name for name in labels if name is not None])
    found = {}
    for name, (cells, numbers) in columns.items():
        reason = (
            _is_index(name, indices)
            or (numbers is not None and counts_rows(numbers, _names_rows(name)))
            or names_rows(name, cells, numbers)
            or equals_label(_values(cells, numbers, known), classes, _names_label(name))
        )
        if reason:
            found[name] = reason
    return found


def suspicious(inputs: np.ndarray, label: np.ndarray, names: Sequence[str]) -> Iterator[str]:
    """Columns of an array that count the rows or equal the label; arrays are taken as they are.

    Args:
        inputs: (N, D) features.
        label: (N,) classes, -1 where there is none.
        names: of the columns.
    """
    known = np.flatnonzero(label >= 0)
    for name, column in zip(names, inputs.T, strict=True):
        reason = counts_rows(column, False) or equals_label(column[known], label[known], False)
        if reason:
            yield f"{printable(name)} {reason}"


def counts_rows(numbers: np.ndarray, named: bool) -> str:
    """Whether whole numbers count up, in any order without gaps, or anew a few times.

    Args:
        numbers: (N,) of a column.
        named: whether its name says so, which a few rows confirm.
    """
    count = len(numbers)
    if count < (3 if named else SOME_ROWS) or not _whole(numbers):
        return ""
    low, high = numbers.min(), numbers.max()
    if high - low == count - 1 and len(np.unique(numbers)) == count:
        return "counts the rows"
    steps = np.diff(numbers)
    restarts = int((steps != 1).sum())
    again = numbers[1:][steps != 1]
    # from 0 on, as pandas does; the days of some months count from 1 on
    enough = count >= SOME_ROWS * (restarts + 1)
    if 1 <= restarts <= RESTARTS and enough and low == 0 and (again == 0).all():
        return "counts the rows"
    return ""


def names_rows(name: str, cells: Sequence[Any], numbers: np.ndarray | None) -> str:
    """Whether a column is called like a name of rows, and nearly every row has its own."""
    if len(cells) < FEW_ROWS or not _names_rows(name):
        return ""
    if numbers is not None and not _whole(numbers):
        return ""
    distinct = len(np.unique(numbers)) if numbers is not None else len(set(map(str, cells)))
    return "names the rows" if distinct >= DISTINCT * len(cells) else ""


def equals_label(values: np.ndarray, classes: np.ndarray, named: bool) -> str:
    """Whether each class has one value of its own, in more rows than could be by chance.

    Args:
        values: (n,) of the labeled rows.
        classes: (n,) theirs.
        named: whether the column's name says so, which a few rows confirm.
    """
    kinds = len(np.unique(classes))
    if kinds < 2 or len(classes) - kinds < (2 if named else FEW_ROWS):
        return ""
    same, value = np.unique(values, return_inverse=True)
    if len(same) != kinds:
        return ""
    pairs = np.unique(np.stack([value, np.unique(classes, return_inverse=True)[1]]), axis=1)
    return "equals the label" if pairs.shape[1] == kinds else ""


def _is_index(name: str, indices: Collection[str]) -> str:
    return "is pandas' index" if name in indices or _PANDAS.fullmatch(name) else ""


def _values(cells: Sequence[Any], numbers: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    if numbers is not None:
        found: np.ndarray = numbers[rows]
        return found
    return np.array(["" if cells[row] is None else str(cells[row]).strip() for row in rows])


def _whole(numbers: np.ndarray) -> bool:
    return bool(np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all())


def _names_rows(name: str) -> bool:
    bare = name.strip()
    return bool(_NAMES_ROWS.fullmatch(bare) or _NAMES_ROWS.fullmatch(bare.lower()))


def _names_label(name: str) -> bool:
    return _NAMES_LABEL.fullmatch(name.strip().lower()) is not None
