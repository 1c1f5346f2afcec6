"""Drawing labels, and the plan that checks models on labeled rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realmix.data.splits import (
    FOLD_SHARE,
    FOLDS,
    HOLD_OUT_ROWS,
    shares,
    stratified_labels,
    validation_plan,
)

SIZES = st.lists(st.integers(1, 40), min_size=2, max_size=7)


def labels(sizes: list[int], unlabeled: int = 0) -> np.ndarray:
    """Labels of classes of these sizes in mixed order, with some -1 among them."""
    label = np.concatenate([np.full(n, c) for c, n in enumerate(sizes)] + [np.full(unlabeled, -1)])
    return np.random.default_rng(0).permutation(label).astype(np.int64)


def reference_shares(available: list[int], count: int) -> list[int]:
    """create_split of the MixMatch code with one label each to begin with, in plain loops."""
    given = [1] * len(available)
    while sum(given) < count:
        best, place = None, -1
        for c, n in enumerate(available):
            want = n / max(available) - given[c] / max(given)
            if given[c] < n and (best is None or want > best):
                best, place = want, c
        given[place] += 1
    return given


@given(SIZES, st.data())
@settings(max_examples=60, deadline=None)
def test_shares_follow_the_published_rule(sizes: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(len(sizes), sum(sizes)))
    assert shares(np.array(sizes), count).tolist() == reference_shares(sizes, count)


@given(st.integers(2, 7), st.integers(1, 9))
def test_balanced_classes_get_equal_shares(classes: int, each: int) -> None:
    assert set(shares(np.full(classes, 10), classes * each).tolist()) == {each}


@given(SIZES, st.integers(0, 5), st.data())
@settings(max_examples=60, deadline=None)
def test_drawn_labels_are_distinct_and_of_every_class(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    label = labels(sizes, unlabeled=5)
    count = data.draw(st.integers(len(sizes), sum(sizes)))
    rows = stratified_labels(label, count, seed)
    assert len(rows) == count
    assert (np.diff(rows) > 0).all()
    assert set(label[rows]) == set(range(len(sizes)))


def test_the_seed_decides_the_labels() -> None:
    label = labels([50, 50])
    first = stratified_labels(label, 10, 0)
    assert np.array_equal(first, stratified_labels(label, 10, 0))
    assert not np.array_equal(first, stratified_labels(label, 10, 1))


def test_fewer_labels_are_among_more() -> None:
    label = labels([50, 50, 50])
    assert set(stratified_labels(label, 12, 3)) <= set(stratified_labels(label, 60, 3))


@given(SIZES, st.integers(0, 3), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_folds_hold_out_every_row_once_but_single_examples(
    sizes: list[int], seed: int, unlabeled: int
) -> None:
    label = labels(sizes, unlabeled)
    plan = validation_plan(label, seed)
    several = [n for n in sizes if n >= 2]
    if len(several) < 2:
        assert plan.folds == ()
        return
    assert len(plan.folds) == FOLDS
    assert plan.share == FOLD_SHARE
    held = np.concatenate([h for _, h in plan.folds])
    assert sorted(held) == [i for i, c in enumerate(label) if c >= 0 and sizes[c] >= 2]
    for train, out in plan.folds:
        assert sorted([*train, *out]) == np.flatnonzero(label >= 0).tolist()
        assert set(label[train]) == set(range(len(sizes)))  # no class is unknown to a fold
    parts = [np.bincount(label[h], minlength=len(sizes)) for _, h in plan.folds]
    assert np.ptp(parts, axis=0).max() <= 1
    assert np.ptp([len(h) for _, h in plan.folds]) <= 1


@given(st.lists(st.integers(25, 120), min_size=2, max_size=5), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_many_labels_are_split_once(sizes: list[int], seed: int) -> None:
    sizes = [*sizes, HOLD_OUT_ROWS]
    label = labels(sizes)
    plan = validation_plan(label, seed)
    assert plan.share == 1
    ((train, held),) = plan.folds
    assert np.bincount(label[held]).tolist() == [round(n / 5) for n in sizes]
    assert sorted([*train, *held]) == list(range(len(label)))


@pytest.mark.parametrize(
    ("sizes", "quick", "folds", "share"),
    [
        ([1000, 1000], False, 1, 1.0),
        ([1000, 999], False, 2, 0.75),
        ([1999, 1], False, 0, 1.0),
        ([4, 4], False, 2, 0.75),
        ([1, 9, 9], False, 2, 0.75),
        ([1, 9], False, 0, 1.0),
        ([1, 1], True, 0, 1.0),
        ([8, 8], True, 5, 0.5),
        ([3, 8], True, 3, 0.5),
        ([1, 8, 8], True, 2, 0.5),
        ([1000, 1000], True, 1, 1.0),
    ],
)
def test_the_rule_at_its_edges(sizes: list[int], quick: bool, folds: int, share: float) -> None:
    plan = validation_plan(labels(sizes, unlabeled=7), 0, quick)
    assert (len(plan.folds), plan.share) == (folds, share)
    assert plan.rule.endswith(".")
    assert "\n" not in plan.rule


def test_a_rule_speaks_of_steps_only_where_something_trains_by_them() -> None:
    trained, fitted = (
        validation_plan(labels([8, 8]), 0, quick=True, by_steps=by_steps)
        for by_steps in (True, False)
    )
    assert "in trainings of 50% of the steps" in trained.rule
    assert "steps" not in fitted.rule
    assert fitted.share == trained.share


@given(SIZES, st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_does_not_change_the_shape_of_a_plan(
    sizes: list[int], shuffle: int
) -> None:
    label = labels(sizes, unlabeled=3)
    other = np.random.default_rng(shuffle).permutation(label)

    def counts(given: np.ndarray) -> list[list[int]]:
        plan = validation_plan(given, 0)
        return [np.bincount(given[h], minlength=len(sizes)).tolist() for _, h in plan.folds]

    assert counts(label) == counts(other)
    assert validation_plan(label, 0).rule == validation_plan(other, 0).rule


def test_a_plan_is_decided_by_the_seed() -> None:
    label = labels([20, 20])
    again = [h.tolist() for _, h in validation_plan(label, 0).folds]
    assert again == [h.tolist() for _, h in validation_plan(label, 0).folds]
    assert again != [h.tolist() for _, h in validation_plan(label, 1).folds]


def test_unlabeled_rows_between_change_nothing_but_positions() -> None:
    label = labels([20, 20])
    wide = np.full(80, -1)
    wide[::2] = label
    for (_, dense), (_, spread) in zip(
        validation_plan(label, 0).folds, validation_plan(wide, 0).folds, strict=True
    ):
        assert (dense * 2).tolist() == spread.tolist()


@given(SIZES, st.integers(0, 5), st.data())
@settings(max_examples=60, deadline=None)
def test_rows_that_only_train_are_in_every_training_part_and_never_held_out(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    label = labels(sizes, unlabeled=5)
    known = np.flatnonzero(label >= 0)
    chosen = data.draw(st.sets(st.sampled_from(known.tolist())))
    trains_only = np.isin(np.arange(len(label)), list(chosen))
    plan = validation_plan(label, seed, trains_only=trains_only)
    for train, held in plan.folds:
        assert chosen <= set(train.tolist())
        assert not chosen & set(held.tolist())
        assert sorted([*train, *held]) == known.tolist()
    free = np.where(trains_only, -1, label)
    expected = [held.tolist() for _, held in validation_plan(free, seed).folds]
    assert [held.tolist() for _, held in plan.folds] == expected


def test_a_part_is_held_out_only_where_enough_labels_may_be() -> None:
    label = np.repeat(np.arange(2), HOLD_OUT_ROWS)
    assert len(validation_plan(label, 0).folds) == 1
    trains_only = np.arange(2 * HOLD_OUT_ROWS) % 3 > 0
    assert len(validation_plan(label, 0, trains_only=trains_only).folds) == FOLDS
