"""Dates that are written as text: which form a column has, and what they are as numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import numpy as np

ISO = "ISO 8601"
_DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y")
FORMS = (ISO, *(day + time for day in _DAYS for time in ("", " %H:%M", " %H:%M:%S")))
PARTS = ("year", "month", "day of week", "days")
HOUR = "hour"
_DAY = 86_400.0  # seconds


def forms_of(texts: set[str]) -> list[str]:
    """The forms in which every text is a date; two where day and month cannot be told apart.

    >>> forms_of({"2024-02-29", "2024-03-01 12:30"}), forms_of({"3/4/2024", "3/31/2024"})
    (['ISO 8601'], ['%m/%d/%Y'])
    """
    if not texts or not all(text[:1].isdigit() for text in texts):
        return []
    return [form for form in FORMS if all(moment(text, form) is not None for text in texts)]


def moment(text: str, form: str) -> datetime | None:
    """The date, in UTC where it names a zone; None where the text is none of that form."""
    read: Callable[[str], datetime] = datetime.fromisoformat
    if form != ISO:
        read = partial(_strptime, form=form)
    try:
        found = read(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def _strptime(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)


def parts_of(column: np.ndarray, form: str, origin: datetime) -> np.ndarray:
    """(N, 5) float64: year, month, day of week (Monday is 0), days since `origin`, hour.

    Args:
        column: (N,) text, or None where blank.
        form: how they are written; NaN where a text is not.
        origin: what days are counted from.
    """
    known = {text: _parts(text, form, origin) for text in {t for t in column if t is not None}}
    nothing = [np.nan] * (len(PARTS) + 1)
    return np.array([known.get(text, nothing) for text in column], np.float64).reshape(
        len(column), len(PARTS) + 1
    )


def _parts(text: str, form: str, origin: datetime) -> list[float]:
    date = moment(text, form)
    if date is None:
        return [np.nan] * (len(PARTS) + 1)
    hour = date.hour + date.minute / 60 + date.second / 3600
    days = (date - origin).total_seconds() / _DAY
    return [date.year, date.month, date.weekday(), days, hour]
