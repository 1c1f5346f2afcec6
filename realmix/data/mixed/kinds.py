"""Which kind each column of a table is, by its cells and by what the user says of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import counted, printable, shortened
from realmix.data.columns import Wanted
from realmix.data.mixed import written
from realmix.data.mixed.cells import blank, numbers_of, texts_of
from realmix.data.mixed.columns import (
    FALSE,
    TRUE,
    Category,
    Column,
    Date,
    Number,
    truths_of,
    written_of,
)
from realmix.data.mixed.dates import forms_of, moment, parts_of
from realmix.data.mixed.encoding import Encoding

MOST_LEVELS = 100  # values of a category with a column of their own
RARE_SHARE = 1 / 1000  # of the rows: a value of fewer shares a column with others like it
COVERED = 0.5  # share of the rows whose values are no rare ones, from which they are a category
FEW_LEVELS, MOST_DISTINCT = 10, 0.2  # of a category whose values are numbers for the most part
WORDS = 4  # on average, from which cells are text
_LIKE_NUMBER = re.compile(r"[-+$€£]?\s*\d[\d.,' ]*\s*[%$€£]?")


Table = Mapping[str, np.ndarray]


class Fitted(NamedTuple):
    """An encoding, and what was left out of it, in sentences."""

    encoding: Encoding
    notes: tuple[str, ...]


def fitted(table: Table, places: Sequence[str], wanted: Wanted) -> Fitted:
    """Find the kind of each column and fit it.

    Args:
        table: (N,) cells of each column by its name: see `mixed.cells`.
        places: where each of the N rows is, for messages.
        wanted: what the user says of columns.

    Raises:
        DataError: a column can be read in two ways, or holds text; or none is left.
    """
    found: list[Column] = []
    left: dict[str, str] = {}
    usual = written.usual_mark(table.values())
    for name in table:
        made = _column(name, table, places, wanted, usual)
        if isinstance(made, str):
            left[name] = made
        else:
            found.append(made)
    listed = shortened([f"'{name}' {why}" for name, why in left.items()])
    if not found:
        raise DataError(f"There is no column to learn from: {listed or 'the table has none'}.")
    cells = sum(len(table[column.name]) for column in found)
    blanks = sum(int(blank(table[column.name]).sum()) for column in found)
    encoding = Encoding(tuple(found), blanks / max(cells, 1))
    many = any("values" in why for why in left.values())
    hint = " To learn from their most common values nevertheless: --categorical a,b." * many
    notes = (f"Columns that are left out: {listed}.{hint}",) if left else ()
    return Fitted(
        encoding, (*notes, *_blanked(found, table, wanted), *_marked(found, table, wanted))
    )


def _blanked(found: Sequence[Column], table: Table, wanted: Wanted) -> tuple[str, ...]:
    """A sentence about cells that are blank because the user says that the column holds numbers."""
    strange = {c.name: c.strange(table[c.name]) for c in found if c.name in wanted.numeric}
    listed = [
        f"'{printable(name)}' {counted(cells.total(), 'cell')}, as '{printable(min(cells))[:40]}'"
        for name, cells in strange.items()
        if cells
    ]
    return (f"What is no number is taken as blank: {shortened(listed)}.",) if listed else ()


def _marked(found: Sequence[Column], table: Table, wanted: Wanted) -> tuple[str, ...]:
    """A sentence about columns that are written numbers, as their cells or others' tell."""
    listed = []
    for column in found:
        if isinstance(column, Number) and column.mark:
            texts = [text for text in table[column.name] if text is not None]
            open_ = written.unclear(texts)
            if open_ or column.name not in wanted.numeric:
                text = open_ or texts[0]
                value = written.number(text, column.mark)
                listed.append(f"'{printable(column.name)}' ('{printable(text)}' is {value:g})")
    return (f"Read as numbers: {shortened(listed)}.",) if listed else ()


def _column(
    name: str, table: Table, places: Sequence[str], wanted: Wanted, usual: written.Mark | None
) -> Column | str:
    """The fitted column, or why it is left out; `usual` is the mark of decimals beside it."""
    column = table[name]
    if blank(column).all():
        return "is empty"
    if name in wanted.categorical:
        return _category(name, column, wanted=True)
    if name in wanted.numeric:
        return _as_numbers(name, column, places, usual)
    if column.dtype == np.float64:
        return _number(name, column)
    if written.told(column, usual):
        return _as_numbers(name, column, places, usual)
    texts = {text for text in column if text is not None}
    lower = {text.lower() for text in texts}
    if any(lower <= {yes, no} for yes, no in zip(TRUE, FALSE, strict=True)):
        return _number(name, column, boolean=True)
    if forms := forms_of(texts):
        return _date(name, column, forms, places)
    _refuse_number(name, table, places, wanted)
    return _category(name, column, wanted=name in wanted.features)


def _number(name: str, column: np.ndarray, boolean: bool = False) -> Number:
    values = truths_of(column) if boolean else numbers_of(column)
    missing = np.isnan(values)
    kind: Literal["number", "boolean"] = "boolean" if boolean else "number"
    return Number(name, kind, float(np.median(values[~missing])), bool(missing.any()))


def _as_numbers(
    name: str, column: np.ndarray, places: Sequence[str], usual: written.Mark | None
) -> Number:
    """Of a column that the user says holds numbers: what is none is blank.

    Where they are written with units, marked thousands or a decimal comma, the cells tell how, or
    those of other columns; where none does a comma marks thousands.
    """
    filled = np.flatnonzero(~blank(column))
    texts = [str(column[row]) for row in filled]
    plain = not np.isnan(numbers_of(column)[filled]).any()
    if column.dtype == np.float64 or (plain and not (usual == "," and written.unclear(texts))):
        return _number(name, numbers_of(column))
    written.refuse_two_writings(name, texts, [places[row] for row in filled.tolist()])
    mark: written.Mark = next(iter(written.marks_of(texts)), usual or ".")
    values = written_of(column, mark)
    if np.isnan(values).all():
        raise DataError(
            f"--numeric {printable(name)}: no cell of the column is a number;"
            f" {places[int(filled[0])]} has '{printable(texts[0])[:40]}'."
        )
    missing = np.isnan(values)
    unit = next(filter(None, map(written.unit_of, texts)), None)
    median = float(np.median(values[~missing]))
    return Number(name, "number", median, bool(missing.any()), mark, unit)


def _refuse_number(name: str, table: Table, places: Sequence[str], wanted: Wanted) -> None:
    """Ask where most cells are numbers, or look like some, and they are too many for a category."""
    if not _asks(table[name]):
        return
    column, shown = table[name], printable(name)
    row = int(np.flatnonzero(~blank(column) & np.isnan(numbers_of(column)))[0])
    wrong = int(np.isnan(numbers_of(column)[~blank(column)]).sum())
    more = f" So are {wrong - 1:,} more cells of it." if wrong > 1 else ""
    said = {*wanted.categorical, *wanted.numeric, name}
    others = [printable(n) for n, c in table.items() if n not in said and _asks(c)]
    too = f" The same is true of {shortened(others)}." if others else ""
    listed = ",".join([shown, *others])
    raise DataError(
        f"{places[row]}: '{printable(column[row])[:40]}' in column '{shown}' is not a number, "
        f"though most of the column looks like numbers.{more}{too} To take them as numbers, also "
        "with units, marked thousands and decimal commas, and what is none as blank: --numeric "
        f"'{listed}'. Each value as a category: --categorical '{listed}'. To leave them out: "
        f"--drop-columns '{listed}'."
    )


def _asks(column: np.ndarray) -> bool:
    """Whether text looks like numbers for the most part, and is neither dates nor a few values."""
    if column.dtype == np.float64 or blank(column).all():
        return False
    filled = [text for text in column if text is not None]
    distinct = set(filled)
    few = len(distinct) <= FEW_LEVELS and len(distinct) <= MOST_DISTINCT * len(filled)
    like = np.mean([bool(_LIKE_NUMBER.fullmatch(text)) for text in filled]) >= 0.5
    return bool(like) and not few and not forms_of(distinct)


def _category(name: str, column: np.ndarray, wanted: bool) -> Category | str:
    """A value for a column each, but for the rare ones; `wanted` is even where most are rare."""
    from sklearn.preprocessing import OneHotEncoder  # takes half a second

    texts = texts_of(column.tolist())
    filled = texts[~blank(texts)]
    least = max(math.ceil(RARE_SHARE * len(texts)), 2)
    encoder = OneHotEncoder(
        min_frequency=least, max_categories=MOST_LEVELS + 1, handle_unknown="ignore"
    ).fit(filled[:, None])
    bucket = encoder.infrequent_categories_[0]
    rare = () if bucket is None else tuple(bucket.tolist())
    values = encoder.categories_[0].tolist()
    kept = tuple(value for value in values if value not in frozenset(rare))
    covered = np.isin(filled.astype(str), np.array(kept, dtype=str)).mean()
    if covered < COVERED and not (wanted and kept):
        return _too_many(name, filled, len(values), wanted)
    return Category(name, (*kept, "") if len(filled) < len(texts) else kept, rare)


def _too_many(name: str, filled: np.ndarray, distinct: int, wanted: bool) -> str:
    """Why a column is no category: free text is refused, names and the like are left out."""
    shown = printable(name)
    if wanted:
        raise DataError(f"--categorical {shown}: no value of the column is in more than one row.")
    if np.mean([len(text.split()) for text in filled]) >= WORDS:
        raise DataError(
            f"Column '{shown}' holds free text ('{printable(filled[0])[:40]}...'), which is not "
            f"read beside numbers and categories. Learn from it alone (--text-column '{shown}'), "
            f"leave it out (--drop-columns '{shown}'), or write what it tells as columns."
        )
    return f"has {counted(distinct, 'value')} in {counted(len(filled), 'row')}"


def _date(name: str, column: np.ndarray, forms: Sequence[str], places: Sequence[str]) -> Date:
    texts = texts_of(column.tolist())
    if len(forms) > 1:
        row = int(np.flatnonzero(~blank(texts))[0])
        raise DataError(
            f"{places[row]}: '{printable(texts[row])}' in column '{printable(name)}' can be a day "
            "and a month, or a month and a day, and so can all others. Write dates like "
            f"2024-12-31, or leave the column out (--drop-columns '{printable(name)}')."
        )
    dates = [date for text in texts if text and (date := moment(text, forms[0]))]
    parts = parts_of(texts, forms[0], min(dates))
    known = parts[~np.isnan(parts[:, 0])]
    hours = bool(known[:, -1].any())
    medians = tuple(np.median(known, axis=0).tolist()[: 4 + hours])
    origin = min(dates).isoformat()
    return Date(name, forms[0], origin, hours, medians, bool(blank(texts).any()))
