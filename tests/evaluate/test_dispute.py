"""Deciding between two models: how often it errs, how soon it ends, and what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from realmix.evaluate.dispute import (
    ABOUT_EQUAL,
    ALONE,
    CANDIDATE,
    Dispute,
    disagreeing,
    drawn,
    expected,
    judged,
    outcomes,
)

ORDERS = 250


def one_hot(guess: NDArray[np.int64], classes: int = 3) -> NDArray[np.float32]:
    return np.eye(classes, dtype=np.float32)[guess]


def two_models(rows: int = 500, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(3, size=(2, rows))
    return one_hot(first), one_hot(np.where(rng.random(rows) < 0.7, first, second))


def orders(kinds: tuple[int, int, int], seed: int = 0) -> NDArray[np.int8]:
    """Random orders of C, B and Z outcomes."""
    rows = np.repeat(np.array([1, -1, 0], np.int8), kinds)
    return np.random.default_rng(seed).permuted(np.tile(rows, (ORDERS, 1)), axis=1)[:, :300]


def bound(chance: float) -> float:
    return chance + 3 * math.sqrt(chance / ORDERS)


# ---------------------------------------------------------------- what is asked


def test_only_rows_that_disagree_are_drawn_each_once() -> None:
    baseline, candidate = two_models()
    rows = drawn(baseline, candidate, seed=3)
    assert sorted(rows) == disagreeing(baseline, candidate).tolist()
    assert (baseline[rows].argmax(1) != candidate[rows].argmax(1)).all()


def test_a_longer_list_begins_with_the_shorter() -> None:
    models = two_models()
    assert drawn(*models, seed=3)[:20].tolist() == drawn(*models, seed=3, most=20).tolist()


def test_the_order_is_a_function_of_the_seed() -> None:
    models = two_models()
    assert drawn(*models, seed=3).tolist() == drawn(*models, seed=3).tolist()
    assert drawn(*models, seed=3).tolist() != drawn(*models, seed=4).tolist()


def test_each_row_is_as_often_the_first() -> None:
    baseline, candidate = two_models(rows=40)
    rows = disagreeing(baseline, candidate)
    first = [int(drawn(baseline, candidate, seed, 1)[0]) for seed in range(3000)]
    seen = np.array([first.count(int(row)) for row in rows])
    expectation = 3000 / len(rows)
    assert abs(seen - expectation).max() < 4.5 * math.sqrt(expectation)


def test_outcomes_by_hand() -> None:
    label, baseline, candidate = np.array([[0, 1, 2, -1], [0, 0, 1, 0], [1, 1, 0, 2]])
    assert outcomes(label, baseline, candidate).tolist() == [-1, 1, 0, 0]


# ---------------------------------------------------------------- how it ends


def test_eight_in_a_row_decide_and_seven_do_not() -> None:
    many = Dispute(100_000, 1_000_000, 300)
    assert judged(np.ones(7, np.int8), many).winner is None
    standing = judged(np.ones(8, np.int8), many)
    assert standing.winner == CANDIDATE
    assert standing.error_rate == pytest.approx(2 / (511 / 9), rel=1e-3)
    assert judged(-np.ones(8, np.int8), many).winner == ALONE


def test_answers_where_neither_is_right_are_spent_and_tell_nothing() -> None:
    many = Dispute(100_000, 1_000_000, 300)
    with_open = judged(np.repeat(np.array([0, 1], np.int8), (5, 8)), many)
    assert (with_open.answers, with_open.winner) == (13, CANDIDATE)
    assert with_open.error_rate == pytest.approx(judged(np.ones(8, np.int8), many).error_rate, 1e-3)


def test_answers_behind_the_ending_do_not_count() -> None:
    many = Dispute(1000, 10_000, 300)
    found = np.repeat(np.array([1, -1], np.int8), (10, 60))
    assert judged(found, many) == judged(found[:8], many)


def test_no_answers_say_nothing_but_how_far_apart_the_models_can_be() -> None:
    standing = judged(np.zeros(0, np.int8), Dispute(50, 1000, 50))
    assert (standing.winner, standing.error_rate, standing.gain) == (None, 1.0, 0.0)
    assert standing.interval == (-0.05, 0.05)


def test_models_that_disagree_on_less_than_a_point_are_equal_at_once() -> None:
    assert judged(np.zeros(0, np.int8), Dispute(9, 1000, 9)).winner == ABOUT_EQUAL
    assert judged(np.zeros(0, np.int8), Dispute(10, 1000, 10)).winner is None


def test_a_list_that_ends_without_a_difference_ends_equal() -> None:
    found = np.resize(np.array([1, -1], np.int8), 30)
    assert judged(found[:29], Dispute(10_000, 20_000, 30)).winner is None
    standing = judged(found, Dispute(10_000, 20_000, 30))
    assert standing.winner == ABOUT_EQUAL
    assert (
        standing.interval[0] < -0.05 < 0.05 < standing.interval[1]
    )  # and says how little it knows


def test_all_disagreements_seen_give_the_gain_itself() -> None:
    found = orders((12, 8, 4))[0]
    standing = judged(found, Dispute(24, 100, 24))
    assert standing.winner == CANDIDATE
    last = judged(np.array([1, -1, 0], np.int8), Dispute(3, 30, 3))
    assert last.interval == (0.0, 0.0)


@pytest.mark.parametrize("kinds", [(40, 40, 20), (300, 300, 0), (1000, 1000, 500)])
def test_equal_models_get_a_winner_in_one_of_twenty_runs_at_most(
    kinds: tuple[int, int, int],
) -> None:
    dispute = Dispute(sum(kinds), 4 * sum(kinds), min(sum(kinds), 300))
    winners = [judged(found, dispute).winner for found in orders(kinds)]
    assert np.mean([name in (CANDIDATE, ALONE) for name in winners]) <= bound(0.05)


@pytest.mark.parametrize("kinds", [(30, 40, 5), (34, 26, 0), (150, 120, 30)])
def test_what_is_said_is_wrong_in_one_of_twenty_runs_at_most(kinds: tuple[int, int, int]) -> None:
    gain = kinds[0] - kinds[1]
    dispute = Dispute(sum(kinds), 100 * abs(gain), sum(kinds))  # one point: not about equal
    standings = [judged(found, dispute) for found in orders(kinds)]
    truth = CANDIDATE if gain > 0 else ALONE
    assert np.mean([s.winner not in (truth, None) for s in standings]) <= bound(0.05)
    covered = [s.interval[0] <= gain / dispute.pool <= s.interval[1] for s in standings]
    assert np.mean(covered) >= 1 - bound(0.05)


def test_power_at_five_points() -> None:
    """10 % of the rows disagree, and of these the candidate has three of four right.

    Exact chances in an endless supply, by summing over all orders: 0.32 and 0.69.
    """
    dispute = Dispute(2000, 20_000, 300)
    spent = np.array([judged(found, dispute).answers for found in orders((1500, 500, 0))])
    assert (spent <= 20).mean() == pytest.approx(0.32, abs=0.07)
    assert (spent <= 40).mean() == pytest.approx(0.69, abs=0.07)


# ---------------------------------------------------------------- what is expected


def test_a_forecast_is_the_same_each_time() -> None:
    none = np.zeros(0, np.int8)
    dispute = Dispute(300, 2000, 300)
    assert expected(none, (5, 2, 1), dispute, 1) == expected(none, (5, 2, 1), dispute, 1)
    assert expected(none, (5, 2, 1), dispute, 1) != expected(none, (5, 2, 1), dispute, 2)


def test_a_clear_lead_on_held_out_labels_promises_a_quick_end() -> None:
    none, dispute = np.zeros(0, np.int8), Dispute(2000, 20_000, 300)
    clear, close = (expected(none, held, dispute, 0) for held in ((40, 4, 0), (22, 22, 0)))
    assert clear.bound < 40 < close.median
    assert clear.settled > 0.99 > close.settled


def test_a_forecast_fits_what_happens_at_known_shares() -> None:
    """With shares known from many held-out rows it is the distribution of the true number."""
    dispute = Dispute(2000, 20_000, 300)
    forecast = expected(np.zeros(0, np.int8), (75_000, 25_000, 0), dispute, 0)
    spent = [judged(found, dispute).answers for found in orders((1500, 500, 0))]
    assert forecast.median == pytest.approx(np.median(spent), abs=5)
    assert forecast.bound == pytest.approx(np.quantile(spent, 0.9), abs=12)


def test_answers_so_far_shorten_what_is_left() -> None:
    dispute = Dispute(2000, 20_000, 300)
    held = (6, 2, 0)
    before = expected(np.zeros(0, np.int8), held, dispute, 0)
    after = expected(np.ones(7, np.int8), held, dispute, 0)
    assert after.median < before.median
