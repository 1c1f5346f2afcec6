"""Steps that change the loss or the prediction most: worked numbers, references, rounding."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from realmix.functional.adversarial import (
    codes_refused,
    fgsm,
    unit,
    usual_radius,
    vat_direction,
)
from tests import tiny


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


# --- how long a step is


def test_the_radius_of_cifar_is_the_published_one():
    assert usual_radius((3, 32, 32)) == pytest.approx(6, rel=1e-12)


@given(st.integers(1, 100), st.integers(1, 100))
def test_the_radius_changes_the_average_value_alike_in_every_shape(height, width):
    image, row = (3, height, width), (3 * height * width,)
    share = usual_radius(image) / math.sqrt(row[0])
    assert share == pytest.approx(6 / math.sqrt(3072)) == usual_radius(image, "inf")
    # as much of the deviation: 1 where CIFAR-10 has .494
    assert usual_radius(row) == pytest.approx(usual_radius(image) / 0.494)
    assert usual_radius(row, "inf") == pytest.approx(share / 0.494)


# --- unit vectors


@given(st.integers(0, 10_000), st.floats(-300, 300))
def test_a_unit_vector_has_length_one_whatever_its_scale(seed, exponent):
    vectors = torch.randn(3, 2, 4, generator=generator(seed), dtype=torch.float64)
    got = unit(vectors * 10**exponent)
    torch.testing.assert_close(got.flatten(1).norm(dim=1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(got, unit(vectors))


def test_zeros_have_no_direction_and_no_nan():
    got = unit(torch.tensor([[[0.0, 0.0]], [[3.0, -4.0]]]))
    assert got.tolist() == [[[0, 0]], [[pytest.approx(0.6), pytest.approx(-0.8)]]]


def test_gradients_too_small_to_square_have_a_direction():
    got = unit(torch.tensor([[3e-38, 4e-38]]))
    torch.testing.assert_close(got, torch.tensor([[0.6, 0.8]]))


# --- first order


def logistic(x):
    """Two classes, of which the logits differ by x1 - 2 x2; the loss of class 1."""
    return nn.functional.softplus(-(x @ rows(1.0, -2.0)))


@pytest.mark.parametrize(
    ("norm", "moved", "loss"),
    [("inf", [0.4, 0.35], 0.854355), ("l2", [0.455279, 0.339443], 0.811188)],
)
def test_the_worked_logistic_model(norm, moved, loss):
    x = rows([0.5, 0.25]).requires_grad_()
    before = logistic(x)
    assert before.item() == pytest.approx(0.693147, abs=5e-7)
    after = x.detach() + fgsm(before, x, 0.1, norm)
    assert after[0].tolist() == pytest.approx(moved, abs=5e-7)
    assert logistic(after).item() == pytest.approx(loss, abs=5e-7)


@pytest.mark.parametrize("norm", ["inf", "l2"])
def test_a_step_carries_no_gradient_and_the_loss_keeps_its_graph(norm):
    net, x = tiny.network(0), tiny.rows(0, 5).requires_grad_()
    loss = net(x).square().sum(1)
    step = fgsm(loss, x, 0.1, norm)
    assert not step.requires_grad
    assert all(p.grad is None for p in net.parameters())
    assert x.grad is None
    loss.sum().backward()


@pytest.mark.parametrize("norm", ["inf", "l2"])
def test_each_example_has_a_step_of_its_own_of_the_whole_length(norm):
    net, x = tiny.network(0), tiny.rows(0, 5).requires_grad_()
    scale = rows([1.0, 10.0, 100.0, 0.1, 1e-3])[0]
    step = fgsm(scale * net(x).square().sum(1), x, 0.3, norm)
    lengths = step.abs().amax(1) if norm == "inf" else step.norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((5,), 0.3, dtype=torch.float64))
    alone = x[2:3].detach().requires_grad_()
    torch.testing.assert_close(step[2:3], fgsm(net(alone).square().sum(1), alone, 0.3, norm))


# --- second order


def hessian_direction(net, x, start, iterations):
    """Of KL(p(x) || p(x + d)) at d = 0, by differences in float64 of the logits' Jacobian."""
    found = np.zeros_like(x)
    for i in range(len(x)):
        jacobian = np.zeros((tiny.CLASSES, x.shape[1]))
        for j in range(x.shape[1]):
            nudge = np.zeros(x.shape[1])
            nudge[j] = 1e-6
            up, down = tiny.logits(net, x[i] + nudge), tiny.logits(net, x[i] - nudge)
            jacobian[:, j] = (up - down) / 2e-6
        p = tiny.softmax(tiny.logits(net, x[i]))
        hessian = jacobian.T @ (np.diag(p) - np.outer(p, p)) @ jacobian
        d = start[i]
        for _ in range(iterations):
            d = hessian @ d
            d = d / np.linalg.norm(d)
        found[i] = d
    return found


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_the_direction_is_the_power_iteration_of_the_hessian(iterations):
    net, x = tiny.network(0, scale=0.5), tiny.rows(3, 6)
    target = net(x).softmax(-1).detach()
    got = vat_direction(net, x, target, 1e-4, iterations, generator(7))
    start = torch.randn(x.shape, generator=generator(7)).double().numpy()
    expected = hessian_direction(net, x.numpy(), start, iterations)
    np.testing.assert_allclose(got.numpy(), expected, atol=2e-3)


def test_the_worked_linear_model_is_moved_along_its_normal_by_either_sign():
    net, x = nn.Identity(), rows([0.4, 0.0])
    p = x.softmax(-1)
    assert p[0].tolist() == pytest.approx([0.598688, 0.401312], abs=5e-7)
    divergences = set()
    for seed in range(8):
        direction = vat_direction(net, x, p, 1e-3, 1, generator(seed))
        assert abs(direction[0, 0].item()) == pytest.approx(0.707107, abs=5e-7)
        assert direction[0, 1].item() == pytest.approx(-direction[0, 0].item())
        p_list, q = p[0].tolist(), (x + 0.5 * direction).softmax(-1)[0].tolist()
        divergences.add((round(kl(p_list, q), 6), round(kl(q, p_list), 6)))
    assert {forth for forth, _ in divergences} == {0.056321, 0.061658}
    assert (0.056321, 0.051797) in divergences


def test_the_direction_changes_the_prediction_more_than_chance():
    net, x = tiny.network(0), tiny.rows(1, 40)
    p = net(x).softmax(-1).detach()
    found = vat_direction(net, x, p, 1e-3, 1, generator(0))
    chance = unit(torch.randn(x.shape, generator=generator(1), dtype=torch.float64))

    def change(direction):
        q = net(x + 0.1 * direction).softmax(-1).detach()
        return np.mean([kl(a.tolist(), b.tolist()) for a, b in zip(p, q, strict=True)])

    assert change(found) > 2 * change(chance)


def test_no_parameter_s_gradient_is_touched():
    net, x = tiny.network(0), tiny.rows(0, 4)
    net[0].weight.grad = torch.full_like(net[0].weight, 3.0)
    got = vat_direction(net, x, net(x).softmax(-1).detach(), 0.1, 2, generator())
    assert not got.requires_grad
    assert (net[0].weight.grad == 3).all()
    assert net[2].weight.grad is None
    assert not x.requires_grad


def test_a_constant_classifier_has_no_direction():
    net, x = tiny.network(0, scale=0.0), tiny.rows(0, 4)
    got = vat_direction(net, x, net(x).softmax(-1).detach(), 0.1, 1, generator())
    assert got.abs().sum() == 0


def lost_in_rounding(xi, precision):
    """How far the direction of a float32 or bfloat16 network is from that of float64."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(300, 64), nn.Tanh(), nn.Linear(64, 5))
    x = torch.rand(32, 300, generator=generator(3)) * 2 - 1

    def cast(inputs):
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            return net(inputs).float()

    found = vat_direction(cast, x, cast(x).softmax(-1).detach(), xi, 1, generator(5))
    net.double()
    x = x.double()
    exact = vat_direction(net, x, net(x).softmax(-1).detach(), 1e-5, 1, generator(5))
    return 1 - (found.double() * exact).sum(1).mean().item()


def test_a_step_of_a_tenth_of_the_radius_survives_float32_and_bfloat16():
    radius = usual_radius((3, 10, 10))
    assert lost_in_rounding(0.1 * radius, torch.float32) < 0.02
    assert lost_in_rounding(0.1 * radius, torch.bfloat16) < 0.2
    # the published length does not, which is why it is another here
    assert lost_in_rounding(1e-6, torch.float32) > 0.3
    assert lost_in_rounding(1e-6, torch.bfloat16) > 0.3


# --- columns of codes


def test_columns_of_codes_are_named_at_most_ten_of_them():
    text = codes_refused("vat", ["color", "size\n"])
    assert text.startswith("vat moves every input")
    assert "'color', 'size\\n'. One-hot encode them" in text
    assert "code_columns=true" in text
    many = codes_refused("vat", [f"c{i}" for i in range(1200)])
    assert "'c9', ... (1,200 in all)." in many
    assert "c10" not in many
