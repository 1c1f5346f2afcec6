"""FixMatch: the mean over all rows, the boundary, the stopped gradient."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from realmix.algorithm import Batch, Nets, Views
from realmix.algorithms import FixMatch
from tests import tiny


class Spoken(nn.Module):
    """A network whose logits are its inputs."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x):
        return self.scale * x


def said(probs_x, label, weak, strong):
    """A batch on which `Spoken` predicts these distributions."""
    x, weak, strong = (torch.tensor(p, dtype=torch.float64).log() for p in (probs_x, weak, strong))
    unknown = torch.full((len(weak),), -1)
    return Batch(tiny.examples([x], torch.tensor(label)), tiny.examples([weak, strong], unknown))


def test_the_worked_example():
    batch = said(
        [[0.5, 0.25, 0.25]],
        [0],
        [[0.96, 0.03, 0.01], [0.90, 0.06, 0.04]],
        [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]],
    )
    losses = FixMatch().loss(Nets(Spoken(), Spoken()), batch, tiny.step(0, 10))
    assert losses.terms["supervised"].item() == pytest.approx(math.log(2))
    assert losses.terms["unlabeled"].item() == pytest.approx(0.346574, abs=5e-7)
    assert losses.metrics["mask_rate"].item() == 0.5


def test_a_confidence_of_exactly_the_threshold_counts():
    weak = [[0.5, 0.25, 0.25]]  # powers of two: exact
    batch = said([[0.5, 0.25, 0.25]], [0], weak, weak)
    nets = Nets(Spoken(), Spoken())
    exactly = torch.tensor(weak, dtype=torch.float64).log().softmax(-1).max().item()
    kept, left_out = (
        FixMatch(threshold=t).loss(nets, batch, tiny.step(0, 10)).terms["unlabeled"].item()
        for t in (exactly, np.nextafter(exactly, 1))
    )
    assert kept == pytest.approx(math.log(2))
    assert left_out == 0


def test_sharpness_of_a_prediction_is_not_its_confidence():
    weak = [[0.60, *[0.4 / 9] * 9]]  # sharpened at T = .5 it would pass .95
    batch = said(weak, [0], weak, weak)
    losses = FixMatch().loss(Nets(Spoken(), Spoken()), batch, tiny.step(0, 10))
    assert losses.terms["unlabeled"].item() == 0


@pytest.mark.parametrize("index", [0, 9])
@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.95])
def test_both_terms_equal_the_reference(threshold, index):
    nets, algorithm = tiny.nets(), FixMatch(threshold=threshold, weight=1.5)
    batch = tiny.batch(algorithm.views, unlabeled=42)
    losses = algorithm.loss(nets, batch, tiny.step(index, 10))

    z = tiny.logits(nets.student, batch.labeled.views[0].numpy())
    weak, strong = (tiny.logits(nets.student, v.numpy()) for v in batch.unlabeled.views)
    q, total, kept = tiny.softmax(weak), 0.0, 0
    for i, ce in enumerate(tiny.cross_entropy(strong, q.argmax(1))):
        if q[i].max() >= threshold:
            total, kept = total + ce, kept + 1
    assert 0 < kept <= 42
    supervised = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-12)
    assert losses.terms["unlabeled"].item() == pytest.approx(1.5 * total / 42, rel=1e-12)
    assert losses.metrics["mask_rate"].item() == pytest.approx(kept / 42)


def test_the_weak_view_gets_no_gradient():
    nets, algorithm = tiny.nets(), FixMatch(threshold=0.0)
    batch = tiny.batch(algorithm.views)
    weak, strong = batch.unlabeled.views
    weak.requires_grad_()
    strong.requires_grad_()
    algorithm.loss(nets, batch, tiny.step(0, 10)).total.backward()
    assert strong.grad.abs().sum() > 0
    assert weak.grad is None or weak.grad.abs().sum() == 0


def test_the_labels_come_from_the_student_not_from_its_average():
    algorithm = FixMatch(threshold=0.0)
    batch = tiny.batch(algorithm.views)
    one, other = (
        algorithm.loss(tiny.nets(ema=ema), batch, tiny.step(0, 10)).total for ema in (1, 2)
    )
    assert torch.equal(one, other)


def test_one_pass_over_everything_updates_the_running_statistics():
    net, algorithm = tiny.normalizing_network(0), FixMatch()
    batch = tiny.batch(algorithm.views, unlabeled=10)
    hidden = net[0](torch.cat([*batch.labeled.views, *batch.unlabeled.views])).detach()
    algorithm.loss(Nets(net, net), batch, tiny.step(0, 10))
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))


def test_it_asks_for_a_weak_and_a_strong_view():
    assert FixMatch().views == Views(labeled=("weak",), unlabeled=("weak", "strong"))


def test_its_recipe_is_the_paper_s():
    recipe = FixMatch.recipe
    assert (recipe.batch_size, recipe.unlabeled_ratio) == (64, 7)
    assert (recipe.optimizer, recipe.schedule) == ("sgd", "cosine")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay) == (0.03, 0.0005, 0.999)
