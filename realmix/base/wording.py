"""How things are said to a person."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def suggestion(given: str, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the nearest known name, or an empty string.

    >>> suggestion("fixmach", ["mixmatch", "fixmatch"])
    " Did you mean 'fixmatch'?"
    """
    nearest = difflib.get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(75), duration(3725)
    ('1 min 15 s', '1 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def counted(count: int, noun: str) -> str:
    """A number of things, whose plural is regular.

    >>> counted(1, "row"), counted(2500, "row")
    ('1 row', '2,500 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def printable(text: object) -> str:
    """`text` with control characters shown as escapes, safe for a terminal or a log.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def harmless(cell: str) -> str:
    """Text that a spreadsheet shows instead of computing it.

    >>> harmless("=1+1"), harmless("cat")
    ("'=1+1", 'cat')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
