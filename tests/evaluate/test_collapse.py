"""When a model that used the pool is no model of these data."""

import numpy as np
import pytest

from realmix.evaluate.collapse import collapse, drifted
from realmix.evaluate.judges import JUDGES

ACCURACY = JUDGES["accuracy"]


def shares(*counts):
    """(n, K) probabilities that name class c for counts[c] rows."""
    return np.eye(len(counts))[np.repeat(np.arange(len(counts)), counts)]


def test_what_is_no_better_than_the_largest_class_has_collapsed():
    label = np.array([0] * 6 + [1] * 4)
    probs = np.eye(2)[[0] * 3 + [1] * 3 + [1] * 3 + [0]]  # six of ten right, as "always 0" has
    assert collapse(ACCURACY, label, probs) == "constant"
    better = np.eye(2)[[0] * 4 + [1] * 2 + [1] * 3 + [0]]
    assert collapse(ACCURACY, label, better) == ""
    # nine of ten are of one class: accuracy below 90 % may still find the other
    label = np.array([0] * 18 + [1] * 2)
    finds = np.eye(2)[[0] * 15 + [1] * 3 + [1] * 2]
    assert collapse(ACCURACY, label, finds) == "constant"
    assert collapse(JUDGES["balanced"], label, finds) == ""


def test_one_class_is_a_collapse_even_where_its_probabilities_say_more() -> None:
    label = np.array([0, 0, 0, 1, 1])
    probs = np.array([[0.9, 0.1]] * 3 + [[0.52, 0.48]] * 2)
    judge = JUDGES["log_loss"]
    assert judge(probs, label) > judge.constant(label)
    assert collapse(judge, label, probs) == "one class"


def test_one_class_on_the_pool_is_a_collapse_whatever_the_held_out_labels_say() -> None:
    label, right = np.array([0, 1] * 5), np.eye(2)[[0, 1] * 5]
    base = shares(50, 50)
    assert collapse(ACCURACY, label, right, (base, shares(100, 0))) == "one class"
    assert collapse(ACCURACY, label, right, (base, shares(50, 50))) == ""
    only = np.zeros(10, int)  # labels of one class: a pool of that class is no collapse
    assert collapse(ACCURACY, only, shares(10, 0)[:, ::1], (base, shares(100, 0))) != "one class"


@pytest.mark.parametrize("held", [shares(3, 2), shares(5, 0)])
def test_an_unheard_pool_comes_first(held) -> None:
    label = np.array([0, 0, 0, 1, 1])
    assert collapse(ACCURACY, label, held, None, heard=False) == "unheard"


def test_a_candidate_that_runs_off_to_one_class_of_the_pool_has_drifted():
    label, base, runs_off = np.repeat([0, 1], 20), shares(55, 45), shares(25, 75)
    assert drifted(label, base, runs_off)  # .25 from the labels' shares, .30 from the baseline's
    assert not drifted(label, base, shares(40, 60))  # .10 from the labels'
    assert not drifted(label, shares(30, 70), runs_off)  # the labels alone see it too
    assert not drifted(label, shares(100, 0), shares(20, 80))  # they are further off themselves
    assert not drifted(label, base[:0], runs_off[:0])
