"""Target distributions for examples: from labels and from predictions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from realmix.functional.forward import frozen_statistics


def one_hot(
    label: Int[Tensor, " B"] | Float[Tensor, "B K"], num_classes: int
) -> Float[Tensor, "B K"]:
    """Labels in 0 .. K - 1 as distributions, float32; distributions stay as they are.

    >>> one_hot(torch.tensor([1]), 3)
    tensor([[0., 1., 0.]])
    """
    if label.is_floating_point():
        return label
    return torch.nn.functional.one_hot(label, num_classes).float()


def smooth(target: Float[Tensor, "B K"], amount: float) -> Float[Tensor, "B K"]:
    """(1 - amount) * target + amount / K: label smoothing.

    >>> smooth(torch.tensor([[1.0, 0.0]]), 0.1)
    tensor([[0.9500, 0.0500]])
    """
    return target + amount * (1 / target.shape[-1] - target)


def debiased(
    mean: Float[Tensor, "B K"], visits: Float[Tensor, " B"], momentum: float
) -> Float[Tensor, "B K"]:
    """z / (1 - alpha^t): an average that started at 0 (Temporal Ensembling, algorithm 2, line 15).

    Args:
        mean: z of each row, after z <- alpha z + (1 - alpha) p, t times.
        visits: t of each row; where it is 0 so is the result.
        momentum: alpha in [0, 1).

    >>> debiased(torch.tensor([[0.432, 0.208]]), torch.tensor([2.0]), 0.6)
    tensor([[0.6750, 0.3250]])
    """
    return mean / (1 - momentum ** visits.clamp(min=1)).unsqueeze(1)


def align(
    probs: Float[Tensor, "B K"], prior: Float[Tensor, " K"], mean: Float[Tensor, " K"]
) -> Float[Tensor, "B K"]:
    """p * prior / mean, normalized: distribution alignment (ReMixMatch, section 3.1).

    Where predictions are `mean` on average, the aligned ones are about `prior`.

    Args:
        probs: predictions.
        prior: what they should be on average; sums to one.
        mean: what they have been on average; sums to one. As in ReMixMatch's code 1e-6 is added to
            both, so a class that is never predicted is no division by zero.

    >>> align(torch.tensor([[0.8, 0.2]]), torch.tensor([0.5, 0.5]), torch.tensor([0.8, 0.2]))
    tensor([[0.5000, 0.5000]])
    """
    aligned = probs * ((1e-6 + prior) / (1e-6 + mean))
    return aligned / aligned.sum(-1, keepdim=True)


def average(*probs: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Mean of several predictions of the same examples (MixMatch, section 3.2, q bar)."""
    return torch.stack(probs).mean(0)


def sharpen(probs: Float[Tensor, "B K"], temperature: float) -> Float[Tensor, "B K"]:
    """p^(1/T) / sum p^(1/T) (MixMatch, eq. 7). T = 1 changes nothing, T -> 0 gives the argmax.

    Args:
        probs: rows that sum to one.
        temperature: T > 0.
    """
    # Divided by the largest first: 0.1 ** (1 / 0.01) would underflow to zero.
    powered = (probs / probs.amax(-1, keepdim=True)) ** (1 / temperature)
    return powered / powered.sum(-1, keepdim=True)


@torch.no_grad()
def guess(net: nn.Module, views: Sequence[Tensor], temperature: float) -> Float[Tensor, "B K"]:
    """One sharpened target for an example from its views (MixMatch, algorithm 1, lines 7-8).

    First the mean, then the sharpening. Each view has a pass of its own, normalized by its own
    batch, that leaves the running statistics alone.

    Args:
        net: (B, *shape) to (B, K) logits.
        views: (B, *shape) each.
        temperature: T > 0.
    """
    with frozen_statistics(net):
        return sharpen(average(*(net(view).softmax(-1) for view in views)), temperature)
