"""LoRA: low-rank additions to the weights of a network (Hu et al., 2021)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from realmix.base.errors import UsageError

LEAST = 0.5  # share of a network's weights that can have an addition, below which it tunes little


class LowRank(nn.Module):
    """W + B A (section 4.1) with A of r rows, drawn at random, and B of r columns, 0 at first.

    Args:
        shape: of W: outputs, inputs, and for a 1x1 convolution two axes of 1.
        rank: r.
        rng: CPU generator of A.

    Attributes:
        down, up: A and B.
    """

    def __init__(self, shape: torch.Size, rank: int, rng: torch.Generator) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, shape[1:].numel()))
        self.up = nn.Parameter(torch.zeros(shape[0], rank))
        # as nn.Linear, and the paper's code
        nn.init.kaiming_uniform_(self.down, math.sqrt(5), generator=rng)

    def forward(self, weight: Tensor) -> Tensor:
        """W to W + B A."""
        with torch.autocast(weight.device.type, enabled=False):  # what is merged is the same
            return weight + (self.up @ self.down).view_as(weight)


def adapt(network: nn.Module, rank: int, rng: torch.Generator) -> None:
    """Give the linear layers, the attention and the 1x1 convolutions of a network additions.

    Args:
        network: changed in place; its answers stay as they are.
        rank: of the additions.
        rng: CPU generator of what is drawn.

    Raises:
        UsageError: those layers hold less than half of its weights.
    """
    found = list(_weights(network))
    adapted = sum(getattr(part, name).numel() for part, name in found)
    tables = {part for part in network.modules() if isinstance(part, nn.Embedding)}  # looked up
    total = sum(value.numel() for value in network.state_dict().values())
    total -= sum(table.weight.numel() for table in tables)
    if adapted < LEAST * total:
        raise UsageError(
            f"--tune lora changes linear layers, attention and 1x1 convolutions, which hold only"
            f" {adapted / total:.0%} of this network's weights. Take --tune last or all."
        )
    for part, name in found:
        shape = getattr(part, name).shape
        parametrize.register_parametrization(part, name, LowRank(shape, rank, rng))


def _weights(network: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Modules, and which of their tensors is a matrix that inputs are multiplied with."""
    for part in network.modules():
        if isinstance(part, nn.MultiheadAttention) and part.in_proj_weight is not None:
            yield part, "in_proj_weight"
        pointwise = isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) and part.groups == 1
        if isinstance(part, nn.Linear) or pointwise:
            yield part, "weight"


def merged(network: nn.Module) -> nn.Module:
    """The network with its additions in its weights; in place."""
    for part in list(network.modules()):
        if parametrize.is_parametrized(part):
            for name in list(cast(nn.ModuleDict, part.parametrizations)):
                parametrize.remove_parametrizations(part, name, leave_parametrized=True)
    # sums lost the order of a 1x1 kernel's numbers, by which a CPU chooses how it multiplies
    return network.to(memory_format=torch.channels_last)
