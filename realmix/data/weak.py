"""Labels of unknown quality: a rule's, a language model's, a crowd's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable, shortened
from realmix.data.labels import NOTHING_SAID, Marks, read_labels


def require_weak(column: str | None, found: np.ndarray | None) -> None:
    """Refuse a column of weak labels that the data do not have.

    Raises:
        UsageError: naming it.
    """
    if column is not None and found is None:
        raise UsageError(
            f"--weak-label-column: the data have no column '{printable(column)}'. It must be one of"
            " a table."
        )


def weak_names(values: Any, marks: Marks = NOTHING_SAID, count: int | None = None) -> np.ndarray:
    """(N,) the class that each value names, as an object; None where it is blank.

    Raises:
        DataError: there are not `count` of them.
    """
    names = read_labels(values, marks, "The weak labels", asks=False).names
    if count is not None and len(names) != count:
        raise DataError(f"There are {len(names):,} weak labels for {count:,} rows.")
    found = np.empty(len(names), object)
    found[:] = names
    return found


def as_places(names: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Names as places among the classes, -1 where there is none; with a note on unknown ones.

    Spaces around a name, and its case, do not count where that leaves no doubt.

    Args:
        names: (N,) objects, None where blank.
        classes: in label order.

    Raises:
        DataError: not one name is that of a class.
    """
    exact = {name: c for c, name in enumerate(classes)}
    folded: dict[str, int] = {}
    for c, name in enumerate(classes):
        key = name.strip().casefold()
        folded[key] = -1 if key in folded else c  # twins are told apart by their case alone
    given = [None if name is None else str(name).strip() for name in names]
    places = (-1 if n is None else exact.get(n, folded.get(n.casefold(), -1)) for n in given)
    found = np.fromiter(places, np.int64, len(given))
    pairs = zip(given, found.tolist(), strict=True)
    unknown = Counter(name for name, where in pairs if name is not None and where < 0)
    if unknown and (found < 0).all():
        raise DataError(
            f"None of the weak labels ({shortened([printable(n) for n in unknown])}) is a class"
            f" ({shortened([printable(n) for n in classes])}). They must have the classes' names."
        )
    if not unknown:
        return found, ()
    listed = shortened([f"'{printable(name)}' {n:,}" for name, n in unknown.most_common(5)])
    return found, (
        f"{sum(unknown.values()):,} weak labels name no class and are taken as blank: {listed}.",
    )
