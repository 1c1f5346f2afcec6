"""What is remembered between steps, as modules of buffers: devices and checkpoints come free."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema(nn.Module):
    """The exponential moving average of a network: teacher, and the network that is evaluated.

    e <- b e + (1 - b) w with b = min(decay, (1 + t) / (10 + t)) after step t = 0, 1, ..., so that
    the random initial weights are forgotten early (the rule of TensorFlow's `num_updates`).
    Floating-point buffers (BatchNorm's running statistics) are averaged alike, counters copied.

    Args:
        network: what is averaged; a deep copy is taken.
        decay: b in [0, 1). Half-life: 693 updates at 0.999.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move the average towards `network`, of the same architecture, after step `step`."""
        mine, theirs = self.network.state_dict(), network.state_dict()
        moving = [name for name, value in mine.items() if value.is_floating_point()]
        average = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))  # type: ignore[no-untyped-call]
        average([mine[name] for name in moving], [theirs[name] for name in moving], None)
        for name in mine.keys() - moving:
            mine[name].copy_(theirs[name])
