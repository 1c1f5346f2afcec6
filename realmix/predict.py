"""Class probabilities from a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from realmix.data.pools import View
from realmix.randomness import Draws, keys


@torch.no_grad()
def predict(network: nn.Module, inputs: Tensor, plain: View, batch_size: int = 500) -> Tensor:
    """(N, K) float32 class probabilities on the CPU, in evaluation mode.

    Args:
        network: (N, *shape) to (N, K) logits; left in evaluation mode.
        inputs: (N, *shape) stored inputs.
        plain: the view without randomness.
        batch_size: rows a pass.
    """
    network.eval()
    device = next(network.parameters()).device
    parts = []
    for rows in torch.split(inputs, batch_size):
        rows = rows.to(device)
        draws = Draws(keys(0, torch.arange(len(rows), device=device)))
        parts.append(network(plain(rows, draws)).float().softmax(-1).cpu())
    return torch.cat(parts)
