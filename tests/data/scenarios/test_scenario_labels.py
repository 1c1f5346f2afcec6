"""Drawn labels, unequal classes and wrong labels: counts by hand, and what must not change."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.base.errors import DataError, UsageError
from realmix.data.pools import Dataset
from realmix.data.scenarios.labels import (
    exponential,
    imbalanced,
    noisy,
    relabeled,
    with_labels,
)
from realmix.data.scenarios.testing import with_test_part, with_validation
from realmix.data.scenarios.truth import true_labels


def dataset(each=50, classes=4, labeled=5):
    """Rows of which each knows its class; the first of each class have labels."""
    true = np.tile(np.arange(classes), each)
    label = np.where(np.arange(len(true)) < labeled * classes, true, -1)
    inputs = np.arange(len(true), dtype=float)[:, None] + np.zeros(3)
    names = tuple(f"r{i}" for i in range(len(true)))
    letters = tuple("abcdefghij"[:classes])
    return Dataset(inputs, label, letters, "features", names=names, oracle=true)


def counts(label, classes=4):
    return np.bincount(label[label >= 0], minlength=classes).tolist()


def test_labels_are_drawn_evenly_and_the_others_are_the_pool():
    full = replace(dataset(), label=true_labels(dataset()), oracle=None)
    made = with_labels(full, 12, seed=3)
    assert counts(made.label) == [3, 3, 3, 3]
    assert np.array_equal(made.oracle, full.label)
    assert np.array_equal(made.label[made.label >= 0], full.label[made.label >= 0])
    assert not np.array_equal(with_labels(full, 12, seed=4).label, made.label)


@pytest.mark.parametrize("count", [3, 201])
def test_more_labels_than_there_are_and_fewer_than_classes_are_refused(count):
    full = replace(dataset(), label=true_labels(dataset()))
    with pytest.raises(UsageError, match=r"from 4 .* to 200"):
        with_labels(full, count, 0)


def test_a_test_part_is_the_same_for_all_and_trains_nowhere():
    full = replace(dataset(), label=true_labels(dataset()))
    made, _ = with_test_part(full, 0.3)
    assert counts(made.test_label) == [15, 15, 15, 15]
    assert set(made.test_names).isdisjoint(made.names)
    assert len(made.label) + len(made.test_label) == 200
    assert made.test_names == with_test_part(full, 0.3)[0].test_names


def test_equal_rows_are_not_divided_between_training_and_test():
    full = replace(dataset(), label=true_labels(dataset()))
    groups = np.full(200, -1)
    groups[:40] = 7  # of every class ten
    made, _ = with_test_part(replace(full, groups=groups), 0.3)
    among = {f"r{i}" for i in range(40)}
    assert among <= set(made.test_names) or among.isdisjoint(made.test_names)


def test_a_test_part_where_there_is_a_test_set_is_refused():
    made, _ = with_test_part(replace(dataset(), label=true_labels(dataset())), 0.5)
    with pytest.raises(UsageError, match=r"test_share \(--test-share\) holds.*test rows already"):
        with_test_part(made, 0.5)
    with pytest.raises(UsageError, match=r"\(--test-share\) must be above 0"):
        with_test_part(dataset(), 1.0)


def test_a_part_of_the_labels_takes_the_place_of_the_test_rows():
    full, _ = with_test_part(replace(dataset(), label=true_labels(dataset())), 0.3)
    few = with_labels(full, 20, seed=1)
    made, truth = with_validation(few, 0.2, seed=1)
    assert counts(made.test_label) == [1, 1, 1, 1]
    assert counts(made.label) == [4, 4, 4, 4]
    chosen = {few.names[row] for row in np.flatnonzero(few.label >= 0)}
    assert set(made.test_names) < chosen
    assert set(made.names) == set(few.names) - set(made.test_names)
    assert np.array_equal(made.test_inputs[:, 0], [int(name[1:]) for name in made.test_names])
    assert np.array_equal(truth.label, few.oracle[truth.row])
    assert with_validation(few, 0.2, seed=2)[0].test_names != made.test_names


@pytest.mark.parametrize("share", [0.01, 0.9])
def test_a_part_that_is_none_or_empties_a_class_is_refused(share):
    with pytest.raises(UsageError, match="leave each of 4 classes a label"):
        with_validation(dataset(labeled=2), share, seed=0)


def test_the_long_tail_by_hand():
    assert exponential(1000, 4, 8).tolist() == [1000, 500, 250, 125]
    assert exponential(1000, 4, 8, reverse=True).tolist() == [125, 250, 500, 1000]
    assert exponential(70, 3, 1).tolist() == [70, 70, 70]


@pytest.mark.parametrize(
    ("which", "labels", "pool"),
    [
        # 20 labels over 8 : 4 : 2 : 1; the largest class of the pool stays whole
        ("both", [10, 5, 3, 2], [40, 20, 10, 5]),
        ("labels", [10, 5, 3, 2], [40, 45, 47, 48]),
        ("pool", [5, 5, 5, 5], [45, 22, 11, 6]),
        ("opposite", [10, 5, 3, 2], [6, 12, 24, 48]),
    ],
)
def test_imbalance_of_labels_and_pool(which, labels, pool):
    made, truth = imbalanced(dataset(), 8, seed=1, which=which)
    assert counts(made.label) == labels
    assert counts(made.oracle[made.label < 0]) == pool
    assert np.array_equal(truth.label, made.oracle)
    assert np.array_equal(truth.pool, made.label < 0)
    assert np.array_equal(made.inputs[:, 0], truth.row)  # a row is still itself


def test_imbalance_that_leaves_a_class_empty_is_refused():
    with pytest.raises(DataError, match="leaves the class 'c' no row in the pool"):
        imbalanced(dataset(), 1000, 0, "pool")
    few = with_labels(replace(dataset(), label=true_labels(dataset())), 4, 0)
    label = np.where(few.label == 3, -1, few.label)
    with pytest.raises(DataError, match="gives the class 'a' 0 labels"):
        imbalanced(replace(few, label=label), 2, 0, "labels")
    with pytest.raises(UsageError, match=r"1 \(equal\) or more"):
        imbalanced(dataset(), 0.5, 0)


def test_an_imbalance_of_one_changes_nothing():
    made, truth = imbalanced(dataset(), 1, 0)
    assert np.array_equal(made.label, dataset().label)
    assert np.array_equal(truth.row, np.arange(200))


@given(st.floats(0, 1), st.integers(0, 3), st.sampled_from(["symmetric", "asymmetric"]))
def test_so_many_labels_of_each_class_are_wrong(share, seed, kind):
    clean = dataset(labeled=20)
    made, truth = noisy(clean, share, seed, kind)
    known = clean.label >= 0
    wrong = known & (made.label != clean.label)
    assert wrong.sum() == round(80 * share)
    assert all(abs(one - 20 * share) <= 1 for one in counts(clean.label[wrong]))
    assert np.array_equal(made.label[~known], clean.label[~known])
    assert np.array_equal(truth.label, true_labels(clean))
    if kind == "asymmetric":
        assert np.array_equal(made.label[wrong], (clean.label[wrong] + 1) % 4)


def test_symmetric_noise_goes_to_every_other_class_alike():
    clean = dataset(each=300, labeled=300)
    made, _ = noisy(clean, 1.0, 0)
    for c in range(4):
        assert counts(made.label[clean.label == c]) == [0 if k == c else 100 for k in range(4)]


@pytest.mark.parametrize("labeled", [2, 20])
def test_less_noise_is_part_of_more(labeled):
    clean = dataset(labeled=labeled)
    made = [noisy(clean, share, 5)[0].label for share in np.linspace(0, 1, 21)]
    for less, more in itertools.pairwise(made):
        wrong = less != clean.label
        assert np.array_equal(less[wrong], more[wrong])


def test_few_labels_of_a_class_are_wrong_as_often_as_many():
    few = dataset(labeled=2)  # a fifth of two is none
    drawn = [noisy(few, 0.25, seed)[0].label != few.label for seed in range(30)]
    assert {wrong.sum() for wrong in drawn} == {2}
    assert min(counts(np.concatenate([few.label[wrong] for wrong in drawn]))) > 5


def test_human_labels_take_the_place_of_labels_alone():
    given_labels = np.full(200, 2)
    made, truth = relabeled(dataset(), given_labels)
    assert counts(made.label) == [0, 0, 20, 0]
    assert np.array_equal(truth.label, true_labels(dataset()))
    with pytest.raises(DataError, match="do not belong"):
        relabeled(dataset(), given_labels[:5])
