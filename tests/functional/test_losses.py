"""Losses: worked numbers, references with loops, and the gradient of an empty mask."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from realmix.functional.losses import cross_entropy, kl, masked_mean, squared_error
from realmix.functional.masks import confident


def logits_of(*probs):
    return torch.tensor(probs, dtype=torch.float64).log() + 1.7  # softmax ignores the 1.7


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def random_case(seed=0, count=6, num_classes=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, num_classes)), rng.dirichlet(np.ones(num_classes), size=count)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def test_cross_entropy_of_labels_and_distributions():
    logits = logits_of([0.5, 0.3, 0.2], [0.1, 0.6, 0.3])
    by_label = cross_entropy(logits, torch.tensor([0, 2]))
    torch.testing.assert_close(by_label, rows(-math.log(0.5), -math.log(0.3)))
    soft = cross_entropy(logits, rows([0.0, 1.0, 0.0], [0.5, 0.5, 0.0]))
    expected = rows(-math.log(0.3), -0.5 * (math.log(0.1) + math.log(0.6)))
    torch.testing.assert_close(soft, expected)


def test_squared_error_is_the_mean_over_classes():
    loss = squared_error(logits_of([0.7, 0.2, 0.1]), rows([0.5, 0.3, 0.2]))
    torch.testing.assert_close(loss, rows(0.02))


def test_the_mixmatch_example():
    loss = squared_error(
        logits_of([0.7, 0.2, 0.1], [0.1, 0.8, 0.1]), rows([0.8, 0.1, 0.1], [0.2, 0.7, 0.1])
    )
    assert loss.mean().item() == pytest.approx(0.02 / 3, abs=1e-12)  # .006667


def test_the_fixmatch_example_divides_by_all_rows():
    weak, strong = rows([0.96, 0.03, 0.01], [0.90, 0.06, 0.04]), [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]
    mask = confident(weak, 0.95)
    loss = (mask * cross_entropy(logits_of(*strong), weak.argmax(-1))).mean()
    assert loss.item() == pytest.approx(0.346574, abs=5e-7)
    assert mask.mean().item() == 0.5


def test_the_realmix_example_divides_by_the_kept_rows():
    target = rows([0.8, 0.1, 0.1], [0.4, 0.3, 0.3])
    loss = squared_error(logits_of([0.6, 0.3, 0.1], [0.34, 0.33, 0.33]), target)
    assert masked_mean(loss, torch.tensor([1.0, 0.0])).item() == pytest.approx(0.026667, abs=5e-7)
    assert masked_mean(loss, torch.ones(2)).item() == pytest.approx(0.014233, abs=5e-7)


def test_kl_of_worked_distributions():
    target, prediction = rows([0.7, 0.2, 0.1]), logits_of([0.5, 0.3, 0.2])
    expected = 0.7 * math.log(0.7 / 0.5) + 0.2 * math.log(0.2 / 0.3) + 0.1 * math.log(0.1 / 0.2)
    assert kl(prediction, target).item() == pytest.approx(expected, abs=1e-12)


def test_kl_is_zero_at_the_target_and_a_class_of_target_zero_adds_nothing():
    probs = [0.7, 0.2, 0.1]
    assert kl(logits_of(probs), rows(probs)).item() == pytest.approx(0, abs=1e-12)
    certain = kl(logits_of(probs), rows([1.0, 0.0, 0.0]))
    assert certain.item() == pytest.approx(-math.log(0.7), abs=1e-12)


def test_uda_kl_is_the_soft_cross_entropy_minus_the_entropy():
    logits, target = (torch.from_numpy(a) for a in random_case())
    entropy = -(target * target.log()).sum(-1)
    torch.testing.assert_close(kl(logits, target), cross_entropy(logits, target) - entropy)


def test_all_losses_equal_references_with_loops():
    logits, target = random_case()
    ce, brier, divergence = [], [], []
    for z, t in zip(logits, target, strict=True):
        p = softmax(z)
        ce.append(-sum(t[c] * math.log(p[c]) for c in range(4)))
        brier.append(sum((p[c] - t[c]) ** 2 for c in range(4)) / 4)
        divergence.append(sum(t[c] * math.log(t[c] / p[c]) for c in range(4)))
    logits, target = torch.from_numpy(logits), torch.from_numpy(target)
    torch.testing.assert_close(cross_entropy(logits, target), torch.tensor(ce).double())
    torch.testing.assert_close(squared_error(logits, target).numpy(), np.array(brier))
    torch.testing.assert_close(kl(logits, target).numpy(), np.array(divergence))


@pytest.mark.parametrize("loss", [cross_entropy, squared_error, kl])
def test_gradients_equal_finite_differences(loss):
    logits, target = (torch.from_numpy(a) for a in random_case())
    assert gradcheck(lambda z: loss(z, target), logits.requires_grad_())


@pytest.mark.parametrize("loss", [cross_entropy, squared_error, kl])
def test_extreme_logits_stay_finite(loss):
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    value = loss(logits, torch.tensor([[0.0, 1.0, 0.0]])).sum()
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_masked_mean_counts_the_kept_rows_only():
    loss = rows(2.0, 0.1, 0.5, 0.05)
    assert masked_mean(loss, torch.tensor([0.0, 1.0, 1.0, 0.0])).item() == pytest.approx(0.3)
    # UDA's example: rows with p <= .55 are kept
    assert masked_mean(loss, torch.tensor([1.0, 0.0, 0.0, 0.0])).item() == 2.0


def test_masked_mean_of_no_rows_is_zero_with_zero_gradient():
    loss = rows(2.0, 3.0).requires_grad_()
    value = masked_mean(loss, torch.zeros(2))
    value.backward()
    assert value.item() == 0
    assert loss.grad.tolist() == [0, 0]


def test_masked_mean_of_all_rows_is_the_mean_bit_for_bit():
    loss = torch.rand(128, generator=torch.Generator().manual_seed(0))
    assert torch.equal(masked_mean(loss, torch.ones(128)), loss.mean())
