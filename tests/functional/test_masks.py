"""Masks: exact counts, boundaries, and no gradient."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realmix.functional.masks import (
    CURVES,
    above,
    confident,
    gaussian_weight,
    largest,
    learning_effect,
    most_confident,
    most_confident_released,
    not_yet_learned,
    not_yet_learned_released,
    per_class,
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


# --- above


def test_above_is_strict_and_carries_no_gradient():
    values = torch.tensor([0.8, 0.8001, 0.2, 1.0], dtype=torch.float64, requires_grad=True)
    mask = above(values, 0.8)
    assert mask.tolist() == [0, 1, 0, 1]
    assert mask.dtype == torch.float32
    assert not mask.requires_grad
    assert above(values, 0.0).tolist() == [1, 1, 1, 1]
    assert above(values, 1.0).tolist() == [0, 0, 0, 0]
    assert above(values, math.inf).tolist() == [0, 0, 0, 0]


# --- largest


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 100))
def test_the_smallest_scores_are_dropped_the_earlier_first(scores, percent):
    count = percent * len(scores) // 100
    order = sorted(range(len(scores)), key=lambda i: (scores[i], i))
    expected = [float(i not in order[:count]) for i in range(len(scores))]
    given = torch.tensor(scores, dtype=torch.float32)
    assert largest(given, percent / 100).tolist() == expected
    assert largest(given, torch.tensor(percent / 100)).tolist() == expected


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


# --- per_class, learning_effect, CURVES


def counts(*values):
    return torch.tensor(values)


def test_each_class_has_its_own_threshold_and_meets_it_exactly():
    probs = torch.tensor([[0.75, 0.25], [0.25, 0.75], [0.4, 0.6]], dtype=torch.float64)
    thresholds = torch.tensor([0.75, 0.6], dtype=torch.float64)
    assert per_class(probs, thresholds).tolist() == [1, 1, 1]
    assert per_class(probs, thresholds + 1e-9).tolist() == [0, 1, 0]
    assert per_class(probs, thresholds.flip(0)).tolist() == [1, 1, 0]


def test_equal_thresholds_for_all_classes_are_one_threshold():
    probs = random_logits(50).softmax(-1)
    for threshold in (0.4, 0.7):
        thresholds = torch.full((4,), threshold, dtype=torch.float64)
        assert torch.equal(per_class(probs, thresholds), confident(probs, threshold))


@pytest.mark.parametrize(
    ("warm_up", "effect", "thresholds"),
    [
        (True, [0.5, 0.25, 0.05], [0.316667, 0.135714, 0.024359]),
        (False, [1.0, 0.5, 0.1], [0.95, 0.316667, 0.05]),
    ],
)
def test_the_worked_thresholds_of_flexmatch(warm_up, effect, thresholds):
    got = learning_effect(counts(100, 50, 10), torch.tensor(200), warm_up)
    assert got.tolist() == pytest.approx(effect)
    assert (0.95 * CURVES["convex"](got)).tolist() == pytest.approx(thresholds, abs=1e-6)


def test_examples_of_no_class_count_in_the_warm_up_only_and_only_while_they_are_most():
    # USB takes the maximum of a table that has the examples of no class as one more entry
    few, many = torch.tensor(99), torch.tensor(400)
    for warm_up in (True, False):
        assert learning_effect(counts(100, 50), few, warm_up).tolist() == [1.0, 0.5]
    assert learning_effect(counts(100, 50), many, True).tolist() == [0.25, 0.125]
    assert learning_effect(counts(100, 50), many, False).tolist() == [1.0, 0.5]


@pytest.mark.parametrize("warm_up", [True, False])
def test_nothing_learned_is_zero_and_a_class_that_has_everything_is_one(warm_up):
    assert learning_effect(counts(0, 0), torch.tensor(7), warm_up).tolist() == [0, 0]
    # USB leaves its table as it was when one entry holds the whole pool
    assert learning_effect(counts(0, 7), torch.tensor(0), warm_up).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("curve", "at_zero", "at_half"),
    [
        ("convex", 0.0, 1 / 3),
        ("linear", 0.5, 0.75),
        ("concave", 0.419059, 0.758889),
        ("low_limit", 0.5, 2 / 3),
    ],
)
def test_the_curves(curve, at_zero, at_half):
    effect = torch.linspace(0, 1, 11, dtype=torch.float64)
    values = CURVES[curve](effect)
    assert values[0].item() == pytest.approx(at_zero, abs=1e-6)
    assert values[5].item() == pytest.approx(at_half, abs=1e-6)
    assert values[10].item() == pytest.approx(1)
    assert (values.diff() > 0).all()


# --- gaussian_weight


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def test_the_worked_weights_of_softmatch():
    confidence = torch.tensor([0.9, 0.8, 0.7, 0.5], dtype=torch.float64)
    weight = gaussian_weight(confidence, number(0.8), number(0.01), 2.0)
    assert weight.tolist() == pytest.approx([1, 1, 0.135335, 1.52299797e-8], rel=1e-5)


def test_weights_are_one_above_the_mean_and_grow_below():
    confidence = torch.linspace(0, 1, 101, dtype=torch.float64)
    weight = gaussian_weight(confidence, number(0.6), number(0.04), 1.0)
    assert (weight[60:] == 1).all()
    assert (weight[:60].diff() > 0).all()
    # one standard deviation below
    assert weight[40].item() == pytest.approx(math.exp(-0.5))


def test_without_variance_what_is_below_the_mean_weighs_nothing():
    weight = gaussian_weight(torch.tensor([0.5, 0.4]), torch.tensor(0.5), torch.tensor(0.0), 2.0)
    assert weight.tolist() == [1, 0]


def test_weights_carry_no_gradient():
    confidence = torch.tensor([0.3, 0.9], requires_grad=True)
    assert not gaussian_weight(confidence, torch.tensor(0.5), torch.tensor(0.1), 2.0).requires_grad
    logits = random_logits(5).requires_grad_()
    assert not per_class(logits.softmax(-1), torch.full((4,), 0.5)).requires_grad
