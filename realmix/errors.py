"""What realmix raises when something given to it is wrong, and the exit code each kind has.

A message says what was given, what was expected, where, and what to do. The command line prints
it without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RealmixError(Exception):
    """Base of every error that is the input's or the machine's fault, not the program's."""

    exit_code = 1


class UsageError(RealmixError, ValueError):
    """An option, field or name that does not exist or does not fit."""

    exit_code = 2


class DataError(RealmixError, ValueError):
    """Data that cannot be used as given."""

    exit_code = 3


class StorageError(RealmixError, OSError):
    """Disk or memory ran out, or a file could not be written or read back whole."""

    exit_code = 4


class DivergedError(RealmixError, ArithmeticError):
    """A loss became NaN or infinite."""

    exit_code = 5


class LockedError(RealmixError):
    """Another process works in the run folder."""

    exit_code = 6


def suggestion(given: str, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the nearest known name, or an empty string.

    >>> suggestion("fixmach", ["mixmatch", "fixmatch"])
    " Did you mean 'fixmatch'?"
    """
    nearest = difflib.get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""


def printable(text: object) -> str:
    """`text` with control characters shown as escapes, safe for a terminal or a log.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
