"""Interpolation Consistency Training against a reference that repeats its draws."""

import math

import numpy as np
import pytest
import torch
from scipy.special import betaincinv
from torch import nn

from realmix.algorithms import ICT
from realmix.algorithms import ict as module
from realmix.contract.algorithm import Nets, Views
from tests import tiny


def made(**fields):
    algorithm = ICT(**fields)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


def mixer(step, alpha):
    """A function that draws a share and partners and gives a function that mixes rows by them."""
    rng = torch.Generator().manual_seed(step.rng.initial_seed())

    def drawn(count):
        uniform = torch.rand(1, generator=rng, dtype=torch.float64).item()
        l = float(np.float32(betaincinv(alpha, alpha, uniform)))
        partner = torch.randperm(count, generator=rng).tolist()
        return lambda rows: np.array(
            [l * rows[i] + (1 - l) * rows[partner[i]] for i in range(count)]
        )

    return drawn


def eye(label):
    return np.array([[float(c == k) for c in range(tiny.CLASSES)] for k in label])


def reference(nets, batch, step, alpha=0.1, mixed="probs", mix_labeled=True):
    """Both terms, the second without its weight."""
    x, y = batch.labeled.views[0].numpy(), eye(batch.labeled.label.tolist())
    u = batch.unlabeled.views[0].numpy()
    drawn = mixer(step, alpha)
    if mix_labeled:
        mix = drawn(len(x))
        x, y = mix(x), mix(y)
    supervised = np.mean(tiny.cross_entropy(tiny.logits(nets.student, x), y))
    mix, taught = drawn(len(u)), tiny.logits(nets.ema, u)
    q = mix(tiny.softmax(taught)) if mixed == "probs" else tiny.softmax(mix(taught))
    return supervised, np.mean(tiny.squared_error(tiny.logits(nets.student, mix(u)), q))


@pytest.mark.parametrize("mixed", ["probs", "logits"])
@pytest.mark.parametrize("mix_labeled", [False, True])
@pytest.mark.parametrize("alpha", [0.1, 1.0])
@pytest.mark.parametrize("index", [0, 10, 25, 99])
def test_both_terms_equal_the_reference(index, alpha, mix_labeled, mixed):
    nets = tiny.nets()
    algorithm = made(weight=7.0, alpha=alpha, mixed=mixed, mix_labeled=mix_labeled)
    batch, step = tiny.batch(algorithm.views, 5, 9), tiny.step(index, 100)
    losses = algorithm.loss(nets, batch, step)
    supervised, consistency = reference(nets, batch, step, alpha, mixed, mix_labeled)
    ramp = math.exp(-5 * (1 - min(index / 25, 1)) ** 2)
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-5)
    assert losses.terms["unlabeled"].item() == pytest.approx(7 * ramp * consistency, rel=1e-4)


def test_the_weight_is_a_hundred_after_a_quarter():
    nets, algorithm = tiny.nets(), made()
    batch, step = tiny.batch(algorithm.views), tiny.step(25, 100)
    _, consistency = reference(nets, batch, step)
    got = algorithm.loss(nets, batch, step).terms["unlabeled"].item()
    assert got == pytest.approx(100 * consistency, rel=1e-5)


class Constant(nn.Module):
    """The same logits whatever comes in."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, rows):
        return self.logits


class Recording(nn.Module):
    """A network that keeps what it has seen."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, []

    def forward(self, rows):
        self.seen.append(rows.detach())
        return self.network(rows)


def solved(rows, mixed):
    """The share, one for all rows, and the partners that made `mixed` of `rows`."""
    partner, shares = list(range(len(rows))), []
    for i in range(len(rows)):
        fits = []
        for j in range(len(rows)):
            if j != i:
                apart = rows[i] - rows[j]
                l = ((mixed[i] - rows[j]) @ apart / (apart @ apart)).item()
                fits.append(((mixed[i] - l * rows[i] - (1 - l) * rows[j]).norm().item(), l, j))
        if not torch.allclose(mixed[i], rows[i]):
            _, l, partner[i] = min(fits)
            shares.append(l)
    shares = shares or [1.0]  # every row met itself
    assert max(shares) - min(shares) < 1e-6
    return np.mean(shares), partner


def fixed(monkeypatch, share):
    """The share is that; the partners are the rows in reverse."""

    def mix(inputs, targets, alpha, rng):
        l = share
        return l * inputs + (1 - l) * inputs.flip(0), l * targets + (1 - l) * targets.flip(0)

    monkeypatch.setattr(module, "mix_pairs", mix)


@pytest.mark.parametrize(
    ("mixed", "q"),
    [("probs", [0.363954, 0.556191, 0.079855]), ("logits", [0.396417, 0.484185, 0.119398])],
)
def test_targets_of_the_worked_example(monkeypatch, mixed, q):
    fixed(monkeypatch, 0.3)
    algorithm = made(mixed=mixed, weight=1.0)
    taught = torch.tensor([[4.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    nets = Nets(Constant(torch.zeros(2, 3)), Constant(taught))
    losses = algorithm.loss(nets, tiny.batch(algorithm.views, 2, 2), tiny.step(50, 100))
    other = 0.7 * taught[0].softmax(0) + 0.3 * taught[1].softmax(0)
    if mixed == "logits":
        other = (0.7 * taught[0] + 0.3 * taught[1]).softmax(0)
    expected = (torch.stack([torch.tensor(q), other]) - 1 / 3).square().mean().item()
    assert losses.terms["unlabeled"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("mixed", ["probs", "logits"])
def test_a_share_of_one_is_consistency_with_the_teacher(monkeypatch, mixed):
    fixed(monkeypatch, 1.0)
    nets, algorithm = tiny.nets(), made(mixed=mixed)
    batch = tiny.batch(algorithm.views)
    got = algorithm.loss(nets, batch, tiny.step(50, 100)).terms
    u = batch.unlabeled.views[0].numpy()
    q = tiny.softmax(tiny.logits(nets.ema, u))
    expected = np.mean(tiny.squared_error(tiny.logits(nets.student, u), q))
    assert got["unlabeled"].item() == pytest.approx(100 * expected, rel=1e-6)
    x = tiny.logits(nets.student, batch.labeled.views[0].numpy())
    supervised = np.mean(tiny.cross_entropy(x, batch.labeled.label.numpy()))
    assert got["supervised"].item() == pytest.approx(supervised, rel=1e-6)


def test_shares_below_a_half_stay_below():
    """MixMatch's max(l, 1 - l) is not this paper's."""
    algorithm, nets, shares = made(alpha=1.0), tiny.nets(), []
    batch = tiny.batch(algorithm.views)
    u = batch.unlabeled.views[0]
    for seed in range(20):
        student = Recording(nets.student)
        algorithm.loss(Nets(student, nets.ema), batch, tiny.step(50, 100, seed))
        l, partner = solved(u, student.seen[-1])
        shares.append(l)
        torch.testing.assert_close(student.seen[-1], l * u + (1 - l) * u[partner])
    assert 3 < sum(share < 0.5 for share in shares) < 17


def test_the_gradient_reaches_the_student_only():
    student, teacher = tiny.network(0), tiny.network(1)  # both could take a gradient
    algorithm = made()
    losses = algorithm.loss(Nets(student, teacher), tiny.batch(algorithm.views), tiny.step(50, 100))
    losses.terms["unlabeled"].backward()
    assert all(p.grad.abs().sum() > 0 for p in student.parameters())
    assert all(p.grad is None for p in teacher.parameters())


def test_only_the_labeled_pass_updates_running_statistics():
    nets = Nets(tiny.normalizing_network(0), tiny.normalizing_network(1).requires_grad_(False))
    algorithm = made(mix_labeled=False)
    batch = tiny.batch(algorithm.views)
    hidden = nets.student[0](batch.labeled.views[0])
    algorithm.loss(nets, batch, tiny.step(50, 100))
    torch.testing.assert_close(nets.student[1].running_mean, 0.1 * hidden.mean(0).detach())
    assert nets.student[1].num_batches_tracked == 1
    assert nets.ema[1].running_mean.abs().sum() == 0
    assert nets.ema[1].num_batches_tracked == 0


def test_the_teacher_normalizes_by_its_batch():
    nets = Nets(tiny.normalizing_network(0), tiny.normalizing_network(1).requires_grad_(False))
    algorithm = made()
    batch = tiny.batch(algorithm.views)
    one = algorithm.loss(nets, batch, tiny.step(50, 100)).total
    nets.ema[1].running_mean.fill_(100.0)  # would drown everything
    assert torch.equal(one, algorithm.loss(nets, batch, tiny.step(50, 100)).total)


def test_it_asks_for_one_weak_view_of_each():
    assert ICT().views == Views(("weak",), ("weak",))


def test_confidence_is_the_teacher_s_on_whole_rows():
    nets, algorithm = tiny.nets(), made()
    batch = tiny.batch(algorithm.views)
    q = tiny.softmax(tiny.logits(nets.ema, batch.unlabeled.views[0].numpy()))
    losses = algorithm.loss(nets, batch, tiny.step(50, 100))
    assert losses.metrics["confidence"].item() == pytest.approx(q.max(1).mean(), rel=1e-6)
