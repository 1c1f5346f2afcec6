"""Which predictions of a pool become pseudo-labels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realmix.functional.selection import (
    balanced,
    confident_of_each_class,
    labeled_further,
    likeliest_of_each_class,
    quota,
)

PROBS = torch.tensor(
    [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7], [0.8, 0.2], [0.45, 0.55]],
    dtype=torch.float64,
)


@st.composite
def predictions(draw):
    """(N, K) probabilities, among them equal ones."""
    count, classes = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(1, 6, (count, classes)).astype(float)
    return torch.from_numpy(scores / scores.sum(1, keepdims=True))


def reference(probs, per_class, threshold):
    """The chosen rows, by sorting the rows of each class."""
    chosen = np.zeros(len(probs), bool)
    for c in range(probs.shape[1]):
        rows = [i for i in range(len(probs)) if probs[i].argmax() == c]
        rows = [i for i in rows if probs[i].max() > threshold]
        chosen[sorted(rows, key=lambda i: -probs[i].max())[:per_class]] = True
    return chosen


@given(predictions(), st.none() | st.integers(1, 8), st.floats(0, 1))
def test_confident_rows_are_those_of_the_reference(probs, per_class, threshold):
    found = confident_of_each_class(probs, per_class, threshold)
    assert found.tolist() == reference(probs.numpy(), per_class, threshold).tolist()


def test_the_threshold_itself_is_not_enough():
    found = confident_of_each_class(PROBS, None, 0.8)
    assert found.tolist() == [True, False, False, False, False, False]


def test_of_equally_confident_rows_the_earlier_is_taken():
    found = confident_of_each_class(PROBS, 2, 0.0)
    assert found.tolist() == [True, False, True, True, False, True]


@given(predictions(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_keeps_no_further_row(probs, one, other):
    low, high = (confident_of_each_class(probs, None, t) for t in sorted((one, other)))
    assert not (high & ~low).any()


def test_the_likeliest_of_a_class_need_not_be_predicted_as_it():
    found = likeliest_of_each_class(torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), 1)
    assert found.tolist() == [True, False, True]


@given(predictions(), st.integers(1, 40))
def test_each_class_has_its_likeliest_rows_and_nothing_else_is_taken(probs, per_class):
    found, expected = likeliest_of_each_class(probs, per_class), set()
    for c in range(probs.shape[1]):
        expected |= set(sorted(range(len(probs)), key=lambda i: -probs[i, c].item())[:per_class])
    assert set(np.flatnonzero(found.numpy())) == expected


@given(predictions(), st.none() | st.integers(1, 8), st.floats(0, 1), st.integers(0, 99))
def test_labels_once_given_stay_and_at_most_a_quota_of_each_class_joins(
    probs, per_class, threshold, seed
):
    rng = np.random.default_rng(seed)
    before = torch.from_numpy(rng.integers(-1, probs.shape[1], len(probs)))
    after = labeled_further(probs, before, per_class, threshold)
    assert torch.equal(after[before >= 0], before[before >= 0])
    new = (before < 0) & (after >= 0)
    assert torch.equal(after[new], probs.argmax(1)[new])
    free = (before < 0).numpy()
    expected = np.flatnonzero(free)[reference(probs.numpy()[free], per_class, threshold)]
    assert np.flatnonzero(new.numpy()).tolist() == expected.tolist()


@given(predictions(), st.integers(1, 8))
def test_recomputed_labels_do_not_depend_on_those_before(probs, per_class):
    before = torch.zeros(len(probs), dtype=torch.int64)
    after = labeled_further(probs, before, per_class, 0.0, recompute=True)
    assert torch.equal(after, labeled_further(probs, before - 1, per_class, 0.0))


def test_a_pool_that_is_all_labeled_stays_as_it_is():
    label = torch.tensor([1, 1, 0, 0, 1, 0])
    assert torch.equal(labeled_further(PROBS, label, None, 0.0), label)


# --- balance (T19)


def copies(rows, count):
    return np.bincount(rows.numpy(), minlength=count)


def test_three_rows_for_five_places_come_once_and_two_thirds_again():
    """Noisy Student: floor(5 / 3) copies and one more with the probability .667."""
    probs = torch.tensor([[0.9, 0.1]] * 3)
    every = torch.ones(3, dtype=torch.bool)
    found = [
        copies(balanced(probs, every, 5, torch.Generator().manual_seed(seed)), 3)
        for seed in range(3000)
    ]
    assert set(np.concatenate(found)) == {1, 2}
    assert np.mean(found) == pytest.approx(5 / 3, abs=0.02)
    assert np.mean(np.sum(found, 1)) == pytest.approx(5, abs=0.06)


@given(predictions(), st.integers(1, 12), st.integers(0, 99))
def test_each_class_has_its_target_in_expectation(probs, per_class, seed):
    rng = np.random.default_rng(seed)
    allowed = torch.from_numpy(rng.random(len(probs)) < 0.7)
    rows = balanced(probs, allowed, per_class, torch.Generator().manual_seed(seed))
    found, label = copies(rows, len(probs)), probs.argmax(1).numpy()
    assert not found[~allowed.numpy()].any()
    for c in range(probs.shape[1]):
        own = [i for i in range(len(probs)) if allowed[i] and label[i] == c]
        taken = sorted(own, key=lambda i: -probs[i].max())[:per_class]
        least = per_class // max(len(taken), 1)
        assert all(found[i] in (least, least + (per_class % len(taken) > 0)) for i in taken)
        assert all(found[i] == 0 for i in own if i not in taken)
        if taken and per_class % len(taken) == 0:
            assert found[taken].sum() == per_class


def test_the_same_generator_gives_the_same_copies():
    every = torch.ones(6, dtype=torch.bool)
    first, again, other = (
        balanced(PROBS, every, 7, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_rows_at_all_give_none():
    none = torch.zeros(6, dtype=torch.bool)
    assert balanced(PROBS, none, 5, torch.Generator()).tolist() == []


@given(st.integers(0, 1000), st.integers(2, 20), st.integers(1, 9))
def test_the_quota_gets_through_the_pool_and_no_smaller_one_does(count, num_classes, rounds):
    k = quota(count, num_classes, rounds)
    assert k * num_classes * rounds >= count
    assert k == 1 or (k - 1) * num_classes * rounds < count
