"""The labels alone."""

import numpy as np
import pytest
import torch

from realmix.algorithm import Views
from realmix.algorithms import Supervised
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
