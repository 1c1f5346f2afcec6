"""MixMatch against a reference that repeats its draws."""

import numpy as np
import pytest
import torch
from scipy.special import betaincinv

from realmix.algorithms import MixMatch
from realmix.contract.algorithm import Nets, Views
from realmix.functional.forward import interleave
from tests import tiny


def made(**fields):
    algorithm = MixMatch(**fields)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


def reference(net, batch, step, temperature=0.5, alpha=0.75):
    """Both terms, the second without its weight."""
    inputs, targets, count = tiny.mixmatch_parts(net, batch, step, temperature, alpha)
    z = tiny.logits(net, inputs)
    supervised = np.mean(tiny.cross_entropy(z[:count], targets[:count]))
    return supervised, np.mean(tiny.squared_error(z[count:], targets[count:]))


@pytest.mark.parametrize("fields", [{}, {"augmentations": 1}, {"augmentations": 3}])
@pytest.mark.parametrize("index", [3, 40])
def test_both_terms_equal_the_reference(fields, index):
    nets, algorithm = tiny.nets(), made(temperature=0.4, alpha=0.6, ramp_steps=30, **fields)
    batch, step = tiny.batch(algorithm.views), tiny.step(index, 100)
    losses = algorithm.loss(nets, batch, step)
    supervised, consistency = reference(nets.student, batch, step, 0.4, 0.6)
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6)
    weight = 75 * min(index / 30, 1)
    assert losses.terms["unlabeled"].item() == pytest.approx(weight * consistency, rel=1e-6)


@pytest.mark.parametrize(
    ("index", "weight"), [(0, 0), (1024, 4.6875), (8192, 37.5), (16384, 75), (10**6, 75)]
)
@pytest.mark.parametrize("total", [2**20, 2 * 10**6])
def test_the_weight_ramps_over_sixteen_thousand_steps_however_long_the_run(index, weight, total):
    nets, algorithm = tiny.nets(), made()
    batch, step = tiny.batch(algorithm.views), tiny.step(index, total)
    losses = algorithm.loss(nets, batch, step)
    _, consistency = reference(nets.student, batch, step)
    assert losses.terms["unlabeled"].item() == pytest.approx(weight * consistency, rel=1e-6)


@pytest.mark.parametrize(("index", "share"), [(0, 0), (100, 0.2), (499, 0.998)])
def test_a_run_that_is_shorter_than_the_ramp_is_one_ramp(index, share):
    nets, algorithm, unit = tiny.nets(), made(), made(ramp_steps=1, weight=1.0)
    batch = tiny.batch(algorithm.views)
    ramped = algorithm.loss(nets, batch, tiny.step(index, 500)).terms["unlabeled"].item()
    full = unit.loss(nets, batch, tiny.step(max(index, 1), 500)).terms["unlabeled"].item()
    assert ramped == (pytest.approx(75 * share * full, rel=1e-12) if index else 0)


def test_targets_carry_no_gradient():
    nets, algorithm = tiny.nets(), made(ramp_steps=1, weight=1.0)
    batch, step = tiny.batch(algorithm.views), tiny.step(5, 10)
    loss = algorithm.loss(nets, batch, step).terms["unlabeled"]
    inputs, targets, count = tiny.mixmatch_parts(nets.student, batch, step, 0.5, 0.75)
    fixed = torch.from_numpy(inputs[count:]), torch.from_numpy(targets[count:])
    expected = (nets.student(fixed[0]).softmax(-1) - fixed[1]).square().mean()
    for got, want in zip(
        tiny.gradients(loss, nets.student), tiny.gradients(expected, nets.student), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-8)


def test_without_batchnorm_the_interleaved_passes_change_nothing():
    nets = tiny.nets()
    batch = tiny.batch(made().views, labeled=7, unlabeled=7)
    one, other = (
        made(compatibility=name).loss(nets, batch, tiny.step(5, 10)).terms
        for name in ("paper", "released")
    )
    for name in one:
        torch.testing.assert_close(one[name], other[name])


@pytest.mark.parametrize("compatibility", ["paper", "released"])
def test_which_rows_update_the_running_statistics(compatibility):
    net, algorithm = tiny.normalizing_network(0), made(compatibility=compatibility)
    batch, step = tiny.batch(algorithm.views), tiny.step(5, 10)
    algorithm.loss(Nets(net, net), batch, step)

    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    uniform = torch.rand(18, generator=rng, dtype=torch.float64).numpy()
    share = torch.from_numpy(betaincinv(0.75, 0.75, uniform)).float()
    share = share.maximum(1 - share).double()[:, None]
    partner = torch.randperm(18, generator=rng)
    rows = torch.cat([*batch.labeled.views, *batch.unlabeled.views])
    mixed = share * rows + (1 - share) * rows[partner]
    if compatibility == "released":
        mixed = interleave(torch.split(mixed, 6))[0]
    hidden = net[0](mixed).detach()
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))
    torch.testing.assert_close(net[1].running_var, 0.9 + 0.1 * hidden.var(0))


def test_it_asks_for_as_many_weak_views_as_augmentations():
    assert made().views == Views(("weak",), ("weak", "weak"))
    assert made(augmentations=4).views.unlabeled == ("weak",) * 4


def test_confidence_is_that_of_the_mixed_targets():
    nets, algorithm = tiny.nets(), made()
    batch, step = tiny.batch(algorithm.views), tiny.step(5, 10)
    losses = algorithm.loss(nets, batch, step)
    _, targets, count = tiny.mixmatch_parts(nets.student, batch, step, 0.5, 0.75)
    expected = targets[count:].max(1).mean()
    assert losses.metrics["confidence"].item() == pytest.approx(expected, rel=1e-6)


# --- without each part


def apart(mixing, net, guesser, given, at):
    """Both terms, the second without its weight, where not everything is mixed with everything."""
    x, label = given.labeled.views[0].numpy(), given.labeled.label.numpy()
    views = [view.numpy() for view in given.unlabeled.views]
    q = tiny.sharpened_mean([tiny.softmax(tiny.logits(guesser, view)) for view in views], 0.5)
    inputs, targets = np.concatenate([x, *views]), np.concatenate([np.eye(3)[label], q, q])
    rng = torch.Generator().manual_seed(at.rng.initial_seed())
    uniform = torch.rand(len(inputs), generator=rng, dtype=torch.float64).numpy()
    partner = np.arange(len(inputs))
    if mixing in ("labeled", "separate"):
        partner[: len(x)] = torch.randperm(len(x), generator=rng)
    if mixing in ("unlabeled", "separate"):
        partner[len(x) :] = len(x) + torch.randperm(len(inputs) - len(x), generator=rng).numpy()
    if mixing == "all":
        partner = torch.randperm(len(inputs), generator=rng).numpy()
    share = betaincinv(0.75, 0.75, uniform)[:, None]
    share = np.maximum(share, 1 - share)
    inputs = share * inputs + (1 - share) * inputs[partner]
    targets = share * targets + (1 - share) * targets[partner]
    z = tiny.logits(net, inputs)
    supervised = np.mean(tiny.cross_entropy(z[: len(x)], targets[: len(x)]))
    return supervised, np.mean(tiny.squared_error(z[len(x) :], targets[len(x) :]))


@pytest.mark.parametrize("ema_guess", [False, True])
@pytest.mark.parametrize("mixing", ["all", "labeled", "unlabeled", "separate", "none"])
def test_each_ablation_equals_its_reference(mixing, ema_guess):
    nets, algorithm = tiny.nets(), made(mixing=mixing, ema_guess=ema_guess, ramp_steps=1)
    batch, step = tiny.batch(algorithm.views, 6, 9), tiny.step(5, 10)
    losses = algorithm.loss(nets, batch, step)
    guesser = nets.ema if ema_guess else nets.student
    supervised, consistency = apart(mixing, nets.student, guesser, batch, step)
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-5)
    assert losses.terms["unlabeled"].item() == pytest.approx(75 * consistency, rel=1e-5)


def test_a_temperature_of_one_leaves_the_mean_as_it_is():
    nets, algorithm = tiny.nets(), made(temperature=1.0, mixing="none", ramp_steps=1)
    batch = tiny.batch(algorithm.views)
    losses = algorithm.loss(nets, batch, tiny.step(5, 10))
    views = [tiny.softmax(tiny.logits(nets.student, u.numpy())) for u in batch.unlabeled.views]
    expected = sum(views).max(1).mean() / 2
    assert losses.metrics["confidence"].item() == pytest.approx(expected, rel=1e-6)


def test_the_average_s_guess_leaves_its_statistics():
    net, average = tiny.normalizing_network(0), tiny.normalizing_network(1)
    algorithm = made(ema_guess=True)
    algorithm.loss(Nets(net, average), tiny.batch(algorithm.views), tiny.step(5, 10))
    assert average[1].num_batches_tracked == 0
    assert average.training
