"""Curves by hand values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.comparison.curves import labels_needed, summed_up


def test_labels_needed_lie_on_a_line_in_their_logarithm():
    found = labels_needed([10, 100, 1000], [0.5, 0.7, 0.9], 0.6)
    assert found.labels == pytest.approx(10**1.5)
    assert found.bound == ""
    assert labels_needed([10, 100, 1000], [0.5, 0.7, 0.9], 0.7).labels == pytest.approx(100)


def test_what_lies_beyond_the_curve_is_a_bound():
    curve = [10, 100], [0.5, 0.7]
    assert str(labels_needed(*curve, 0.75)) == "more than 100"
    assert str(labels_needed(*curve, 0.45)) == "fewer than 10"
    assert labels_needed(*curve, 0.5).labels == pytest.approx(10)
    assert labels_needed([10], [0.5], 0.5) is None


def test_a_curve_that_falls_is_held_at_its_highest():
    assert labels_needed([10, 20, 40, 80], [0.5, 0.7, 0.6, 0.8], 0.65).labels < 20
    found = labels_needed([10, 20, 40, 80], [0.5, 0.7, 0.6, 0.8], 0.75)
    assert found.labels == pytest.approx(math.sqrt(40 * 80))


def test_a_shift_by_hand():
    # y falls as 0.9 - 0.4 x to 0.5, then rises as 0.6 + 0.2 x
    found = summed_up([0.0, 0.5, 1.0], [0.9, 0.7, 0.8])
    assert found.area == pytest.approx(0.775)
    assert found.worst == 0.7
    assert found.variation == pytest.approx(0.3)
    # cov = 0.3791667 - 0.5 * 0.775; var y = 0.6033333 - 0.775^2; var x = 1 / 12
    covariance, variance = 0.37916667 - 0.3875, 0.60333333 - 0.600625
    assert found.correlation == pytest.approx(covariance / math.sqrt(variance / 12), abs=1e-5)


def test_a_line_has_correlation_one_and_a_level_none():
    assert summed_up([0, 0.2, 1], [0.1, 0.26, 0.9]).correlation == pytest.approx(1)
    assert summed_up([0, 1], [0.9, 0.1]).correlation == pytest.approx(-1)
    assert math.isnan(summed_up([0, 0.5, 1], [0.8, 0.8, 0.8]).correlation)
    assert summed_up([0.0], [0.8]) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_a_shift_is_that_of_a_fine_grid(heights):
    t = np.linspace(0, 1, len(heights))
    found = summed_up(t, heights)
    fine = np.linspace(0, 1, 20_001)
    y = np.interp(fine, t, heights)
    assert found.area == pytest.approx(np.trapezoid(y, fine), abs=1e-4)
    assert found.variation == pytest.approx(np.abs(np.diff(y)).sum(), abs=1e-3)
    assert found.worst <= found.area + 1e-12
    if y.std() > 1e-2:
        assert found.correlation == pytest.approx(np.corrcoef(fine, y)[0, 1], abs=1e-2)


def test_points_that_lie_on_a_line_change_nothing():
    few, many = summed_up([0, 1], [0.9, 0.5]), summed_up([0, 0.25, 1], [0.9, 0.8, 0.5])
    assert few.area == pytest.approx(many.area)
    assert few.correlation == pytest.approx(many.correlation)
