"""ReMixMatch: every term against a reference with loops, the rates, the turns, the refusals."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import betaincinv
from torch import nn

from realmix.algorithms import ReMixMatch
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Nets, Views
from realmix.functional.forward import interleave
from realmix.training.trainer import Trainer
from tests import tiny, tiny_images
from tests.tiny_images import IMAGES, SHAPE


def made(nets=None, facts=None, **fields):
    algorithm = ReMixMatch(**({"augmentation": "rand_augment", "strong_views": 2} | fields))
    algorithm.setup(nets or tiny.nets(), facts or tiny.facts())
    return algorithm


def targets_of(net, weak, prior, recent, temperature):
    """Aligned and sharpened predictions of the weak view, by loops."""
    p, mean = tiny.softmax(tiny.logits(net, weak.numpy())), np.mean(recent, axis=0)
    q = np.zeros_like(p)
    for i in range(len(p)):
        for k in range(p.shape[1]):
            q[i, k] = p[i, k] * (1e-6 + prior[k]) / (1e-6 + mean[k])
        q[i] = q[i] / q[i].sum()
        q[i] = q[i] ** (1 / temperature) / (q[i] ** (1 / temperature)).sum()
    return p.mean(0), q


def reference(net, given, at, prior, recent, temperature=0.5, alpha=0.75):
    """The three terms without their weights, and what the guess was on average."""
    x, label = given.labeled.views[0].numpy(), given.labeled.label.numpy()
    weak, *strong = given.unlabeled.views
    guess, q = targets_of(net, weak, prior, recent, temperature)
    y = np.eye(q.shape[1])[label]
    inputs = np.concatenate([x, *(view.numpy() for view in given.unlabeled.views)])
    targets = np.concatenate([y, *[q for _ in given.unlabeled.views]])
    rng = torch.Generator().manual_seed(at.rng.initial_seed())
    uniform = torch.rand(len(inputs), generator=rng, dtype=torch.float64).numpy()
    share = betaincinv(alpha, alpha, uniform).astype(np.float32)
    share = np.maximum(share, np.float32(1) - share).astype(float)[:, None]
    partner = torch.randperm(len(inputs), generator=rng).numpy()
    mixed = share * inputs + (1 - share) * inputs[partner]
    mixed_targets = share * targets + (1 - share) * targets[partner]
    z = tiny.logits(net, mixed)
    losses = tiny.cross_entropy(z, mixed_targets)
    anchored = tiny.cross_entropy(tiny.logits(net, strong[0].numpy()), q)
    return guess, np.mean(losses[: len(x)]), np.mean(losses[len(x) :]), np.mean(anchored)


@pytest.mark.parametrize("strong_views", [1, 2, 3])
def test_every_term_equals_the_reference_step_after_step(strong_views):
    shares = torch.tensor([0.5, 0.3, 0.2])
    nets, facts = tiny.nets(), tiny.facts(class_shares=shares)
    algorithm = made(
        nets, facts, strong_views=strong_views, temperature=0.4, alpha=0.6, ramp_steps=30
    )
    recent = np.full((128, 3), 1 / 3)
    for index in range(3, 7):
        batch, at = tiny.batch(algorithm.views, seed=index), tiny.step(index, 100)
        losses = algorithm.loss(nets, batch, at)
        guess, supervised, unlabeled, strong = reference(
            nets.student, batch, at, shares.double().numpy(), recent, 0.4, 0.6
        )
        recent[index - 3] = guess
        ramp = index / 30
        assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6)
        assert losses.terms["unlabeled"].item() == pytest.approx(1.5 * ramp * unlabeled, rel=1e-5)
        assert losses.terms["strong"].item() == pytest.approx(0.5 * ramp * strong, rel=1e-5)
        assert losses.terms.keys() == {"supervised", "unlabeled", "strong"}


def test_the_worked_example_of_alignment():
    probs = torch.tensor([[0.6, 0.3, 0.1]], dtype=torch.float64)
    net = tiny.Network(nn.Identity(), nn.Identity())
    algorithm = made(Nets(net, net))
    algorithm.aligned.recent.recent.copy_(torch.tensor([0.5, 0.3, 0.2]).expand(128, -1))
    x = tiny.examples([probs.log()], torch.tensor([0]))
    u = tiny.examples([probs.log()] * 3, torch.tensor([-1]))
    losses = algorithm.loss(Nets(net, net), type(tiny.batch(Views()))(x, u), tiny.step(1, 10))
    assert losses.metrics["confidence"].item() == pytest.approx(0.535317, abs=1e-5)


def test_the_first_guess_is_remembered_among_a_hundred_and_twenty_eight():
    nets, algorithm = tiny.nets(), made()
    batch = tiny.batch(algorithm.views)
    algorithm.loss(nets, batch, tiny.step(1, 10))
    guess = nets.student(batch.unlabeled.views[0]).softmax(-1).mean(0)
    expected = (127 / 3 + guess.detach()) / 128
    torch.testing.assert_close(algorithm.aligned.recent.value.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("index", "total", "ramp"), [(0, 100, 0), (50, 100, 0.5), (8192, 10**6, 0.5), (10**5, 10**6, 1)]
)
def test_both_unlabeled_terms_ramp_and_the_turns_do_not(index, total, ramp):
    nets = tiny_images.nets()
    facts = tiny.facts(**IMAGES)
    algorithm, full = made(nets, facts), made(nets, facts, ramp_steps=1)
    batch = tiny_images.batch(algorithm.views)
    one = algorithm.loss(nets, batch, tiny.step(index, total)).terms
    at = tiny.step(index, total)
    whole = full.loss(nets, batch, dataclasses.replace(at, index=max(index, 1))).terms
    for term in ("unlabeled", "strong"):
        assert one[term].item() == pytest.approx(ramp * whole[term].item(), rel=1e-9)
    assert one["rotation"].item() == pytest.approx(whole["rotation"].item(), rel=1e-12)


def test_targets_carry_no_gradient():
    nets, algorithm = tiny.nets(), made(ramp_steps=1)
    batch = tiny.batch(algorithm.views)
    _, q = targets_of(
        nets.student, batch.unlabeled.views[0], np.full(3, 1 / 3), np.full((1, 3), 1 / 3), 0.5
    )
    term = algorithm.loss(nets, batch, tiny.step(1, 10)).terms["strong"]
    logits = nets.student(batch.unlabeled.views[1])
    expected = -0.5 * (torch.from_numpy(q) * logits.log_softmax(-1)).sum(-1).mean()
    for got, want in zip(
        tiny.gradients(term, nets.student), tiny.gradients(expected, nets.student), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-8)


def test_the_strong_term_is_of_the_first_strong_view_before_mixing():
    nets, algorithm = tiny.nets(), made(ramp_steps=1)
    batch = tiny.batch(algorithm.views)
    for view in batch.unlabeled.views:
        view.requires_grad_()
    batch.labeled.views[0].requires_grad_()
    algorithm.loss(nets, batch, tiny.step(1, 10)).terms["strong"].backward()
    weak, first, second = batch.unlabeled.views
    assert first.grad.abs().sum() > 0
    assert weak.grad is None
    assert second.grad is None
    assert batch.labeled.views[0].grad is None


# --- turns


def test_turns_are_told_from_the_first_strong_view():
    nets, facts = tiny_images.nets(), tiny.facts(**IMAGES)
    algorithm = made(nets, facts, rotation=2.0)
    batch = tiny_images.batch(algorithm.views, count=10)
    term = algorithm.loss(nets, batch, tiny.step(0, 10)).terms["rotation"]
    first = batch.unlabeled.views[1].numpy()
    weight, bias = (p.detach().numpy() for p in algorithm.turn_head.parameters())
    total = 0.0
    for i, turns in enumerate([0, 0, 0, 1, 1, 1, 2, 2, 3, 3]):
        turned = torch.from_numpy(np.rot90(first[i], turns, (1, 2)).copy())[None]
        z = nets.student.features(turned).detach().numpy() @ weight.T + bias
        total += tiny.cross_entropy(z, np.array([turns]))[0]
    assert term.item() == pytest.approx(2 * total / 10, rel=1e-9)
    body, head = list(nets.student)[:-1], nets.student[-1]
    assert all(g.abs().sum() > 0 for g in tiny.gradients(term, nn.Sequential(*body)))
    assert all(g.abs().sum() == 0 for g in tiny.gradients(term, head))
    assert all(g.abs().sum() > 0 for g in tiny.gradients(term, algorithm.turn_head))


@pytest.mark.parametrize(
    ("known", "weight"),
    [
        (IMAGES, 0.5),
        ({"shape": SHAPE, "preset": "svhn"}, 0.5),
        ({"shape": (1, 8, 8), "preset": "digits"}, 0),
        ({"shape": (3, 8, 9), "preset": "photos"}, 0),
        ({}, 0),
    ],
)
def test_turns_are_learned_where_a_turned_input_keeps_its_class(known, weight):
    nets = tiny_images.nets() if weight else tiny.nets()
    algorithm = made(nets, tiny.facts(**known))
    assert algorithm.turn_weight == weight
    assert ("turn_head" in dict(algorithm.named_children())) == bool(weight)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"shape": (1, 8, 8), "preset": "digits"}, "a turned digit is another one"),
        ({"shape": (3, 8, 9), "preset": "photos"}, "8 x 9 pixels have another shape"),
        ({}, "feature rows cannot be turned"),
    ],
)
def test_an_explicit_wish_for_impossible_turns_is_refused(known, reason):
    with pytest.raises(UsageError, match=reason):
        ReMixMatch(rotation=0.5, augmentation="rand_augment").check(tiny.facts(**known))
    for rotation in (None, 0.0):
        ReMixMatch(rotation=rotation, augmentation="rand_augment").check(tiny.facts(**known))


def test_the_head_is_the_same_every_time_and_the_network_stays_as_it_is():
    nets = tiny_images.nets(normalized=True)
    before = {name: value.clone() for name, value in nets.student.state_dict().items()}
    torch.manual_seed(1)
    one = made(nets, tiny.facts(**IMAGES))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    other = made(nets, tiny.facts(**IMAGES))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.turn_head.weight, other.turn_head.weight)
    assert one.turn_head.weight.shape == (4, 6)
    assert all(torch.equal(before[n], v) for n, v in nets.student.state_dict().items())
    assert nets.student.training


# --- CTAugment


def learner(normalized: bool = False, **fields):
    nets = tiny_images.nets(normalized)
    algorithm = made(nets, tiny.facts(**IMAGES), augmentation="ct_augment", **fields)
    return nets, algorithm


def test_feature_rows_are_refused_for_ctaugment():
    with pytest.raises(UsageError, match=r"feature rows.*augmentation=rand_augment"):
        ReMixMatch().check(tiny.facts())
    ReMixMatch().check(tiny.facts(**IMAGES))
    ReMixMatch(augmentation="rand_augment").check(tiny.facts())


def test_the_probe_updates_the_rates_by_the_averaged_network_as_evaluated():
    nets, algorithm = learner(normalized=True)
    nets.ema[2].running_mean.fill_(0.3)
    batch = tiny_images.batch(algorithm.views)
    before = {name: value.clone() for name, value in nets.ema.state_dict().items()}
    algorithm.loss(nets, batch, tiny.step(3, 10))

    probe, label = batch.labeled.views[1], batch.labeled.label
    nets.ema.eval()
    p = nets.ema(probe).softmax(-1).numpy()
    nets.ema.train()
    expected = tiny_images.expected_rates(batch.labeled.drawn, p, label.tolist())
    torch.testing.assert_close(algorithm.rates.value, expected)
    assert all(torch.equal(before[n], v) for n, v in nets.ema.state_dict().items())
    assert nets.ema.training


def test_the_probe_trains_nothing():
    nets, algorithm = learner()
    batch = tiny_images.batch(algorithm.views)
    one = algorithm.loss(nets, batch, tiny.step(3, 10)).total
    other = dataclasses.replace(
        batch.labeled, views=(batch.labeled.views[0], torch.zeros_like(batch.labeled.views[1]))
    )
    _, fresh = learner()
    again = type(batch)(other, batch.unlabeled)
    assert torch.equal(one, fresh.loss(nets, again, tiny.step(3, 10)).total)


def test_the_views_follow_the_augmentation_and_the_rates():
    _, algorithm = learner(strong_views=3)
    views = algorithm.views
    assert (views.labeled, views.unlabeled) == (("learned", "probe"), ("weak", *["learned"] * 3))
    assert views.rates is algorithm.rates.value
    assert made(strong_views=3).views == Views(("strong",), ("weak", *["strong"] * 3))
    _, uncovered = learner(strong_views=2, cutout=False)
    views_without = uncovered.views
    assert views_without.labeled == ("uncovered", "probe")
    assert views_without.unlabeled == ("weak", "uncovered", "uncovered")
    before = tiny_images.batch(views).unlabeled.views[1]
    algorithm.rates.value[:, 0, 1:] = 0.0  # only the first bins are left
    assert not torch.equal(before, tiny_images.batch(algorithm.views).unlabeled.views[1])


def test_training_on_images_moves_rates_and_head_and_resumes(tmp_path):
    def trainer(**options):
        algorithm = ReMixMatch(strong_views=2)
        recipe = dataclasses.replace(algorithm.recipe, batch_size=8)
        net = tiny_images.network(0, normalized=True).float()
        return Trainer(net, algorithm, tiny_images.data(), steps=6, recipe=recipe, **options)

    whole = trainer().run().state()
    trainer(folder=tmp_path).run(until=4)
    torch.manual_seed(99)
    resumed = trainer(folder=tmp_path)
    assert resumed.resume()
    state = resumed.run().state()
    assert all(torch.equal(value, state[name]) for name, value in whole.items())
    start = trainer().state()
    for name in ("algorithm.rates.value", "algorithm.turn_head.weight"):
        assert not torch.equal(start[name], whole[name])


# --- BatchNorm


@pytest.mark.parametrize("compatibility", ["paper", "released"])
def test_which_rows_update_the_running_statistics(compatibility):
    net = tiny.normalizing_network(0)
    algorithm = made(Nets(net, net), compatibility=compatibility)
    batch, at = tiny.batch(algorithm.views), tiny.step(5, 10)
    algorithm.loss(Nets(net, net), batch, at)

    rng = torch.Generator().manual_seed(at.rng.initial_seed())
    uniform = torch.rand(24, generator=rng, dtype=torch.float64).numpy()
    share = torch.from_numpy(betaincinv(0.75, 0.75, uniform)).float()
    share = share.maximum(1 - share).double()[:, None]
    partner = torch.randperm(24, generator=rng)
    rows = torch.cat([*batch.labeled.views, *batch.unlabeled.views])
    mixed = share * rows + (1 - share) * rows[partner]
    if compatibility == "released":
        mixed = interleave(torch.split(mixed, 6))[-1]
    hidden = net[0](mixed).detach()
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))
    torch.testing.assert_close(net[1].running_var, 0.9 + 0.1 * hidden.var(0))


def test_the_turned_pass_leaves_the_running_statistics():
    nets = tiny_images.nets(normalized=True)
    algorithm = made(nets, tiny.facts(**IMAGES))
    algorithm.loss(nets, tiny_images.batch(algorithm.views), tiny.step(1, 10))
    assert nets.student[2].num_batches_tracked == 1


def test_its_recipe_is_the_paper_s():
    recipe = ReMixMatch.recipe
    assert (recipe.batch_size, recipe.unlabeled_ratio, recipe.optimizer) == (64, 1, "adam")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay) == (0.002, 0.02, 0.999)
    assert ReMixMatch().strong_views == 8
