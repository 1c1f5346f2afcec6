"""Ladder network and Gamma model against a reference of a network of two layers."""

import copy

import numpy as np
import pytest
import torch

from realmix.algorithms import Ladder
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Nets, Views
from realmix.models.convnet import ConvNet
from realmix.models.mlp import MLP
from tests import tiny

MIDDLE = (50, 100)
WIDTHS = [tiny.FEATURES, 6, 5, 3]


def network(seed=0):
    torch.manual_seed(seed)
    net = MLP(tiny.FEATURES, 3, (6, 5)).double()
    for norm in (net.body[1], net.body[4]):
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.uniform_(-0.5, 0.5)
    return net


def pair(net=None):
    net = net or network()
    return Nets(net, copy.deepcopy(net).requires_grad_(False))


def made(nets, trained=True, **fields):
    """With parameters as if after some training, where estimates are not all 0."""
    algorithm = Ladder(**fields)
    algorithm.setup(nets, tiny.facts())
    if trained:
        rng = np.random.default_rng(3)
        for a in algorithm.a:
            a.data += 0.5 * torch.from_numpy(rng.normal(size=tuple(a.shape)))
    return algorithm


def normal(values):
    mean, deviation = values.mean(0), np.sqrt(values.var(0) + 1e-5)
    return (values - mean) / deviation, mean, deviation


def layers(net):
    array = lambda p: p.detach().numpy()  # noqa: E731
    hidden = [
        (array(net.body[i].weight), array(net.body[i + 1].weight), array(net.body[i + 1].bias))
        for i in (0, 3)
    ]
    return hidden, (array(net.head.weight), array(net.head.bias))


def encoded(net, rows, noise):
    """Levels with noise, what they were standardized by, and the logits."""
    hidden, (w, b) = layers(net)
    h = rows + noise[0]
    levels, scales = [h], [(0.0, 1.0)]
    for number, (kernel, gamma, beta) in enumerate(hidden):
        z, *scale = normal(h @ kernel.T)
        z = z + noise[number + 1]
        levels.append(z)
        scales.append(scale)
        h = np.maximum(gamma * z + beta, 0)
    z, mean, deviation = normal(h @ w.T + b)
    z = z + noise[-1]
    return [*levels, z], [*scales, (mean, deviation)], mean + deviation * z


def estimate(z, u, a):
    sigmoid = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
    mean = a[0] * sigmoid(a[1] * u + a[2]) + a[3] * u + a[4]
    share = a[5] * sigmoid(a[6] * u + a[7]) + a[8] * u + a[9]
    return (z - mean) * share + mean


def draws(step, deviation, sizes):
    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    return [
        [deviation * torch.randn(count, width, generator=rng).double().numpy() for width in widths]
        for count, widths in sizes
    ]


def reference(net, algorithm, batch, step, sigma):
    x, label = batch.labeled.views[0].numpy(), batch.labeled.label.numpy()
    u = batch.unlabeled.views[0].numpy()
    for_x, for_u = draws(step, sigma, [(len(x), WIDTHS), (len(u), WIDTHS)])
    supervised = np.mean(tiny.cross_entropy(encoded(net, x, for_x)[2], label))
    noisy, _, logits = encoded(net, u, for_u)
    clean, scales, _ = encoded(net, u, [0 * noise for noise in for_u])
    a = [p.detach().numpy() for p in algorithm.a]
    v = [p.detach().numpy() for p in algorithm.v]
    above, costs = tiny.softmax(logits), []
    for level in (3, 2, 1, 0):
        found = estimate(noisy[level], normal(above)[0], a[level])
        mean, deviation = scales[level]
        costs.insert(0, np.mean(((found - mean) / deviation - clean[level]) ** 2))
        above = found @ v[level - 1].T if level else None
    return supervised, costs


def test_both_terms_equal_the_reference():
    nets = pair()
    algorithm = made(nets, noise=0.4)
    batch, step = tiny.batch(algorithm.views, 7, 9), tiny.step(*MIDDLE)
    losses = algorithm.loss(nets, batch, step)
    supervised, costs = reference(nets.student, algorithm, batch, step, 0.4)
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6)
    expected = 95 * costs[0] + 10 * costs[1] + 0.1 * costs[2] + 0.1 * costs[3]
    assert losses.terms["unlabeled"].item() == pytest.approx(expected, rel=1e-6)
    assert losses.metrics["top_cost"].item() == pytest.approx(costs[3], rel=1e-6)


@pytest.mark.parametrize(
    ("field", "level"), [("input_weight", 0), ("first_weight", 1), ("weight", 2)]
)
def test_each_weight_is_of_its_level(field, level):
    nets = pair()
    none = {"input_weight": 0.0, "first_weight": 0.0, "weight": 0.0}
    algorithm = made(nets, **{**none, field: 2.0})
    batch, step = tiny.batch(algorithm.views, 7, 9), tiny.step(*MIDDLE)
    _, costs = reference(nets.student, algorithm, batch, step, 0.3)
    expected = 2 * costs[level] if level < 2 else 2 * (costs[2] + costs[3])
    assert algorithm.loss(nets, batch, step).terms["unlabeled"].item() == pytest.approx(expected)


def test_without_noise_and_weights_it_is_the_labels_alone():
    nets = pair()
    fields = {"input_weight": 0.0, "first_weight": 0.0, "weight": 0.0, "gamma_weight": 0.0}
    for structure in ("full", "gamma"):
        algorithm = made(nets, structure=structure, noise=0.0, **fields)
        batch = tiny.batch(algorithm.views, 7, 9)
        losses = algorithm.loss(nets, batch, tiny.step(*MIDDLE))
        logits = nets.student(batch.labeled.views[0])
        expected = torch.nn.functional.cross_entropy(logits, batch.labeled.label)
        assert losses.total.item() == pytest.approx(expected.item(), rel=1e-12)
        for one, other in zip(
            tiny.gradients(losses.total, nets.student),
            tiny.gradients(expected, nets.student),
            strict=True,
        ):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_before_training_all_estimates_are_zero():
    nets = pair()
    algorithm = made(nets, trained=False, input_weight=1.0, first_weight=0.0, weight=0.0)
    batch = tiny.batch(algorithm.views, 7, 9)
    losses = algorithm.loss(nets, batch, tiny.step(*MIDDLE))
    of_zero = batch.unlabeled.views[0].square().mean()
    torch.testing.assert_close(losses.terms["unlabeled"].detach(), of_zero)


def test_the_gamma_model_denoises_the_top_alone():
    nets = tiny.nets()
    algorithm = Ladder(gamma_weight=3.0, noise=0.4)
    algorithm.setup(nets, tiny.facts())
    assert [tuple(a.shape) for a in algorithm.a] == [(10, 3)]
    assert not list(algorithm.v)
    algorithm.a[0].data += 0.5 * torch.from_numpy(np.random.default_rng(3).normal(size=(10, 3)))
    batch, step = tiny.batch(algorithm.views, 7, 9), tiny.step(*MIDDLE)
    losses = algorithm.loss(nets, batch, step)

    w, b, v, c = (p.detach().numpy() for p in nets.student.parameters())
    x, u = batch.labeled.views[0].numpy(), batch.unlabeled.views[0].numpy()

    def noisy(rows, noise):
        z, mean, deviation = normal(np.tanh((rows + noise[0]) @ w.T + b))
        z, mean, deviation = normal((mean + deviation * (z + noise[1])) @ v.T + c)
        return z + noise[2], mean + deviation * (z + noise[2])

    for_x, for_u = draws(step, 0.4, [(7, (4, 6, 3)), (9, (4, 6, 3))])
    supervised = np.mean(tiny.cross_entropy(noisy(x, for_x)[1], batch.labeled.label.numpy()))
    z, logits = noisy(u, for_u)
    clean, mean, deviation = normal(tiny.logits(nets.student, u))
    found = estimate(z, normal(tiny.softmax(logits))[0], algorithm.a[0].detach().numpy())
    cost = np.mean(((found - mean) / deviation - clean) ** 2)
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6)
    assert losses.terms["unlabeled"].item() == pytest.approx(3 * cost, rel=1e-6)


@pytest.mark.parametrize("structure", ["auto", "full", "gamma"])
def test_which_levels_there_are(structure):
    rows = made(pair(), trained=False, structure=structure)
    assert len(rows.a) == (1 if structure == "gamma" else 4)
    assert [tuple(v.shape) for v in rows.v] == (
        [] if structure == "gamma" else [(4, 6), (6, 5), (5, 3)]
    )
    if structure != "full":
        images = Ladder(structure=structure)
        images.setup(pair(ConvNet(1, 8, 3)), tiny.facts(shape=(1, 8, 8)))
        assert [tuple(a.shape) for a in images.a] == [(10, 3)]


def test_images_have_no_full_ladder():
    images = tiny.facts(shape=(1, 8, 8))
    with pytest.raises(UsageError, match=r"'full'.*images.*'gamma'"):
        Ladder(structure="full").check(images)
    Ladder(structure="full").check(tiny.facts())
    Ladder().check(images)


def test_clean_and_noisy_values_and_the_decoder_are_all_trained():
    nets = pair()
    algorithm = made(nets)
    batch = tiny.batch(algorithm.views, 7, 9)
    losses = algorithm.loss(nets, batch, tiny.step(*MIDDLE))
    for gradients in (
        tiny.gradients(losses.terms["unlabeled"], nets.student),
        tiny.gradients(losses.terms["unlabeled"], algorithm),
        tiny.gradients(losses.terms["supervised"], nets.student),
    ):
        assert all(g.abs().sum() > 1e-9 for g in gradients)
    assert all(g.abs().sum() == 0 for g in tiny.gradients(losses.terms["supervised"], algorithm))


def test_the_gradient_of_the_denoising_is_that_of_finite_differences():
    nets = pair()
    algorithm = made(nets)
    batch = tiny.batch(algorithm.views, 7, 9)

    def cost():
        return algorithm.loss(nets, batch, tiny.step(*MIDDLE)).terms["unlabeled"]

    for parameter in (nets.student.body[0].weight, nets.student.head.weight, algorithm.v[1]):
        (gradient,) = torch.autograd.grad(cost(), parameter)
        at = int(gradient.abs().argmax())
        around = []
        for move in (1e-5, -2e-5):
            parameter.data.view(-1)[at] += move
            around.append(cost().item())
        parameter.data.view(-1)[at] += 1e-5
        assert (around[0] - around[1]) / 2e-5 == pytest.approx(
            gradient.view(-1)[at].item(), rel=1e-4
        )


def test_only_a_clean_pass_of_the_labeled_rows_updates_running_statistics():
    nets = pair()
    algorithm = made(nets)
    batch = tiny.batch(algorithm.views, 7, 9)
    hidden = nets.student.body[0](batch.labeled.views[0]).detach()
    algorithm.loss(nets, batch, tiny.step(*MIDDLE))
    for norm in (nets.student.body[1], nets.student.body[4]):
        assert norm.num_batches_tracked == 1
    torch.testing.assert_close(nets.student.body[1].running_mean, 0.1 * hidden.mean(0))


def test_the_average_takes_no_part():
    student, average = network(0), network(1)
    algorithm = made(Nets(student, average))
    algorithm.loss(
        Nets(student, average), tiny.batch(algorithm.views), tiny.step(*MIDDLE)
    ).total.backward()
    assert all(p.grad is None for p in average.parameters())


def test_it_asks_for_one_weak_view_of_each():
    assert Ladder().views == Views(("weak",), ("weak",))
    assert Ladder().noise == 0.3
