"""Denoising of a ladder network: worked numbers, a reference with loops, and its passes."""

import math

import numpy as np
import pytest
import torch

from realmix.functional.denoising import (
    clean_pass,
    denoised,
    denoising_costs,
    denoising_start,
    noisy_pass,
    norm_widths,
    random_kernel,
    standardize,
)
from realmix.models.convnet import ConvNet
from realmix.models.mlp import MLP
from realmix.training.parallel import Divided
from tests import tiny


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def mlp(seed=0):
    torch.manual_seed(seed)
    return MLP(4, 3, (6, 5)).double()


def test_standardized_values_have_mean_zero_and_variance_one():
    given = 3 + 5 * rows(0, 50, 4)
    values, mean, deviation = standardize(given)
    torch.testing.assert_close(values.mean(0), torch.zeros(4).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(
        values.var(0, unbiased=False), torch.ones(4).double(), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(mean + deviation * values, given)


def test_a_constant_is_standardized_to_zero_with_a_finite_gradient():
    given = torch.full((5, 2), 7.0, requires_grad=True)
    values, _, deviation = standardize(given)
    assert torch.equal(values, torch.zeros(5, 2))
    (deviation.sum() + values.sum()).backward()
    assert given.grad.isfinite().all()


def test_before_training_every_estimate_is_zero():
    start = denoising_start(4)
    assert start.shape == (10, 4)
    assert start.sum(1).tolist() == [0, 4, 0, 0, 0, 0, 4, 0, 0, 0]
    assert torch.equal(
        denoised(rows(0, 7, 4).float(), rows(1, 7, 4).float(), start), 0 * rows(0, 7, 4).float()
    )


def test_the_denoising_function_equals_a_reference():
    z, u, a = rows(0, 7, 4), rows(1, 7, 4), rows(2, 10, 4)
    got = denoised(z, u, a)
    for i in range(7):
        for d in range(4):
            a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = a[:, d].tolist()
            above = u[i, d].item()
            mean = a1 / (1 + math.exp(-(a2 * above + a3))) + a4 * above + a5
            share = a6 / (1 + math.exp(-(a7 * above + a8))) + a9 * above + a10
            assert got[i, d].item() == pytest.approx((z[i, d].item() - mean) * share + mean)


def test_costs_are_counted_on_the_clean_scale_from_the_top_down():
    clean = [
        (rows(0, 8, 4), 0.0, 1.0),
        standardize(2 + 3 * rows(1, 8, 5)),
        standardize(rows(2, 8, 3)),
    ]
    noisy, above = [rows(3, 8, 4), rows(4, 8, 5), rows(5, 8, 3)], rows(6, 8, 3)
    a, v = [rows(7, 10, 4), rows(8, 10, 5), rows(9, 10, 3)], [rows(10, 4, 5), rows(11, 5, 3)]
    costs = denoising_costs(clean, noisy, above, a, v)

    def plain(values):
        return (values - values.mean(0)) / np.sqrt(values.var(0) + 1e-5)

    def g(z, u, a):
        s = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
        m = a[0] * s(a[1] * u + a[2]) + a[3] * u + a[4]
        return (z - m) * (a[5] * s(a[6] * u + a[7]) + a[8] * u + a[9]) + m

    top = g(noisy[2].numpy(), plain(above.numpy()), a[2].numpy())
    middle = g(noisy[1].numpy(), plain(top @ v[1].numpy().T), a[1].numpy())
    bottom = g(noisy[0].numpy(), plain(middle @ v[0].numpy().T), a[0].numpy())
    for cost, estimate, (values, mean, deviation) in zip(
        costs, (bottom, middle, top), clean, strict=True
    ):
        on_scale = (estimate - np.asarray(mean)) / np.asarray(deviation)
        assert cost.item() == pytest.approx(np.mean((on_scale - values.numpy()) ** 2))


def test_random_kernels_have_unit_gain_and_follow_the_seed():
    kernel = random_kernel(300, 200, 5)
    assert kernel.var().item() == pytest.approx(1 / 200, rel=0.05)
    assert torch.equal(kernel, random_kernel(300, 200, 5))
    assert not torch.equal(kernel, random_kernel(300, 200, 6))


def test_only_a_body_of_layers_in_a_row_has_hidden_levels():
    assert norm_widths(mlp()) == norm_widths(Divided(mlp())) == [6, 5]
    assert norm_widths(ConvNet(1, 8, 3)) == []
    assert norm_widths(tiny.normalizing_network(0)) == []


def test_the_clean_levels_are_what_the_network_computes():
    net, x = mlp(), rows(0, 9, 4)
    (inputs, mean, deviation), first, second, top = clean_pass(net, x, [6, 5])
    assert inputs is x
    assert (mean, deviation) == (0.0, 1.0)
    torch.testing.assert_close(first[0], net.body[:2](x))  # scale 1 and shift 0 at the start
    torch.testing.assert_close(second[0], net.body[:5](x))
    torch.testing.assert_close(top[0], standardize(net(x))[0])
    torch.testing.assert_close(top[1] + top[2] * top[0], net(x))


@pytest.mark.parametrize("hidden", [[6, 5], []])
def test_without_noise_the_noisy_pass_is_the_clean_pass(hidden):
    net, x = mlp(), rows(0, 9, 4)
    levels, logits = noisy_pass(net, x, hidden, 0.0, rng())
    torch.testing.assert_close(logits, net(x))
    for level, (values, _, _) in zip(levels, clean_pass(net, x, hidden), strict=True):
        torch.testing.assert_close(level, values)


def test_noise_comes_before_scale_and_shift_and_reaches_the_layers_above():
    net, x = mlp(), rows(0, 9, 4)
    for norm in (net.body[1], net.body[4]):
        norm.weight.data = 1 + rows(1, norm.num_features).abs()
        norm.bias.data = rows(2, norm.num_features)
    levels, logits = noisy_pass(net, x, [6, 5], 0.5, rng(3))

    draw = rng(3)
    noise = [0.5 * torch.randn(9, width, generator=draw).double() for width in (4, 6, 5, 3)]
    h = x + noise[0]
    torch.testing.assert_close(levels[0], h)
    for number, (linear, norm) in enumerate(
        ((net.body[0], net.body[1]), (net.body[3], net.body[4]))
    ):
        z = standardize(linear(h))[0] + noise[number + 1]
        torch.testing.assert_close(levels[number + 1], z)
        h = (norm.weight * z + norm.bias).relu()
    values, mean, deviation = standardize(net.head(h))
    torch.testing.assert_close(levels[3], values + noise[3])
    torch.testing.assert_close(logits, mean + deviation * (values + noise[3]))


def test_without_levels_noise_comes_to_inputs_features_and_logits():
    net, x = tiny.network(0), rows(0, 9, 4)
    (top,), logits = noisy_pass(net, x, [], 0.5, rng(3))
    draw = rng(3)
    noise = [0.5 * torch.randn(9, width, generator=draw).double() for width in (4, 6, 3)]
    values, mean, deviation = standardize(net.features(x + noise[0]))
    values, mean, deviation = standardize(net.head(mean + deviation * (values + noise[1])))
    torch.testing.assert_close(top, values + noise[2])
    torch.testing.assert_close(logits, mean + deviation * (values + noise[2]))


def test_divided_networks_give_the_same():
    net, x = mlp().float(), rows(0, 9, 4).float()
    for hidden in ([6, 5], []):
        (one, first), (two, second) = (
            noisy_pass(which, x, hidden, 0.3, rng(1)) for which in (net, Divided(net))
        )
        assert torch.equal(first, second)
        assert all(map(torch.equal, one, two))


def test_noise_is_drawn_from_the_generator_alone():
    net, x = mlp(), rows(0, 9, 4)
    before = torch.get_rng_state()
    one, two = (noisy_pass(net, x, [6, 5], 0.3, rng(1))[1] for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(one, noisy_pass(net, x, [6, 5], 0.3, rng(2))[1])
