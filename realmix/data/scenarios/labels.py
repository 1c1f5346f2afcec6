"""Which rows keep their label, how often each class occurs, and wrong labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import counted, printable
from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import Truth, order, taken, true_labels
from realmix.data.splits import shares, stratified_labels

Which = Literal["both", "labels", "pool", "opposite"]
Noise = Literal["symmetric", "asymmetric"]
_KEPT, _POOL, _FLIPPED, _TO = 40, 41, 42, 43  # streams of randomness


def with_labels(dataset: Dataset, count: int, seed: int) -> Dataset:
    """Only `count` rows keep their label; the others go to the pool, their class to the oracle.

    The classes have the shares of `realmix.data.splits.shares`, drawn as `name@N` is.

    Raises:
        UsageError: fewer labels than classes, or more than there are.
    """
    known = int((dataset.label >= 0).sum())
    present = len(np.unique(dataset.label[dataset.label >= 0]))
    if not present <= count <= known:
        tests = dataset.test_label
        beside = "" if tests is None else f", beside {len(tests):,} test rows"
        raise UsageError(
            f"labels (--labels) {count:,}: the data have {counted(present, 'class', 'classes')} and"
            f" {known:,} rows with a label{beside}, so it is from {present} (one a class) to"
            f" {known:,}."
        )
    kept = stratified_labels(dataset.label, count, seed)
    label = np.full(len(dataset.label), -1, np.int64)
    label[kept] = dataset.label[kept]
    return replace(dataset, label=label, oracle=true_labels(dataset))


def exponential(most: int, num_classes: int, gamma: float, reverse: bool = False) -> np.ndarray:
    """How many rows each class has: ``most * gamma ** (-c / (K - 1))``, rounded, at least 0.

    The long tail of Cui et al., 2019, "Class-balanced loss based on effective number of samples"
    (https://arxiv.org/abs/1901.05555), as semi-supervised work has it since DARP and CReST.

    >>> exponential(100, 3, 100)
    array([100,  10,   1])
    """
    place = np.arange(num_classes) / max(num_classes - 1, 1)
    counts: np.ndarray = np.round(most * gamma ** -(1 - place if reverse else place))
    return counts.astype(np.int64)


def imbalanced(
    dataset: Dataset, gamma: float, seed: int, which: Which = "both"
) -> tuple[Dataset, Truth]:
    """Classes of unequal size: the first is `gamma` times as frequent as the last.

    The number of labels stays; they are drawn again from all rows whose class is known. The pool
    loses rows: its largest class stays whole.

    Args:
        dataset: labeled rows and a pool.
        gamma: at least 1, which changes nothing.
        seed: draws the rows.
        which: the labels, the pool, both alike, or "opposite": the pool's order is reversed.

    Raises:
        UsageError: a gamma below 1.
        DataError: a class is left without a label or without a row to label.
    """
    if gamma < 1:
        raise UsageError(f"Imbalance of {gamma:g}: it is 1 (equal) or more.")
    if gamma == 1:
        return unchanged(dataset)
    true, count = true_labels(dataset), len(dataset.classes)
    label = np.array(dataset.label)
    rows = [np.flatnonzero(true == c) for c in range(count)]
    rows = [own[order(len(own), seed, _KEPT, c)] for c, own in enumerate(rows)]
    if which != "pool":
        shaped = _shaped(int((label >= 0).sum()), count, gamma)
        _check_labels(dataset, shaped, rows, gamma)
        label[:] = -1
        for own, number, c in zip(rows, shaped, range(count), strict=True):
            label[own[:number]] = c
    gone = np.zeros(len(label), bool)
    if which != "labels":
        pools = [own[label[own] < 0] for own in rows]
        wanted = exponential(1_000_000, count, gamma, which == "opposite") / 1_000_000
        most = max(min(len(own) / w for own, w in zip(pools, wanted, strict=True)), 0)
        for name, own, w in zip(dataset.classes, pools, wanted, strict=True):
            gone[own[_left(name, most * w, gamma) :]] = True
    kept = np.flatnonzero(~gone)
    made = replace(taken(dataset, kept), label=label[kept], oracle=true[kept])
    return made, Truth(true[kept], label[kept] < 0, kept)


def _left(name: str, rows: float, gamma: float) -> int:
    """Rows of a class that stay in the pool."""
    if round(rows) < 1:
        raise DataError(
            f"Imbalance of {gamma:g} leaves the class '{printable(name)}' no row in the pool."
            " Take a smaller one, or more data."
        )
    return round(rows)


def _shaped(total: int, count: int, gamma: float) -> np.ndarray:
    """`total` labels over the classes in the shares of `exponential`, at least one each."""
    if total < count:
        return np.zeros(count, np.int64)
    return shares(exponential(1_000_000, count, gamma), total)


def _check_labels(
    dataset: Dataset, shaped: np.ndarray, rows: list[np.ndarray], gamma: float
) -> None:
    for name, number, own in zip(dataset.classes, shaped.tolist(), rows, strict=True):
        if not 1 <= number <= len(own):
            hint = (
                ""
                if (dataset.label[own] < 0).any()
                else " None of them is in the pool: mismatch takes classes out of it, and"
                " mismatch-added leaves them there."
            )
            raise DataError(
                f"Imbalance of {gamma:g} gives the class '{printable(name)}' {number:,} labels,"
                f" and it has {len(own):,} rows. Take another number of labels, or less imbalance."
                f"{hint}"
            )


def noisy(
    dataset: Dataset, share: float, seed: int, kind: Noise = "symmetric"
) -> tuple[Dataset, Truth]:
    """Wrong labels: this share of the labeled rows, rounded, and of each class as nearly as can be.

    Symmetric: another class, each as likely. Asymmetric: the next class in their order, as digits
    7 that are called 8; what Patrini et al., 2017 (https://arxiv.org/abs/1609.03683) do by hand.
    The rows that are wrong at a smaller share are wrong at a larger one.

    Raises:
        UsageError: a share outside [0, 1], or one class alone.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"Label noise of {100 * share:g} %: it is 0 to 100 %.")
    count = len(dataset.classes)
    if count < 2:
        raise UsageError("Label noise takes two or more classes.")
    label = np.array(dataset.label)
    number = _wrong_of_each(np.bincount(label[label >= 0], minlength=count), share, seed)
    for c in range(count):
        rows = np.flatnonzero(dataset.label == c)
        wrong = rows[order(len(rows), seed, _FLIPPED, c)][: number[c]]
        steps = np.ones(len(wrong), np.int64)
        if kind == "symmetric":
            steps = 1 + order(len(rows), seed, _TO, c)[: len(wrong)] % (count - 1)
        label[wrong] = (c + steps) % count
    every = np.arange(len(label))
    made = replace(dataset, label=label, oracle=true_labels(dataset))
    return made, Truth(true_labels(dataset), label < 0, every)


def _wrong_of_each(sizes: np.ndarray, share: float, seed: int) -> np.ndarray:
    """(K,) int64 how many labels of each class are wrong, more of each at a larger share.

    A fifth of 4 labels is no whole number: there classes take turns, drawn by the seed, and it is a
    fifth of all.
    """
    count, of = len(sizes), np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(of)) - (np.cumsum(sizes) - sizes)[of]
    turn = (order(count, seed, _FLIPPED, count) + 0.5) / count
    first = np.argsort((within + turn[of]) / sizes[of], kind="stable")
    return np.bincount(of[first[: round(share * len(of))]], minlength=count)


def relabeled(dataset: Dataset, given: np.ndarray) -> tuple[Dataset, Truth]:
    """Labels that people gave, such as CIFAR-10N's, in place of the labeled rows' own.

    Args:
        dataset: labeled rows and a pool.
        given: (N,) int64 class that each row was given, in the order of the data.

    Raises:
        DataError: not one label for each row, or a number that is no class.
    """
    if given.shape != dataset.label.shape or given.min() < 0 or given.max() >= len(dataset.classes):
        raise DataError(
            f"Human labels of shape {given.shape}, from {given.min()} to {given.max()}, do not"
            f" belong to {len(dataset.label):,} rows of {len(dataset.classes)} classes."
        )
    label = np.where(dataset.label >= 0, given, -1)
    true = true_labels(dataset)
    return replace(dataset, label=label, oracle=true), Truth(true, label < 0, np.arange(len(label)))


def unchanged(dataset: Dataset) -> tuple[Dataset, Truth]:
    """The data as they are."""
    return dataset, Truth(true_labels(dataset), dataset.label < 0, np.arange(len(dataset.label)))
