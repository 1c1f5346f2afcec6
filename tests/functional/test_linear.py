"""Logistic regression fitted to the end, and the strength that held-out log loss chooses."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from realmix.functional.rows.linear import best_strength, dealt, logistic

GRID = (0.01, 0.1, 1.0, 10.0)


def problem(count=40, num_classes=3, width=4, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    label = np.arange(count) % num_classes
    centers = 2 * rng.normal(size=(num_classes, width))
    return centers[label] + spread * rng.normal(size=(count, width)), label


def objective(slopes, bias, rows, label, strength, weight):
    own = log_softmax(rows @ slopes.T + bias, axis=1)[np.arange(len(label)), label]
    return (slopes**2).sum() / 2 - strength * (weight * own).sum()


@pytest.mark.parametrize("strength", [0.1, 3.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_minimum_of_what_it_says(strength, weighted):
    rows, label = problem()
    weight = np.random.default_rng(1).uniform(size=40) if weighted else None
    slopes, bias = logistic(rows, label, 3, strength, weight)
    w = np.ones(40) if weight is None else weight
    reference = minimize(
        lambda v: objective(v[:12].reshape(3, 4), v[12:], rows, label, strength, w),
        np.zeros(15),
        tol=1e-10,
    )
    assert objective(slopes, bias, rows, label, strength, w) == pytest.approx(
        reference.fun, rel=1e-5
    )
    assert slopes == pytest.approx(reference.x[:12].reshape(3, 4), abs=0.02)
    assert bias.sum() == pytest.approx(0, abs=1e-9)


def test_two_classes_have_opposite_rows():
    rows, label = problem(num_classes=2, spread=0.3)
    slopes, bias = logistic(rows, label, 2)
    assert slopes[0] == pytest.approx(-slopes[1])
    assert bias[0] == pytest.approx(-bias[1])
    assert ((rows @ slopes.T + bias).argmax(1) == label).mean() > 0.9


def test_a_class_without_a_label_has_at_most_half_a_label():
    rows, label = problem(num_classes=2)
    slopes, bias = logistic(rows, 2 * label, 4)  # classes 1 and 3 have none
    far = 100 * np.random.default_rng(0).normal(size=(200, 4))
    probs = np.exp(log_softmax(far @ slopes.T + bias, axis=1))
    assert probs[:, [1, 3]].max() <= 1 / 80
    assert not slopes[[1, 3]].any()


def test_one_class_alone_is_predicted_everywhere():
    slopes, bias = logistic(np.ones((3, 2)), np.full(3, 1), 3)
    assert not slopes.any()
    assert bias.argmax() == 1


def test_noise_gets_the_strongest_penalty_and_stays_unsure():
    rng = np.random.default_rng(0)
    label = np.arange(60) % 2
    of_noise = [best_strength(rng.normal(size=(60, 5)), label, GRID, 5, rng) for _ in range(9)]
    assert np.median([strength for strength, _ in of_noise]) == GRID[0]
    assert np.median([temperature for _, temperature in of_noise]) > 0.1


def test_a_ridge_that_the_penalty_hides_is_found():
    """What tells the classes apart is small beside noise: a strong penalty takes the noise."""
    rng, label = np.random.default_rng(0), np.arange(200) % 2
    rows = np.stack([0.1 * (label - 0.5) + 0.01 * rng.normal(size=200), rng.normal(size=200)], 1)
    assert best_strength(rows, label, (0.001, 1.0, 1000.0), 5, rng)[0] == 1000.0


def test_a_penalty_that_only_makes_unsure_is_no_worse():
    """Wide rows of clear classes: the strongest penalty leaves all of them right and unsure."""
    rng = np.random.default_rng(0)
    label = np.arange(40) % 2
    rows = 0.2 * rng.normal(size=(40, 50)) / np.sqrt(50)
    rows[:, 0] += label - 0.5
    slopes, bias = logistic(rows, label, 2, GRID[0])
    probs = np.exp(log_softmax(rows @ slopes.T + bias, axis=1))
    assert (probs.argmax(1) == label).all()
    assert probs.max() < 0.55
    strength, temperature = best_strength(rows, label, GRID, 5, rng)
    assert strength <= GRID[1]
    slopes, bias = logistic(rows, label, 2, strength)
    sure = np.exp(log_softmax((rows @ slopes.T + bias) / temperature, axis=1))
    assert sure.max(1).mean() > 0.9


def test_a_usual_strength_is_left_only_where_the_labels_speak_against_it():
    rng, label = np.random.default_rng(0), np.arange(60) % 2
    noise = rng.normal(size=(60, 5))
    for usual in (0.1, 1.0, 10.0):  # rows that tell little are fitted best by the smallest
        found = best_strength(0.3 * noise, label, GRID, 5, np.random.default_rng(1), usual)
        assert found == ((usual, 1.0) if usual < 10 else (1.0, 1.0))
    wide = 30 * rng.normal(size=(60, 40))
    assert best_strength(wide, label, GRID, 5, np.random.default_rng(1), 10.0)[0] < 1


def test_where_nothing_can_be_held_out_the_strength_is_the_middle_one():
    rng = np.random.default_rng(0)
    assert best_strength(rng.normal(size=(3, 2)), np.arange(3), GRID, 5, rng) == (1.0, 1.0)
    assert best_strength(rng.normal(size=(3, 2)), np.zeros(3, int), GRID, 5, rng) == (1.0, 1.0)
    assert best_strength(rng.normal(size=(3, 2)), np.arange(3), GRID, 5, rng, 0.1) == (0.1, 1.0)


@pytest.mark.parametrize("counts", [(2, 2, 2), (1, 2, 9), (1, 1, 2), (7, 3)])
def test_every_class_is_dealt_evenly_and_a_single_row_is_not_held_out(counts):
    label = np.repeat(np.arange(len(counts)), counts)
    fold = dealt(label, 5, np.random.default_rng(3))
    for c, count in enumerate(counts):
        own = fold[label == c]
        if count == 1:
            assert own.tolist() == [-1]
        else:
            each = np.bincount(own, minlength=5)
            assert each.max() - each.min() <= 1
    rows = np.random.default_rng(4).normal(size=(len(label), 3))
    assert best_strength(rows, label, GRID, 5, np.random.default_rng(3))[0] in GRID


def test_few_labels_of_many_classes_are_no_reason_to_warn():
    rng = np.random.default_rng(0)
    label = np.arange(30) % 20
    logistic(rng.normal(size=(30, 3)), label, 20, 1.0)  # pytest turns warnings into errors
