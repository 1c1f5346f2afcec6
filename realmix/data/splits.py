"""Which labeled rows are used for what: drawing N labels, and the plan that checks a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realmix.base.randomness import derive

HOLD_OUT_ROWS = 500  # from this many labels on, a fifth of them measures well enough by itself
HOLD_OUT_PER_CLASS = 25
MAX_FOLDS = 5
_DRAW, _FOLDS = 11, 12  # streams of randomness

Fold = tuple[np.ndarray, np.ndarray]
"""(training rows, held-out rows), both int64 and sorted."""


def _shuffled(label: np.ndarray, seed: int, stream: int) -> dict[int, np.ndarray]:
    """The rows of each class in random order. One class's order does not depend on the others."""
    return {
        int(c): np.random.default_rng(derive(seed, stream, int(c))).permutation(
            np.flatnonzero(label == c)
        )
        for c in np.unique(label[label >= 0])
    }


def shares(available: np.ndarray, count: int) -> np.ndarray:
    """How many of `count` labels each class gets, so that they follow the data's histogram.

    One label each first; then again and again one for ``argmax_c(freq_c - n_c / max n)``, where
    freq is relative to the largest class (`create_split` of the MixMatch and FixMatch code).

    Args:
        available: (K,) rows of each class, all positive.
        count: from K to ``available.sum()``.

    Returns:
        (K,) int64, sums to `count`, between 1 and `available`.

    >>> shares(np.array([100, 100, 50]), 10)
    array([4, 4, 2])
    """
    frequency = available / available.max()
    given = np.ones(len(available), dtype=np.int64)
    for _ in range(count - len(available)):
        wanted = np.where(given < available, frequency - given / given.max(), -np.inf)
        given[wanted.argmax()] += 1
    return given


def stratified_labels(label: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The rows that keep their label when only `count` labels may be used.

    With one seed, the rows of a smaller count are among those of a larger one if every class's
    share grows.

    Args:
        label: (N,) int64; rows with -1 are never drawn.
        count: from the number of classes to the number of labeled rows.
        seed: non-negative.

    Returns:
        (count,) int64 rows, sorted; each class in the share that `shares` gives it.
    """
    rows = _shuffled(label, seed, _DRAW)
    given = shares(np.array([len(r) for r in rows.values()]), count)
    drawn = [r[:n] for r, n in zip(rows.values(), given, strict=True)]
    return np.sort(np.concatenate(drawn))


@dataclass(frozen=True)
class Plan:
    """How a model is checked on labeled rows that did not train it.

    Attributes:
        folds: one pair for a held-out part, K pairs for cross-validation, none where no class but
            one has a second example.
        refit: the shipped model is trained again on all labeled rows.
        rule: what was decided and why, in one sentence for the user.
    """

    folds: tuple[Fold, ...]
    refit: bool
    rule: str


NO_PLAN = Plan(
    (),
    refit=True,
    rule="Nothing was held out and nothing compared (--no-gate), so it is"
    " not known whether the unlabeled data helped.",
)


def _as_folds(known: np.ndarray, held: list[np.ndarray]) -> tuple[Fold, ...]:
    return tuple((np.setdiff1d(known, h), np.sort(h)) for h in held)


def _hold_out(known: np.ndarray, rows: dict[int, np.ndarray]) -> Plan:
    held = np.concatenate([r[: round(len(r) / 5)] for r in rows.values()])
    rule = (
        f"{len(held):,} of {len(known):,} labeled rows, a fifth of each class, are held out "
        "to compare models."
    )
    return Plan(_as_folds(known, [held]), refit=False, rule=rule)


def _cross_validation(known: np.ndarray, rows: dict[int, np.ndarray]) -> Plan:
    sizes = [len(r) for r in rows.values()]
    number = min(MAX_FOLDS, max(2, min(sizes)))
    shared = [r for r in rows.values() if len(r) >= 2]
    # dealt round and round without starting anew at each class, so that folds differ by one row
    dealt = np.concatenate(shared)
    singles = len(sizes) - len(shared)
    aside = f"; {singles} with a single example always train" if singles else ""
    rule = (
        f"{number}-fold cross-validation over {len(dealt):,} labeled rows compares models, as "
        f"there are fewer than {HOLD_OUT_ROWS} labels or {HOLD_OUT_PER_CLASS} in a class"
        f" (classes: {len(sizes)}{aside}); the final model trains on all {len(known):,}."
    )
    return Plan(_as_folds(known, [dealt[k::number] for k in range(number)]), True, rule)


def validation_plan(label: np.ndarray, seed: int) -> Plan:
    """The rule by which the gate compares models on labeled rows.

    With at least 500 labels and 25 in each class, a stratified fifth is held out. Otherwise
    stratified cross-validation with min(5, max(2, smallest class)) folds, in which a class with a
    single example always trains and is never held out. With fewer than two classes that have a
    second example there is nothing to hold out.

    Args:
        label: (N,) int64; rows with -1 belong to no fold.
        seed: non-negative; the same labels and seed give the same plan.
    """
    known = np.flatnonzero(label >= 0)
    rows = _shuffled(label, seed, _FOLDS)
    sizes = [len(r) for r in rows.values()]
    if sum(size >= 2 for size in sizes) < 2:
        rule = (
            "Nothing can be held out: fewer than two classes have a second labeled example, so "
            "models cannot be compared."
        )
        return Plan((), refit=True, rule=rule)
    if len(known) >= HOLD_OUT_ROWS and min(sizes) >= HOLD_OUT_PER_CLASS:
        return _hold_out(known, rows)
    return _cross_validation(known, rows)


def halves(label: np.ndarray, seed: int) -> tuple[Fold, ...]:
    """Two folds in which each class's rows are divided evenly; every row is held out once.

    Args:
        label: (N,) int64; rows with -1 belong to no fold.
        seed: non-negative.
    """
    dealt = np.concatenate(list(_shuffled(label, seed, _FOLDS).values()))
    return _as_folds(np.flatnonzero(label >= 0), [dealt[k::2] for k in range(2)])
