"""Losses per example, and their mean over a mask."""

from __future__ import annotations

import math

import torch
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


def scaled_kl(logits: Float[Tensor, "B K"], target: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
    """2 (1 - 1/K) / K^2 times `kl`: (1 - 1/K) times `squared_error` where predictions are unsure.

    The scale of Mean Teacher's published code, .018 for ten classes, by which one weight means
    about the same for both.
    """
    num_classes = logits.shape[1]
    return 2 * (1 - 1 / num_classes) / num_classes**2 * kl(logits, target)


def entropy(logits: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
    """Of softmax(logits), in nats: from 0 to log K."""
    return -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)


def prior_gap(logits: Float[Tensor, "B K"]) -> Float[Tensor, ""]:
    """KL(uniform || mean prediction): 0 where all classes are predicted equally often."""
    log_mean = logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))
    return -log_mean.mean() - math.log(logits.shape[1])


def contrastive(
    a: Float[Tensor, "B D"], b: Float[Tensor, "B D"], temperature: float
) -> Float[Tensor, " twice_B"]:
    """NT-Xent of each of the 2 B views: its other view against those of all other examples.

    -log(exp(s_pos / T) / sum_{k != i} exp(s_ik / T)) with cosine similarities s (SimCLR, eq. 1).
    The paper's loss is the mean; its published code has twice that.

    Args:
        a: projections of one view of each example, of any length.
        b: of the other view.
        temperature: T > 0.
    """
    unit = F.normalize(torch.cat([a, b]), dim=1)
    similarity = unit @ unit.T / temperature
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    other = torch.arange(len(unit), device=unit.device).roll(len(a))
    return F.cross_entropy(similarity.masked_fill(itself, -math.inf), other, reduction="none")


def fairness(
    logits: Float[Tensor, "B K"],
    mask: Float[Tensor, " B"],
    mean: Float[Tensor, " K"],
    shares: Float[Tensor, " K"],
) -> Float[Tensor, ""]:
    """sum_c a_c log b_c, a how much is expected of each class and b how much is there (FreeMatch).

    a = norm(mean / shares); b = norm(mean p / shares of labels) over the kept examples, norm a
    division by the sum. A class that nothing is predicted as has the ratio 0 and adds 0, so the
    term is bounded, by log(K^2 B), and 0 when none is kept.

    Args:
        logits: p = softmax(logits), of which gradients flow through the mean only.
        mask: 1 for the kept examples, 0 for the others.
        mean: average prediction so far.
        shares: share of the examples so far that were predicted as each class.
    """
    probs, kept = logits.softmax(-1), mask.unsqueeze(1)
    found = F.one_hot(probs.argmax(-1), logits.shape[1])
    count = mask.sum().clamp(min=1)
    a = _relative(mean, shares)
    b = _relative((kept * probs).sum(0) / count, (kept * found).sum(0) / count)
    return (a * b.where(b > 0, 1.0).log()).sum()


def _relative(mean: Float[Tensor, " K"], shares: Float[Tensor, " K"]) -> Float[Tensor, " K"]:
    """mean / shares, divided by its sum; 0 where less than a millionth is predicted."""
    ratio = (mean / shares.clamp(min=1e-6)).where(shares > 1e-6, 0.0)
    return ratio / ratio.sum().clamp(min=1e-6)


def annealed_mean(loss: Float[Tensor, " B"], threshold: float) -> Float[Tensor, ""]:
    """Mean over the examples with p_y <= threshold: training signal annealing (UDA, section 2.3).

    Exactly 0, with zero gradient, when there are none.

    Args:
        loss: -log p_y, of the label y of each example.
        threshold: eta; infinite keeps every example.
    """
    return masked_mean(loss, ((-loss.detach()).exp() <= threshold).to(loss.dtype))


def masked_mean(loss: Float[Tensor, " B"], mask: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean over the kept examples; exactly 0, with zero gradient, when none is kept."""
    return (mask * loss).sum() / mask.sum().clamp(min=1)
