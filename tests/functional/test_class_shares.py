"""Class shares of a pool: Sinkhorn's offsets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from realmix.functional.rows.shares import share_offsets, with_shares


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
