"""What equal rows mean for a run: which stay together, what is refused, what is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.examine.equal import Equal, copies_of, find_equal, groups_of
from realmix.data.pools import Dataset

_LISTED = 5
_FEW_VALUES, _FEW_WORDS = 4, 3
_NAMED = 5  # pairs


def examined(dataset: Dataset, allow_leakage: bool = False) -> Dataset:
    """The data set with the groups of its rows, and with notes on those that are equal.

    Args:
        dataset: what was read; its groups are those by the owner's word, -1 where a row has none.
        allow_leakage: test rows may be among the labeled rows.

    Raises:
        DataError: test rows are among the labeled rows, and may not be.
    """
    found = find_equal(dataset)
    leaked = _leak(dataset, found)
    natural = bool(leaked) and _by_chance(dataset, found)
    if leaked and not allow_leakage and not natural:
        raise DataError(
            f"{leaked} A test on rows that train measures memory. Remove them from one of the two,"
            " or give --allow-leakage if they are different rows that happen to be equal."
        )
    together = groups_of(found, dataset.label, dataset.groups)
    copies = copies_of(found, dataset.label)
    why = "So few different values make rows equal by chance" if natural else "--allow-leakage"
    accepted = (f"{leaked} Accuracy on them may be memory ({why}).",) if leaked else ()
    notes = (*accepted, *_test_notes(dataset, found), *_notes(dataset, found, copies))
    return replace(
        dataset,
        groups=together,
        copies=copies if copies.any() else None,
        notes=(*dataset.notes, *notes),
    )


def _parts(dataset: Dataset, found: Equal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The labeled rows, the pool and the test rows, as `Equal` numbers them."""
    labeled, pool = np.flatnonzero(dataset.label >= 0), np.flatnonzero(dataset.label < 0)
    return labeled, pool, np.arange(found.count, len(found.first))


def _name(dataset: Dataset, row: int) -> str:
    count = len(dataset.inputs)
    names = dataset.names if row < count else dataset.test_names
    place = row if row < count else row - count
    kind = "row" if row < count else "test row"
    return f"'{printable(names[place])}'" if names else f"{kind} {place}"


def _is(dataset: Dataset, pair: np.ndarray) -> str:
    return f"{_name(dataset, pair[0])} is {_name(dataset, pair[1])}"


def _leak(dataset: Dataset, found: Equal) -> str:
    """That test rows are among the labeled rows, or nothing."""
    labeled, _, test = _parts(dataset, found)
    pairs = found.among(test, labeled)
    if not len(pairs):
        return ""
    named = "; ".join(_is(dataset, pair) for pair in pairs[:_NAMED])
    return (
        f"{len(pairs):,} of the {len(test):,} test rows are among the labeled rows too (first:"
        f" {named})."
    )


def _by_chance(dataset: Dataset, found: Equal) -> bool:
    """Whether rows are so simple that they are equal without being copies.

    Feature rows: as many would be equal if the values of each column were mixed. Images: none of
    those that are equal has more than `_FEW_VALUES` different values. Texts: none of them has more
    than `_FEW_WORDS` words.
    """
    labeled, _, test = _parts(dataset, found)
    if dataset.is_images and dataset.test_inputs is not None:
        equal = dataset.test_inputs[found.among(test, labeled)[:, 0] - found.count]
        return all(len(np.unique(image)) <= _FEW_VALUES for image in equal)
    if dataset.is_texts and dataset.test_inputs is not None:
        said = dataset.test_inputs[found.among(test, labeled)[:, 0] - found.count]
        return all(len(text.split()) <= _FEW_WORDS for text in said)
    ways = np.prod([float(len(np.unique(column))) for column in dataset.inputs.T])
    return bool(len(labeled) * len(test) / ways >= len(found.among(test, labeled)))


def _near(dataset: Dataset, words: tuple[str, str, str]) -> str:
    """What is near of images, of texts, of feature rows."""
    return words[0] if dataset.is_images else words[1] if dataset.is_texts else words[2]


def _test_notes(dataset: Dataset, found: Equal) -> tuple[str, ...]:
    labeled, pool, test = _parts(dataset, found)
    notes = []
    pairs = found.among(test, pool)
    if len(pairs):
        notes.append(
            f"{len(pairs):,} of the {len(test):,} test rows are in the pool too (first: "
            f"{_is(dataset, pairs[0])}), where they train without labels. Accuracy on them may be "
            "higher than on new rows."
        )
    kind = _near(dataset, ("look like", "have the words of", "are nearly equal to"))
    for rows, what in ((labeled, "a labeled row"), (pool, "a row of the pool")):
        near = found.near_among(test, rows)
        if len(near):
            notes.append(
                f"Test rows that {kind} {what}: {len(near):,} of {len(test):,} (first: "
                f"{_name(dataset, near[0, 0])} and {_name(dataset, near[0, 1])}). If they are "
                "copies, accuracy on them measures memory: remove them from one of the two."
            )
    return tuple(notes)


def _notes(dataset: Dataset, found: Equal, copies: np.ndarray) -> tuple[str, ...]:
    """On equal rows that train."""
    labeled, pool, _ = _parts(dataset, found)
    notes = []
    if copies.any():
        again = found.among(np.flatnonzero(copies), labeled)
        notes.append(
            f"Of all {len(labeled):,} labeled rows {len(again):,} are copies of another one (first:"
            f" {_is(dataset, again[0])}). Copies are held out together and measured once."
        )
    disputed = contradictions(dataset, found)
    if len(disputed):
        notes.append(_disputed(dataset, disputed))
    near = found.near[np.isin(found.near, found.first[labeled]).all(1)]
    if len(near):
        kind = _near(dataset, ("look the same", "have the same words", "are nearly equal"))
        notes.append(
            f"Pairs of labeled rows that {kind}: {len(near):,} (first: "
            f"{_name(dataset, near[0, 0])} and {_name(dataset, near[0, 1])})."
        )
    known, repeated = found.among(pool, labeled), pool[found.first[pool] != pool]
    if len(known) or len(repeated):
        notes.append(
            f"Of the {len(pool):,} rows of the pool {len(repeated):,} are copies of another row, "
            f"{len(known):,} of a labeled one."
        )
    return tuple(notes)


def contradictions(dataset: Dataset, found: Equal) -> np.ndarray:
    """(P, 2) int64: labeled rows that equal an earlier labeled one of another class, and that."""
    labeled = np.flatnonzero(dataset.label >= 0)
    pairs = found.among(labeled, labeled)
    different: np.ndarray = pairs[dataset.label[pairs[:, 0]] != dataset.label[pairs[:, 1]]]
    return different


def _disputed(dataset: Dataset, pairs: np.ndarray) -> str:
    def said(row: int) -> str:
        return f"{_name(dataset, row)} ({printable(dataset.classes[dataset.label[row]])})"

    listed = "; ".join(f"{said(row)} is {said(other)}" for row, other in pairs[:_LISTED])
    more = f"; and {len(pairs) - _LISTED:,} more" if len(pairs) > _LISTED else ""
    known = int((dataset.label >= 0).sum())
    return (
        f"Of all {known:,} labeled rows {len(pairs):,} equal an earlier one of another class: "
        f"{listed}{more}. Check which is right."
    )
