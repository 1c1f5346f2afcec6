"""What two models are compared by, against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from realmix.evaluate.judges import (
    JUDGES,
    compare,
    judge_of,
    p_of_chosen,
    resampled_error,
    unequal,
)

LABEL = np.array([0, 0, 0, 0, 1, 1, 2, 2])
GUESS = np.array([0, 0, 0, 1, 1, 2, 2, 2])


def probs_of(guess, classes=3, confidence=0.7):
    rest = (1 - confidence) / (classes - 1)
    return np.where(np.eye(classes)[guess] > 0, confidence, rest)


def test_by_hand():
    probs = probs_of(GUESS)
    assert JUDGES["accuracy"](probs, LABEL) == pytest.approx(6 / 8)
    assert JUDGES["balanced"](probs, LABEL) == pytest.approx((3 / 4 + 1 / 2 + 1) / 3)
    assert JUDGES["macro_f1"](probs, LABEL) == pytest.approx((6 / 7 + 2 / 4 + 4 / 5) / 3)
    expected = (6 * np.log(0.7) + 2 * np.log(0.15)) / 8
    assert JUDGES["log_loss"](probs, LABEL) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_they_are_those_of_scikit_learn(pairs):
    label, guess = np.array(pairs).T
    probs, there = probs_of(guess, 4), np.unique(label)
    wanted = f1_score(label, guess, labels=there, average="macro", zero_division=0)
    assert JUDGES["macro_f1"](probs, label) == pytest.approx(wanted)
    if set(guess) <= set(label) and len(there) > 1:  # else scikit-learn warns
        assert JUDGES["balanced"](probs, label) == pytest.approx(
            balanced_accuracy_score(label, guess)
        )
    assert JUDGES["log_loss"](probs, label) == pytest.approx(
        -log_loss(label, probs, labels=range(4))
    )


def test_a_model_that_looks_at_nothing():
    assert JUDGES["accuracy"].constant(LABEL) == 0.5
    assert JUDGES["balanced"].constant(LABEL) == pytest.approx(1 / 3)
    assert JUDGES["macro_f1"].constant(LABEL) == pytest.approx((8 / 12) / 3)
    assert JUDGES["log_loss"].constant(LABEL) == pytest.approx(
        0.5 * np.log(0.5) + 0.5 * np.log(0.25)
    )


def test_auto_minds_unequal_classes():
    even, skewed = np.repeat([0, 1, 2], 20), np.repeat([0, 1], [45, 5])
    assert judge_of("auto", even).name == "accuracy"
    assert judge_of("auto", skewed).name == "balanced"
    assert judge_of("macro_f1", even).name == "macro_f1"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((3, 5, 4, 2, 6), False),  # drawn at random
        ((37, 13), True),
        ((6, 2), False),  # too few to tell
        ((97, 3), True),
        ((1100, 900), False),  # more than chance, and harmless
        ((50, 0), False),
        ((), False),
    ],
)
def test_when_classes_are_unequal(counts, expected):
    assert unequal(np.repeat(np.arange(len(counts)), counts)) == expected


def test_the_error_of_an_accuracy_counts_one_more_disagreement():
    base, other = probs_of(np.array([0, 0, 1])), probs_of(np.array([0, 0, 0]))
    seen = compare(JUDGES["accuracy"], base, other, np.array([0, 0, 0]))
    assert seen.gain == pytest.approx(1 / 3)
    assert seen.standard_error == pytest.approx(np.sqrt(1 - 1 / 3 + 1) / 3)


@pytest.mark.parametrize("name", ["balanced", "macro_f1", "log_loss"])
def test_a_clear_lead_is_found_and_its_mirror_too(name):
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], [60, 20, 10])
    good = probs_of(np.where(rng.random(90) < 0.9, label, (label + 1) % 3))
    bad = probs_of(np.where(rng.random(90) < 0.6, label, (label + 1) % 3))
    seen, mirror = (compare(JUDGES[name], *pair, label) for pair in ((bad, good), (good, bad)))
    assert seen.p_better < 0.01 < 0.99 < seen.p_worse
    assert mirror.gain == pytest.approx(-seen.gain)
    assert mirror.p_worse == pytest.approx(seen.p_better, abs=0.005)
    assert seen.interval[0] > 0


def test_equal_models_have_no_lead_and_no_proof():
    probs = probs_of(GUESS)
    seen = compare(JUDGES["balanced"], probs, probs, LABEL)
    assert (seen.gain, seen.p_better, seen.p_worse) == (0, 1, 1)
    assert seen.standard_error == pytest.approx(0.01 / np.sqrt(8))


def test_the_permutation_test_agrees_with_the_exact_one_where_both_apply():
    """Of equally large classes balanced accuracy is accuracy."""
    label = np.repeat([0, 1], 20)
    base = probs_of(np.where(np.arange(40) % 20 < 12, label, 1 - label), 2)
    other = probs_of(np.where(np.arange(40) % 20 < 15, label, 1 - label), 2)
    exact = compare(JUDGES["accuracy"], base, other, label)
    swapped = compare(JUDGES["balanced"], base, other, label)
    assert swapped.gain == pytest.approx(exact.gain)
    assert swapped.p_better == pytest.approx(exact.p_better, abs=0.005)  # 2^-6


def ahead(rows):
    """(label, baseline, candidate) of 40 rows: these only the candidate has right, others both."""
    label = np.repeat([0, 1], 20)
    wrong = np.isin(np.arange(40), rows)
    return label, probs_of(np.where(wrong, 1 - label, label), 2), probs_of(label, 2)


@pytest.mark.parametrize("name", ["accuracy", "balanced"])
def test_the_best_of_several_must_lead_by_more_than_one_alone(name):
    """Three rows ahead: 1 / 8 alone; beside another, on rows of its own, 1 - (7 / 8)^2."""
    label, base, one = ahead([0, 1, 2, 20, 21, 22])
    first = np.where(np.isin(np.arange(40), [20, 21, 22])[:, None], base, one)
    other = np.where(np.isin(np.arange(40), [0, 1, 2])[:, None], base, one)
    judge = JUDGES[name]
    alone = p_of_chosen(judge, base, [first], label)
    assert alone == pytest.approx(compare(judge, base, first, label).p_better, abs=0.02)
    assert alone == pytest.approx(1 / 8, abs=0.02)
    assert p_of_chosen(judge, base, [first, first], label) == pytest.approx(1 / 8, abs=0.02)
    assert p_of_chosen(judge, base, [first, other], label) == pytest.approx(15 / 64, abs=0.02)


def test_a_rival_that_leads_by_more_leaves_little_to_prove():
    label, base, best = ahead(range(8))
    little = np.where(np.arange(40)[:, None] < 6, base, best)
    chance = p_of_chosen(JUDGES["accuracy"], base, [little, best], label)
    assert chance > compare(JUDGES["accuracy"], base, little, label).p_better


def test_the_error_of_balanced_accuracy_is_that_of_a_mean_of_few_rows_of_a_class():
    # gains of a class with 4 rows: 1 1 0 0; of one with 6: 1 0 0 0 0 0; s^2 / n of each, over 2^2
    label = np.repeat([0, 1], [4, 6])
    base = 1 - label
    other = np.where(np.isin(np.arange(10), [0, 1, 4]), label, 1 - label)
    judge = JUDGES["balanced"]
    s = np.array([np.var([1, 1, 0, 0], ddof=1) / 4, np.var([1, 0, 0, 0, 0, 0], ddof=1) / 6])
    assert resampled_error(judge, base, other, label) == pytest.approx(
        np.sqrt(s.sum()) / 2, rel=0.1
    )


@pytest.mark.parametrize("name", ["accuracy", "balanced"])
def test_rows_of_folds_make_a_wider_interval_and_the_same_tests(name):
    rng = np.random.default_rng(0)
    label = np.arange(40) % 2
    old, new = (probs_of(np.where(rng.random(40) < p, label, 1 - label), 2) for p in (0.6, 0.8))
    whole, half = (compare(JUDGES[name], old, new, label, folds) for folds in (1, 2))
    assert (half.gain, half.standard_error) == (whole.gain, whole.standard_error)
    assert (half.p_better, half.p_worse) == (whole.p_better, whole.p_worse)
    wide = np.diff(half.interval)[0] / np.diff(whole.interval)[0]
    assert wide == pytest.approx(np.sqrt(2), rel=0.1)
