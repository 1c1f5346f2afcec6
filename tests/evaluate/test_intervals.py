"""Intervals and the paired test against published examples, loops and properties."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from realmix.base.errors import DataError
from realmix.evaluate.intervals import (
    Pairs,
    count_pairs,
    labels_to_decide,
    mcnemar,
    paired_interval,
    wilson,
    worth,
)

counts = st.integers(0, 60)
levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])


def outcomes(both, gained, lost, neither):
    """(baseline_correct, candidate_correct) with these counts."""
    base = np.repeat([True, False, True, False], [both, gained, lost, neither])
    other = np.repeat([True, True, False, False], [both, gained, lost, neither])
    return base, other


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe, 1998, Statistics in Medicine 17:857, table I, method 3
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000), st.data(), levels)
def test_wilson_contains_the_estimate_and_is_symmetric(n, data, level):
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n, level)
    assert 0 <= low <= successes / n <= high <= 1
    mirrored = wilson(n - successes, n, level)
    assert (low, high) == pytest.approx((1 - mirrored[1], 1 - mirrored[0]))


@given(st.integers(1, 200), st.data(), levels)
def test_wilson_ends_solve_the_score_equation(n, data, level):
    successes = data.draw(st.integers(1, n)) if n > 1 else 1
    low, _ = wilson(successes, n, level)
    distance = (successes / n - low) / math.sqrt(low * (1 - low) / n)
    tail = 0.5 * math.erfc(distance / math.sqrt(2))
    assert tail == pytest.approx((1 - level) / 2, rel=1e-6)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(2, 20))
def test_wilson_narrows_with_n_and_widens_with_the_level(right, wrong, factor):
    n = right + wrong

    def width(times, level=0.95):
        low, high = wilson(right * times, n * times, level)
        return high - low

    assert width(factor) < width(1) or n == 0
    assert width(1, 0.99) > width(1, 0.9) or n == 0


def test_nothing_is_known_without_rows():
    nothing = np.zeros(0, bool)
    assert wilson(0, 0) == (0, 1)
    assert paired_interval(nothing, nothing) == (-1, 1)
    assert mcnemar(nothing, nothing) == 1
    assert labels_to_decide(nothing, nothing) is None


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((1, 1, 7, 12), -0.507, -0.026),  # Fagerland et al., 2014: airway hyper-responsiveness
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe, 1998, Statistics in Medicine 17:2635
        ((14, 5, 0, 22), 0.0115, 0.2265),  # Altman et al., 2000, table 6.2
    ],
)
def test_paired_interval_of_worked_examples(cells, low, high):
    assert paired_interval(*outcomes(*cells)) == pytest.approx((low, high), abs=5e-4)


@given(counts, counts, counts, counts, levels)
def test_paired_interval_contains_the_difference_and_turns_with_the_models(a, b, c, d, level):
    base, other = outcomes(a, b, c, d)
    low, high = paired_interval(base, other, level)
    if a + b + c + d:
        assert -1 <= low <= (b - c) / (a + b + c + d) <= high <= 1
    assert paired_interval(other, base, level) == pytest.approx((-high, -low), abs=1e-12)


@given(counts, counts, counts, counts)
def test_paired_interval_narrows_with_n(a, b, c, d):
    low, high = paired_interval(*outcomes(a, b, c, d))
    small = high - low
    low, high = paired_interval(*outcomes(4 * a, 4 * b, 4 * c, 4 * d))
    assert high - low < small or a + b + c + d == 0


@pytest.mark.parametrize("rates", [(0.7, 0.1, 0.05, 0.15), (0.5, 0.12, 0.12, 0.26)])
@pytest.mark.parametrize("n", [40, 250])
def test_paired_interval_covers_the_truth_as_often_as_it_says(rates, n):
    draws = np.random.default_rng(0).multinomial(n, rates, 1000)
    truth = rates[1] - rates[2]
    covered = 0
    for cells in draws:
        low, high = paired_interval(*outcomes(*cells), level=0.9)
        covered += low <= truth <= high
    assert 0.87 <= covered / len(draws) <= 0.95


def reference_p_value(gained, lost):
    total = gained + lost
    return sum(math.comb(total, k) for k in range(gained, total + 1)) / 2**total


@given(counts, counts, counts, counts)
def test_p_value_is_the_share_of_coin_rows_with_as_many_gains(a, b, c, d):
    assert mcnemar(*outcomes(a, b, c, d)) == pytest.approx(reference_p_value(b, c))


@pytest.mark.parametrize(
    ("cells", "p_value"),
    # the airway example's published two-sided exact p-value is 0.0703, twice the one-sided one
    [((1, 7, 1, 12), 0.0703125 / 2), ((9, 5, 0, 9), 1 / 32), ((9, 0, 0, 9), 1), ((0, 0, 3, 0), 1)],
)
def test_p_values_by_hand(cells, p_value):
    assert mcnemar(*outcomes(*cells)) == pytest.approx(p_value)


@given(counts, counts)
def test_the_tails_of_both_directions_overlap_in_one_outcome(b, c):
    there, back = mcnemar(*outcomes(0, b, c, 0)), mcnemar(*outcomes(0, c, b, 0))
    assert there + back == pytest.approx(1 + math.comb(b + c, b) / 2 ** (b + c))


@pytest.mark.parametrize("level", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("n", [10, 40, 250, 1000])
@pytest.mark.parametrize("disagreement", [0.02, 0.1, 0.4])
def test_an_equal_candidate_is_found_better_at_most_at_the_level(n, disagreement, level):
    """Exact, by enumeration: sum over outcomes of probability where p-value <= level."""
    total = 0.0
    for m in range(n + 1):
        weight = math.exp(
            math.lgamma(n + 1)
            - math.lgamma(m + 1)
            - math.lgamma(n - m + 1)
            + m * math.log(disagreement)
            + (n - m) * math.log1p(-disagreement)
        )
        if weight < 1e-12:
            continue
        tail, gained = 0, m + 1
        while gained > 0 and tail + math.comb(m, gained - 1) <= level * 2**m:
            gained -= 1
            tail += math.comb(m, gained)
        total += weight * (tail / 2**m)
    assert total <= level


@pytest.mark.parametrize(
    "cells", [(90, 3, 0, 7), (30, 4, 1, 5), (200, 12, 6, 32), (200, 30, 25, 45), (4, 5, 3, 0)]
)
def test_that_many_labels_give_about_the_power_asked_for(cells):
    n = labels_to_decide(*outcomes(*cells), level=0.05, power=0.8)
    rates = np.array(cells) / sum(cells)
    draws = np.random.default_rng(1).multinomial(n, rates, 4000)
    tails = scipy.stats.binom.sf(draws[:, 1] - 1, draws[:, 1] + draws[:, 2], 0.5)
    found = np.mean(tails <= 0.05)
    assert 0.76 <= found <= 0.87


def test_labels_to_decide_by_hand():
    # lead 0.1, disagreement 0.2: ((1.6449 sqrt .2 + 0.8416 sqrt .19) / .1)^2 + 10
    assert labels_to_decide(*outcomes(12, 3, 1, 4)) == math.ceil(
        ((1.6448536 * math.sqrt(0.2) + 0.8416212 * math.sqrt(0.19)) / 0.1) ** 2 + 10
    )


@given(counts, counts, counts, counts)
def test_labels_to_decide_only_where_the_candidate_is_ahead_and_then_more_than_now(a, b, c, d):
    base, other = outcomes(a, b, c, d)
    needed = labels_to_decide(base, other)
    assert (needed is None) == (b <= c)
    if needed is not None and mcnemar(base, other) > 0.05:
        assert needed > a + b + c + d
        assert labels_to_decide(base, other, power=0.95) > needed
        assert labels_to_decide(base, other, level=0.01) > needed


def test_pairs_are_counted():
    assert count_pairs(*outcomes(1, 2, 3, 4)) == Pairs(both=1, gained=2, lost=3, neither=4)


def test_outcomes_of_different_rows_are_refused():
    with pytest.raises(DataError, match="same rows"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))


def test_rows_that_were_held_out_in_folds_count_in_part():
    assert [worth(folds) for folds in (0, 1, 2, 5)] == [1, 1, 0.5, 0.8]


def test_a_lead_of_rows_that_count_half_is_that_of_half_as_many():
    few, many = outcomes(6, 3, 1, 2), outcomes(12, 6, 2, 4)
    got = paired_interval(*many, worth=0.5)
    low, high = paired_interval(*many)
    assert got[0] < low
    assert high < got[1]
    assert got == pytest.approx(paired_interval(*few), abs=0.03)
