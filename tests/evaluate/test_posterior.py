"""The posterior of the pool's gain: weights of a normal prior and a normal observation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from realmix.evaluate.judges import JUDGES, compare
from realmix.evaluate.posterior import (
    DOUBT,
    PRIOR_DEVIATION,
    PRIOR_MEAN,
    Lead,
    Posterior,
    lead_of,
)


def test_without_labels_it_is_the_prior():
    got = Posterior.of(JUDGES["accuracy"], None)
    assert (got.mean, got.deviation) == (PRIOR_MEAN, PRIOR_DEVIATION)


def test_after_labels_it_is_bayes_rule_on_a_grid():
    """Prior times likelihood, summed up numerically."""
    got = Posterior.of(JUDGES["accuracy"], Lead(0.05, 0.04))
    grid = np.linspace(-60, 60, 200_001)
    spread = np.hypot(4, DOUBT)
    weight = norm.pdf(grid, PRIOR_MEAN, PRIOR_DEVIATION) * norm.pdf(5, grid, spread)
    weight /= weight.sum()
    assert got.mean == pytest.approx((weight * grid).sum(), abs=1e-6)
    assert got.better == pytest.approx(weight[grid > 0].sum(), abs=1e-3)
    assert got.harm == pytest.approx(weight[grid < -1].sum(), abs=1e-3)


def test_by_hand():
    """1 / 25 and 1 / (9 + 16): the mean is halfway between 1 and 5, the variance 12.5."""
    got = Posterior.of(JUDGES["accuracy"], Lead(0.05, 0.03))
    assert got.mean == pytest.approx(3)
    assert got.deviation == pytest.approx(12.5**0.5)


def test_many_labels_leave_the_doubt_of_other_seeds():
    got = Posterior.of(JUDGES["accuracy"], Lead(0.03, 1e-6))
    assert 0.6 * DOUBT < got.deviation < DOUBT


def test_a_point_of_log_likelihood_is_its_own():
    accuracy, likelihood = (
        Posterior.of(JUDGES[name], Lead(gain, error))
        for name, gain, error in (("accuracy", 0.05, 0.04), ("log_loss", 0.1, 0.08))
    )
    assert likelihood == accuracy


LABEL = np.array([0, 0, 0, 1])
BASE = np.array([[0.6, 0.4], [0.7, 0.3], [0.2, 0.8], [0.5, 0.5]])
OTHER = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])


def test_of_accuracy_the_lead_is_in_the_shares_of_true_classes_by_hand():
    """Gains .3, .2, .2, .2: the mean .225, the squares .0075, and one whole row more."""
    accuracy = JUDGES["accuracy"]
    seen = compare(accuracy, BASE, OTHER, LABEL)
    got = lead_of(accuracy, seen, (BASE, OTHER), LABEL)
    assert got.gain == pytest.approx(0.225)
    assert got.standard_error == pytest.approx((0.0075 + 1) ** 0.5 / 4)
    assert seen.gain == 0.25  # one row more is right


@pytest.mark.parametrize("name", ["balanced", "macro_f1", "log_loss"])
def test_other_judges_keep_the_lead_that_they_compared_by(name):
    seen = compare(JUDGES[name], BASE, OTHER, LABEL)
    got = lead_of(JUDGES[name], seen, (OTHER, BASE), LABEL)
    assert got == (seen.gain, seen.standard_error)


@given(st.integers(0, 2**32 - 1))
def test_of_sure_answers_it_is_the_plain_lead(seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=7)
    base, other = np.eye(3)[rng.integers(3, size=(2, 7))]
    seen = compare(JUDGES["accuracy"], base, other, label)
    got = lead_of(JUDGES["accuracy"], seen, (base, other), label)
    assert got == pytest.approx((seen.gain, seen.standard_error))


def test_safe_is_a_good_bet_without_much_danger():
    assert Posterior(2.0, 2.0).is_safe
    assert not Posterior(2.0, 9.0).is_safe  # a loss of a point is too likely
    assert not Posterior(-0.1, 0.1).is_safe
