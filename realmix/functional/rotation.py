"""Turning images by quarters, so that a network can be asked by how many."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from realmix.functional.forward import evaluating, frozen_statistics
from realmix.functional.losses import cross_entropy


def why_not_turned(shape: tuple[int, ...], preset: str) -> str:
    """What speaks against turning inputs of that shape and preset; "" if nothing does.

    >>> why_not_turned((3, 32, 32), "cifar"), why_not_turned((30,), "features")
    ('', 'feature rows cannot be turned')
    """
    if len(shape) != 3:
        return "feature rows cannot be turned"
    if shape[1] != shape[2]:
        return f"images of {shape[1]} x {shape[2]} pixels have another shape when turned"
    return "a turned digit is another one or none" if preset in ("digits", "symbols") else ""


def quarter_turns(
    images: Float[Tensor, "B C S S"],
) -> tuple[Float[Tensor, "B C S S"], Int[Tensor, " B"]]:
    """The first quarter of the batch as it is, the next ones turned once, twice and three times.

    Returns:
        The images, turned counter-clockwise, and by how many quarters each is.
    """
    parts = torch.tensor_split(images, 4)
    turned = [torch.rot90(part, turns, (2, 3)) for turns, part in enumerate(parts)]
    turns = [torch.full((len(part),), i, device=images.device) for i, part in enumerate(parts)]
    return torch.cat(turned), torch.cat(turns)


@torch.no_grad()
def turn_head(net: nn.Module, shape: tuple[int, ...]) -> nn.Linear:
    """A layer from the network's features to logits of the four turns, the same every time.

    Args:
        net: with `features`, (N, *shape) to (N, D).
        shape: of one input.
    """
    like = next(net.parameters())
    with evaluating(net):
        width = net.features(like.new_zeros(1, *shape)).shape[1]  # type: ignore[operator]
    head: nn.Linear = nn.utils.skip_init(nn.Linear, width, 4, dtype=like.dtype)  # type: ignore[no-untyped-call]
    nn.init.normal_(head.weight, std=width**-0.5, generator=torch.Generator().manual_seed(0))
    nn.init.zeros_(head.bias)
    return head


def turning_loss(
    net: nn.Module, head: nn.Module, images: Float[Tensor, "B C S S"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the turns that `head` reads from the features of turned images.

    The pass is normalized by its own batch and leaves the running statistics.
    """
    turned, turns = quarter_turns(images)
    with frozen_statistics(net):
        logits = head(net.features(turned))  # type: ignore[operator]
    return cross_entropy(logits, turns).mean()
