"""Data as a run takes them: a test part, labels, and what scenarios make of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from realmix.base.errors import UsageError
from realmix.base.wording import counted, printable
from realmix.data.pools import Dataset
from realmix.data.reading.check import label_notes
from realmix.data.scenarios.elsewhere import foreign_mismatch
from realmix.data.scenarios.labels import (
    imbalanced,
    noisy,
    relabeled,
    unchanged,
    with_labels,
)
from realmix.data.scenarios.mismatch import ANIMALS, added_mismatch, class_mismatch
from realmix.data.scenarios.names import DRAWS, Asked
from realmix.data.scenarios.pool import STYLES, near_duplicates, noise_rows, pool_of_size, styled
from realmix.data.scenarios.testing import with_test_part, with_validation
from realmix.data.scenarios.truth import Truth, taken, true_labels

NOISE_ROWS = "noise"
KNOWN_SHARE = 0.6  # of the classes are learned, as six of CIFAR-10's ten
MOST_POOL_CLASSES = 4


def _nowhere(name: str) -> np.ndarray:
    raise UsageError(f"'{printable(name)}' cannot be read here: no reader was given.")


@dataclass(frozen=True)
class Places:
    """Where what is not in the data comes from.

    Attributes:
        foreign: from a name or file to (M, ...) rows of the same form as the data's.
        human: from a name such as "worst" to (50000,) classes that people gave CIFAR-10's images.
    """

    foreign: Callable[[str], np.ndarray] = _nowhere
    human: Callable[[str], np.ndarray] = _nowhere


def arranged(
    dataset: Dataset,
    seed: int,
    *,
    labels: int | None = None,
    test_share: float | None = None,
    scenario: Sequence[str] = (),
    places: Places | None = None,
) -> tuple[Dataset, Truth]:
    """The data as a run takes them, and what their rows really are.

    In this order: a test part, the same for every seed; labels, all others going to the pool; the
    scenarios, as they are given. Class mismatch comes first of them and draws the labels itself,
    equally many of each known class.

    Args:
        dataset: what was read.
        seed: draws labels and what the scenarios draw.
        labels: rows that keep their label; all by default.
        test_share: see `with_test_part`; the truth numbers the rows as they were before.
        scenario: each NAME=VALUE; see `SCENARIOS`.
        places: where foreign rows and human labels come from.

    Raises:
        UsageError, DataError: see the functions of this room.
    """
    asked = sorted((Asked.of(words) for words in scenario), key=lambda one: one.name not in DRAWS)
    if sum(one.name in DRAWS for one in asked) > 1:
        raise UsageError(f"Give one of {' and '.join(DRAWS)}.")
    count, as_read = len(dataset.label), label_notes(dataset)
    whole = np.arange(count)
    if test_share is not None:
        dataset, whole = with_test_part(dataset, test_share)
    if asked and asked[0].name in DRAWS:
        dataset, truth = _mismatched(dataset, asked.pop(0), labels, seed)
    else:
        dataset = dataset if labels is None else with_labels(dataset, labels, seed)
        truth = unchanged(dataset)[1]
    truth = replace(truth, row=whole[truth.row])
    for one in asked:
        made, found = _done(dataset, one, seed, places or Places())
        truth, dataset = _after(truth, found, made, count), made
    others = tuple(note for note in dataset.notes if note not in as_read)
    return replace(dataset, notes=others + label_notes(dataset)), truth


def _after(first: Truth, second: Truth, dataset: Dataset, given: int) -> Truth:
    """What the rows are after a second scenario; what was foreign or wrong once stays so.

    Rows from elsewhere are numbered on behind the `given` ones, of which some may be gone.
    """
    count, pool = len(first.row), dataset.label < 0
    own = second.row < count
    place = np.where(own, second.row, 0)
    behind = first.row.max(initial=given - 1) + 1 + second.row - count
    label = np.where(own, first.label[place], second.label)
    return Truth(label, pool, np.where(own, first.row[place], behind))


def _mismatched(
    dataset: Dataset, asked: Asked, labels: int | None, seed: int
) -> tuple[Dataset, Truth]:
    known, others = known_classes(dataset)
    kept = np.flatnonzero(true_labels(dataset) >= 0)
    dataset = taken(dataset, kept)
    count = int((dataset.label >= 0).sum()) if labels is None else labels
    each = count // max(len(known), 1)
    if labels is None or each < 1:
        raise UsageError(
            f"{asked.name} draws the labels of {counted(len(known), 'class', 'classes')}: give"
            f" --labels N of {max(len(known), 1)} or more."
        )
    if asked.name == "mismatch":
        pool_classes = min(len(known), others, MOST_POOL_CLASSES)
        make = partial(class_mismatch, pool_classes=max(pool_classes, 1))
    else:
        true = true_labels(dataset)
        sizes = [int((true == dataset.classes.index(name)).sum()) - each for name in known]
        foreign = int((~np.isin(true, [dataset.classes.index(name) for name in known])).sum())
        # the largest pool that has foreign rows enough for four of five
        held = min(min(sizes, default=0) * len(known), foreign // 4)
        make = partial(added_mismatch, known_rows=max(held // max(len(known), 1), 1) * len(known))
    made, truth = make(dataset, asked.amount, seed, known=known, labels=each)
    return made, Truth(truth.label, truth.pool, kept[truth.row])


def known_classes(dataset: Dataset) -> tuple[tuple[str, ...], int]:
    """The classes that are learned where others are foreign, and how many others there are.

    Of CIFAR-10 the animals, as both papers have it; else the first three of five.
    """
    if set(ANIMALS) < set(dataset.classes):
        return ANIMALS, len(dataset.classes) - len(ANIMALS)
    count = min(max(round(KNOWN_SHARE * len(dataset.classes)), 2), len(dataset.classes))
    return dataset.classes[:count], len(dataset.classes) - count


def _done(dataset: Dataset, asked: Asked, seed: int, places: Places) -> tuple[Dataset, Truth]:
    """One scenario, on data whose labels are drawn."""
    name, amount = asked.name, asked.amount
    if name.startswith("foreign"):
        held: Any = "known" if name == "foreign" else "size"
        rows = _foreign(dataset, asked, held == "known", seed, places)
        return foreign_mismatch(dataset, rows, amount, seed, hold=held)
    if name.startswith("imbalance"):
        which: Any = name.partition("-")[2] or "both"
        return imbalanced(dataset, amount, seed, which)
    if name == "label-noise-human":
        return relabeled(dataset, _human(dataset, places.human(asked.what)))
    if name.startswith("label-noise"):
        return noisy(dataset, amount, seed, "asymmetric" if "-a" in name else "symmetric")
    if name == "validation":
        return with_validation(dataset, amount, seed)
    if name == "pool-size":
        return pool_of_size(dataset, int(amount), seed)
    if name == "near-duplicates":
        return near_duplicates(dataset, amount, seed)
    assert name in STYLES
    return styled(dataset, name, amount)


def _foreign(dataset: Dataset, asked: Asked, added: bool, seed: int, places: Places) -> np.ndarray:
    pool, share = int((dataset.label < 0).sum()), asked.amount
    if asked.what == NOISE_ROWS:
        wanted = share / max(1 - share, 1e-9) if added else share
        return noise_rows(dataset, round(pool * min(wanted, 1e3)) + 1, seed)
    return places.foreign(asked.what)


def _human(dataset: Dataset, given: np.ndarray) -> np.ndarray:
    """The labels of rows that are named ``cifar10[i]``."""
    found = [re.fullmatch(r"cifar10\[(\d+)\]", name) for name in dataset.names or ()]
    if not found or not all(found):
        raise UsageError("label-noise-human is for the data set cifar10: nobody labeled others.")
    return given[[int(match[1]) for match in found if match]].astype(np.int64)
