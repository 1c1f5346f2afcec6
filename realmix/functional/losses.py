"""Losses per example, and their mean over a mask."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def cross_entropy(
    logits: Float[Tensor, "B K"], target: Float[Tensor, "B K"] | Int[Tensor, " B"]
) -> Float[Tensor, " B"]:
    """H(target, softmax(logits)); `target` is a distribution (float) or a label (int64)."""
    return F.cross_entropy(logits, target, reduction="none")


def squared_error(
    logits: Float[Tensor, "B K"], target: Float[Tensor, "B K"]
) -> Float[Tensor, " B"]:
    """Mean over classes of (softmax(logits) - target)^2, the Brier score over K."""
    return (logits.softmax(-1) - target).square().mean(-1)


def kl(logits: Float[Tensor, "B K"], target: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
    """KL(target || softmax(logits)); classes with target 0 add nothing."""
    return F.kl_div(logits.log_softmax(-1), target, reduction="none").sum(-1)


def masked_mean(loss: Float[Tensor, " B"], mask: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean over the kept examples; exactly 0, with zero gradient, when none is kept."""
    return (mask * loss).sum() / mask.sum().clamp(min=1)
