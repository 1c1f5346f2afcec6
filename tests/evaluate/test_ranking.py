"""Several models on the same held-out labels."""

import numpy as np

from realmix.evaluate.judges import JUDGES
from realmix.evaluate.ranking import attempts, preferred, ranked

LABEL = np.array([0, 1])
SURE, UNSURE = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.6, 0.4], [0.4, 0.6]])
PROBS = {"wrong": SURE[::-1], "unsure": UNSURE, "sure": SURE}


def test_methods_are_ranked_by_the_judge_and_equal_ones_by_likelihood() -> None:
    names = ("wrong", "unsure", "sure")
    assert ranked(JUDGES["accuracy"], LABEL, PROBS, names) == ["sure", "unsure", "wrong"]
    assert ranked(JUDGES["accuracy"], LABEL[:0], {}, names) == list(names)


def test_each_attempt_has_its_figures_and_its_cost() -> None:
    seconds = {"wrong": 0.1, "unsure": 2.0, "sure": 0.12345}
    fell = {"sure": "It calls every row the same class."}
    first, _, last = attempts(
        JUDGES["accuracy"], LABEL, PROBS, seconds, ["sure"], "wrong", fell=fell
    )
    assert (first["collapse"], last["collapse"]) == ("", fell["sure"])
    assert (first["algorithm"], first["accuracy"], first["uses_pool"]) == ("wrong", 0.0, False)
    assert (last["accuracy"], last["uses_pool"], last["seconds"]) == (1.0, True, 0.123)
    assert (first["gain"], last["gain"]) == (None, 100.0)
    assert last["gain_interval"][0] <= 100.0 <= last["gain_interval"][1]
    none = {n: p[:0] for n, p in PROBS.items()}
    nothing = attempts(JUDGES["accuracy"], LABEL[:0], none, seconds, [], "wrong")
    assert [line["accuracy"] for line in nothing] == [None] * 3


def test_a_favorite_is_taken_unless_another_is_ahead_by_more_than_its_error() -> None:
    """20 rows; the error of a lead of k rows is sqrt(k - k^2 / 20 + 1) / 20 in accuracy."""
    label, accuracy = np.zeros(20, int), JUDGES["accuracy"]

    def right(count: int) -> np.ndarray:
        first = np.where(np.arange(20) < count, 0.9, 0.1)
        return np.stack([first, 1 - first], 1)

    for lead, order in ((1, ["vote", "best"]), (2, ["best", "vote"])):
        probs = {"best": right(10 + lead), "vote": right(10)}
        assert (lead > np.sqrt(lead - lead**2 / 20 + 1)) == (order[0] == "best")
        assert preferred(accuracy, label, probs, ["best", "vote"], "vote") == order
        assert preferred(accuracy, label, probs, ["best", "vote"], "") == ["best", "vote"]
    assert preferred(accuracy, label[:0], {}, ["best", "vote"], "vote") == ["vote", "best"]
