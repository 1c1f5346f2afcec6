"""Entropy minimization: the entropy's value, its gradient, and BatchNorm."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import EntropyMinimization
from realmix.contract.algorithm import Nets, Views
from tests import tiny


def entropy(p):
    return -sum(a * math.log(a) for a in p)


@pytest.mark.parametrize("weight", [1.0, 0.1])
def test_both_terms_equal_the_reference(weight):
    nets, algorithm = tiny.nets(), EntropyMinimization(weight=weight)
    batch = tiny.batch(algorithm.views, unlabeled=9)
    losses = algorithm.loss(nets, batch, tiny.step(0, 10))
    x, u = (stream.views[0].numpy() for stream in (batch.labeled, batch.unlabeled))
    label = batch.labeled.label.numpy()
    supervised = np.mean(tiny.cross_entropy(tiny.logits(nets.student, x), label))
    unsure = np.mean([entropy(p) for p in tiny.softmax(tiny.logits(nets.student, u))])
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-12)
    assert losses.terms["unlabeled"].item() == pytest.approx(weight * unsure, rel=1e-12)
    assert losses.metrics["entropy"].item() == pytest.approx(unsure, rel=1e-12)


def on_logits(u):
    net = torch.nn.Identity()
    pool = tiny.examples([u], torch.full((len(u),), -1))
    labeled = tiny.examples([torch.zeros_like(u)], torch.zeros(len(u), dtype=torch.int64))
    algorithm = EntropyMinimization()
    return algorithm.loss(Nets(net, net), tiny.Batch(labeled, pool), tiny.step(0, 10))


def test_the_worked_entropy():
    u = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log()
    assert on_logits(u).terms["unlabeled"].item() == pytest.approx(0.801819, abs=5e-7)


def test_the_gradient_makes_the_pool_surer():
    u = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log().requires_grad_()
    loss = on_logits(u).terms["unlabeled"]
    (gradient,) = torch.autograd.grad(loss, u)
    p = u.softmax(-1).detach()
    torch.testing.assert_close(gradient, -p * (p.log() + loss.detach()))
    assert on_logits((u - gradient).detach()).terms["unlabeled"] < loss


def test_extreme_logits_are_finite():
    u = torch.tensor([[1e30, -1e30, 0.0], [0.0, 200.0, 0.0]], requires_grad=True)
    loss = on_logits(u).terms["unlabeled"]
    (gradient,) = torch.autograd.grad(loss, u)
    assert loss.item() == 0
    assert gradient.isfinite().all()


def test_only_the_labeled_pass_updates_running_statistics():
    tiny.assert_remembered(EntropyMinimization(), tiny.step(9, 10), pool=False)


def test_the_pool_is_normalized_by_its_batch():
    net, algorithm = tiny.normalizing_network(0), EntropyMinimization()
    batch = tiny.batch(algorithm.views)
    got = algorithm.loss(Nets(net, net), batch, tiny.step(9, 10)).terms["unlabeled"]
    p = net(batch.unlabeled.views[0]).softmax(-1)
    torch.testing.assert_close(got, -(p * p.log()).sum(-1).mean())


def test_it_asks_for_a_weak_view_of_each():
    assert EntropyMinimization().views == Views(labeled=("weak",), unlabeled=("weak",))
