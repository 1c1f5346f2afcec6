"""Targets: worked numbers, limits, and what holds for any prediction."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from realmix.functional.targets import align, average, debiased, guess, one_hot, sharpen, smooth


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


predictions = st.lists(st.floats(1e-4, 1.0), min_size=2, max_size=6).map(
    lambda weights: rows(weights) / sum(weights)
)


def sharpened_by_loops(probs, temperature):
    out = np.zeros_like(probs)
    for i in range(probs.shape[0]):
        total = 0.0
        for c in range(probs.shape[1]):
            total += probs[i, c] ** (1 / temperature)
        for c in range(probs.shape[1]):
            out[i, c] = probs[i, c] ** (1 / temperature) / total
    return out


def test_one_hot_puts_all_mass_on_the_label():
    target = one_hot(torch.tensor([2, 0]), 3)
    assert target.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert target.dtype == torch.float32


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (0.5, (0.782609, 0.195652, 0.021739)),
        (1.0, (0.6, 0.3, 0.1)),
        (0.25, (0.940493, 0.058781, 0.000726)),
    ],
)
def test_sharpen_gives_the_worked_numbers(temperature, expected):
    torch.testing.assert_close(
        sharpen(rows([0.6, 0.3, 0.1]), temperature), rows(expected), atol=5e-7, rtol=0
    )


def test_sharpen_equals_a_reference_with_loops():
    probs = np.random.default_rng(0).dirichlet(np.ones(5), size=7)
    for temperature in (0.3, 0.5, 2.0):
        np.testing.assert_allclose(
            sharpen(torch.from_numpy(probs), temperature).numpy(),
            sharpened_by_loops(probs, temperature),
            rtol=1e-12,
        )


def test_average_comes_before_sharpening():
    first, second = rows([0.5, 0.3, 0.2]), rows([0.7, 0.2, 0.1])
    torch.testing.assert_close(average(first, second), rows([0.6, 0.25, 0.15]))
    right = sharpen(average(first, second), 0.5)
    wrong = average(sharpen(first, 0.5), sharpen(second, 0.5))
    torch.testing.assert_close(right, rows([0.808989, 0.140449, 0.050562]), atol=5e-7, rtol=0)
    torch.testing.assert_close(wrong, rows([0.782651, 0.155458, 0.061891]), atol=5e-7, rtol=0)


def test_temperature_one_changes_nothing():
    probs = torch.softmax(torch.randn(6, 4, dtype=torch.float64), -1)
    torch.testing.assert_close(sharpen(probs, 1.0), probs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_temperature_near_zero_gives_the_argmax_without_underflow(dtype):
    probs = torch.full((1, 100), 0.0099, dtype=dtype)
    probs[0, 7] = 1 - 99 * 0.0099
    sharp = sharpen(probs, 0.001)
    assert sharp.argmax() == 7
    torch.testing.assert_close(sharp.sum(), torch.ones((), dtype=dtype))
    assert sharp[0, 7] > 0.99


@given(predictions, st.floats(0.05, 5.0))
def test_sharpened_rows_sum_to_one_and_keep_their_argmax(probs, temperature):
    sharp = sharpen(probs, temperature)
    torch.testing.assert_close(sharp.sum(-1), torch.ones(1, dtype=torch.float64))
    assert sharp[0, probs.argmax()] == sharp.max()
    if temperature <= 1:
        assert sharp.max() >= probs.max() - 1e-12


class Table(nn.Module):
    """Logits that are the inputs times a parameter of 1."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x):
        return self.scale * x


def test_guess_averages_the_views_then_sharpens_without_gradient():
    views = [rows([0.5, 0.3, 0.2]).log(), rows([0.7, 0.2, 0.1]).log()]
    target = guess(Table(), views, 0.5)
    torch.testing.assert_close(target, rows([0.808989, 0.140449, 0.050562]), atol=5e-7, rtol=0)
    assert not target.requires_grad


def test_guess_normalizes_each_view_by_itself_and_leaves_the_running_statistics():
    norm = nn.BatchNorm1d(3).double()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    first = torch.randn(5, 3, dtype=torch.float64)
    second = 10 + 4 * torch.randn(5, 3, dtype=torch.float64)
    target = guess(norm, [first, second], 1.0)

    def normalized(x):
        return (x - x.mean(0)) / (x.var(0, correction=0) + norm.eps).sqrt()

    expected = (normalized(first).softmax(-1) + normalized(second).softmax(-1)) / 2
    torch.testing.assert_close(target, expected)
    for name, value in norm.state_dict().items():
        assert torch.equal(value, before[name])


def test_smoothed_labels_of_the_worked_example():
    smoothed = smooth(one_hot(torch.tensor([3]), 10), 0.1)
    assert smoothed[0, 3].item() == pytest.approx(0.91)
    assert smoothed[0, 0].item() == pytest.approx(0.01)
    assert smoothed.sum().item() == pytest.approx(1)
    assert torch.equal(smooth(smoothed, 0.0), smoothed)
    torch.testing.assert_close(smooth(smoothed, 1.0), torch.full((1, 10), 0.1))


def test_debiased_targets_of_the_paper_s_example():
    z = rows([0.32, 0.08], [0.432, 0.208], [0.6192, 0.1648])
    got = debiased(z, rows([1, 2, 3])[0], 0.6)
    expected = rows([0.8, 0.2], [0.675, 0.325], [0.789796, 0.210204])
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)


def test_debiased_rows_sum_to_one_and_the_first_is_the_prediction_itself():
    z, momentum = torch.zeros(4, 3, dtype=torch.float64), 0.9
    first = torch.rand(4, 3, dtype=torch.float64).softmax(-1)
    for visit in range(1, 20):
        p = first if visit == 1 else torch.rand(4, 3, dtype=torch.float64).softmax(-1)
        z = momentum * z + (1 - momentum) * p
        target = debiased(z, torch.full((4,), visit, dtype=torch.float64), momentum)
        torch.testing.assert_close(target.sum(-1), torch.ones(4, dtype=torch.float64))
        assert visit > 1 or torch.allclose(target, first)


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_debiased_rows_that_were_never_visited_are_zero(momentum):
    assert torch.equal(debiased(torch.zeros(2, 3), torch.zeros(2), momentum), torch.zeros(2, 3))


def test_align_gives_the_worked_numbers():
    uniform = torch.full((3,), 1 / 3, dtype=torch.float64)
    aligned = align(rows([0.6, 0.3, 0.1]), uniform, rows([0.5, 0.3, 0.2])[0])
    torch.testing.assert_close(aligned, rows([0.444445, 0.37037, 0.185185]), atol=1e-6, rtol=0)
    sharp = sharpen(aligned, 0.5)
    torch.testing.assert_close(sharp, rows([0.535317, 0.371747, 0.092936]), atol=1e-6, rtol=0)


@given(predictions)
def test_aligning_a_mean_that_is_the_prior_already_changes_nothing(probs):
    prior = torch.arange(1.0, probs.shape[1] + 1, dtype=torch.float64)
    prior = prior / prior.sum()
    torch.testing.assert_close(align(probs, prior, prior), probs)


@given(predictions)
def test_the_aligned_mean_is_the_prior_and_rows_sum_to_one(mean):
    prior = torch.arange(1.0, mean.shape[1] + 1, dtype=torch.float64)
    prior = prior / prior.sum()
    torch.testing.assert_close(align(mean, prior, mean[0])[0], prior, atol=1e-2, rtol=0)
    ones = torch.ones(1, dtype=torch.float64)
    torch.testing.assert_close(align(mean, prior, prior.flip(0)).sum(-1), ones)


def test_align_equals_a_reference_with_loops():
    rng = np.random.default_rng(1)
    probs, prior, mean = rng.dirichlet(np.ones(4), 6), *rng.dirichlet(np.ones(4), 2)
    expected = np.zeros_like(probs)
    for i in range(6):
        scaled = [probs[i, c] * (1e-6 + prior[c]) / (1e-6 + mean[c]) for c in range(4)]
        expected[i] = np.array(scaled) / sum(scaled)
    got = align(*map(torch.from_numpy, (probs, prior, mean)))
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)


def test_a_class_that_was_never_predicted_is_aligned_to_finite_numbers():
    prior, mean = rows([0.5, 0.5])[0], rows([1.0, 0.0])[0]
    aligned = align(rows([1.0, 0.0], [0.9, 0.1]), prior, mean)
    assert aligned.isfinite().all()
    assert aligned[0].tolist() == [1.0, 0.0]
