"""Prototypes by EM, against loops and in the limits."""

import numpy as np
import pytest
from scipy.special import softmax

from realmix.functional.rows.prototypes import directions, prototype_mixture


def problem(seed=0, pool=12):
    rng = np.random.default_rng(seed)
    given = np.eye(3)[[0, 1, 2, 0]]
    return rng.normal(size=(4, 5)), rng.normal(size=(pool, 5)), given, np.full(3, 1 / 3)


def loops(rows, pool, given, temperature, weight, iterations):
    """The equations without balance, an entry at a time."""
    unit = [sum(given[i, c] * rows[i] for i in range(len(rows))) for c in range(3)]
    unit = [v / np.sqrt((v**2).sum()) for v in unit]
    for _ in range(iterations):
        new = []
        for c in range(3):
            total = sum(given[i, c] * rows[i] for i in range(len(rows)))
            for u in pool:
                power = [np.exp(u @ unit[k] / temperature) for k in range(3)]
                total = total + weight * power[c] / sum(power) * u
            new.append(total / np.sqrt((total**2).sum()))
        unit = new
    return np.array(unit) / temperature


@pytest.mark.parametrize("iterations", [1, 3])
def test_it_is_its_equations(iterations):
    rows, pool, given, prior = problem()
    slopes, offsets, _ = prototype_mixture(rows, pool, given, prior, 0.5, 0.3, 0.0, iterations)
    assert slopes == pytest.approx(loops(rows, pool, given, 0.5, 0.3, iterations))
    assert not offsets.any()


def test_without_pool_or_weight_the_labels_mean_directions_remain():
    rows, pool, given, prior = problem()
    own = np.array([rows[0] + rows[3], rows[1], rows[2]])
    expected = own / np.linalg.norm(own, axis=1, keepdims=True) / 0.1
    for some, weight in ((pool[:0], 1.0), (pool, 0.0)):
        slopes, offsets, number = prototype_mixture(rows, some, given, prior, 0.1, weight, 1.0, 9)
        assert slopes == pytest.approx(expected)
        assert number == 0
        assert not offsets.any()


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
def test_with_balance_the_pool_has_the_shares_that_were_asked_for(share):
    """Clusters of 90 and 10 rows: the posterior's mean is the prior; without balance it is not."""
    rng = np.random.default_rng(2)
    centers = directions(np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]))
    pool = np.repeat(centers, (90, 10), axis=0) + 0.1 * rng.normal(size=(100, 3))
    prior, means = np.array([share, 1 - share]), {}
    for balance in (0.0, 1.0):
        slopes, offsets, _ = prototype_mixture(
            centers, pool, np.eye(2), prior, 0.15, 1.0, balance, 200, 1e-9
        )
        means[balance] = softmax(pool @ slopes.T + offsets, axis=1).mean(0)
    assert means[1.0] == pytest.approx(prior, abs=0.02)
    assert abs(means[0.0][0] - 0.9) < 0.15


def test_directions_have_length_one_and_nothing_has_none():
    unit = directions(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert unit == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))
