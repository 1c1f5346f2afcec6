"""Numbers as people write them: with a unit of money, a percent sign, thousands marked, a comma."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable

Mark = Literal[".", ","]
"""What stands before the decimals."""

_UNIT = r"[$€£¥₹%]|USD|EUR|GBP|CHF|JPY"
_WORD = r"°?[^\W\d_]{1,8}(?:/[^\W\d_]{1,8})?[²³]?|[°µ]"  # kg, °C, km/h, m²
_FRAME = re.compile(
    rf"([-+]?)\s*({_UNIT})?\s*([-+]?)([\d.,' \u00a0\u202f]*\d)\s*({_UNIT}|{_WORD})?"
)
_SPACES = "' \u00a0\u202f"  # that mark thousands in either writing
_WHOLE = {
    mark: re.compile(rf"(\d+|\d{{1,3}}(([{other}{_SPACES}])\d{{3}})(\3\d{{3}})*)?([{mark}]\d+)?")
    for mark, other in ((".", ","), (",", "."))
}
_EITHER = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")  # 1,234: a thousand or a little more than one


def number(text: str, mark: Mark, unit: str | None = None) -> float:
    """What is written, without its unit; NaN where it is no number, or of another unit than `unit`.

    >>> number("$1,234.50", "."), number("-1.234,5 €", ","), number("5%", "."), number("1,2", ".")
    (1234.5, -1234.5, 5.0, nan)
    >>> number("500 g", "."), number("500 g", ".", "kg"), number("5", ".", "kg")
    (500.0, nan, 5.0)
    """
    found = _FRAME.fullmatch(text)
    if not found or (found[1] and found[3]) or (found[2] and found[5]):
        return _plain(text) if mark == "." else np.nan
    if unit is not None and (found[2] or found[5] or unit) != unit:
        return np.nan
    digits = found[4]
    if not _WHOLE[mark].fullmatch(digits):
        return np.nan
    for other in f".,{_SPACES}".replace(mark, ""):
        digits = digits.replace(other, "")
    return float(f"{found[1] or found[3]}{digits.replace(mark, '.')}")


def unit_of(text: str) -> str:
    """The unit that is written; "" where there is none, or no number.

    >>> unit_of("$5"), unit_of("5 %"), unit_of("21 °C"), unit_of("5"), unit_of("1e5")
    ('$', '%', '°C', '', '')
    """
    found = _FRAME.fullmatch(text)
    return (found[2] or found[5] or "") if found else ""


def marks_of(texts: Sequence[str]) -> dict[Mark, str]:
    """Which marks the decimals have, each with a text that tells it; none where none tells.

    >>> marks_of(["1,234.5", "7"]), marks_of(["1,5", "1.234.567"]), marks_of(["1,234"])
    ({'.': '1,234.5'}, {',': '1,5'}, {})
    """
    found: dict[Mark, str] = {}
    for text in texts:
        if mark := _mark_of(text):
            found.setdefault(mark, text)
    return found


def told(texts: Iterable[str | None], usual: Mark | None = None) -> Mark | None:
    """The mark of the decimals where all that is filled are numbers that can be read in one way.

    So all have one unit or none of them has, and one cell at least tells how, or the unit does, or
    what is `usual` beside the column.

    >>> told(["18,5", "1.234", None]), told(["5%", "7%"]), told(["1,234", "5"]), told(["5%", "7"])
    (',', '.', None, None)
    >>> told(["1,234", "5"], "."), told(["1,234", "5"], ","), told(["18,5", "2"], ".")
    ('.', ',', ',')
    """
    filled = [text for text in texts if text is not None]
    kinds: tuple[Mark, Mark] = (".", ",")
    if not filled or all(np.isnan(number(filled[0], mark)) for mark in kinds):
        return None  # most columns of text end here
    units, marks = set(map(unit_of, filled)), marks_of(filled)
    either = not marks and any(map(may_be_either, filled))
    if len(units) > 1 or (either and usual is None):
        return None
    if not (marks or either or units - {""}):  # of two marks one cannot be read
        return None
    mark: Mark = next(iter(marks), usual if either and usual else ".")
    return None if any(np.isnan(number(text, mark)) for text in filled) else mark


def usual_mark(columns: Iterable[np.ndarray]) -> Mark | None:
    """The mark of decimals in a table where one alone is seen in its columns.

    Args:
        columns: (N,) float64, whose decimals had a point, or (N,) objects, text or None.
    """
    found = set[Mark]()
    for column in columns:
        if column.dtype == np.float64:
            if "." not in found and (column[np.isfinite(column)] % 1).any():
                found.add(".")
        elif (mark := told(column)) and marks_of([text for text in column if text is not None]):
            found.add(mark)
    return found.pop() if len(found) == 1 else None


def refuse_two_writings(name: str, texts: Sequence[str], places: Sequence[str]) -> None:
    """Refuse two marks of decimals, or two units.

    Args:
        name: of the column.
        texts: its cells.
        places: where each of them is, for the message.

    Raises:
        DataError: with the first cell that is so.
    """
    units = {unit: text for text in reversed(texts) if (unit := unit_of(text))}
    marks = marks_of(texts)
    two = [*marks.values()] if len(marks) > 1 else [*units.values()] if len(units) > 1 else []
    if two:
        raise DataError(
            f"{places[texts.index(two[0])]}: '{printable(two[0])}' in column '{printable(name)}'"
            f" and '{printable(two[1])}' are written in two ways. Write numbers like 1234.5, all of"
            " one unit."
        )


def unclear(texts: Sequence[str]) -> str:
    """A text whose comma or point may mark thousands or decimals where no other tells, or ""."""
    return "" if marks_of(texts) else next(filter(may_be_either, texts), "")


def may_be_either(text: str) -> bool:
    """Whether a comma or a point may mark thousands or decimals: 1,234."""
    found = _FRAME.fullmatch(text)
    return bool(found and _EITHER.fullmatch(found[4]))


def _mark_of(text: str) -> Mark | None:
    found = _FRAME.fullmatch(text)
    if not found or _EITHER.fullmatch(found[4]):
        return None
    kinds: tuple[Mark, Mark] = (".", ",")
    able = [mark for mark in kinds if _WHOLE[mark].fullmatch(found[4])]
    return able[0] if len(able) == 1 else None


def _plain(text: str) -> float:
    """As Python reads it: 1e5."""
    try:
        return float(text)
    except ValueError:
        return np.nan
