"""Target distributions for examples: from labels and from predictions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from realmix.functional.forward import frozen_statistics


def one_hot(label: Int[Tensor, " B"], num_classes: int) -> Float[Tensor, "B K"]:
    """Labels in 0 .. K - 1 as distributions, float32.

    >>> one_hot(torch.tensor([1]), 3)
    tensor([[0., 1., 0.]])
    """
    return torch.nn.functional.one_hot(label, num_classes).float()


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
