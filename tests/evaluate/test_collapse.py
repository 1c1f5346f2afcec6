"""When a model that used the pool is no model of these data."""

import numpy as np
import pytest

from realmix.evaluate.collapse import collapse, drifted, foretold
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


def test_what_the_labels_alone_do_not_learn_either_is_said() -> None:
    label = np.array([0] * 6 + [1] * 4)
    largest, better = np.eye(2)[[0] * 10], np.eye(2)[[0] * 6 + [0, 0, 0, 1]]
    other = np.eye(2)[[0] * 3 + [1] * 3 + [1] * 3 + [0]]
    assert collapse(ACCURACY, label, other, alone=largest) == "neither"
    assert collapse(ACCURACY, label, other, alone=better) == "constant"


def test_one_class_is_a_collapse_even_where_its_probabilities_say_more() -> None:
    label = np.array([0, 0, 0, 1, 1])
    probs = np.array([[0.9, 0.1]] * 3 + [[0.52, 0.48]] * 2)
    judge = JUDGES["log_loss"]
    assert judge(probs, label) > judge.constant(label)
    assert collapse(judge, label, probs) == "one class"


def test_a_pool_that_is_of_one_class_by_the_labels_alone_too_is_no_collapse() -> None:
    label, right = np.array([0, 1] * 5), np.eye(2)[[0, 1] * 5]
    assert collapse(ACCURACY, label, right, (shares(90, 10), shares(100, 0))) == ""
    assert collapse(ACCURACY, label, right, (shares(80, 20), shares(100, 0))) == "one class"
    assert collapse(ACCURACY, label, right, (shares(10, 90), shares(100, 0))) == "one class"
    rare = np.repeat([0, 1], [29, 3])
    lost = collapse(ACCURACY, rare, np.eye(2)[rare], (shares(97, 3), shares(100, 0)))
    assert lost == "one class"


def test_one_class_on_the_pool_is_a_collapse_whatever_the_held_out_labels_say() -> None:
    label, right = np.array([0, 1] * 5), np.eye(2)[[0, 1] * 5]
    base = shares(50, 50)
    assert collapse(ACCURACY, label, right, (base, shares(100, 0))) == "one class"
    assert collapse(ACCURACY, label, right, (base, shares(50, 50))) == ""
    only = np.zeros(10, int)  # labels of one class: a pool of that class is no collapse
    assert collapse(ACCURACY, only, shares(10, 0)[:, ::1], (base, shares(100, 0))) != "one class"


def test_held_out_rows_that_are_all_but_a_few_called_one_class_are_a_collapse() -> None:
    label = np.repeat([0, 1], [20, 20])
    judge = JUDGES["balanced"]
    assert collapse(judge, label, shares(6, 34)) == "one class"  # 85 %, where half are of it
    assert collapse(judge, label, shares(7, 33)) == ""
    unequal = np.repeat([0, 1], [10, 30])
    assert collapse(judge, unequal, shares(5, 35)) == ""  # 88 % where 75 are
    assert collapse(judge, unequal, shares(3, 37)) == "one class"
    rare = np.repeat([0, 1], [38, 2])
    assert collapse(judge, rare, np.eye(2)[[0] * 39 + [1]]) == ""
    assert collapse(judge, rare, shares(40, 0)) == "one class"


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


def test_a_candidate_that_runs_off_on_unsure_rows_alone_has_not_drifted() -> None:
    """They may be of no class: both call half of the rest the one class, half the other."""
    label, sure, unsure = np.repeat([0, 1], 20), [0.9, 0.1], [0.6, 0.4]
    base = np.array([sure, sure[::-1]] * 25 + [unsure, unsure[::-1]] * 25)
    other = base.copy()
    other[50:] = unsure  # three quarters are called class 0
    assert not drifted(label, base, other)
    assert not drifted(label, base[::-1], other[::-1])
    other[:16] = sure  # and .16 more of the sure half
    assert drifted(label, base, other)
    other[14:16] = base[14:16]  # .14
    assert not drifted(label, base, other)
    base[:50] = np.array([unsure, unsure[::-1]] * 25)  # all are as sure: .32 of all count
    assert drifted(label, base, other)


def test_shares_that_held_out_rows_foretell_are_those_of_the_joint_answers() -> None:
    held = shares(8, 2), np.eye(2)[[0] * 4 + [1] * 4 + [1] * 2]
    # of the rows called 0 it calls (4 + 1/2) / (8 + 1/2) 0, of those called 1 none: half a row is
    expected = 0.6 * 4.5 / 8.5
    assert foretold(np.array([0.6, 0.4]), *held).tolist() == pytest.approx([expected, 1 - expected])
    assert foretold(np.array([0.6, 0.4]), shares(8, 2), shares(8, 2)).tolist() == [0.6, 0.4]
    unseen = foretold(np.array([0.2, 0.3, 0.5]), shares(5, 0, 0), shares(5, 0, 0))
    assert unseen.tolist() == [0.2, 0.3, 0.5]  # classes that nothing was called stay


def test_a_candidate_that_does_on_the_pool_as_on_held_out_rows_has_not_drifted() -> None:
    """The labels alone overlook class 1 of a pool that has more of it than the labels do."""
    label, base, other = np.repeat([0, 1], [30, 10]), shares(90, 10), shares(45, 55)
    finds = shares(36, 4), np.eye(2)[[0] * 20 + [1] * 20]  # 16 of the 36 are 1 for the candidate
    agree = shares(36, 4), shares(36, 4)
    assert drifted(label, base, other)
    assert drifted(label, base, other, agree)  # nothing foretold .45 of the pool
    assert not drifted(label, base, other, finds)
    right = np.eye(2)[label]
    assert collapse(ACCURACY, label, right, (base, other), alone=shares(36, 4)) == "drifted"
