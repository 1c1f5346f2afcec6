"""Class shares of a pool: EM, what is beyond chance, Sinkhorn's offsets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from realmix.functional.rows.linear import logistic
from realmix.functional.rows.shares import (
    drawn_back,
    jackknife,
    share_offsets,
    shares_beyond_chance,
    shares_by_em,
    with_shares,
)

GIVEN = np.array([0.5, 0.5])


def test_by_hand_two_classes_and_equal_rows():
    """Rows of (1/2, 1/2): the odds of 4 to 1 are the offset itself."""
    offsets = share_offsets(np.zeros((3, 2)), np.array([0.8, 0.2]))
    assert offsets[0] - offsets[1] == pytest.approx(np.log(4))
    assert offsets.sum() == pytest.approx(0)
    balanced = with_shares(np.full((3, 2), 0.5), np.array([0.8, 0.2]))
    assert balanced == pytest.approx(np.tile([0.8, 0.2], (3, 1)))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_the_mean_is_what_was_wanted_and_rows_keep_their_sum(seed, num_classes):
    rng = np.random.default_rng(seed)
    logits, shares = rng.normal(size=(50, num_classes)), rng.dirichlet(np.full(num_classes, 5.0))
    probs = softmax(logits + share_offsets(logits, shares, 500), axis=1)
    assert probs.mean(0) == pytest.approx(shares, abs=1e-6)
    assert probs.sum(1) == pytest.approx(np.ones(50))


def test_shares_that_are_there_already_change_nothing_nor_does_no_balance():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), 200)
    assert with_shares(probs, probs.mean(0)) == pytest.approx(probs, abs=1e-12)
    assert with_shares(probs, np.full(4, 0.25), balance=0.0) == pytest.approx(probs, abs=1e-12)


def test_ratios_between_rows_stay():
    """Only a factor a class: p_uc p_vd / (p_ud p_vc) is what it was."""
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(3), 2)
    new = with_shares(probs, np.array([0.6, 0.3, 0.1]))

    def odds(p):
        return p[0, 0] * p[1, 1] / (p[0, 1] * p[1, 0])

    assert odds(new) == pytest.approx(odds(probs))


def test_a_class_that_nobody_predicts_is_raised():
    probs = np.tile([1.0, 0.0], (10, 1))
    assert with_shares(probs, np.array([0.5, 0.5])).mean(0) == pytest.approx([0.5, 0.5], abs=1e-3)


def test_of_sure_predictions_em_counts():
    probs = np.eye(2)[[0, 0, 0, 1]]
    assert shares_by_em(probs, GIVEN) == pytest.approx([0.75, 0.25])
    weight = np.array([1.0, 0.0, 0.0, 1.0])
    assert shares_by_em(probs, GIVEN, weight) == pytest.approx([0.5, 0.5])


def test_em_has_its_fixed_point_by_hand():
    probs = np.array([[0.8, 0.2]] * 3 + [[0.2, 0.8]])
    # d/d pi of 3 log(.2 + .6 pi) + log(.8 - .6 pi) = 0: pi = (3 * .8 - .2) / (.6 * 4)
    found = shares_by_em(probs, GIVEN)
    assert found == pytest.approx([2.2 / 2.4, 0.2 / 2.4], abs=1e-3)


def test_em_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    probs, given = rng.dirichlet(np.ones(3), 40), np.array([0.2, 0.3, 0.5])
    weight, shares = rng.random(40), given.copy()
    for _ in range(2000):
        total = np.zeros(3)
        for p, w in zip(probs, weight, strict=True):
            joint = [p[k] * shares[k] / given[k] for k in range(3)]
            total += w * np.array(joint) / sum(joint)
        shares = total / weight.sum()
    found = shares_by_em(probs, given, weight)
    assert found == pytest.approx(shares, abs=2e-3)


def test_supposed_rows_count_as_rows_of_the_pool():
    """Three to one that are sure, and half as many rows of one to one: (3 + 1) to (1 + 1)."""
    probs = np.eye(2)[[0, 0, 0, 1]]
    assert shares_by_em(probs, GIVEN, prior=0.5) == pytest.approx([4 / 6, 2 / 6])


def test_the_jackknifes_variance_is_that_of_a_mean():
    """Without each of n values, n means: their variance is s^2 / n."""
    values = np.random.default_rng(0).normal(size=12)
    without = np.array([[np.delete(values, j).mean()] for j in range(12)])
    assert jackknife(without) == pytest.approx(values.var(ddof=1) / 12)


def test_by_hand_an_estimate_is_drawn_back_by_its_error():
    """Of a distance whose square is .08, and an error of .005, fifteen sixteenths are kept."""
    found = np.array([0.7, 0.3])
    assert drawn_back(found, GIVEN, 0.005) == pytest.approx([0.6875, 0.3125])
    assert drawn_back(found, GIVEN, 0.0) == pytest.approx(found)
    assert drawn_back(found, GIVEN, 0.09) == pytest.approx(GIVEN)
    assert drawn_back(GIVEN, GIVEN, 0.09) == pytest.approx(GIVEN)


def test_shares_beyond_chance_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    label = np.arange(24) % 3
    rows, pool = rng.normal(size=(24, 5)), rng.normal(size=(90, 5))
    rows[:, :3] += 2 * np.eye(3)[label]
    pool[:, 0] += 3
    given, fold = np.array([0.3, 0.3, 0.4]), np.arange(24) // 3 % 4
    fold[0] = -1  # never held out

    def em(*asked):
        probs = []
        for x, kept in asked:
            slopes, bias = logistic(rows[kept], label[kept], 3, 0.5)
            probs += list(softmax((x @ slopes.T + bias) / 2.0, axis=1))
        return shares_by_em(np.array(probs), given, prior=0.1)

    found, whole = em((pool, fold > -2)), np.full(3, 0.0)
    without = [em((pool, fold != k)) for k in range(4)]
    error = 3 / 4 * sum(((each - np.mean(without, 0)) ** 2).sum() for each in without)
    held = em(*((rows[fold == k], fold != k) for k in range(4)))
    for c in range(3):
        whole[c] = (np.mean(label[fold >= 0] == c) + 0.1 * given[c]) / 1.1
    error += ((held - whole) ** 2).sum()
    kept = 1 - error / ((found - given) ** 2).sum()
    assert 0 < kept < 1
    mine = shares_beyond_chance(rows, label, pool, given, fold, (0.5, 2.0))
    assert mine == pytest.approx(given + kept * (found - given))
