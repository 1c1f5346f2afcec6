"""Forest and boosting as networks against scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from realmix import models
from realmix.base.errors import StorageError, UsageError
from realmix.models.tree_arrays import Boosted, Trees, boosting, forest, rounded_down
from realmix.models.trees import Boosting
from realmix.runs.classifier import Classifier

RNG = np.random.default_rng(0)
ROWS = np.concatenate([RNG.normal(size=(60, 3)), RNG.integers(0, 3, (60, 2))], 1).astype(np.float32)
LABEL = (ROWS[:, 0] * ROWS[:, 1] > 0) + (ROWS[:, 3] > 1).astype(np.int64)
NEW = np.concatenate([RNG.normal(size=(500, 3)), RNG.integers(0, 3, (500, 2))], 1)


def network_of(trees: Trees, num_classes: int = 3) -> torch.nn.Module:
    network = models.build("forest", (5,), num_classes, seed=0)
    network.store(trees)
    return network.eval()


def boosted_of(found: Boosted, num_classes: int) -> Boosting:
    network = models.build("boosting", (5,), num_classes, seed=0)
    network.store([*found.trees, found.classes, found.start])
    return network.eval()


def file_of(network: torch.nn.Module, model: str, path: Path) -> Path:
    """A model file, as a run writes one."""
    shape, classes = (5,), ("a", "b", "c")
    Classifier(network, classes, model, shape, "features", None, {}).save(path)
    return path


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


@pytest.mark.parametrize("known", [(0, 1), (0, 1, 2), (1, 3), (0, 1, 3)])
def test_boosting_says_what_scikit_learns_says(known: tuple[int, ...]) -> None:
    label = np.array(known)[LABEL % len(known)]
    settings = {"max_iter": 20, "min_samples_leaf": 3, "max_features": 0.5}
    theirs = HistGradientBoostingClassifier(random_state=7, **settings).fit(ROWS, label)
    network = boosted_of(boosting(ROWS, label, 4, seed=7, **settings), 4)
    for rows in (NEW.astype(np.float32), ROWS, (ROWS[:-1] + ROWS[1:]) / 2):
        found = network.shares(torch.from_numpy(rows)).numpy()
        assert found[:, known] == pytest.approx(theirs.predict_proba(rows), abs=1e-5)
        assert np.array_equal(found.argmax(1), theirs.predict(rows))
        assert np.delete(found, known, 1).sum() == 0


def test_boosting_of_one_class_names_it() -> None:
    network = boosted_of(boosting(ROWS, np.full(len(ROWS), 2), 3, seed=0), 3)
    assert network.shares(torch.from_numpy(ROWS)).tolist() == [[0, 0, 1]] * len(ROWS)


def test_one_boosted_tree_by_hand() -> None:
    trees = Trees(
        np.array([1, 0, 0], np.int32),
        np.array([0.5, 0, 0], np.float32),
        np.array([1, 1, 2], np.int32),
        np.array([2, 1, 2], np.int32),
        np.array([9, 0.25, -0.75], np.float32),
        np.array([0], np.int32),
    )
    network = boosted_of(Boosted(trees, np.array([1], np.int32), np.array([0, 1], np.float32)), 2)
    rows = torch.tensor([[9.0, 0.5, 0, 0, 0], [9.0, 0.6, 0, 0, 0]])
    odds = np.exp([1.25, 0.25])
    assert network(rows).softmax(1)[:, 1].tolist() == pytest.approx((odds / (1 + odds)).tolist())


@pytest.mark.parametrize("model", ["forest", "boosting"])
def test_a_file_gives_the_same_answers(model: str, tmp_path: Path) -> None:
    if model == "forest":
        network = network_of(forest(ROWS, LABEL, 3, count=4, seed=0))
    else:
        network = boosted_of(boosting(ROWS, LABEL, 3, seed=0, max_iter=4), 3)
    loaded = Classifier.load(file_of(network, model, tmp_path / "model.safetensors")).network
    rows = torch.from_numpy(NEW)
    assert torch.equal(loaded(rows), network(rows))


HOSTILE = {
    "would never come to a leaf": {"left": lambda a: torch.zeros_like(a)},
    "a node that is not there": {"right": lambda a: a + len(a) * (a != torch.arange(len(a)))},
    "a column that rows of 5": {"feature": lambda a: a + 5},
    "a class that is none of the 3": {"classes": lambda a: a + 1},
    "do not have a class each": {"classes": lambda a: a[:-1]},
    "not finite": {"value": lambda a: a / 0},
    "equally many numbers for each node": {"threshold": lambda a: a[:-1]},
}


@pytest.mark.parametrize("words", HOSTILE)
def test_trees_that_cannot_be_walked_are_refused(words: str, tmp_path: Path) -> None:
    network = boosted_of(boosting(ROWS, LABEL, 3, seed=0, max_iter=2), 3)
    for name, change in HOSTILE[words].items():
        setattr(network, name, change(getattr(network, name)).to(getattr(network, name).dtype))
    path = file_of(network, "boosting", tmp_path / "model.safetensors")
    with pytest.raises(StorageError, match=words):
        Classifier.load(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    network = boosted_of(boosting(ROWS, LABEL, 3, seed=0, max_iter=2), 3)
    path = file_of(network, "boosting", tmp_path / "model.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    with pytest.raises(StorageError, match="is damaged"):
        Classifier.load(path)


def test_a_network_of_trees_is_described_by_their_number() -> None:
    network = network_of(forest(ROWS, LABEL, 3, count=4, seed=0))
    assert models.described("forest", network, (5,)) == "forest (4 trees) on 5 columns"
