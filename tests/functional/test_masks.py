"""Masks: exact counts, boundaries, and no gradient."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realmix.functional.masks import (
    confident,
    most_confident,
    most_confident_released,
    not_yet_learned,
    not_yet_learned_released,
)

CONFIDENCE = [0.31, 0.95, 0.42, 0.77, 0.58, 0.99, 0.66, 0.84]


def logits_of(confidence, num_classes=10):
    """Rows whose largest probability is as given."""
    top = torch.tensor(confidence, dtype=torch.float64)
    rest = ((1 - top) / (num_classes - 1))[:, None].expand(-1, num_classes - 1)
    return torch.cat([top[:, None], rest], 1).log()


def random_logits(count, num_classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(count, num_classes, generator=generator, dtype=torch.float64)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


# --- confident


def test_the_threshold_itself_counts():
    probs = torch.tensor([[0.75, 0.25], [0.7499, 0.2501], [0.2, 0.8]], dtype=torch.float64)
    assert confident(probs, 0.75).tolist() == [1, 0, 1]


def test_threshold_zero_keeps_all_and_one_keeps_the_certain():
    probs = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    assert confident(probs, 0.0).tolist() == [1, 1]
    assert confident(probs, 1.0).tolist() == [0, 1]


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_keeps_more(one, other):
    probs = random_logits(50).softmax(-1)
    low, high = sorted((one, other))
    assert (confident(probs, high) <= confident(probs, low)).all()


# --- most_confident


@pytest.mark.parametrize(
    ("phi", "kept"),
    [
        (0.0, [1, 1, 1, 1, 1, 1, 1, 1]),
        (0.25, [0, 1, 0, 1, 1, 1, 1, 1]),
        (0.5, [0, 1, 0, 1, 0, 1, 0, 1]),
        (0.75, [0, 1, 0, 0, 0, 1, 0, 0]),
        (1.0, [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_the_least_confident_share_is_dropped(phi, kept):
    assert most_confident(logits_of(CONFIDENCE), phi).tolist() == kept


@pytest.mark.parametrize(("phi", "kept"), [(0.0, 8), (0.25, 5), (0.5, 3), (0.75, 1), (1.0, 0)])
def test_the_released_rule_drops_one_more(phi, kept):
    mask = most_confident_released(logits_of(CONFIDENCE), phi)
    assert mask.sum() == kept
    best = sorted(range(8), key=lambda i: -CONFIDENCE[i])[:kept]
    assert {i for i in range(8) if mask[i]} == set(best)


@pytest.mark.parametrize(("phi", "kept"), [(0.25, 95), (0.5, 63), (0.75, 31)])
def test_the_released_rule_on_128_rows(phi, kept):
    logits = random_logits(128)
    assert most_confident_released(logits, phi).sum() == kept
    assert most_confident(logits, phi).sum() == kept + 1


@given(st.integers(1, 200), st.integers(0, 100))
def test_exactly_the_floor_of_the_share_is_dropped(count, percent):
    mask = most_confident(random_logits(count), percent / 100)
    assert mask.sum() == count - count * percent // 100


def test_shares_that_floating_point_cannot_hold_are_counted_exactly():
    logits = random_logits(100)
    for percent in range(101):  # 0.29 * 100 is 28.999...
        assert most_confident(logits, percent / 100).sum() == 100 - percent, percent
        released = most_confident_released(logits, percent / 100).sum()
        assert released == (100 if percent == 0 else max(99 - percent, 0)), percent


@pytest.mark.parametrize("rule", [most_confident, most_confident_released])
@given(st.floats(0, 1), st.floats(0, 1))
def test_dropping_more_never_keeps_more(rule, one, other):
    logits = random_logits(37)
    low, high = sorted((one, other))
    assert (rule(logits, high) <= rule(logits, low)).all()


def test_of_equal_confidences_the_earlier_is_dropped_first():
    logits = torch.zeros(6, 3)
    assert most_confident(logits, 0.5).tolist() == [0, 0, 0, 1, 1, 1]
    assert most_confident_released(logits, 0.5).tolist() == [0, 0, 0, 0, 0, 0]


def test_confidence_is_the_largest_probability_not_the_largest_logit():
    logits = torch.tensor([[9.0, 9.0], [3.0, -3.0]])
    assert most_confident(logits, 0.5).tolist() == [0, 1]
    assert most_confident_released(logits, 0.0).tolist() == [1, 1]
    assert most_confident_released(torch.cat([logits, logits[:1]]), 0.4).tolist() == [0, 1, 0]


# --- not_yet_learned


@pytest.mark.parametrize(
    ("logits", "target", "threshold", "intended", "released"),
    [
        ([8.0, -1.0, -2.0], [1.0, 0.0, 0.0], 0.2, 0, 1),
        ([0.2, -1.0, -2.0], [1.0, 0.0, 0.0], 0.9, 1, 0),
        ([6.0, -1.0, -2.0], [1.0, 0.0, 0.0], 0.5, 0, 1),
        ([6.0, -1.0, -2.0], [0.9, 0.0, 0.1], 0.5, 1, 1),
        ([-1.0, 0.1, -2.0], [1.0, 0.0, 0.0], 0.2, 0, 1),  # a class outside the target keeps it
        ([-1.0, -1.0, -1.0], [0.2, 0.8, 0.0], 0.5, 1, 0),
    ],
)
def test_the_text_scales_the_labels_and_the_published_code_the_logits(
    logits, target, threshold, intended, released
):
    logits, target = torch.tensor([logits]), torch.tensor([target])
    assert not_yet_learned(logits, target, threshold).tolist() == [intended]
    assert not_yet_learned_released(logits, target, threshold).tolist() == [released]


def mixed_targets(count, num_classes):
    rng = np.random.default_rng(3)
    targets = np.zeros((count, num_classes))
    for i in range(count):
        first, second = rng.choice(num_classes, 2, replace=False)
        targets[i, first], targets[i, second] = 0.7, 0.3
    return targets


@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.8])
def test_both_annealing_rules_equal_references_with_loops(threshold):
    logits = random_logits(60)
    target = mixed_targets(60, 4)
    intended, released = [], []
    for z, y in zip(logits.numpy(), target, strict=True):
        p = softmax(z)
        intended.append(any(y[c] > 0 and p[c] < threshold * y[c] for c in range(4)))
        released.append(any((p[c] if y[c] > 0 else 0.0) < threshold * z[c] for c in range(4)))
    target = torch.from_numpy(target)
    assert not_yet_learned(logits, target, threshold).bool().tolist() == intended
    assert not_yet_learned_released(logits, target, threshold).bool().tolist() == released
    assert 0 < sum(intended) < 60
    assert intended != released


def test_a_class_that_has_its_share_exactly_is_learned():
    logits = torch.tensor([[0.0, 0.0]])
    assert not_yet_learned(logits, torch.tensor([[1.0, 0.0]]), 0.5).tolist() == [0]


@pytest.mark.parametrize("rule", [not_yet_learned, not_yet_learned_released])
def test_an_infinite_threshold_keeps_all(rule):
    logits = torch.tensor([[50.0, -50.0], [-1.0, -1.0], [0.0, 0.0]])
    target = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert rule(logits, target, math.inf).tolist() == [1, 1, 1]


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_annealing_threshold_never_keeps_fewer(one, other):
    logits, target = random_logits(60), torch.from_numpy(mixed_targets(60, 4))
    low, high = sorted((one, other))
    assert (not_yet_learned(logits, target, low) <= not_yet_learned(logits, target, high)).all()


def test_masks_are_float32_without_gradient():
    logits = random_logits(8).requires_grad_()
    target = torch.from_numpy(mixed_targets(8, 4))
    for mask in (
        confident(logits.softmax(-1), 0.5),
        most_confident(logits, 0.3),
        most_confident_released(logits, 0.3),
        not_yet_learned(logits, target, 0.5),
        not_yet_learned_released(logits, target, 0.5),
    ):
        assert not mask.requires_grad
        assert set(mask.tolist()) <= {0.0, 1.0}
    assert confident(logits.softmax(-1), 0.5).dtype == torch.float32
