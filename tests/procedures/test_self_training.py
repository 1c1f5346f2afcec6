"""Self-training: what each round is trained on, when it ends, and that true labels stay."""

import numpy as np
import pytest
import torch

from realmix.algorithms.supervised import Supervised
from realmix.contract.state import PerExample
from realmix.data.pools import Data, Pool
from realmix.procedures.self_training import SelfTraining, with_pseudo_labels
from tests.procedures.small import blobs, stages


class Fake:
    """Stages that train nothing: the network of a round is its number."""

    def __init__(self, data, opinions):
        self.data, self.opinions, self.given = data, opinions, []

    def train(self, algorithm, name="", *, data=None):
        assert isinstance(algorithm, Supervised)
        self.given.append((name, data or self.data))
        return len(self.given) - 1

    def predict(self, network, inputs):
        assert torch.equal(inputs, self.data.unlabeled.inputs)
        return torch.tensor(self.opinions[min(network, len(self.opinions) - 1)])


SURE = [[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]]
OTHER = [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.6, 0.3]]


def rounds(opinions, **fields):
    """Name of each training, and the pseudo-labels that it has: {pool row: class}."""
    fake = Fake(blobs(labeled=6, pool=5), opinions)
    network = SelfTraining(**fields).train(fake)
    assert network == len(fake.given) - 1  # the last one is what is shipped
    found = []
    for name, data in fake.given:
        assert torch.equal(data.labeled.inputs[:6], fake.data.labeled.inputs)
        assert torch.equal(data.labeled.label[:6], fake.data.labeled.label)
        rows = [
            fake.data.unlabeled.inputs.tolist().index(x) for x in data.labeled.inputs[6:].tolist()
        ]
        found.append((name, dict(zip(rows, data.labeled.label[6:].tolist(), strict=True))))
    return found


def test_each_round_adds_the_most_confident_of_each_class():
    assert rounds([SURE], rounds=3, per_class=1) == [
        ("labels", {}),
        ("round-1", {0: 0, 1: 1, 3: 2}),
        ("round-2", {0: 0, 1: 1, 2: 0, 3: 2, 4: 2}),
    ]


def test_labels_once_given_are_kept_whatever_later_networks_say():
    assert rounds([SURE, OTHER], rounds=2, per_class=1)[2] == (
        "round-2",
        {0: 0, 1: 1, 2: 0, 3: 2, 4: 1},
    )


def test_recomputed_labels_are_the_last_network_s_and_the_quota_grows():
    assert rounds([SURE, OTHER], rounds=2, per_class=1, recompute=True) == [
        ("labels", {}),
        ("round-1", {0: 0, 1: 1, 3: 2}),
        ("round-2", {0: 1, 1: 1, 2: 0, 3: 2}),
    ]


def test_the_threshold_must_be_exceeded():
    expected = [("labels", {}), ("round-1", {0: 0, 2: 0, 3: 2})]
    assert rounds([SURE], rounds=3, per_class=5, threshold=0.7) == expected


def test_nothing_above_the_threshold_leaves_the_labels_alone():
    assert rounds([SURE], rounds=3, threshold=0.95) == [("labels", {})]


def test_by_default_the_pool_is_shared_out_among_the_rounds():
    assert rounds([SURE], rounds=1) == [
        ("labels", {}), ("round-1", {0: 0, 1: 1, 2: 0, 3: 2, 4: 2}),
    ]  # fmt: skip
    assert len(rounds([SURE], rounds=2)[1][1]) == 3


def test_a_class_without_confident_rows_has_none():
    one = [[0.9, 0.05, 0.05]] * 5
    assert rounds([one], rounds=1) == [("labels", {}), ("round-1", {0: 0, 1: 0})]


def test_only_taken_rows_join_and_the_pool_stays():
    data = blobs(labeled=6, pool=5)
    joined = with_pseudo_labels(data, torch.tensor([-1, 2, -1, 0, -1]))
    assert joined.unlabeled is data.unlabeled
    assert len(joined.labeled) == 8
    assert joined.labeled.label[6:].tolist() == [2, 0]
    assert torch.equal(joined.labeled.inputs[6:], data.unlabeled.inputs[[1, 3]])
    assert joined.labeled.weight.tolist() == [1.0] * 8


def test_two_separable_clusters_are_all_labeled_and_rightly():
    rng = np.random.default_rng(0)
    truth = np.arange(64) % 2
    x = (4.0 * truth[:, None] - 2 + 0.3 * rng.normal(size=(64, 4))).astype(np.float32)
    views = blobs().views
    data = Data(Pool.of(x[:4], truth[:4]), Pool.of(x[4:]), ("a", "b"), views, "features")
    run = stages(data, steps=30)
    SelfTraining(rounds=2).train(run)
    last = run.trainers[-1].data.labeled
    assert run.steps_done == 3 * 30
    assert len(last) == 64
    rows = [x.tolist().index(row) for row in last.inputs.tolist()]
    assert sorted(rows) == list(range(64))
    assert (last.label.numpy() == truth[rows]).all()


def test_an_early_end_trains_less_than_planned():
    run = stages()
    procedure = SelfTraining(rounds=4, threshold=1.0)
    procedure.train(run)
    assert run.steps_done == 12
    assert procedure.trainings == 5


def test_each_round_begins_with_a_network_of_its_own(monkeypatch):
    run, starts = stages(), []
    build = run.build
    run.build = lambda *given: starts.append(given[0]) or build(*given)
    SelfTraining(rounds=2).train(run)
    assert starts == [0, 1, 2]


@pytest.mark.parametrize("kind", [PerExample])
def test_no_memory_of_rows_outlives_a_round(kind):
    run = stages()
    SelfTraining(rounds=1).train(run)
    assert not any(isinstance(m, kind) for t in run.trainers for m in t.algorithm.modules())


def test_pool_weights_travel_with_their_rows():
    data = blobs(labeled=6, pool=5)
    weighted = Pool(data.unlabeled.inputs, data.unlabeled.label, torch.linspace(0, 1, 5))
    data = type(data)(data.labeled, weighted, data.classes, data.views)
    joined = with_pseudo_labels(data, torch.tensor([0, -1, -1, -1, 1]))
    assert joined.labeled.weight.tolist() == [1.0] * 6 + [0.0, 1.0]
