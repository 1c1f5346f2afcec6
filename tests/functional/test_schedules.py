"""Schedules: worked numbers, monotone, bounded."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.functional.schedules import (
    cosine,
    cosine_ramp,
    delayed_ramp,
    early_decay,
    ramp_up,
    sigmoid_ramp,
    signal_annealing,
)

progress = st.floats(0, 1)


def test_the_linear_ramp_of_mixmatch():
    end = 16384 / 2**20
    steps = {0: 0, 1024: 4.6875, 8192: 37.5, 16384: 75, 500_000: 75}
    assert {step: 75 * ramp_up(step / 2**20, end) for step in steps} == steps


def test_the_sigmoid_ramp():
    values = [sigmoid_ramp(s * 0.4, 0.4) for s in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert values == pytest.approx([0.006738, 0.060055, 0.286505, 0.731616, 1], abs=5e-7)
    assert sigmoid_ramp(0.9, 0.4) == 1


@pytest.mark.parametrize("ramp", [ramp_up, sigmoid_ramp])
def test_a_ramp_without_length_is_full_from_the_start(ramp):
    assert ramp(0.0, 0.0) == 1


def test_the_delayed_ramp_of_pseudo_label():
    epochs = {50: 0, 100: 0, 350: 1.5, 599: 2.994, 600: 3, 5000: 3}
    assert {t: 3 * delayed_ramp(t, 100, 600) for t in epochs} == pytest.approx(epochs)


@pytest.mark.parametrize("end", [0.0, 0.3, 0.5])
def test_a_delayed_ramp_without_length_is_a_step(end):
    assert delayed_ramp(0.499, 0.5, end) == 0
    assert delayed_ramp(0.5, 0.5, end) == 1


def test_the_cosine_ends_at_a_fifth():
    values = [cosine(s) for s in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert values == pytest.approx([1, 0.941544, 0.77301, 0.514103, 0.19509], abs=5e-7)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0.1, 0.325, 0.55, 0.775, 1]),
        ("log", [0.1, 0.742146, 0.926124, 0.978834, 0.993936]),
        ("exp", [0.106064, 0.121166, 0.173876, 0.357854, 1]),
    ],
)
def test_signal_annealing_of_ten_classes(schedule, expected):
    values = [signal_annealing(s, 10, schedule) for s in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert values == pytest.approx(expected, abs=5e-7)


def test_two_classes_start_at_a_half():
    assert signal_annealing(0.0, 2, "linear") == 0.5
    assert signal_annealing(0.5, 2, "linear") == 0.75


def test_annealing_that_is_off_releases_everything():
    assert signal_annealing(0.0, 10, "off") == math.inf


@given(progress, progress, st.floats(0.01, 1))
def test_ramps_are_monotone_and_bounded(one, other, end):
    early, late = sorted((one, other))
    for ramp in (ramp_up, sigmoid_ramp):
        assert 0 <= ramp(early, end) <= ramp(late, end) <= 1
    assert 0.19 < cosine(late) <= cosine(early) <= 1


@given(progress, progress, st.integers(2, 100), st.sampled_from(["linear", "log", "exp"]))
def test_annealing_is_monotone_between_chance_and_one(one, other, num_classes, schedule):
    early, late = (signal_annealing(s, num_classes, schedule) for s in sorted((one, other)))
    assert 1 / num_classes <= early <= late <= 1 + 1e-12


def test_the_cosine_ramp_of_adamatch():
    values = [cosine_ramp(progress, 0.5) for progress in (0, 1 / 8, 1 / 4, 1 / 2, 1)]
    assert values == pytest.approx([0, 0.146447, 0.5, 1, 1], abs=1e-6)
    assert cosine_ramp(0.0, 0.0) == 1


def test_an_early_decay_forgets_the_start_and_ends_as_the_given_one():
    assert [early_decay(index, 0.999) for index in (0, 90, 8990, 10**6)] == [
        0.1,
        0.91,
        0.999,
        0.999,
    ]
    assert early_decay(8989, 0.999) < 0.999
    assert early_decay(0, 0.05) == 0.05
