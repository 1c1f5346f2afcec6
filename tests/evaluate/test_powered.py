"""Prediction-powered intervals: by hand, at their limits, and how often they hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.base.errors import DataError
from realmix.evaluate.intervals import wilson
from realmix.evaluate.powered import apart, powered


def test_four_rows_by_hand():
    # y = 1 1 0 0, f = .9 .7 .6 .2: cov .1 with mean f .6, var f .065, var y .25; N = 12, n = 4
    correct, sure = np.array([1, 1, 0, 0], bool), np.array([0.9, 0.7, 0.6, 0.2])
    pool = np.tile([0.3, 0.7, 0.8, 0.8], 3)  # mean .65
    found = powered(correct, sure, pool)
    power = 0.1 / 0.065 * 12 / 16
    assert found.power == pytest.approx(power)
    assert found.accuracy == pytest.approx(0.5 + power * (0.65 - 0.6))
    explained = 1 - (1 - 0.1**2 / (0.065 * 0.25)) * 3 / 2
    worth = 4 / (1 - explained * 12 / 16)
    assert found.worth == pytest.approx(worth)
    assert found.interval == pytest.approx(wilson(found.accuracy * worth, worth))


def test_rows_that_count_in_part_make_it_wider():
    rng = np.random.default_rng(0)
    sure, pool = rng.random(40), rng.random(400)
    correct = rng.random(40) < sure
    whole, part = powered(correct, sure, pool), powered(correct, sure, pool, each=0.8)
    assert (part.accuracy, part.power) == (whole.accuracy, whole.power)
    assert part.worth == pytest.approx(0.8 * whole.worth)
    assert part.interval == pytest.approx(wilson(part.accuracy * part.worth, part.worth))


def test_a_sureness_that_says_nothing_leaves_the_classical_interval():
    correct = np.array([True, False] * 10)
    found = powered(correct, np.repeat([0.4, 0.6], 10), np.linspace(0, 1, 99))
    assert (found.accuracy, found.power, found.worth) == (0.5, 0.0, 20.0)
    assert found.interval == wilson(10, 20)


@pytest.mark.parametrize("sure", [np.full(20, 0.7), np.linspace(1, 0.5, 20)])
def test_a_sureness_that_is_constant_or_misleads_counts_for_nothing(sure):
    correct = np.arange(20) >= 6
    assert powered(correct, sure, np.linspace(0.2, 1, 500)).interval == wilson(14, 20)


def test_a_sureness_that_knows_the_truth_makes_labels_of_the_pool():
    correct, pool = np.arange(20) < 12, np.arange(80) < 40
    found = powered(correct, correct.astype(float), pool.astype(float))
    assert found.worth == pytest.approx(100)
    assert found.accuracy == pytest.approx(52 / 100)
    assert found.interval == pytest.approx(wilson(52, 100))


def test_where_all_are_right_it_is_the_classical_interval():
    rng = np.random.default_rng(0)
    found = powered(np.full(30, True), rng.random(30), rng.random(300))
    assert found.interval == wilson(30, 30)


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 300))
def test_it_is_never_worth_less_than_its_labels_nor_more_than_all_rows(seed, n, count):
    rng = np.random.default_rng(seed)
    sure = rng.random(n)
    found = powered(rng.random(n) < sure, sure, rng.random(count))
    assert n <= found.worth * (1 + 1e-9)
    assert found.worth <= (n + count) * (1 + 1e-9)
    low, high = found.interval
    assert 0 <= low <= found.accuracy <= high <= 1
    assert found.power >= 0


@given(st.integers(0, 2**32), st.floats(0.1, 5), st.floats(-2, 2))
def test_the_unit_of_the_sureness_does_not_matter(seed, scale, shift):
    rng = np.random.default_rng(seed)
    sure, pool = rng.random(30), rng.random(100)
    correct = rng.random(30) < sure
    one, other = (
        powered(correct, sure, pool),
        powered(correct, scale * sure + shift, pool * scale + shift),
    )
    assert other.accuracy == pytest.approx(one.accuracy)
    assert other.interval == pytest.approx(one.interval)


def test_the_power_is_that_of_the_smallest_variance():
    rng = np.random.default_rng(1)
    sure, count = rng.random(40), 120
    correct = rng.random(40) < sure
    powers = np.linspace(0, 2, 20_001)
    spread = np.cov(correct, sure, bias=True)
    variance = (spread[0, 0] - 2 * powers * spread[0, 1]) / 40
    variance += powers**2 * spread[1, 1] * (1 / 40 + 1 / count)
    best = powers[variance.argmin()]
    assert powered(correct, sure, rng.random(count)).power == pytest.approx(best, abs=2e-4)


@pytest.mark.parametrize(("n", "share"), [(20, 0.6), (40, 0.8), (100, 0.9)])
def test_it_holds_the_truth_as_often_as_it_says_and_is_shorter(n, share):
    rng = np.random.default_rng(n)
    held, width, classical = [], [], []
    for _ in range(1500):
        chance = rng.beta(6 * share, 6 * (1 - share), n + 400)
        correct = rng.random(n) < chance[:n]
        low, high = powered(correct, chance[:n], chance[n:]).interval
        held.append(low <= share <= high)
        width.append(high - low)
        classical.append(np.subtract(*wilson(int(correct.sum()), n)[::-1]))
    assert np.mean(held) > 0.93  # 0.95 less three and a half standard errors
    assert np.mean(width) < 0.97 * np.mean(classical)


def test_rows_of_one_kind_lie_no_further_apart_than_luck():
    rng = np.random.default_rng(0)
    far = [apart(rng.random(40), rng.random(900)) for _ in range(2000)]
    assert np.mean(np.array(far) < 1.96) == pytest.approx(0.95, abs=0.02)
    assert apart(rng.random(40), 0.7 * rng.random(900)) > 1.96
    assert apart(np.array([0.2, 0.4]), np.array([0.5, 0.5])) == pytest.approx(0.2 / 0.1)


@pytest.mark.parametrize(
    ("n", "sure", "pool"), [(3, (2,), (5,)), (0, (0,), (5,)), (3, (3,), (0,)), (3, (3,), (5, 1))]
)
def test_arrays_that_do_not_fit_are_refused(n, sure, pool):
    with pytest.raises(DataError):
        powered(np.zeros(n, bool), np.zeros(sure), np.zeros(pool))
