"""What a value in a column of labels says: a class, "no label", or something to ask about.

Every door asks here: tables, arrays, `.npz` files, class folders, answers and the estimators.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from realmix.base.wording import counted, printable
from realmix.data.label_doubts import (
    WHOLE_NUMBER,
    doubtful,
    far_above,
    question,
    refuse_quantities,
)

NO_LABEL = frozenset(
    (  # what pandas reads as missing, and what databases, Weka and pandas' own types write
        *("", "#N/A", "#NA", "<NA>", "N/A", "NA", "n/a", "NULL", "Null", "null", "None", "NaT"),
        *("nan", "NaN", "NAN", "-nan", "-NaN", "\\N", "-", ".", "?", "-1", "-100"),
    )
)
"""What means "no label" at every door; -100 is what losses ignore by custom."""
EXPECTED = frozenset(["", "-1"])
"""Of these, what the estimators' documents name, so that they need no warning."""


@dataclass(frozen=True)
class Marks:
    """What the user says of values that can be read two ways.

    Attributes:
        unlabeled: values that mean "no label", beside `NO_LABEL`.
        classes: values that are classes, although they are in `NO_LABEL` or look like it.
    """

    unlabeled: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, unlabeled: Any = None, classes: Any = None) -> Marks:
        """From single values, lists of them, or None."""
        return cls(_names(unlabeled), _names(classes))

    def means_none(self, name: str) -> bool:
        """Whether a `class_name` means "no label"."""
        return name in self.unlabeled or (name in NO_LABEL and name not in self.classes)

    def settled(self, labels: Labels) -> Marks:
        """These, for further rows of the same data: what was a class, or none, stays that."""
        named = tuple(dict.fromkeys(n for n in labels.names if n is not None))
        return replace(
            self,
            unlabeled=(*self.unlabeled, *labels.marks),
            classes=(*self.classes, *named),
        )


NOTHING_SAID = Marks()


class Labels(NamedTuple):
    """A column of labels that was read.

    Attributes:
        names: class name of each row, None where it has none.
        marks: what was taken as "no label", with the rows that say so.
    """

    names: list[str | None]
    marks: dict[str, int]

    def notes(self, where: str = "", quiet: frozenset[str] = frozenset([""])) -> tuple[str, ...]:
        """What was taken as "no label", but for what nobody needs to be told."""
        told = {mark: count for mark, count in self.marks.items() if mark not in quiet}
        if not told:
            return ()
        listed = ", ".join(
            f"'{printable(m)}' ({counted(count, 'row')})" for m, count in told.items()
        )
        first = shlex.quote(printable(next(iter(told))))
        hint = f"Should it be a class: --class-value={first}."
        return (f"Taken as 'no label'{where}: {listed}. {hint}",)


def class_name(value: Any) -> str:
    """The name of a label as found in a table or an array; a missing one has the name "".

    Whole numbers have one name however they were written: pandas turns 1 into 1.0 as soon as one
    label of the column is missing.

    >>> [class_name(v) for v in ("cat ", 1, 1.0, "1.0", True, "", None, float("nan"))]
    ['cat', '1', '1', '1', 'True', '', '', '']
    """
    if value is None or value is np.ma.masked or is_missing(value):
        return ""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = str(value).strip()
    if WHOLE_NUMBER.fullmatch(text) and "." in text:
        text = text.partition(".")[0]
    return text


def read_labels(
    values: Any, marks: Marks = NOTHING_SAID, where: str = "The labels", asks: bool = True
) -> Labels:
    """The class of each row, or that it has none.

    Args:
        values: N names or numbers of any kind: a list, an array, also a masked one.
        marks: what the user says of them.
        where: what they are, for messages.
        asks: refuse what can be read two ways. Not for rows whose labels are but compared.

    Raises:
        DataError: values that may mean "no label" or a class, with both ways out; or quantities.
    """
    items, top = _listed(values)
    names = [class_name(item) for item in items]
    counts = Counter(names)
    classes = {name: count for name, count in counts.items() if not marks.means_none(name)}
    wrapped = _wrapped(classes, top) if str(top) not in marks.classes else None
    classes.pop(wrapped or "", None)
    if asks:
        refuse_quantities(classes, len(names) - sum(classes.values()), marks.classes, where)
        said = {*marks.unlabeled, *marks.classes}
        if names_in_doubt := doubtful(counts, classes, said):
            raise question(names_in_doubt, counts, where, classes)
    taken = {name: count for name, count in counts.items() if name not in classes}
    return Labels([name if name in classes else None for name in names], taken)


def read_folders(folders: Sequence[str | None], marks: Marks = NOTHING_SAID) -> Labels:
    """The class of each file by its folder's name, None in the pool.

    A folder is a class, or of the pool if it is said to be; one that is named like "no label" is
    asked about.

    Raises:
        DataError: naming it, with both ways out.
    """
    counts = Counter(name for name in folders if name is not None)
    said = {*marks.unlabeled, *marks.classes}
    asked = [name for name in counts if name in NO_LABEL and name not in said]
    asked += [name for name in doubtful(counts, counts, said) if name not in asked]
    # empty ones and those of the pool have a rule of their own: see `check_classes`
    asked = [name for name in asked if name.strip() and "unlabel" not in name.casefold()]
    if asked:
        otherwise = "put its files into a folder named 'unlabeled'"
        raise question(asked, counts, "Folders", otherwise=otherwise)
    taken = {name: count for name, count in counts.items() if name in marks.unlabeled}
    return Labels([None if name in taken else name for name in folders], taken)


def _names(values: Any) -> tuple[str, ...]:
    if values is None:
        return ()
    single = isinstance(values, (str, bytes)) or not hasattr(values, "__iter__")
    return tuple(map(class_name, [values] if single else values))


def is_missing(value: Any) -> bool:
    """NaN, NaT and pandas.NA, none of which is equal to itself."""
    if isinstance(value, (str, bytes, int)):
        return False
    same = value == value  # neither true nor false for pandas.NA
    return not getattr(same, "shape", ()) and not (
        isinstance(same, (bool, np.bool_)) and bool(same)
    )


def _listed(values: Any) -> tuple[list[Any], int | None]:
    """The items, None where masked; and the largest number of an unsigned type."""
    if isinstance(values, np.ma.MaskedArray):
        kind = values.dtype
        hidden, values = np.ma.getmaskarray(values), values.data.astype(object)
        values[hidden] = None
    else:
        kind = getattr(values, "dtype", None)
    unsigned = isinstance(kind, np.dtype) and kind.kind == "u"
    items = values.tolist() if hasattr(values, "tolist") else list(values)
    return items, int(np.iinfo(kind).max) if unsigned else None


def _wrapped(classes: Iterable[str], top: int | None) -> str | None:
    """The name of -1 as an unsigned type holds it: beside two small classes or more."""
    others = [name for name in classes if name != str(top)]
    if top is None or str(top) not in classes or len(others) < 2:
        return None
    return str(top) if far_above(top, others) else None
