"""Class probabilities and features from a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from realmix.base.randomness import Draws, keys
from realmix.data.pools import View


def predict(network: nn.Module, inputs: Tensor, plain: View, batch_size: int = 500) -> Tensor:
    """(N, K) float32 class probabilities on the CPU, in evaluation mode.

    Args:
        network: (N, *shape) to (N, K) logits; left in evaluation mode.
        inputs: (N, *shape) stored inputs.
        plain: the view without randomness.
        batch_size: rows a pass.
    """
    return _each(network, lambda rows: network(rows).float().softmax(-1), inputs, plain, batch_size)


def features(network: Any, inputs: Tensor, plain: View, batch_size: int = 500) -> Tensor:
    """(N, D) float32 inputs of the last layer, on the CPU, in evaluation mode; see `predict`."""
    return _each(network, lambda rows: network.features(rows).float(), inputs, plain, batch_size)


@torch.no_grad()
def _each(
    network: nn.Module,
    function: Callable[[Tensor], Tensor],
    inputs: Tensor,
    plain: View,
    batch_size: int,
) -> Tensor:
    network.eval()
    device = next(network.parameters()).device
    parts = []
    for rows in torch.split(inputs, batch_size):
        parts.append(function(seen(rows.to(device), plain)).cpu())
    return torch.cat(parts)


def seen(inputs: Tensor, plain: View) -> Tensor:
    """(N, *shape) stored inputs as a network sees them without any noise, where they are."""
    made: Tensor = plain(inputs, Draws(keys(0, torch.arange(len(inputs), device=inputs.device))))
    return made
