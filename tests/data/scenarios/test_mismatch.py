"""Scenarios of foreign pools: what is in them, that seeds decide, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realmix.base.errors import DataError, UsageError
from realmix.data.encoded import Encoded, Kept, Reference
from realmix.data.pools import Dataset
from realmix.data.scenarios.elsewhere import foreign_mismatch
from realmix.data.scenarios.mismatch import ANIMALS, added_mismatch, class_mismatch
from realmix.data.scenarios.truth import true_labels

CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
QUARTERS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def ten_classes(each=30, **others):
    """Rows whose first feature is their number and whose second is their class, in mixed order."""
    label = np.random.default_rng(0).permutation(np.repeat(np.arange(10), each))
    inputs = np.stack([np.arange(len(label)), label], 1).astype(np.float32)
    names = tuple(f"row {i}" for i in range(len(label)))
    test = np.arange(20) % 10
    tests = np.stack([-np.arange(20), test], 1).astype(np.float32)
    return Dataset(
        *(inputs, label, CIFAR10, "features", names),
        test_inputs=tests,
        test_label=test,
        test_names=tuple(f"test {i}" for i in range(20)),
        **others,
    )


def pool_and_labeled(made):
    pool = made.label < 0
    return made.inputs[pool], made.inputs[~pool]


@given(QUARTERS, st.integers(0, 9), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_a_share_of_the_classes_is_swapped(share, seed, labels):
    made, truth = class_mismatch(ten_classes(), share, seed, labels=labels)
    pool, labeled = pool_and_labeled(made)
    assert made.classes == ANIMALS
    assert np.bincount(made.label[made.label >= 0]).tolist() == [labels] * 6
    # the smallest of the classes that any share may use is a known one without its labels
    classes, counts = np.unique(pool[:, 1], return_counts=True)
    assert counts.tolist() == [30 - labels] * 4
    expected = {0: {4, 5, 6, 7}, 1: {0, 5, 6, 7}, 2: {0, 1, 6, 7}, 3: {0, 1, 8, 7}, 4: {0, 1, 8, 9}}
    assert set(classes.astype(int)) == expected[round(4 * share)]
    assert truth.share == share
    assert not set(pool[:, 0]) & set(labeled[:, 0])


@given(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75]), st.integers(0, 9), st.integers(6, 36))
@settings(max_examples=40, deadline=None)
def test_foreign_rows_are_added_to_the_same_known_ones(share, seed, known_rows):
    data = ten_classes()
    made, truth = added_mismatch(data, share, seed, labels=5, known_rows=known_rows)
    pool, labeled = pool_and_labeled(made)
    outside = np.isin(pool[:, 1], [0, 1, 8, 9])
    assert (~outside).sum() == known_rows
    assert outside.sum() == round(known_rows * share / (1 - share)) == truth.foreign.sum()
    for part, parts in ((pool[outside], 4), (pool[~outside], 6)):
        counts = np.bincount(part[:, 1].astype(int), minlength=10)
        assert counts.max() - min(sorted(counts)[-parts:]) <= 1
    clean, _ = added_mismatch(data, 0.0, seed, labels=5, known_rows=known_rows)
    assert set(pool[~outside, 0]) == set(pool_and_labeled(clean)[0][:, 0])
    assert not set(pool[:, 0]) & set(labeled[:, 0])


@pytest.mark.parametrize("scenario", [class_mismatch, added_mismatch])
def test_labels_depend_on_the_seed_and_not_on_the_share(scenario):
    size = {"known_rows": 12} if scenario is added_mismatch else {}

    def labeled(share, seed):
        made, _ = scenario(ten_classes(), share, seed, labels=4, **size)
        return set(pool_and_labeled(made)[1][:, 0])

    assert labeled(0.0, 3) == labeled(0.5, 3) == labeled(0.75, 3)
    assert labeled(0.0, 3) != labeled(0.0, 4)


@given(QUARTERS, st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_truth_is_that_of_the_rows_given(share, seed):
    data = ten_classes()
    made, truth = class_mismatch(data, share, seed, labels=7)
    assert np.array_equal(data.inputs[truth.row], made.inputs)
    assert made.names == tuple(f"row {i}" for i in truth.row)
    animal = {2: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5}
    assert truth.label.tolist() == [animal.get(c, -1) for c in data.label[truth.row]]
    assert np.array_equal(made.oracle, truth.label)
    assert np.array_equal(made.label < 0, truth.pool)
    assert np.array_equal(truth.foreign, truth.pool & np.isin(made.inputs[:, 1], [0, 1, 8, 9]))
    known = ~truth.pool
    assert np.array_equal(made.label[known], truth.label[known])


def test_test_rows_are_those_of_the_known_classes_with_their_new_labels():
    made, _ = class_mismatch(ten_classes(), 0.5, 0, labels=5)
    assert made.test_inputs[:, 1].tolist() == [2, 3, 4, 5, 6, 7] * 2
    assert made.test_label.tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert made.test_names == tuple(f"test {i}" for i in range(20) if i % 10 in range(2, 8))


def test_known_classes_get_the_labels_of_the_order_given():
    made, truth = class_mismatch(
        ten_classes(), 0.5, 0, known=("truck", "bird", "cat"), labels=5, pool_classes=2
    )
    label = {9.0: 0, 2.0: 1, 3.0: 2}
    assert made.classes == ("truck", "bird", "cat")
    assert truth.label.tolist() == [label.get(c, -1) for c in made.inputs[:, 1].tolist()]
    # the last known class and the first other one
    assert set(made.inputs[made.label < 0, 1]) == {3, 0}


def test_rows_that_are_unlabeled_already_are_found_by_the_oracle():
    data = ten_classes()
    hidden = replace(data, label=np.where(data.label == 3, -1, data.label), oracle=data.label)
    one, _ = class_mismatch(data, 0.25, 1, labels=5)
    other, _ = class_mismatch(hidden, 0.25, 1, labels=5)
    assert np.array_equal(one.inputs, other.inputs)
    assert np.array_equal(one.label, other.label)
    assert np.array_equal(true_labels(hidden), data.label)


def test_features_of_an_encoder_stay_with_their_rows():
    data = ten_classes()
    count = len(data.label)
    table = np.arange(count + 20, dtype=np.float16)[:, None, None]
    kept = Kept(table, np.arange(count + 20)[::-1])
    encoded = Encoded(kept, Kept(table, np.arange(count)), Reference("x", None, 1, "y"), 0.0)
    made, truth = class_mismatch(replace(data, encoded=encoded), 0.5, 0, labels=5)
    tests = [i for i in range(20) if i % 10 in range(2, 8)]
    expected = [count + 19 - i for i in [*truth.row.tolist(), *(count + i for i in tests)]]
    assert made.encoded.plain.place.tolist() == expected
    assert made.encoded.augmented.place.tolist() == truth.row.tolist()


@given(
    st.sampled_from(["known", "size"]),
    st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]),
    st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_rows_of_other_data_are_added_or_take_a_place(hold, share, seed):
    data = ten_classes()
    data = replace(data, label=np.where(np.arange(300) < 40, data.label, -1), oracle=data.label)
    foreign = -np.stack([np.arange(2000), np.ones(2000)], 1).astype(np.float32)
    if hold == "known" and share == 1:
        with pytest.raises(UsageError, match="less than 100"):
            foreign_mismatch(data, foreign, share, seed, hold=hold)
        return
    made, truth = foreign_mismatch(data, foreign, share, seed, hold=hold)
    pool, labeled = pool_and_labeled(made)
    outside = pool[:, 1] == -1
    expected = round(260 * share / (1 - share)) if hold == "known" else round(260 * share)
    assert outside.sum() == expected == truth.foreign.sum()
    assert len(pool) == (260 + expected if hold == "known" else 260)
    assert np.array_equal(labeled, data.inputs[:40])
    assert len(np.unique(pool, axis=0)) == len(pool)
    together = np.concatenate([data.inputs, foreign])
    assert np.array_equal(together[truth.row], made.inputs)
    assert len(made.names) == len(made.label) == len(made.oracle)


BAD = [
    (class_mismatch, {"known": ("cat", "bid")}, r"'bid' is none of the classes.*'bird'"),
    (class_mismatch, {"known": CIFAR10}, "leaves 0"),
    (class_mismatch, {"known": ("cat", "cat")}, "each named once"),
    (class_mismatch, {"labels": 30}, "the class 'bird' has 30 rows"),
    (class_mismatch, {"labels": 31}, "the class 'bird' has 30 rows"),
    (class_mismatch, {"labels": 0}, "1 or more can be labeled"),
    (class_mismatch, {"share": 0.3}, "0, 25, 50, 75, 100 %"),
    (class_mismatch, {"share": 1.25}, "Mismatch of 125 %"),
    (class_mismatch, {"share": float("nan")}, "Mismatch of nan %"),
    (class_mismatch, {"pool_classes": 5}, "a pool can have 1 to 4"),
    (added_mismatch, {"share": 1.0}, "less than 100 %"),
    (added_mismatch, {"share": 0.9, "known_rows": 60}, "takes 540 rows evenly.*have 120"),
    (added_mismatch, {"known_rows": 200}, "known_rows takes 200 rows.*have 150"),
]


@pytest.mark.parametrize(("scenario", "given", "message"), BAD)
def test_what_cannot_be_made_is_explained(scenario, given, message):
    options = {"share": 0.5, "labels": 5, "known_rows": 12, **given}
    if scenario is class_mismatch:
        options.pop("known_rows")
    with pytest.raises(UsageError, match=message):
        scenario(ten_classes(), seed=0, **options)


def test_two_classes_have_none_to_spare():
    data = Dataset(np.zeros((8, 1), np.float32), np.arange(8) % 2, ("a", "b"), "features")
    with pytest.raises(UsageError, match="Two classes have none to spare"):
        class_mismatch(data, 1.0, 0, known=("a", "b"), labels=1, pool_classes=1)


def test_a_foreign_class_without_rows_is_named():
    data = ten_classes()
    keep = np.flatnonzero(data.label != 8)
    fewer = replace(data, inputs=data.inputs[keep], label=data.label[keep], names=None)
    with pytest.raises(UsageError, match="'ship' has no rows"):
        class_mismatch(fewer, 0.5, 0, labels=5)


def test_other_data_of_another_kind_are_refused():
    data = ten_classes()
    pool = replace(data, label=np.where(np.arange(300) < 40, data.label, -1))
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        foreign_mismatch(pool, np.zeros((5, 3), np.float32), 0.1, 0)
    with pytest.raises(DataError, match="no pool"):
        foreign_mismatch(data, np.zeros((5, 2), np.float32), 0.1, 0)
    with pytest.raises(UsageError, match=r"takes 260 foreign rows.*and 5 were given"):
        foreign_mismatch(pool, np.zeros((5, 2), np.float32), 0.5, 0)
