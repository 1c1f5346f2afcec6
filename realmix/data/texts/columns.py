"""Columns of texts: which of a table they are, and their cells as one text a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from realmix.base.wording import printable
from realmix.data.cells.table import Table
from realmix.data.columns import Wanted, no_features
from realmix.data.labels import Labels
from realmix.data.mixed.cells import column_of
from realmix.data.reading.source import Source

NAMES = frozenset(
    (
        *("text", "texts", "sentence", "sentences", "review", "reviews", "body", "message"),
        *("messages", "content", "comment", "comments", "tweet", "post", "document", "utterance"),
        *("question", "query", "abstract", "description", "article", "news", "sms"),
    )
)
"""Names of columns that are texts."""
_SURE = ("text", "texts", "sentence", "sentences")  # others may be a code: comment, query, news
TITLES = frozenset(("title", "subject", "headline", "heading", "summary"))
"""Names of columns that are texts beside one of those."""
TRANSLATED = "backtranslated"  # column of the texts there and back
WORDS = 3  # of a cell from which it is no name of a category
BETWEEN = "\n"


def text_columns(
    table: Table, others: Sequence[str], labels: Labels, wanted: Wanted
) -> tuple[str, ...]:
    """The columns that are texts; none where the table holds something else.

    Those that the user names; else those that are called so, with a title beside them, where one is
    called text, holds more than single words, or has nothing beside it; else the only one with
    several words in most cells, where no column of numbers could be learned from.

    Args:
        table: the table.
        others: its columns but that of the labels.
        labels: of the rows.
        wanted: which columns the user wants.

    Raises:
        UsageError: the user names a column that there is not.
    """
    if wanted.texts:
        wanted.check(others, f"'{printable(table.path)}'")
        return wanted.texts
    if wanted.features or not any(_may_be_text(name, table.cells[name]) for name in others):
        return ()
    passed = {*wanted.dropped, TRANSLATED}
    parsed = {name: _numbers_of(table, name) for name in others if name not in passed}
    written = [name for name, numbers in parsed.items() if numbers is None]
    given = {name: (table.cells[name], numbers) for name, numbers in parsed.items()}
    reasons = no_features(given, labels.names, table.indices)
    called = [name for name in written if name.lower() in NAMES]
    alone = all(name in called or name in reasons for name in parsed)
    if any(alone or name.lower() in _SURE or _has_words(table.cells[name], 2) for name in called):
        return tuple(name for name in written if name.lower() in NAMES | TITLES)
    numeric = [name for name in parsed if name not in written and name not in reasons]
    worded = [name for name in written if _has_words(table.cells[name])]
    return tuple(worded) if len(worded) == 1 and not numeric else ()


def _numbers_of(table: Table, column: str) -> np.ndarray | None:
    """(N,) float64 of a column; None where it holds text."""
    found = column_of(table.cells[column])
    return found if found.dtype == np.float64 else None


def _may_be_text(name: str, cells: Sequence[Any] | np.ndarray) -> bool:
    """Whether it is called so, or its first filled cell is no number; most tables are numbers."""
    if name.lower() in NAMES:
        return True
    filled = (c for c in cells if c is not None and c is not np.ma.masked and str(c).strip())
    first = next(filled, 0)
    try:
        float(first)
    except (TypeError, ValueError):
        return True
    return False


def _has_words(cells: Sequence[Any] | np.ndarray, least: int = WORDS) -> bool:
    counts = [len(str(cell).split()) for cell in cells if cell is not None and str(cell).strip()]
    return sum(count >= least for count in counts) > len(counts) / 2


def joined(table: Table, names: Sequence[str]) -> np.ndarray:
    """(N,) texts: the cells of these columns, those that are not empty, one below the other."""
    columns = [table.cells[name] for name in names]
    rows = (
        [str(cell).strip() for cell in row if cell is not None]
        for row in zip(*columns, strict=True)
    )
    return as_texts([BETWEEN.join(filter(None, parts)) for parts in rows])


def no_text(text: str) -> str:
    """Why nothing can be learned from a text; empty where something can.

    >>> no_text(" "), no_text("a" + chr(0)), no_text(chr(0xD800)), no_text("a")
    ('an empty text', 'a NUL byte, so no text', 'half of a character (a lone surrogate)', '')
    """
    if not text.strip():
        return "an empty text"
    if "\0" in text:
        return "a NUL byte, so no text"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a character (a lone surrogate)"
    return ""


def as_texts(texts: Sequence[str]) -> np.ndarray:
    """(N,) of Python strings, which numpy would otherwise make as long as the longest."""
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def text_notes(table: Table, names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """What is learned from, and what is not, in a sentence each."""
    listed = " and ".join(f"'{printable(name)}'" for name in names)
    kind = "column" if len(names) == 1 else "columns"
    joint = ", joined," if len(names) > 1 else ""
    notes: tuple[str, ...] = (f"Texts are {kind} {listed}{joint} of '{printable(table.path)}'.",)
    unused = [printable(name) for name in others if name not in (*names, TRANSLATED)]
    if unused:
        more = ", ..." if len(unused) > 10 else ""
        instead = ",".join(printable(name) for name in names)
        notes += (
            f"Columns not used beside the texts: {', '.join(unused[:10])}{more}. To learn from "
            f"these instead: --drop-columns '{instead}'.",
        )
    return notes


def text_source(
    table: Table,
    names: Sequence[str],
    others: Sequence[str],
    label: np.ndarray,
    classes: tuple[str, ...],
) -> Source:
    """The texts of a table as a `Source`, with what its notes are so far."""
    return Source(
        table.names,
        label,
        classes,
        inputs=joined(table, names),
        columns=tuple(names),
        translated=joined(table, [TRANSLATED]) if TRANSLATED in others else None,
        preset="words",
        notes=table.notes + text_notes(table, names, others),
    )
