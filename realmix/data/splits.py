"""Which labeled rows are used for what: drawing N labels, and the plan that checks a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realmix.base.randomness import derive

HOLD_OUT_ROWS = 2000  # from this many labels on, a fifth of them measures well enough by itself
FOLDS, FOLD_SHARE = 2, 0.75  # what buys most for half again the time: benchmarks/records/gate
QUICK_FOLDS, QUICK_SHARE = 5, 0.5  # where methods take no time, and but one takes any steps
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
    """How models are compared on labeled rows that did not train them.

    What ships is trained again on all labeled rows, whatever the plan.

    Attributes:
        folds: one pair for a held-out part, K pairs for cross-validation, none where no class but
            one has a second example.
        share: of the steps of a training that each of theirs takes, in (0, 1].
        rule: what was decided and why, in one sentence for the user.
    """

    folds: tuple[Fold, ...]
    share: float
    rule: str


NO_PLAN = Plan(
    (),
    1.0,
    rule="Nothing was held out and nothing compared (--no-gate), so it is"
    " not known whether the unlabeled data helped.",
)


_NOTHING = (
    "Nothing could be held out: fewer than two classes have a second labeled example, so models "
    "cannot be compared."
)


def _as_folds(known: np.ndarray, held: list[np.ndarray]) -> tuple[Fold, ...]:
    return tuple((np.setdiff1d(known, h), np.sort(h)) for h in held)


def _hold_out(rows: dict[int, np.ndarray]) -> list[np.ndarray]:
    # of a class with a single example that one trains
    return [np.concatenate([r[: max(round(len(r) / 5), int(len(r) > 1))] for r in rows.values()])]


def _cross_validation(rows: dict[int, np.ndarray], most: int) -> list[np.ndarray]:
    shared = [r for r in rows.values() if len(r) >= 2]
    number = min(most, max(2, min(map(len, rows.values()))))
    # dealt round and round without starting anew at each class, so that folds differ by one row
    dealt = np.concatenate(shared)
    return [dealt[k::number] for k in range(number)]


def validation_plan(
    label: np.ndarray,
    seed: int,
    quick: bool = False,
    trains_only: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    copies: np.ndarray | None = None,
    by_steps: bool = True,
) -> Plan:
    """The rule by which the gate compares models on labeled rows.

    With at least 2,000 labels a stratified fifth is held out. Otherwise stratified
    cross-validation with at most `FOLDS` folds (two where a class has two examples), in which a
    class with a single example always trains and is never held out. With fewer than two classes
    that have a second example there is nothing to hold out. Where rows have groups, "example" here
    means a group: its first row is drawn, and the others go with it.

    Args:
        label: (N,) int64; rows with -1 belong to no fold.
        seed: non-negative; the same labels and seed give the same plan.
        quick: most methods take no time: more folds.
        trains_only: (N,) bool, rows that train in every fold and are never held out.
        groups: (N,) int64, rows of one number are never divided; None: each is its own.
        copies: (N,) bool, rows that are not measured where they are held out.
        by_steps: whether any method trains by steps, so that the rule speaks of them.
    """
    known = np.flatnonzero(label >= 0)
    free = label if trains_only is None else np.where(trains_only, -1, label)
    units = free if groups is None else _leaders(label, free, groups)
    rows = _shuffled(units, seed, _FOLDS)
    sizes = [len(r) for r in rows.values()]
    examples = sizes if groups is None else _groups_of_classes(label, units, groups)
    if sum(number >= 2 for number in examples) < 2:
        return Plan((), 1.0, _NOTHING)
    if max(sizes) < 2:  # groups of several classes, each with another rarest one
        rows = {0: np.concatenate(list(rows.values()))}
    part = sum(sizes) >= HOLD_OUT_ROWS
    most, share = (QUICK_FOLDS, QUICK_SHARE) if quick else (FOLDS, FOLD_SHARE)
    drawn = _hold_out(rows) if part else _cross_validation(rows, most)
    folds = _as_folds(known, drawn)
    if groups is not None:
        folds = tuple(_whole_groups(label, known, held, groups) for _, held in folds)
    if copies is not None:
        folds = tuple((train, held[~copies[held]]) for train, held in folds)
    folds = tuple((train, held) for train, held in folds if len(held))
    if not folds:
        return Plan((), 1.0, _NOTHING)
    count = sum(len(held) for _, held in folds)
    whole = "" if groups is None else ", equal rows and groups undivided,"
    if part:
        return Plan(folds, 1.0, _part_rule(count, len(known), whole))
    singles = sum(number < 2 for number in examples)
    told = share if by_steps else 1.0
    return Plan(folds, share, _folds_rule(len(folds), count, len(known), singles, told, whole))


def _leaders(label: np.ndarray, free: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(N,) int64: the label of each group at its first row, -1 at all others.

    A group with several labels counts for the rarest, of equally rare the first. Of one with a row
    that only trains none is drawn.
    """
    known = np.flatnonzero(label >= 0)
    bound = np.unique(groups[known][free[known] < 0])
    units = np.full(len(label), -1, np.int64)
    rarity = np.bincount(label[known])[label[known]]
    order = np.lexsort((known, label[known], rarity, groups[known]))
    _, rarest = np.unique(groups[known][order], return_index=True)
    values, first = np.unique(groups[known], return_index=True)
    units[known[first]] = label[known[order[rarest]]]
    units[known[first[np.isin(values, bound)]]] = -1
    return units


def _groups_of_classes(label: np.ndarray, units: np.ndarray, groups: np.ndarray) -> list[int]:
    """In how many of the groups that may be held out each class occurs, none left out."""
    rows = np.flatnonzero((label >= 0) & np.isin(groups, groups[units >= 0]))
    pairs = np.unique(np.stack([label[rows], groups[rows]], 1), axis=0)
    numbers: list[int] = np.unique(pairs[:, 0], return_counts=True)[1].tolist()
    return numbers


def _whole_groups(
    label: np.ndarray, known: np.ndarray, drawn: np.ndarray, groups: np.ndarray
) -> Fold:
    """The fold that holds out the groups of the rows drawn, but for the last of a class."""
    held = np.isin(groups[known], groups[drawn])
    for c in np.setdiff1d(label[known], label[known[~held]]):
        kept = groups[known[held & (label[known] == c)][0]]
        held &= groups[known] != kept
    return known[~held], known[held]


def _part_rule(count: int, known: int, whole: str) -> str:
    return (
        f"{count:,} of {known:,} labeled rows, a fifth of each class,{whole} were held out to "
        "compare models; what ships was then trained on all."
    )


def _folds_rule(number: int, count: int, known: int, singles: int, share: float, whole: str) -> str:
    aside = f" ({singles} with a single example always train)" if singles else ""
    shorter = f", in trainings of {share:.0%} of the steps" if share < 1 else ""
    return (
        f"{number}-fold cross-validation over {count:,} labeled rows{aside}{whole} compared models"
        f"{shorter}; what ships was trained on all {known:,}."
    )
