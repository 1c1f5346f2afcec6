"""The Pi-model: both passes, who gets a gradient, the weight, and BatchNorm."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import PiModel
from realmix.contract.algorithm import Nets, Views
from tests import tiny


def noisy(step, deviation, *groups):
    """Each group of parts with its noise, in the order of the passes."""
    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    out = []
    for parts in groups:
        rows = np.concatenate([part.numpy() for part in parts])
        out.append(rows + deviation * torch.randn(rows.shape, generator=rng).numpy())
    return out


def reference(net, batch, step, deviation, on_labeled=True):
    """Both terms, the second without its weight."""
    (x, *again), label = batch.labeled.views, batch.labeled.label.numpy()
    u, u_again = batch.unlabeled.views
    one, two = noisy(step, deviation, [x, u], [*again, u_again])
    z, z_again = tiny.logits(net, one), tiny.logits(net, two)
    supervised = sum(tiny.cross_entropy(z[: len(x)], label)) / len(x)
    compared = z if on_labeled else z[len(x) :]
    errors = tiny.squared_error(z_again, tiny.softmax(compared))
    assert len(errors) == (len(x) if on_labeled else 0) + len(u)
    return supervised, sum(errors) / len(errors)


def ramp(progress, end):
    return math.exp(-5 * (1 - min(progress / end, 1)) ** 2) if progress > 0 else 0.0


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("on_labeled", [False, True])
@pytest.mark.parametrize("index", [1, 10, 25, 99])
def test_both_terms_equal_the_reference(index, on_labeled, one_sided):
    nets = tiny.nets()
    algorithm = PiModel(
        weight=7.0, ramp_end=0.25, noise=0.4, on_labeled=on_labeled, one_sided=one_sided
    )
    batch, step = tiny.batch(algorithm.views, 5, 9), tiny.step(index, 100)
    losses = algorithm.loss(nets, batch, step)
    supervised, consistency = reference(nets.student, batch, step, 0.4, on_labeled)
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6)
    expected = 7 * ramp(index / 100, 0.25) * consistency
    assert losses.terms["unlabeled"].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("index", "share"), [(0, 0), (20, 0.060055), (40, 0.286505), (60, 0.731616), (80, 1), (299, 1)]
)
def test_the_weight_is_zero_at_first_then_a_ramp_to_a_hundred(index, share):
    nets, algorithm = tiny.nets(), PiModel()
    batch, step = tiny.batch(algorithm.views), tiny.step(index, 300)
    _, consistency = reference(nets.student, batch, step, 0.15)
    got = algorithm.loss(nets, batch, step).terms["unlabeled"].item()
    assert got == (pytest.approx(100 * share * consistency, rel=1e-5) if index else 0)


def test_without_noise_and_augmentation_both_passes_agree_exactly():
    nets, algorithm = tiny.nets(), PiModel(noise=0.0)
    batch = tiny.batch(algorithm.views)
    for stream in (batch.labeled, batch.unlabeled):
        stream.views[1].copy_(stream.views[0])
    losses = algorithm.loss(nets, batch, tiny.step(50, 100))
    assert losses.terms["unlabeled"].item() == 0
    assert losses.metrics["disagreement"].item() == 0


@pytest.mark.parametrize("source", ["noise", "views", "labeled views"])
def test_each_source_of_randomness_alone_is_enough_to_disagree(source):
    nets, algorithm = tiny.nets(), PiModel(noise=0.15 if source == "noise" else 0.0)
    batch = tiny.batch(algorithm.views)
    if source != "views":
        batch.unlabeled.views[1].copy_(batch.unlabeled.views[0])
    if source != "labeled views":
        batch.labeled.views[1].copy_(batch.labeled.views[0])
    assert algorithm.loss(nets, batch, tiny.step(50, 100)).terms["unlabeled"].item() > 0.01


def swapped(batch):
    labeled, pool = batch.labeled, batch.unlabeled
    return type(batch)(
        tiny.examples(labeled.views[::-1], labeled.label),
        tiny.examples(pool.views[::-1], pool.label),
    )


def consistency_gradients(algorithm, batch):
    nets = tiny.nets()
    loss = algorithm.loss(nets, batch, tiny.step(50, 100)).terms["unlabeled"]
    return loss.item(), tiny.gradients(loss, nets.student)


def test_swapping_the_passes_changes_neither_the_value_nor_the_gradient():
    algorithm = PiModel(noise=0.0)
    batch = tiny.batch(algorithm.views)
    one, other = (consistency_gradients(algorithm, given) for given in (batch, swapped(batch)))
    assert one[0] == pytest.approx(other[0], rel=1e-12)
    for a, b in zip(one[1], other[1], strict=True):
        torch.testing.assert_close(a, b)


def test_the_two_sided_gradient_is_the_sum_of_the_one_sided_ones():
    both, one_sided = PiModel(noise=0.0), PiModel(noise=0.0, one_sided=True)
    batch = tiny.batch(both.views)
    value, whole = consistency_gradients(both, batch)
    first, second = (consistency_gradients(one_sided, b) for b in (batch, swapped(batch)))
    assert first[0] == pytest.approx(value, rel=1e-12)
    for a, b, c in zip(whole, first[1], second[1], strict=True):
        torch.testing.assert_close(a, b + c)
        assert not torch.allclose(a, b)


@pytest.mark.parametrize("one_sided", [False, True])
def test_the_passes_pull_with_equal_and_opposite_force(one_sided):
    """In the space of the predictions: d loss / d p = - d loss / d p'."""
    net, algorithm, seen = tiny.network(0), PiModel(noise=0.0, one_sided=one_sided), []
    net.register_forward_hook(
        lambda *given: seen.append(given[-1].detach().requires_grad_()) or seen[-1]
    )
    batch = tiny.batch(algorithm.views)
    loss = algorithm.loss(Nets(net, net), batch, tiny.step(50, 100)).terms["unlabeled"]
    got = torch.autograd.grad(loss, seen, allow_unused=True, materialize_grads=True)
    p, other = (z.detach().softmax(-1).requires_grad_() for z in seen)
    expected = 100 * 2 * (p - other) / p.numel()
    for sign, probs, gradient, z in zip((1, -1), (p, other), got, seen, strict=True):
        through = torch.autograd.grad(z.softmax(-1), z, sign * expected.detach())[0]
        if one_sided and probs is p:
            through = torch.zeros_like(through)
        torch.testing.assert_close(gradient, through)


def test_the_labels_train_by_the_first_pass_only():
    nets, algorithm = tiny.nets(), PiModel(noise=0.0)
    batch = tiny.batch(algorithm.views)
    before = algorithm.loss(nets, batch, tiny.step(50, 100)).terms["supervised"].item()
    batch.labeled.views[1].add_(1.0)
    after = algorithm.loss(nets, batch, tiny.step(50, 100)).terms
    assert after["supervised"].item() == before
    expected = np.mean(
        tiny.cross_entropy(
            tiny.logits(nets.student, batch.labeled.views[0].numpy()), batch.labeled.label.numpy()
        )
    )
    assert before == pytest.approx(expected, rel=1e-12)


def test_the_average_is_not_used():
    algorithm = PiModel()
    batch = tiny.batch(algorithm.views)
    one, other = (
        algorithm.loss(tiny.nets(0, ema), batch, tiny.step(50, 100)).total for ema in (1, 2)
    )
    assert torch.equal(one, other)


def test_each_pass_takes_labeled_and_pool_together_and_updates_the_statistics():
    net, algorithm = tiny.normalizing_network(0), PiModel(noise=0.0)
    batch = tiny.batch(algorithm.views, 5, 9)
    algorithm.loss(Nets(net, net), batch, tiny.step(50, 100))
    (x, x_again), (u, u_again) = batch.labeled.views, batch.unlabeled.views
    means = [net[0](torch.cat(parts)).mean(0).detach() for parts in ((x, u), (x_again, u_again))]
    assert net[1].num_batches_tracked == 2
    torch.testing.assert_close(net[1].running_mean, 0.9 * 0.1 * means[0] + 0.1 * means[1])


def test_the_statistics_are_those_of_inputs_without_noise():
    quiet, loud = tiny.normalizing_network(0), tiny.normalizing_network(0)
    for net, noise in ((quiet, 0.0), (loud, 3.0)):
        algorithm = PiModel(noise=noise)
        algorithm.loss(Nets(net, net), tiny.batch(algorithm.views), tiny.step(50, 100))
    assert torch.equal(quiet[1].running_var, loud[1].running_var)
    assert torch.equal(quiet[1].running_mean, loud[1].running_mean)


def test_it_asks_for_two_views_of_what_must_agree():
    assert PiModel().views == Views(("weak", "weak"), ("weak", "weak"))
    assert PiModel(on_labeled=False).views == Views(("weak",), ("weak", "weak"))


def test_disagreement_is_the_share_of_different_labels():
    nets, algorithm = tiny.nets(), PiModel(noise=0.0)
    batch = tiny.batch(algorithm.views, 7, 40)
    one, other = (
        tiny.logits(nets.student, torch.cat(rows).numpy()).argmax(1)
        for rows in zip(batch.labeled.views, batch.unlabeled.views, strict=True)
    )
    losses = algorithm.loss(nets, batch, tiny.step(50, 100))
    assert 0 < losses.metrics["disagreement"].item() == pytest.approx(np.mean(one != other))
