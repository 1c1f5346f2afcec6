"""What is remembered between steps, as modules of buffers: devices and checkpoints come free."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
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


class RunningMean(nn.Module):
    """m <- decay m + (1 - decay) v, of a vector or a number.

    Attributes:
        value: m.

    Args:
        start: m before the first update.
        decay: in [0, 1).
    """

    value: Tensor

    def __init__(self, start: Tensor, decay: float) -> None:
        super().__init__()
        self.register_buffer("value", start.clone())
        self.decay = decay

    @torch.no_grad()
    def update(self, value: Tensor) -> None:
        self.value.lerp_(value.to(self.value.dtype), 1 - self.decay)


class RecentMean(nn.Module):
    """The mean of the last `length` vectors; before there are so many, of `start` for the rest.

    Args:
        start: (K,) what fills the buffer at first.
        length: how many are kept (128 in ReMixMatch's code).
    """

    recent: Tensor
    place: Tensor

    def __init__(self, start: Float[Tensor, " K"], length: int = 128) -> None:
        super().__init__()
        self.register_buffer("recent", start.repeat(length, 1))
        self.register_buffer("place", torch.zeros(1, dtype=torch.int64))

    @property
    def value(self) -> Float[Tensor, " K"]:
        return self.recent.mean(0)

    @torch.no_grad()
    def update(self, value: Float[Tensor, " K"]) -> None:
        self.recent.index_copy_(0, self.place, value.to(self.recent.dtype).unsqueeze(0))
        self.place.add_(1).remainder_(len(self.recent))


class PerExample(nn.Module):
    """One row for each example of a pool, found by the example's index.

    Attributes:
        value: (N, width) rows.
        visits: (N,) float, how often each was stored.

    Args:
        count: examples, N.
        width: of a row.
        fill: what rows hold before they are stored.
    """

    value: Tensor
    visits: Tensor

    def __init__(self, count: int, width: int, fill: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("value", torch.full((count, width), fill))
        self.register_buffer("visits", torch.zeros(count))

    @torch.no_grad()
    def store(self, index: Int[Tensor, " B"], rows: Float[Tensor, "B width"]) -> None:
        """Replace the rows at `index`. An example that is twice in a batch keeps the mean."""
        times = (index.unsqueeze(1) == index).sum(1, keepdim=True)
        self.value.index_fill_(0, index, 0.0)
        self.value.index_add_(0, index, (rows / times).to(self.value.dtype))
        self.visits.index_copy_(0, index, self.visits[index] + 1)
