"""The posterior of the pool's gain: weights of a normal prior and a normal observation."""

import numpy as np
import pytest
from scipy.stats import norm

from realmix.evaluate.judges import JUDGES, Comparison
from realmix.evaluate.posterior import (
    PRIOR_DEVIATION,
    PRIOR_MEAN,
    SEED_DEVIATION,
    Posterior,
)


def seen(gain, error):
    return Comparison(gain, error, (0, 0), 1, 1)


def test_without_labels_it_is_the_prior():
    got = Posterior.of(JUDGES["accuracy"], None)
    assert (got.mean, got.deviation) == (PRIOR_MEAN, PRIOR_DEVIATION)


def test_after_labels_it_is_bayes_rule_on_a_grid():
    """Prior times likelihood, summed up numerically."""
    got = Posterior.of(JUDGES["accuracy"], seen(0.05, 0.04))
    grid = np.linspace(-60, 60, 200_001)
    spread = np.hypot(4, SEED_DEVIATION)
    weight = norm.pdf(grid, PRIOR_MEAN, PRIOR_DEVIATION) * norm.pdf(5, grid, spread)
    weight /= weight.sum()
    assert got.mean == pytest.approx((weight * grid).sum(), abs=1e-6)
    assert got.better == pytest.approx(weight[grid > 0].sum(), abs=1e-3)
    assert got.harm == pytest.approx(weight[grid < -1].sum(), abs=1e-3)


def test_a_candidate_that_was_chosen_leaves_more_doubt():
    """1 / 25 and 1 / (16 + 25): the mean is (1 / 25 + 5 / 41) / (1 / 25 + 1 / 41)."""
    got = Posterior.of(JUDGES["accuracy"], seen(0.05, 0.04), chosen=True)
    assert got.mean == pytest.approx((1 / 25 + 5 / 41) / (1 / 25 + 1 / 41))
    assert got.deviation == pytest.approx((1 / 25 + 1 / 41) ** -0.5)


def test_many_labels_leave_the_doubt_of_other_seeds():
    got = Posterior.of(JUDGES["accuracy"], seen(0.03, 1e-6))
    assert got.deviation < SEED_DEVIATION
    assert got.mean == pytest.approx(3, abs=0.5)


def test_a_point_of_log_likelihood_is_its_own():
    accuracy, likelihood = (
        Posterior.of(JUDGES[name], seen(gain, error))
        for name, gain, error in (("accuracy", 0.05, 0.04), ("log_loss", 0.1, 0.08))
    )
    assert likelihood == accuracy


def test_safe_is_a_good_bet_without_much_danger():
    assert Posterior(2.0, 2.0).is_safe
    assert not Posterior(2.0, 9.0).is_safe  # a loss of a point is too likely
    assert not Posterior(-0.1, 0.1).is_safe
