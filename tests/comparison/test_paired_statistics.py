"""Intervals, tests and ranks by hand values and published ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from realmix.comparison.statistics import critical_difference, holm, mean_of, paired, ranked


def test_the_interval_of_three_values_by_hand():
    mean = mean_of([0.80, 0.82, 0.87])
    # s = 0.0360555, t(0.975, 2) = 4.302653
    assert mean.value == pytest.approx(0.83)
    assert mean.deviation == pytest.approx(0.0360555, abs=1e-6)
    assert mean.interval[0] == pytest.approx(0.83 - 4.302653 * 0.0360555 / math.sqrt(3), abs=1e-6)
    assert mean.half == pytest.approx(4.302653 * 0.0360555 / math.sqrt(3), abs=1e-6)


def test_one_value_has_no_interval_and_none_no_mean():
    assert mean_of([0.5]).value == 0.5
    assert math.isnan(mean_of([0.5]).interval[0])
    assert math.isnan(mean_of([]).value)
    assert mean_of([]).count == 0


def test_the_interval_covers_at_its_rate():
    rng = np.random.default_rng(0)
    hits = [
        low <= 0.7 <= high
        for low, high in (mean_of(rng.normal(0.7, 0.05, 5).tolist()).interval for _ in range(2000))
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8).filter(
        lambda pairs: np.std([b - a for a, b in pairs]) > 1e-6
    )
)
def test_the_paired_test_is_scipys(pairs):
    first, second = zip(*pairs, strict=True)
    assert paired(first, second).p == pytest.approx(stats.ttest_rel(second, first).pvalue, abs=1e-9)


def test_equal_differences_leave_nothing_to_test():
    assert paired([0.1, 0.2], [0.1, 0.2]).p == 1
    assert math.isnan(paired([0.1, 0.2], [0.2, 0.3]).p)
    assert math.isnan(paired([0.1], [0.2]).p)


def test_holms_correction_by_hand():
    # sorted: 0.01 * 4, 0.02 * 3, 0.03 * 2, 0.04 * 1, never falling
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []
    assert math.isnan(holm([math.nan, 0.5])[0])
    assert holm([math.nan, 0.5])[1] == 0.5


@pytest.mark.parametrize(
    ("count", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)]
)
def test_the_critical_difference_has_demsars_table(count, q):
    """Table 5a of the paper."""
    draws = 30
    expected = q * math.sqrt(count * (count + 1) / (6 * draws))
    assert critical_difference(count, draws) == pytest.approx(expected, rel=1e-3)


def test_ranks_by_hand():
    accuracy = np.array([[0.9, 0.8, 0.7], [0.9, 0.7, 0.8], [0.9, 0.8, 0.8], [0.6, 0.5, 0.4]])
    found = ranked(("a", "b", "c"), accuracy)
    assert found.names == ("a", "b", "c")
    # b: 2, 3, 2.5, 2; c: 3, 2, 2.5, 3
    assert found.ranks == pytest.approx((1.0, 2.375, 2.625))
    assert found.p == pytest.approx(stats.friedmanchisquare(*accuracy.T).pvalue)
    assert found.draws == 4
    # 2.343 * sqrt(12 / 24) = 1.657: no two differ by more
    assert found.critical == pytest.approx(1.657, abs=1e-3)
    assert found.alike == ((0, 2),)


def test_groups_that_overlap_are_told_both_and_lone_ones_not():
    best = np.array([[4.0, 3.0, 2.0, 1.0]] * 12)
    found = ranked(("a", "b", "c", "d"), best)
    # q 2.569 * sqrt(20 / 72) = 1.354: neighbors alike, the ends not
    assert found.alike == ((0, 1), (1, 2), (2, 3))
    many = ranked(("a", "b", "c", "d"), np.repeat(best, 10, axis=0))
    assert many.alike == ()


def test_two_algorithms_or_one_draw_have_no_ranks():
    assert ranked(("a", "b"), np.ones((5, 2))) is None
    assert ranked(("a", "b", "c"), np.ones((1, 3))) is None
    assert ranked(("a", "b", "c"), np.ones((5, 3))).p == 1
