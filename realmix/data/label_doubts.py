"""Values in a column of labels that are no plain classes: what to ask about, and quantities."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from realmix.base.errors import DataError
from realmix.base.wording import counted, printable

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+(\.0*)?")
_LIKE_IT = frozenset(
    (
        *("unknown", "unk", "unlabeled", "unlabelled", "nolabel", "notlabeled", "notlabelled"),
        *("none", "na", "nan", "nat", "null", "nil", "notavailable", "tbd", "todo"),
        *("unannotated", "unassigned", "unspecified", "undefined"),
    )
)
_LIKE_IT_IF_LARGEST = frozenset(
    ("missing", "ignore", "ignored", "void", "empty", "blank", "pending", "default", "novalue")
)
_FILLERS = frozenset([99, 255, 999, 9999, 65535, 2**32 - 1, 2**64 - 1])
_NEGATIVE_FILLERS = frozenset([-9, -99, -999, -9999])
_NUMBER = re.compile(
    r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE
)
MANY, ROWS_EACH = 20, 5  # so many numbers with gaps, of so few rows each, are a quantity


def far_above(number: int, others: Sequence[str]) -> bool:
    """Whether a number is far from whole numbers that lie close together from 0 or 1 on."""
    if not others or not all(WHOLE_NUMBER.fullmatch(name) for name in others):
        return False
    least, most = min(map(int, others)), max(map(int, others))
    return least >= 0 and most <= 2 * len(others) and number > 2 * most + 1


def doubtful(
    counts: Mapping[str, int], classes: Mapping[str, int], said: Iterable[str]
) -> list[str]:
    """The values that can be read two ways.

    Args:
        counts: rows of each value.
        classes: of those, the values that would be classes.
        said: values of which the user says what they mean.
    """
    said = set(said)
    largest = max(classes, key=lambda name: classes[name], default="")
    found = [
        name
        for name in classes
        if name not in said and _looks_like_none(name, name == largest, classes)
    ]
    taken = [name for name in counts if name not in classes and name not in said]
    return found + [name for name in taken if _looks_like_class(name, taken, classes)]


def _looks_like_none(name: str, is_largest: bool, classes: Iterable[str]) -> bool:
    bare = re.sub(r"[\W_]+", "", name.casefold())
    if bare in _LIKE_IT or (is_largest and bare in _LIKE_IT_IF_LARGEST):
        return True
    if not bare and name.isascii():  # punctuation, but for the sign of a class "positive"
        return name != "+"
    if not WHOLE_NUMBER.fullmatch(name):
        return False
    others = [other for other in classes if other != name]
    if int(name) in _FILLERS:
        return far_above(int(name), others)
    return int(name) in _NEGATIVE_FILLERS and not any(o.startswith("-") for o in others)


def _looks_like_class(name: str, taken: Sequence[str], classes: Iterable[str]) -> bool:
    """Whether a mark is one of two signs, or a number between others."""
    named = set(classes)
    if name == "-":
        return "+" in named
    if not name.startswith("-") or not name[1:].isdigit():
        return False
    if named == {name[1:]}:
        return True
    between = {str(int(name) - 1), str(int(name) + 1)} <= named
    return between or (named == {"0", name[1:]} and len(taken) > 1)


def question(
    names: Sequence[str],
    counts: Mapping[str, int],
    where: str,
    classes: Iterable[str] = (),
    otherwise: str = "leave the label cell empty",
) -> DataError:
    """What asks about such values, with both ways out; `classes` are the other values."""
    shown = [printable(name) for name in names[:5]]
    listed = ", ".join(
        f"'{text}' ({counted(counts[name], 'row')})"
        for text, name in zip(shown, names, strict=False)
    )
    left = [name for name in classes if name not in names]
    one = f" (which leaves one class, '{printable(left[0])}')" if len(left) == 1 else ""
    return DataError(
        f"{where}: {listed} may mean 'no label' or be a class, and the two are learned "
        f"differently. If it means 'no label': {_flags('unlabeled-marker', shown)}, or "
        f"{otherwise}{one}. If it is a class: {_flags('class-value', shown)}."
    )


def _flags(option: str, values: Sequence[str]) -> str:
    return " ".join(f"--{option}={shlex.quote(value)}" for value in values)


def refuse_quantities(
    classes: Mapping[str, int], unlabeled: int, said: Iterable[str], where: str
) -> None:
    """Refuse labels that are numbers with a fraction, or so many that no two rows are alike.

    Args:
        classes: rows of each value that would be a class.
        unlabeled: rows without a label.
        said: values of which the user says that they are classes.
        where: what the labels are, for the message.

    Raises:
        DataError: with a count and examples.
    """
    names = [name for name in classes if name not in said]
    if not names or not all(_NUMBER.fullmatch(name) for name in names):
        return
    broken = [name for name in names if not WHOLE_NUMBER.fullmatch(name)]
    if not broken and not _too_many(classes, unlabeled):
        return
    shown = ", ".join(printable(name) for name in (broken or names)[:5])
    what = (
        f"{len(broken):,} of {len(names):,} distinct numbers have a fraction ({shown}, ...)"
        if broken
        else f"{len(names):,} distinct numbers in {sum(classes.values()):,} rows ({shown}, ...)"
    )
    raise DataError(
        f"{where} holds quantities, not classes: {what}. Labels are names or a few whole numbers; "
        "a number with a fraction is none, and predicting a quantity (regression) is not "
        "supported. Make classes of it first (low and high, say); write codes as names (c17)."
    )


def _too_many(classes: Mapping[str, int], unlabeled: int) -> bool:
    """Whether so many numbers are classes only by chance: with gaps, or no two rows alike."""
    numbers, rows = sorted(map(int, classes)), sum(classes.values())
    if len(numbers) < MANY:
        return False
    if numbers[-1] - numbers[0] + 1 == len(numbers):
        return rows == len(numbers) and not unlabeled
    return rows < len(numbers) * (ROWS_EACH if len(numbers) <= 100 else 4 * ROWS_EACH)
