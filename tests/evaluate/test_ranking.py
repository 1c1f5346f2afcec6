"""Several models on the same held-out labels."""

import numpy as np

from realmix.evaluate.judges import JUDGES
from realmix.evaluate.ranking import attempts, ranked

LABEL = np.array([0, 1])
SURE, UNSURE = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.6, 0.4], [0.4, 0.6]])
PROBS = {"wrong": SURE[::-1], "unsure": UNSURE, "sure": SURE}


def test_methods_are_ranked_by_the_judge_and_equal_ones_by_likelihood() -> None:
    names = ("wrong", "unsure", "sure")
    assert ranked(JUDGES["accuracy"], LABEL, PROBS, names) == ["sure", "unsure", "wrong"]
    assert ranked(JUDGES["accuracy"], LABEL[:0], {}, names) == list(names)


def test_each_attempt_has_its_figures_and_its_cost() -> None:
    seconds = {"wrong": 0.1, "unsure": 2.0, "sure": 0.12345}
    first, _, last = attempts(LABEL, PROBS, seconds, ["sure"])
    assert (first["algorithm"], first["accuracy"], first["uses_pool"]) == ("wrong", 0.0, False)
    assert (last["accuracy"], last["uses_pool"], last["seconds"]) == (1.0, True, 0.123)
    nothing = attempts(LABEL[:0], {n: p[:0] for n, p in PROBS.items()}, seconds, [])
    assert [line["accuracy"] for line in nothing] == [None] * 3
