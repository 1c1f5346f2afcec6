"""The optimizer: what decays and what does not, one step by hand, exact continuation."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from realmix.algorithm import Recipe
from realmix.optimizer import Optimizer

ADAM = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)
SGD = Recipe(optimizer="sgd", learning_rate=0.03, weight_decay=0.0005, schedule="cosine")


def network(seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    return net


def nothing(net):
    return sum((0 * p).sum() for p in net.parameters())


def some_loss(net, step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    return net(x).square().mean() + net(x).sum() / 7


def named(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


@pytest.mark.parametrize(("recipe", "factor"), [(ADAM, 0.99996), (SGD, 1 - 0.03 * 1.9 * 0.0005)])
def test_without_gradient_kernels_shrink_and_nothing_else_does(recipe, factor):
    net = network()
    before = named(net)
    Optimizer([net], recipe).minimize(nothing(net))
    for name, value in named(net).items():
        if name in ("0.weight", "2.weight"):
            torch.testing.assert_close(value, before[name] * factor, rtol=1e-12, atol=0)
        else:
            assert torch.equal(value, before[name]), name


def test_sixteen_thousand_steps_halve_a_kernel():
    assert pytest.approx(0.51925, abs=5e-6) == (1 - 0.02 * 0.002) ** 16384
    net = nn.Linear(1, 1, bias=False).double()
    nn.init.ones_(net.weight)
    optimizer = Optimizer([net], ADAM)
    for _ in range(100):
        optimizer.minimize(nothing(net))
    assert net.weight.item() == pytest.approx(0.99996**100, rel=1e-12)


def test_two_steps_of_nesterov_momentum_by_hand():
    net = network()
    optimizer = Optimizer([net], SGD)
    weights = {name: value.numpy() for name, value in named(net).items()}
    velocity = {name: np.zeros_like(value) for name, value in weights.items()}
    for step in range(2):
        rate = 0.03 * np.cos(7 * np.pi / 16 * step / 4)
        loss = some_loss(net, step)
        gradients = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
        for name, gradient in zip(weights, gradients, strict=True):
            g = gradient.numpy() + (0.0005 * weights[name] if weights[name].ndim == 2 else 0)
            velocity[name] = 0.9 * velocity[name] + g
            weights[name] = weights[name] - rate * (g + 0.9 * velocity[name])
        optimizer.anneal(step / 4)
        optimizer.minimize(loss)
    for name, value in named(net).items():
        np.testing.assert_allclose(value.numpy(), weights[name], rtol=1e-10, err_msg=name)


def test_two_steps_of_adam_by_hand():
    net = network()
    optimizer = Optimizer([net], ADAM)
    weights = {name: value.numpy() for name, value in named(net).items()}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for t in (1, 2):
        loss = some_loss(net, t)
        gradients = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
        for name, gradient in zip(weights, gradients, strict=True):
            g = gradient.numpy()
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g * g
            m, v = first[name] / (1 - 0.9**t), second[name] / (1 - 0.999**t)
            shrunk = weights[name] * (0.99996 if weights[name].ndim == 2 else 1)
            weights[name] = shrunk - 0.002 * m / (np.sqrt(v) + 1e-8)
        optimizer.minimize(loss)
    for name, value in named(net).items():
        np.testing.assert_allclose(value.numpy(), weights[name], rtol=1e-7, err_msg=name)


@pytest.mark.parametrize(
    ("recipe", "progress", "rate"),
    [
        (SGD, 0.0, 0.03),
        (SGD, 0.5, 0.03 * 0.773010),
        (SGD, 1.0, 0.03 * 0.195090),
        (ADAM, 0.9, 0.002),
    ],
)
def test_the_learning_rate_follows_the_schedule(recipe, progress, rate):
    optimizer = Optimizer([network()], recipe)
    optimizer.anneal(progress)
    for group in optimizer.torch.param_groups:
        assert group["lr"] == pytest.approx(rate, abs=5e-8)


@pytest.mark.parametrize("recipe", [ADAM, SGD])
def test_what_was_saved_continues_bit_for_bit(recipe):
    net = network()
    optimizer = Optimizer([net], recipe)
    halfway = None
    for step in range(6):
        if step == 3:
            weights = {name: value.clone() for name, value in net.state_dict().items()}
            halfway = {name: value.clone() for name, value in optimizer.state().items()}
        optimizer.anneal(step / 6)
        optimizer.minimize(some_loss(net, step))

    again = network(seed=1)
    again.load_state_dict(weights)
    other = Optimizer([again], recipe)
    other.load(halfway)
    for step in range(3, 6):
        other.anneal(step / 6)
        other.minimize(some_loss(again, step))
    for name, value in net.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    for name, value in optimizer.state().items():
        assert torch.equal(value, other.state()[name]), name


def test_an_optimizer_that_took_no_step_has_no_state_and_loads_none():
    optimizer = Optimizer([network()], ADAM)
    assert optimizer.state() == {}
    optimizer.load({})
    assert optimizer.state() == {}


def test_gradients_of_the_step_before_are_forgotten():
    net = network()
    optimizer = Optimizer([net], dataclasses.replace(SGD, weight_decay=0.0))
    optimizer.minimize(some_loss(net, 0))
    optimizer.minimize(nothing(net))
    assert all(p.grad.abs().sum() == 0 for p in net.parameters())


def test_frozen_parameters_are_left_alone():
    net = network()
    net[0].requires_grad_(False)
    before = named(net)
    Optimizer([net], ADAM).minimize(some_loss(net, 0))
    assert torch.equal(net[0].weight, before["0.weight"])
    assert not torch.equal(net[2].weight, before["2.weight"])


def test_all_modules_are_trained():
    one, other = network(), network(1)
    before = named(other)
    Optimizer([one, other], ADAM).minimize(some_loss(one, 0) + some_loss(other, 0))
    assert not any(
        torch.equal(value, before[name]) for name, value in named(other).items() if name != "0.bias"
    )  # BatchNorm follows it: no gradient but rounding
