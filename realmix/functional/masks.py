"""Which examples count in a loss: masks of 0 and 1, float32, without gradient."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def confident(probs: Float[Tensor, "B K"], threshold: float) -> Float[Tensor, " B"]:
    """1 where the largest probability is at least `threshold` (FixMatch, eq. 4; >= as its code)."""
    return (probs.detach().amax(-1) >= threshold).float()


def most_confident(logits: Float[Tensor, "B K"], dropped: float) -> Float[Tensor, " B"]:
    """0 for the floor(dropped * B) least confident examples, 1 for the others (RealMix, sec. 3.3).

    The count is exact; of equal confidences the earlier example is dropped first.

    Args:
        logits: predictions.
        dropped: share of the batch taken to be out of distribution, in [0, 1]; 1 keeps nothing.
    """
    count = int(dropped * len(logits) + 1e-9)  # 0.29 * 100 is 28.999... in floating point
    least = logits.detach().softmax(-1).amax(-1).argsort(stable=True)[:count]
    return torch.ones(len(logits), device=logits.device).index_fill(0, least, 0.0)


def most_confident_released(logits: Float[Tensor, "B K"], dropped: float) -> Float[Tensor, " B"]:
    """RealMix's published code: strictly above the floor(dropped * B)-th smallest confidence.

    It drops one example more than `most_confident` (and every tie), but none if `dropped` is 0. At
    1 the published code reads past the end; here nothing is kept.
    """
    confidence = logits.detach().softmax(-1).amax(-1)
    count = int(dropped * len(logits) + 1e-9)
    if dropped == 0 or count == len(logits):
        return torch.full_like(confidence, dropped == 0)
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
