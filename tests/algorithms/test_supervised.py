"""The labels alone."""

import numpy as np
import pytest
import torch
from scipy.special import betaincinv

from realmix.algorithms import Supervised
from realmix.contract.algorithm import Nets, Views
from tests import tiny


def test_the_loss_is_the_mean_cross_entropy_of_the_labels():
    nets, algorithm = tiny.nets(), Supervised()
    batch = tiny.batch(algorithm.views)
    losses = algorithm.loss(nets, batch, tiny.step(3, 10))
    z = tiny.logits(nets.student, batch.labeled.views[0].numpy())
    expected = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
    assert losses.terms.keys() == {"supervised"}
    assert losses.total.item() == pytest.approx(expected, rel=1e-12)


def test_uniform_predictions_cost_the_logarithm_of_the_classes():
    nets, algorithm = tiny.nets(scale=0.0), Supervised()
    losses = algorithm.loss(nets, tiny.batch(algorithm.views), tiny.step(0, 10))
    assert losses.total.item() == pytest.approx(np.log(3))


def test_it_asks_for_no_unlabeled_view():
    assert Supervised().views == Views(labeled=("weak",), unlabeled=())


def test_the_labels_may_be_seen_strongly_changed():
    assert Supervised(view="strong").views == Views(labeled=("strong",), unlabeled=())


def test_a_few_rows_are_learned_by_heart():
    net, algorithm = tiny.network(0), Supervised()
    batch = tiny.batch(algorithm.views, labeled=6)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for index in range(150):
        loss = algorithm.loss(tiny.Nets(net, net), batch, tiny.step(index, 150)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


# --- mixup


def mixing(alpha):
    algorithm = Supervised(alpha=alpha)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


@pytest.mark.parametrize("soft", [False, True])
def test_mixup_mixes_rows_and_labels_alike(soft):
    net, algorithm = tiny.network(0), mixing(0.5)
    batch, step = tiny.batch(algorithm.views), tiny.step(3, 10)
    x, label = batch.labeled.views[0].numpy(), batch.labeled.label.numpy()
    y = np.eye(3)[label]
    if soft:  # as a procedure puts them there
        y = 0.8 * y + 0.2 / 3
        labeled = tiny.examples(batch.labeled.views, torch.from_numpy(y).float())
        batch = tiny.Batch(labeled, batch.unlabeled)
    got = algorithm.loss(Nets(net, net), batch, step).total.item()

    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    uniform = torch.rand(len(x), generator=rng, dtype=torch.float64).numpy()
    partner = torch.randperm(len(x), generator=rng).numpy()
    total = 0.0
    for i, share in enumerate(betaincinv(0.5, 0.5, uniform)):
        l = max(share, 1 - share)
        row = l * x[i] + (1 - l) * x[partner[i]]
        target = l * y[i] + (1 - l) * y[partner[i]]
        total += tiny.cross_entropy(tiny.logits(net, row[None]), target[None])[0]
    assert got == pytest.approx(total / len(x), rel=1e-6)


def test_without_mixup_nothing_is_drawn():
    algorithm, step = Supervised(), tiny.step(3, 10)
    before = step.rng.get_state()
    algorithm.loss(tiny.nets(), tiny.batch(algorithm.views), step)
    assert torch.equal(step.rng.get_state(), before)
