"""What realmix raises when something given to it is wrong, and the exit code each kind has.

A message says what was given, what was expected, where, and what to do. The command line prints
it without a traceback.
"""

from __future__ import annotations


class RealmixError(Exception):
    """Base of every error that is the input's or the machine's fault, not the program's."""

    exit_code = 1


class RealmixWarning(UserWarning):
    """What the user of an estimator should know of the data or the run; no error."""


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


class Interrupted(Exception):
    """The run was asked to stop. What was done is saved and the same command continues."""
