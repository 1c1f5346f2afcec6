"""Pseudo-Label: the schedule, the mask, the mean, and what trains what."""

import numpy as np
import pytest
import torch

from realmix.algorithms import PseudoLabel
from realmix.contract.algorithm import Nets, Views
from tests import tiny


def reference(net, batch, threshold):
    """Both terms, the second without its weight, and the share that is kept."""
    x, label = batch.labeled.views[0].numpy(), batch.labeled.label.numpy()
    z = tiny.logits(net, batch.unlabeled.views[0].numpy())
    supervised = np.mean(tiny.cross_entropy(tiny.logits(net, x), label))
    total = kept = 0
    for row, ce in zip(z, tiny.cross_entropy(z, z.argmax(1)), strict=True):
        if tiny.softmax(row).max() > threshold:
            total, kept = total + ce, kept + 1
    return supervised, total / len(z), kept / len(z)


@pytest.mark.parametrize("threshold", [0.0, 0.7, 0.95])
def test_both_terms_equal_the_reference(threshold):
    fields = {"threshold": threshold, "weight": 2.0, "ramp_start": 0.2, "ramp_end": 0.4}
    nets, algorithm = tiny.nets(), PseudoLabel(**fields)
    batch = tiny.batch(algorithm.views, unlabeled=20)
    losses = algorithm.loss(nets, batch, tiny.step(25, 100))
    supervised, unlabeled, kept = reference(nets.student, batch, threshold)
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-12)
    assert losses.terms["unlabeled"].item() == pytest.approx(2 * 0.25 * unlabeled, rel=1e-9)
    assert losses.metrics["mask_rate"].item() == pytest.approx(kept, rel=1e-6)
    assert (kept == 1) == (threshold == 0)


@pytest.mark.parametrize(
    ("index", "alpha"), [(50, 0), (100, 0), (350, 1.5), (599, 2.994), (600, 3), (999, 3)]
)
@pytest.mark.parametrize("total", [600, 1000])
def test_the_weight_is_that_of_the_paper_a_step_an_epoch(index, alpha, total):
    nets = tiny.nets()
    algorithm = PseudoLabel(**({} if total == 600 else {"ramp_start": 0.1, "ramp_end": 0.6}))
    batch = tiny.batch(algorithm.views)
    losses = algorithm.loss(nets, batch, tiny.step(index, total))
    _, unlabeled, _ = reference(nets.student, batch, 0.0)
    assert losses.terms["unlabeled"].item() == pytest.approx(alpha * unlabeled, rel=1e-9)


def test_the_mean_counts_the_masked_examples_and_each_mask_its_own_loss():
    # losses 1, 2 and 6 of which the first two are kept: 1, not 1.5, and not mean by mean, 2
    net = torch.nn.Identity()
    u = torch.tensor([[3.0, 0.0], [2.0, 0.0], [0.5, 0.0]], dtype=torch.float64)
    stream = tiny.examples([u], torch.zeros(3, dtype=torch.int64))
    algorithm = PseudoLabel(threshold=0.8, weight=1.0)
    got = algorithm.loss(Nets(net, net), tiny.Batch(stream, stream), tiny.step(10, 10))
    own = [np.log(1 + np.exp(-z)) for z in (3, 2)]
    assert got.terms["unlabeled"].item() == pytest.approx(sum(own) / 3, rel=1e-12)


def test_the_threshold_itself_is_masked():
    net = torch.nn.Identity()
    u = torch.tensor([[np.log(3), 0.0]], dtype=torch.float64)
    stream = tiny.examples([u], torch.zeros(1, dtype=torch.int64))
    confidence = u.softmax(-1).max().item()
    at, below = (
        PseudoLabel(threshold=t).loss(Nets(net, net), tiny.Batch(stream, stream), tiny.step(10, 10))
        for t in (confidence, confidence - 1e-9)
    )
    assert at.terms["unlabeled"].item() == 0
    assert below.terms["unlabeled"].item() > 0.1


def test_the_gradient_at_the_logits_is_the_prediction_minus_its_label():
    u = torch.tensor([[0.5, 0.1, 0.0], [0.0, 2.0, 0.3]], dtype=torch.float64, requires_grad=True)
    stream = tiny.examples([u], torch.zeros(2, dtype=torch.int64))
    x = tiny.examples([torch.zeros(1, 3, dtype=torch.float64)], torch.tensor([0]))
    net = torch.nn.Identity()
    losses = PseudoLabel(weight=1.0).loss(Nets(net, net), tiny.Batch(x, stream), tiny.step(10, 10))
    (gradient,) = torch.autograd.grad(losses.terms["unlabeled"], u)
    label = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    torch.testing.assert_close(gradient, (u.softmax(-1) - label).detach() / 2)


def test_only_the_labeled_pass_updates_running_statistics():
    tiny.assert_remembered(PseudoLabel(), tiny.step(10, 10), pool=False)


def test_the_pool_is_normalized_by_its_batch():
    net, algorithm = tiny.normalizing_network(0), PseudoLabel(weight=1.0)
    batch = tiny.batch(algorithm.views)
    got = algorithm.loss(Nets(net, net), batch, tiny.step(10, 10)).terms["unlabeled"]
    z = net(batch.unlabeled.views[0])
    expected = torch.nn.functional.cross_entropy(z, z.argmax(-1))
    torch.testing.assert_close(got, expected)


def test_it_asks_for_a_weak_view_of_each():
    assert PseudoLabel().views == Views(labeled=("weak",), unlabeled=("weak",))
