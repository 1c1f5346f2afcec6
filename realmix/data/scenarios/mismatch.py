"""Pools that hold what belongs to no class: the data set's own other classes.

What the pool is made of differs between two questions. `class_mismatch` swaps classes, as RealMix
(Nair et al., 2019, https://arxiv.org/abs/1912.08766) and Oliver et al. (2018,
https://arxiv.org/abs/1804.09170, section 4.4) do: with every foreign class a known one leaves, so
the harm of the one and the loss of the other are seen together. `added_mismatch` holds the known
part fixed and adds foreign rows (https://arxiv.org/abs/2503.00884), so what is seen is the harm
alone. Both draw the same labels by the same seed, whatever the share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from realmix.base.errors import UsageError
from realmix.base.wording import counted, printable, shortened, suggestion
from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import Truth, order, taken, taken_test, true_labels

ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
"""The six classes of CIFAR-10 that both papers know; its vehicles are foreign."""

_CLASS = 30  # stream of randomness
_NONE = np.zeros(0, np.int64)


def class_mismatch(
    dataset: Dataset,
    share: float,
    seed: int,
    *,
    known: Sequence[str] = ANIMALS,
    labels: int = 400,
    pool_classes: int = 4,
) -> tuple[Dataset, Truth]:
    """A pool of `pool_classes` classes, of which a share is foreign (RealMix and Oliver et al.).

    The first classes that are not known take the place of the first known ones: of CIFAR-10 at
    25 % airplane, dog, frog, horse. Every class of the pool gives as many rows as the smallest
    can, so the pool is as large at every share. The test rows are those of the known classes.

    Args:
        dataset: rows whose classes are known, by their label or the oracle.
        share: of the pool's classes that are foreign, in [0, 1]; a whole number of classes.
        seed: draws labels and pool.
        known: names of the classes that are learned, in the order of the new labels.
        labels: labeled rows of each of them.
        pool_classes: classes of the pool.

    Raises:
        UsageError: names that are no classes, or numbers that the classes do not have.
    """
    rows, foreign = _divided(dataset, known, labels, seed)
    most = min(len(known), len(foreign))
    if not 1 <= pool_classes <= most:
        raise UsageError(
            f"pool_classes={pool_classes}: of {len(known)} known and {len(foreign)} foreign classes"
            f" a pool can have 1 to {most}."
        )
    count = round(share * pool_classes) if 0 <= share <= 1 else -1
    if count < 0 or abs(count - share * pool_classes) > 1e-6:
        possible = ", ".join(f"{100 * i / pool_classes:g}" for i in range(pool_classes + 1))
        raise UsageError(
            f"Mismatch of {100 * share:g} %: a pool of {pool_classes} classes can have {possible} %"
            " foreign ones."
        )
    first = len(known) - pool_classes
    rest = [own[labels:] for own in rows[first:]]
    each = min(len(own) for own in (*rest, *foreign[:pool_classes]))
    within = np.concatenate([*(own[:each] for own in rest[count:]), _NONE])
    outside = np.concatenate([*(other[:each] for other in foreign[:count]), _NONE])
    return _scenario(dataset, known, [own[:labels] for own in rows], within, outside)


def added_mismatch(
    dataset: Dataset,
    share: float,
    seed: int,
    *,
    known: Sequence[str] = ANIMALS,
    labels: int = 400,
    known_rows: int = 6000,
) -> tuple[Dataset, Truth]:
    """A pool of `known_rows` rows of the known classes, the same at every share, and foreign ones.

    Both parts are drawn evenly from all classes they have; foreign rows at a smaller share are
    among those at a larger one.

    Args:
        dataset: rows whose classes are known, by their label or the oracle.
        share: of the pool's rows that are foreign, in [0, 1).
        seed: draws labels and pool.
        known: names of the classes that are learned, in the order of the new labels.
        labels: labeled rows of each of them.
        known_rows: pool rows of the known classes, in all.

    Raises:
        UsageError: names that are no classes, or numbers that the classes do not have.
    """
    rows, foreign = _divided(dataset, known, labels, seed)
    if not 0 <= share < 1:
        raise UsageError(
            f"Mismatch of {100 * share:g} %: where the known part of the pool is held, the share is"
            " 0 or more and less than 100 %."
        )
    within = _evenly([own[labels:] for own in rows], known_rows, "known_rows")
    count = round(known_rows * share / (1 - share))
    outside = _evenly(foreign, count, f"{100 * share:g} % beside {known_rows:,} known rows")
    return _scenario(dataset, known, [own[:labels] for own in rows], within, outside)


def _divided(
    dataset: Dataset, known: Sequence[str], labels: int, seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The rows of each known class and of each other class, in random order each."""
    for name in known:
        if name not in dataset.classes:
            hint = suggestion(str(name), dataset.classes)
            raise UsageError(
                f"'{printable(name)}' is none of the classes {shortened(dataset.classes)}.{hint}"
            )
    others = [name for name in dataset.classes if name not in known]
    if len(known) < 2 or len(set(known)) < len(known) or not others:
        raise UsageError(
            "Mismatch takes two or more known classes, each named once, and one or more others."
            f" Known: {shortened(known) or 'none'}; of {len(dataset.classes)} classes that leaves"
            f" {len(others)}. Two classes have none to spare: foreign rows come from other data"
            " (foreign=50:FILE)."
        )
    truth = true_labels(dataset)
    parts = {name: np.flatnonzero(truth == c) for c, name in enumerate(dataset.classes)}
    drawn = {
        name: rows[order(len(rows), seed, _CLASS, dataset.classes.index(name))]
        for name, rows in parts.items()
    }
    for name in known:
        if not 1 <= labels < len(parts[name]):
            raise UsageError(
                f"{counted(labels, 'label')} of each class: the class '{printable(name)}' has"
                f" {len(parts[name]):,} rows, of which 1 or more can be labeled (--labels, of all"
                " classes) and at least one must stay in the pool."
            )
    for name in others:
        if not len(parts[name]):
            raise UsageError(f"The foreign class '{printable(name)}' has no rows.")
    return [drawn[name] for name in known], [drawn[name] for name in others]


def _evenly(parts: Sequence[np.ndarray], count: int, what: str) -> np.ndarray:
    """`count` rows, from each part equally many or one more."""
    most = min(len(part) for part in parts) * len(parts)
    if not 0 <= count <= most:
        raise UsageError(
            f"{what} takes {count:,} rows evenly of these classes, which have {most:,}."
        )
    each, more = divmod(count, len(parts))
    return np.concatenate([part[: each + (i < more)] for i, part in enumerate(parts)])


def _scenario(
    dataset: Dataset,
    known: Sequence[str],
    labeled: Sequence[np.ndarray],
    within: np.ndarray,
    outside: np.ndarray,
) -> tuple[Dataset, Truth]:
    """The data of the known classes alone, with that pool; rows stay in their order."""
    place = np.full(len(dataset.classes) + 1, -1)  # the last one is of rows without any class
    place[[dataset.classes.index(name) for name in known]] = np.arange(len(known))
    rows = np.sort(np.concatenate([*labeled, within, outside]))
    truth = place[true_labels(dataset)[rows]]
    pool = ~np.isin(rows, np.concatenate(list(labeled)))
    chosen = taken(dataset, rows)
    if dataset.test_label is not None:
        chosen = taken_test(chosen, np.flatnonzero(place[dataset.test_label] >= 0))
        assert chosen.test_label is not None
        chosen = replace(chosen, test_label=place[chosen.test_label])
    label = np.where(pool, -1, truth)
    made = replace(chosen, label=label, classes=tuple(known), oracle=truth)
    return made, Truth(truth, pool, rows)
