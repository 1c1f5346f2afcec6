"""Which examples count in a loss, 0 or 1 in float32, or how much; without gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

Curve = Literal["convex", "linear", "concave", "low_limit"]

CURVES: dict[Curve, Callable[[Tensor], Tensor]] = {  # from [0, 1] to [0, 1]; all are 1 at 1
    "convex": lambda effect: effect / (2 - effect),
    "linear": lambda effect: (effect + 1) / 2,
    "concave": lambda effect: ((effect + 1).log() + 0.5) / (math.log(2) + 0.5),
    "low_limit": lambda effect: 1 / (2 - effect),
}
"""How a class's learning effect scales the threshold (FlexMatch: convex; others in its code)."""


def confident(
    probs: Float[Tensor, "B K"], threshold: float | Float[Tensor, ""]
) -> Float[Tensor, " B"]:
    """1 where the largest probability is at least `threshold` (FixMatch, eq. 4; >= as its code)."""
    return (probs.detach().amax(-1) >= threshold).float()


def above(values: Float[Tensor, " B"], threshold: float) -> Float[Tensor, " B"]:
    """1 where a value is strictly more than `threshold` (UDA's code, for confidences)."""
    return (values.detach() > threshold).float()


def per_class(probs: Float[Tensor, "B K"], thresholds: Float[Tensor, " K"]) -> Float[Tensor, " B"]:
    """1 where the largest probability is at least the threshold of its class (FlexMatch)."""
    confidence, label = probs.detach().max(-1)
    return (confidence >= thresholds[label]).float()


def learning_effect(
    counts: Int[Tensor, " K"], rest: Int[Tensor, ""], warm_up: bool
) -> Float[Tensor, " K"]:
    """beta_c in [0, 1]: how much of each class is learned, by the class most learned (FlexMatch).

    All are 0 while nothing is learned.

    Args:
        counts: sigma_c, pool examples that were last confidently of each class.
        rest: pool examples that never were of any.
        warm_up: compare with `rest` too, while that is more than any class has.
    """
    most = counts.amax().maximum(rest) if warm_up else counts.amax()
    return counts / most.clamp(min=1)


def gaussian_weight(
    confidence: Float[Tensor, " B"],
    mean: Float[Tensor, ""],
    variance: Float[Tensor, ""],
    widths: float,
) -> Float[Tensor, " B"]:
    """exp(-n^2 min(c - mean, 0)^2 / (2 variance)): 1 above the mean, less below (SoftMatch).

    Args:
        confidence: c, the largest probability of each prediction.
        mean: mu of the confidences so far.
        variance: sigma^2 of them; of 0, everything below the mean weighs 0.
        widths: n > 0, by which the standard deviation is divided (2 in its code).
    """
    short = (confidence.detach() - mean).clamp(max=0)
    return (-(widths**2) * short.square() / (2 * variance.clamp(min=1e-12))).exp()


def most_confident(
    logits: Float[Tensor, "B K"], dropped: float | Float[Tensor, ""]
) -> Float[Tensor, " B"]:
    """0 for the floor(dropped * B) least confident examples, 1 for the others (RealMix, sec. 3.3).

    Args:
        logits: predictions.
        dropped: share of the batch taken to be out of distribution, in [0, 1]; 1 keeps nothing.
    """
    return largest(logits.softmax(-1).amax(-1), dropped)


def largest(score: Float[Tensor, " B"], dropped: float | Float[Tensor, ""]) -> Float[Tensor, " B"]:
    """0 for the floor(dropped * B) examples of the smallest scores, 1 for the others.

    The count is exact; of equal scores the earlier example is dropped first.

    Args:
        score: larger for what is more likely of some class.
        dropped: share of the batch in [0, 1]; 1 keeps nothing.
    """
    rank = score.detach().argsort(stable=True).argsort()
    return (rank + 1 > dropped * len(score) + 1e-6).float()  # 0.29 * 100 is 28.999... in floats


def most_confident_released(
    logits: Float[Tensor, "B K"], dropped: float | Float[Tensor, ""]
) -> Float[Tensor, " B"]:
    """RealMix's published code: strictly above the floor(dropped * B)-th smallest confidence.

    It drops one example more than `most_confident` (and every tie), but none if `dropped`, here a
    number, is 0. At 1 the published code reads past the end; here nothing is kept.
    """
    confidence = logits.detach().softmax(-1).amax(-1)
    count = int(dropped * len(logits) + 1e-9)
    if dropped == 0 or count == len(logits):
        return torch.full_like(confidence, float(dropped == 0))
    return (confidence > confidence.sort().values[count]).float()


def not_yet_learned(
    logits: Float[Tensor, "B K"], target: Float[Tensor, "B K"], threshold: float
) -> Float[Tensor, " B"]:
    """1 while some class of the target has less than its share: p_c < threshold * y_c, y_c > 0.

    Training signal annealing (UDA, section 2.3), extended to mixed targets as RealMix's text has
    it (section 3.2). An infinite threshold keeps every example.
    """
    unmet = (logits.detach().softmax(-1) < threshold * target) & (target > 0)
    return unmet.any(-1).float()


def not_yet_learned_released(
    logits: Float[Tensor, "B K"], target: Float[Tensor, "B K"], threshold: float
) -> Float[Tensor, " B"]:
    """RealMix's published code: the threshold scales the logits where the text scales the labels.

    So a positive logit of any class, of the target or not, keeps the example. An infinite
    threshold keeps every example.
    """
    logits = logits.detach()
    if math.isinf(threshold):
        return torch.ones(len(logits), device=logits.device)
    probs_of_target = logits.softmax(-1) * (target > 0)
    return (probs_of_target < threshold * logits).any(-1).float()
