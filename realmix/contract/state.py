"""What is remembered between steps, as modules of buffers: devices and checkpoints come free."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from realmix.functional.targets import align

BIN_SHAPE = (19, 2, 17)  # CTAugment's operations, parameters of each, bins of each


class Ema(nn.Module):
    """The exponential moving average of a network: teacher, and the network that is evaluated.

    e <- b e + (1 - b) w with b = min(decay, (1 + t) / (10 + t)) after step t = 0, 1, ..., so that
    the random initial weights are forgotten early (the rule of TensorFlow's `num_updates`).
    Floating-point buffers are averaged alike, counters copied. So BatchNorm's running statistics
    are those of the weights averaged here: see `functional.forward.follow_weights`.

    Args:
        network: what is averaged; a deep copy is taken.
        decay: b in [0, 1). Half-life: 693 updates at 0.999.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int, decay: float | None = None) -> None:
        """Move the average towards `network`, of the same architecture, after step `step`.

        Args:
            network: w.
            step: t.
            decay: of this update; None is the decay given at construction.
        """
        decay = self.decay if decay is None else decay
        mine, theirs = self.network.state_dict(), network.state_dict()
        moving = [name for name, value in mine.items() if value.is_floating_point()]
        average = get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))  # type: ignore[no-untyped-call]
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
    def update(self, value: Tensor, decay: float | None = None) -> None:
        """Move towards `value`; `decay` is of this update, None the one given at construction."""
        decay = self.decay if decay is None else decay
        self.value.lerp_(value.to(self.value.dtype), 1 - decay)


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


class Alignment(nn.Module):
    """Predictions multiplied by prior / recent mean, normalized (ReMixMatch, section 3.1).

    Attributes:
        recent: the mean of the last predictions; uniform at first.

    Args:
        prior: (K,) what predictions should be on average.
        length: how many batches the recent mean is of.
    """

    prior: Tensor

    def __init__(self, prior: Float[Tensor, " K"], length: int = 128) -> None:
        super().__init__()
        self.register_buffer("prior", prior.clone())
        self.recent = RecentMean(torch.full_like(prior, 1 / len(prior)), length)

    @torch.no_grad()
    def forward(self, probs: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
        """Align by the mean of earlier batches, then remember this one's, as ReMixMatch's code."""
        aligned = align(probs, self.prior, self.recent.value)
        self.recent.update(probs.mean(0))
        return aligned


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

    def recall(
        self, index: Int[Tensor, " B"], otherwise: Float[Tensor, "B width"]
    ) -> Float[Tensor, "B width"]:
        """The rows at `index`; those of `otherwise` for examples that were never stored."""
        stored = self.visits[index].unsqueeze(1) > 0
        return torch.where(stored, self.value[index], otherwise.to(self.value.dtype))

    @torch.no_grad()
    def store(self, index: Int[Tensor, " B"], rows: Float[Tensor, "B width"]) -> None:
        """Replace the rows at `index`. An example that is twice in a batch keeps the mean."""
        times = (index.unsqueeze(1) == index).sum(1, keepdim=True)
        self.value.index_fill_(0, index, 0.0)
        self.value.index_add_(0, index, (rows / times).to(self.value.dtype))
        self.visits.index_copy_(0, index, self.visits[index] + 1)


class BinRates(nn.Module):
    """How well labels survive each bin of CTAugment's parameters (ReMixMatch, section 3.3).

    w <- decay^n w + (1 - decay^n) m for a bin drawn n times in a batch, m the mean over these of
    1 - |p - y|_1 / 2. With equal matches it is n times the published w <- decay w + (1 - decay) m,
    and it does not depend on the order of the batch.

    Attributes:
        value: w, (operations, parameters, bins) in [0, 1]; 1 at first.

    Args:
        decay: in [0, 1).
    """

    value: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        self.register_buffer("value", torch.ones(BIN_SHAPE))
        self.decay = decay

    @torch.no_grad()
    def update(
        self,
        drawn: Int[Tensor, "B slots _"] | None,
        probs: Float[Tensor, "B K"],
        label: Int[Tensor, " B"],
    ) -> None:
        """Take in a batch of probes.

        Args:
            drawn: operation and bins of each slot (`Examples.drawn`); None teaches nothing.
            probs: what is predicted for the images on which they were executed.
            label: what the images show.
        """
        if drawn is None:
            return
        parameters, bins = BIN_SHAPE[1:]
        first = drawn[..., :1] * parameters + torch.arange(parameters, device=drawn.device)
        place = (first * bins + drawn[..., 1:]).flatten(1)
        wrong = (probs - nn.functional.one_hot(label, probs.shape[1])).abs().sum(1) / 2
        every = torch.arange(self.value.numel(), device=drawn.device)
        # a sum over a comparison, because adding at indices has no fixed order on a GPU
        times = (place[:, None, :] == every[:, None]).sum(2)
        mean = (times * (1 - wrong)[:, None]).sum(0) / times.sum(0).clamp(min=1)
        moved = (1 - self.decay ** times.sum(0)).view_as(self.value)
        self.value.lerp_(mean.to(self.value.dtype).view_as(moved), moved)


class LastClass(nn.Module):
    """The class that each example of a pool was last given, found by the example's index.

    Attributes:
        value: (N,) int64; -1 before the first.

    Args:
        count: examples, N.
    """

    value: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("value", torch.full((count,), -1))

    def counts(self, num_classes: int) -> tuple[Int[Tensor, " K"], Int[Tensor, ""]]:
        """How many examples have each class, and how many have none."""
        # torch.bincount would make the device wait
        counts = self.value.new_zeros(num_classes + 1)
        counts.index_add_(0, self.value + 1, torch.ones_like(self.value))
        return counts[1:], counts[0]

    @torch.no_grad()
    def store(
        self, index: Int[Tensor, " B"], label: Int[Tensor, " B"], given: Float[Tensor, " B"]
    ) -> None:
        """Give the examples at `index` their labels where `given` is 1.

        Of an example that is twice in a batch, the last that is given counts.
        """
        place = torch.arange(len(index), device=index.device)
        place = place.where(given > 0, -1)
        last = torch.full_like(self.value, -1).scatter_reduce_(0, index, place, "amax")
        self.value.copy_(label[last].where(last >= 0, self.value))
