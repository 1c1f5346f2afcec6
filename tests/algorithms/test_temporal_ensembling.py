"""Temporal Ensembling: what is remembered of whom, the correction, and when it counts."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import TemporalEnsembling
from realmix.contract.algorithm import Batch, Examples, Nets, Views
from tests import tiny

NUM_LABELED, NUM_POOL = 5, 9


def made(**fields):
    algorithm = TemporalEnsembling(**fields)
    algorithm.setup(tiny.nets(), tiny.facts(num_labeled=NUM_LABELED, num_unlabeled=NUM_POOL))
    return algorithm


def batch_of(labeled, pool, seed=0):
    """Rows of the two pools; the same row looks a little different every time."""
    noise = np.random.default_rng(seed)

    def stream(rows, start, label):
        inputs = np.array([tiny.rows(start + row, 1).numpy()[0] for row in rows])
        inputs = inputs + 0.3 * noise.normal(size=inputs.shape)
        place = torch.tensor(rows)
        return Examples((torch.from_numpy(inputs),), place, label, torch.ones(len(rows)))

    return Batch(
        stream(labeled, 100, torch.tensor(labeled) % tiny.CLASSES),
        stream(pool, 200, torch.full((len(pool),), -1)),
    )


BATCHES = [  # labeled row 1 is twice in the third batch; pool rows 6 to 8 are new there
    batch_of([0, 1, 2], [0, 1, 2, 3], 0),
    batch_of([3, 4, 0], [4, 5, 0, 1], 1),
    batch_of([1, 2, 1], [6, 7, 8, 0], 2),
    batch_of([1, 3, 4], [0, 6, 2, 3], 3),
    batch_of([2, 0, 1], [0, 1, 8, 5], 4),
]


class Reference:
    """Dictionaries, one entry for each row of each pool."""

    def __init__(self, momentum, noise):
        self.momentum, self.noise = momentum, noise
        self.z, self.visits = {}, {}

    def terms(self, net, batch, step):
        """Both, the second without its weight."""
        x, u = batch.labeled.views[0].numpy(), batch.unlabeled.views[0].numpy()
        rng = torch.Generator().manual_seed(step.rng.initial_seed())
        rows = np.concatenate([x, u])
        if self.noise:
            rows = rows + self.noise * torch.randn(rows.shape, generator=rng).numpy()
        logits = tiny.logits(net, rows)
        names = [("labeled", i) for i in batch.labeled.index.tolist()]
        names += [("pool", i) for i in batch.unlabeled.index.tolist()]
        total, said = 0.0, {}
        for name, logit in zip(names, logits, strict=True):
            p = tiny.softmax(logit)
            said.setdefault(name, []).append(p)
            if name in self.z:
                target = self.z[name] / (1 - self.momentum ** self.visits[name])
                assert target.sum() == pytest.approx(1)
                total += sum((a - b) ** 2 for a, b in zip(p, target, strict=True)) / len(p)
        for name, predictions in said.items():
            old = self.z.get(name, np.zeros(tiny.CLASSES))
            mean = sum(predictions) / len(predictions)
            self.z[name] = self.momentum * old + (1 - self.momentum) * mean
            self.visits[name] = self.visits.get(name, 0) + 1
        label = batch.labeled.label.numpy()
        supervised = sum(tiny.cross_entropy(logits[: len(x)], label)) / len(x)
        return supervised, total / len(rows)


@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_both_terms_equal_the_reference_through_several_visits(momentum, noise):
    nets = tiny.nets()
    algorithm = made(momentum=momentum, noise=noise, weight=7.0, ramp_end=0.5)
    reference = Reference(momentum, noise)
    for index, batch in enumerate(BATCHES):
        losses = algorithm.loss(nets, batch, tiny.step(index, 8))
        supervised, consistency = reference.terms(nets.student, batch, tiny.step(index, 8))
        ramp = math.exp(-5 * (1 - min(index / 4, 1)) ** 2)
        assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6)
        expected = 7 * ramp * consistency
        assert losses.terms["unlabeled"].item() == pytest.approx(expected, rel=1e-4, abs=1e-9)
        assert (consistency > 0) == (index > 0)


class Predicting(torch.nn.Module):
    """A network that gives these probabilities, one after the other, whatever it sees."""

    def __init__(self, *probs):
        super().__init__()
        self.left = list(probs)

    def forward(self, rows):
        return torch.tensor(self.left.pop(0)).log().expand(len(rows), 2)


def test_the_memory_and_targets_of_the_paper_s_example():
    algorithm = TemporalEnsembling(noise=0.0)
    algorithm.setup(tiny.nets(), tiny.facts(num_classes=2, num_labeled=1, num_unlabeled=1))
    net = Predicting([0.8, 0.2], [0.6, 0.4], [0.9, 0.1], [0.5, 0.5])
    nets = Nets(net, net)
    batch, terms, kept = batch_of([0], [0]), [], []
    for _ in range(4):
        losses = algorithm.loss(nets, batch, tiny.step(99, 100))
        kept.append(algorithm.memory.value[1].clone())
        terms.append(losses.terms["unlabeled"].item())
    expected = [[0.32, 0.08], [0.432, 0.208], [0.6192, 0.1648]]
    torch.testing.assert_close(torch.stack(kept[:3]), torch.tensor(expected))
    # each visit against the target that the visits before it have left
    targets = [0.8, 0.675, 0.789796]
    said = [0.6, 0.9, 0.5]
    assert terms == pytest.approx(
        [0, *(30 * (p - q) ** 2 for p, q in zip(said, targets, strict=True))], rel=1e-4
    )


def test_a_first_visit_costs_nothing_and_has_no_gradient():
    nets, algorithm = tiny.nets(), made()
    loss = algorithm.loss(nets, BATCHES[0], tiny.step(99, 100)).terms["unlabeled"]
    assert loss.item() == 0
    assert all(g.abs().sum() == 0 for g in tiny.gradients(loss, nets.student))


def test_the_mean_counts_the_rows_that_were_never_seen():
    nets, first = tiny.nets(), batch_of([0], [0])
    for new, share in ((batch_of([0], [0], 1), 1.0), (batch_of([0, 1], [0, 1], 1), 0.5)):
        algorithm = made(noise=0.0, weight=1.0)
        algorithm.loss(nets, first, tiny.step(99, 100))
        losses = algorithm.loss(nets, new, tiny.step(99, 100))
        assert losses.metrics["seen_rate"].item() == share
        errors = [
            tiny.squared_error(
                tiny.logits(nets.student, stream.views[0][:1].numpy()),
                tiny.softmax(tiny.logits(nets.student, start.views[0].numpy())),
            )[0]
            for stream, start in ((new.labeled, first.labeled), (new.unlabeled, first.unlabeled))
        ]
        expected = share * np.mean(errors)
        assert losses.terms["unlabeled"].item() == pytest.approx(expected, rel=1e-4)


def test_a_labeled_row_and_a_pool_row_of_the_same_number_are_two_examples():
    nets, algorithm = tiny.nets(), made(noise=0.0)
    batch = batch_of([0, 1], [0, 1])
    algorithm.loss(nets, batch, tiny.step(0, 10))
    rows = torch.cat([*batch.labeled.views, *batch.unlabeled.views]).numpy()
    p = tiny.softmax(tiny.logits(nets.student, rows))
    kept = algorithm.memory.value[[0, 1, NUM_LABELED, NUM_LABELED + 1]].numpy()
    np.testing.assert_allclose(kept, 0.4 * p, rtol=1e-5)
    assert algorithm.memory.visits.sum() == 4
    assert len(algorithm.memory.visits) == NUM_LABELED + NUM_POOL


def test_a_row_that_is_twice_in_a_batch_is_one_visit_with_the_mean_prediction():
    nets, algorithm = tiny.nets(), made(noise=0.0)
    batch = batch_of([3, 3], [0])
    algorithm.loss(nets, batch, tiny.step(0, 10))
    p = tiny.softmax(tiny.logits(nets.student, batch.labeled.views[0].numpy()))
    assert abs(p[0] - p[1]).max() > 0.01
    assert algorithm.memory.visits[3] == 1
    kept = algorithm.memory.value[3].numpy()
    np.testing.assert_allclose(kept, 0.4 * (p[0] + p[1]) / 2, rtol=1e-5)


def test_targets_sum_to_one_at_every_visit():
    nets, algorithm = tiny.nets(), made()
    for visit in range(1, 6):
        algorithm.loss(nets, BATCHES[0], tiny.step(visit, 10))
        z = algorithm.memory.value[:3] / (1 - 0.6**visit)
        torch.testing.assert_close(z.sum(1), torch.ones(3))


def test_the_memory_has_no_gradient_and_only_the_prediction_is_pulled():
    nets, algorithm = tiny.nets(), made(noise=0.0, weight=1.0)
    algorithm.loss(nets, BATCHES[0], tiny.step(99, 100))
    q = (algorithm.memory.value / 0.4).double()
    batch = batch_of([0, 1, 2], [0, 1, 2, 3], 7)
    loss = algorithm.loss(nets, batch, tiny.step(99, 100)).terms["unlabeled"]
    assert not algorithm.memory.value.requires_grad
    rows = torch.cat([*batch.labeled.views, *batch.unlabeled.views])
    target = q[[0, 1, 2, *(NUM_LABELED + i for i in range(4))]]
    expected = (nets.student(rows).softmax(-1) - target).square().mean()
    for got, want in zip(
        tiny.gradients(loss, nets.student), tiny.gradients(expected, nets.student), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(("index", "share"), [(20, 0.060055), (40, 0.286505), (80, 1), (299, 1)])
def test_the_weight_ramps_to_thirty_over_eighty_of_three_hundred_epochs(index, share):
    terms = []
    for fields, at in (({}, index), ({"weight": 1.0, "ramp_end": 0.0}, index)):
        nets, algorithm = tiny.nets(), made(**fields)
        algorithm.loss(nets, BATCHES[0], tiny.step(0, 300))
        batch = batch_of([0, 1, 2], [0, 1, 2, 3], 9)
        terms.append(algorithm.loss(nets, batch, tiny.step(at, 300)).terms["unlabeled"].item())
    assert terms[0] == pytest.approx(30 * share * terms[1], rel=1e-5)


def test_one_pass_of_labeled_and_pool_together_updates_the_statistics():
    net, algorithm = tiny.normalizing_network(0), made(noise=0.0)
    batch = BATCHES[0]
    algorithm.loss(Nets(net, net), batch, tiny.step(5, 10))
    hidden = net[0](torch.cat([*batch.labeled.views, *batch.unlabeled.views])).detach()
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))


def test_it_asks_for_one_weak_view_of_each():
    assert TemporalEnsembling().views == Views(("weak",), ("weak",))
