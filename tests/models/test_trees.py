"""The forest as a network against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from realmix import models
from realmix.base.errors import UsageError
from realmix.models.tree_arrays import Trees, forest, rounded_down

RNG = np.random.default_rng(0)
ROWS = np.concatenate([RNG.normal(size=(60, 3)), RNG.integers(0, 3, (60, 2))], 1).astype(np.float32)
LABEL = (ROWS[:, 0] * ROWS[:, 1] > 0) + (ROWS[:, 3] > 1).astype(np.int64)
NEW = np.concatenate([RNG.normal(size=(500, 3)), RNG.integers(0, 3, (500, 2))], 1)


def network_of(trees: Trees, num_classes: int = 3) -> torch.nn.Module:
    network = models.build("forest", (trees.feature.max() + 1,), num_classes, seed=0)
    network.store([torch.from_numpy(array) for array in trees])
    return network.eval()


def test_it_says_what_scikit_learns_forest_says() -> None:
    theirs = RandomForestClassifier(30, random_state=5).fit(ROWS, LABEL)
    network = network_of(forest(ROWS, LABEL, 3, count=30, seed=5))
    for rows in (NEW.astype(np.float32), ROWS, (ROWS[:-1] + ROWS[1:]) / 2):
        found = network.shares(torch.from_numpy(rows)).numpy()
        assert found == pytest.approx(theirs.predict_proba(rows), abs=1e-6)


def test_thresholds_divide_float32_as_those_of_float64_do() -> None:
    near = RNG.normal(size=1000).astype(np.float32)
    between = (near.astype(float) + np.nextafter(near, np.float32(9)).astype(float)) / 2
    down = rounded_down(between)
    assert np.array_equal(down, near)
    assert np.array_equal(rounded_down(near.astype(float)), near)


def test_one_tree_by_hand() -> None:
    trees = Trees(
        np.array([1, 0, 0], np.int32),
        np.array([0.5, 0, 0], np.float32),
        np.array([1, 1, 2], np.int32),
        np.array([2, 1, 2], np.int32),
        np.array([[0.5, 0.5], [0.75, 0.25], [0, 1]], np.float32),
        np.array([0], np.int32),
    )
    probs = network_of(trees, 2)(torch.tensor([[9.0, 0.5], [9.0, 0.6]])).softmax(1)
    assert probs[0].tolist() == pytest.approx([0.75, 0.25])
    assert probs[1].tolist() == pytest.approx([0.001 / 1.001, 1 / 1.001])


def test_a_class_without_a_label_has_no_share() -> None:
    trees = forest(ROWS, 2 * (LABEL > 0), 4, count=5, seed=0)
    assert trees.value[:, [1, 3]].sum() == 0
    assert trees.value.sum(1) == pytest.approx(np.ones(len(trees.value)), abs=1e-6)


def test_loading_takes_over_how_many_nodes_there_are() -> None:
    network = network_of(forest(ROWS, LABEL, 3, count=4, seed=0))
    fresh = models.build("forest", (5,), 3, seed=9).eval()
    with pytest.raises(UsageError, match="--algorithm forest fills it"):
        fresh(torch.zeros(1, 5))
    fresh.load_state_dict(network.state_dict())
    rows = torch.from_numpy(NEW)
    assert torch.equal(fresh(rows), network(rows))
