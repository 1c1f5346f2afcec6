"""Losses: worked numbers, references with loops, and the gradient of an empty mask."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from realmix.functional.losses import (
    annealed_mean,
    contrastive,
    cross_entropy,
    entropy,
    fairness,
    kl,
    masked_mean,
    prior_gap,
    scaled_kl,
    squared_error,
)
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


def test_scaled_kl_of_worked_distributions():
    target, prediction = rows([0.7, 0.2, 0.1]), logits_of([0.5, 0.3, 0.2])
    expected = 0.7 * math.log(0.7 / 0.5) + 0.2 * math.log(0.2 / 0.3) + 0.1 * math.log(0.1 / 0.2)
    assert scaled_kl(prediction, target).item() == pytest.approx(4 / 27 * expected, abs=1e-12)
    ten = logits_of([0.37, *[0.07] * 9]), rows([0.1] * 10)
    divergence = 0.1 * math.log(0.1 / 0.37) + 0.9 * math.log(0.1 / 0.07)
    assert scaled_kl(*ten).item() == pytest.approx(0.018 * divergence, abs=1e-12)


def test_scaled_kl_of_nearly_uniform_predictions_is_nearly_the_squared_error():
    move = 1e-5 * torch.tensor([[3.0, -1.0, -2.0, 0.5, -0.5]], dtype=torch.float64)
    target, prediction = rows([0.2] * 5) + move, logits_of([0.2] * 5)
    ratio = scaled_kl(prediction, target) / squared_error(prediction, target)
    assert ratio.item() == pytest.approx(1 - 1 / 5, rel=1e-3)


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


@pytest.mark.parametrize("loss", [cross_entropy, squared_error, kl, scaled_kl])
def test_gradients_equal_finite_differences(loss):
    logits, target = (torch.from_numpy(a) for a in random_case())
    assert gradcheck(lambda z: loss(z, target), logits.requires_grad_())


@pytest.mark.parametrize("loss", [cross_entropy, squared_error, kl, scaled_kl])
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


def test_entropy_and_prior_gap_of_the_worked_example():
    logits = logits_of([0.7, 0.2, 0.1], [0.5, 0.3, 0.2])
    assert entropy(logits)[0].item() == pytest.approx(0.801819, abs=1e-6)
    assert entropy(logits).mean().item() == pytest.approx(0.915736, abs=1e-6)
    assert prior_gap(logits).item() == pytest.approx(0.166134, abs=1e-6)
    assert 0.8 * prior_gap(logits).item() + 0.4 * 0.915736 == pytest.approx(0.499202, abs=1e-6)


def test_entropy_and_prior_gap_are_finite_for_certain_predictions():
    logits = torch.tensor([[1e6, 0.0, -1e6], [1e6, 0.0, -1e6]], requires_grad=True)
    assert entropy(logits).tolist() == [0.0, 0.0]
    (entropy(logits).sum() + prior_gap(logits)).backward()
    assert prior_gap(logits).isfinite()
    assert logits.grad.isfinite().all()


def test_the_prior_gap_is_of_the_mean_and_zero_where_it_is_uniform():
    assert prior_gap(logits_of([0.9, 0.1], [0.1, 0.9])).item() == pytest.approx(0, abs=1e-12)
    assert prior_gap(logits_of([0.9, 0.1])).item() == pytest.approx(-math.log(2 * 0.3))


# --- fairness


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def fairness_by_loops(logits, mask, mean, shares):
    """FreeMatch, as its code, except that the log of a class without predictions is left out."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    probs = e / e.sum(1, keepdims=True)
    kept = [i for i in range(len(probs)) if mask[i]]
    classes = probs.shape[1]
    b = [0.0] * classes
    for c in range(classes):
        share = sum(probs[i].argmax() == c for i in kept) / max(len(kept), 1)
        if share:
            b[c] = sum(probs[i, c] for i in kept) / len(kept) / share
    a = [mean[c] / shares[c] for c in range(classes)]
    total = 0.0
    for c in range(classes):
        if b[c]:
            total += a[c] / sum(a) * math.log(b[c] / sum(b))
    return total


def test_the_worked_fairness_of_freematch():
    logits = logits_of([0.6, 0.3, 0.1], [0.3, 0.6, 0.1])
    mean, shares = numbers(0.356667, 0.335, 0.308333), numbers(0.366667, 0.333333, 0.3)
    got = fairness(logits, torch.ones(2), mean, shares).item()
    # published: -9.904959, of which a class without predictions is a constant
    assert got == pytest.approx(-9.904959 - 0.341965 * math.log(1e-12), abs=2e-5)
    assert got == pytest.approx((0.323649 + 0.334386) * math.log(0.5), abs=2e-6)


def test_fairness_equals_a_reference_with_loops():
    rng = np.random.default_rng(4)
    for _ in range(10):
        logits, mask = 2 * rng.normal(size=(9, 4)), rng.integers(0, 2, 9)
        mean, shares = rng.dirichlet(np.ones(4), 2)
        got = fairness(*map(torch.from_numpy, (logits, mask.astype(float), mean, shares)))
        expected = fairness_by_loops(logits, mask, mean, shares)
        assert got.item() == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_the_gradient_of_fairness_is_that_of_the_published_form():
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits[:, 3] -= 9  # a class without predictions
    logits.requires_grad_()
    mean, shares = numbers(0.1, 0.2, 0.3, 0.4), numbers(0.4, 0.3, 0.2, 0.1)
    probs = logits.softmax(-1)
    found = torch.nn.functional.one_hot(probs.argmax(-1), 4).double().mean(0)
    assert found[3] == 0
    b = probs.mean(0) * torch.where(found > 0, 1 / found, 0.0)
    published = (mean / shares / (mean / shares).sum() * (b / b.sum() + 1e-12).log()).sum()
    (expected,) = torch.autograd.grad(published, logits)
    (got,) = torch.autograd.grad(fairness(logits, torch.ones(6), mean, shares), logits)
    torch.testing.assert_close(got, expected)
    assert got.abs().sum() > 0


def test_fairness_of_no_rows_is_zero_with_zero_gradient():
    logits = torch.randn(5, 3, requires_grad=True)
    third = torch.full((3,), 1 / 3)
    loss = fairness(logits, torch.zeros(5), third, third)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("scale", [0.1, 3.0, 1e6])
def test_fairness_is_bounded(scale):
    logits = scale * torch.randn(32, 10, generator=torch.Generator().manual_seed(1))
    logits.requires_grad_()
    mean, shares = torch.full((10,), 0.1), torch.tensor([0.5, 0.5] + [0.0] * 7 + [1e-44])
    loss = fairness(logits, torch.ones(32), mean, shares)
    loss.backward()
    assert -math.log(10 * 10 * 32) <= loss.item() <= 0
    assert logits.grad.isfinite().all()


# --- views of an example against all others


def contrastive_reference(a, b, temperature):
    """With loops, one number a view."""
    views = [row / np.linalg.norm(row) for row in np.concatenate([a, b])]
    out = []
    for i, one in enumerate(views):
        positive = (i + len(a)) % len(views)
        others = [math.exp(one @ v / temperature) for k, v in enumerate(views) if k != i]
        out.append(-math.log(math.exp(one @ views[positive] / temperature) / sum(others)))
    return out


def test_the_contrastive_example_is_the_paper_s_mean():
    a, b = rows([1.0, 0.0], [0.0, 1.0]), rows([0.8, 0.6], [0.6, 0.8])
    loss = contrastive(a, b, 0.5)
    assert loss.shape == (4,)
    assert loss.mean().item() == pytest.approx(0.870714, abs=5e-7)  # the code has 1.741428
    assert 2 * loss.mean().item() == pytest.approx(1.741428, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_the_contrastive_loss_equals_a_reference_with_loops(temperature):
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    found = contrastive(torch.from_numpy(a), torch.from_numpy(b), temperature)
    assert found.tolist() == pytest.approx(contrastive_reference(a, b, temperature), rel=1e-9)


def test_swapped_views_and_other_lengths_leave_the_contrastive_loss_unchanged():
    rng = np.random.default_rng(5)
    a, b = (torch.from_numpy(rng.normal(size=(5, 3))) for _ in range(2))
    loss = contrastive(a, b, 0.3)
    torch.testing.assert_close(contrastive(b, a, 0.3).roll(5), loss)
    torch.testing.assert_close(contrastive(7 * a, b * torch.arange(1.0, 6)[:, None], 0.3), loss)


def test_the_contrastive_loss_of_worked_extremes():
    same = torch.eye(4, dtype=torch.float64)
    expected = -math.log(math.exp(2) / (math.exp(2) + 6))  # one like it, six orthogonal
    torch.testing.assert_close(contrastive(same, same, 0.5), torch.full((8,), expected).double())
    collapsed = torch.ones(4, 3, dtype=torch.float64)
    torch.testing.assert_close(
        contrastive(collapsed, collapsed, 0.1), torch.full((8,), math.log(7)).double()
    )


def test_the_contrastive_gradient_is_right_and_finite_for_a_zero_row():
    a = torch.from_numpy(np.random.default_rng(6).normal(size=(3, 4))).requires_grad_()
    b = torch.from_numpy(np.random.default_rng(7).normal(size=(3, 4))).requires_grad_()
    assert gradcheck(lambda a, b: contrastive(a, b, 0.5), (a, b))
    zero = torch.zeros(3, 4, requires_grad=True)
    contrastive(zero, b.float(), 0.1).sum().backward()
    assert zero.grad.isfinite().all()


# --- annealed_mean


def test_the_mean_is_over_the_labels_that_are_not_learned():
    loss = numbers(2, 0.1, 0.5, 0.05)
    assert annealed_mean(loss, 0.55).item() == 2.0
    assert annealed_mean(loss, 0.65).item() == 1.25
    assert annealed_mean(loss, math.inf).item() == pytest.approx(2.65 / 4)


def test_a_label_of_exactly_the_threshold_is_kept_and_none_give_zero():
    loss = numbers(math.log(2)).requires_grad_()
    half = (-loss.detach()).exp().item()
    assert annealed_mean(loss, half).item() == loss.item()
    learned = annealed_mean(loss, float(np.nextafter(half, 0)))
    learned.backward()
    assert learned.item() == 0
    assert loss.grad.item() == 0
