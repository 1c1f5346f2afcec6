"""Several processes that behave as one.

Every process holds the same batch and evaluates the same loss; only the network's pass over the
examples is divided. A process passes its share of the examples, the logits of all are gathered,
BatchNorm sums its moments over all, and gradients are summed. So whatever an algorithm does with a
batch (mix it, sort it, average it) means the same for any number of processes, and it has no code
for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def num_processes() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def join(device: torch.device) -> None:
    """Meet the other processes that torchrun started, if it did; once a process."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def wait_for_all() -> None:
    """Come back when every process is here: one that ends early can take its messages with it."""
    if num_processes() > 1:
        dist.barrier()


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def sum_over_processes(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its sum over all processes, in one message."""
    if num_processes() == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    lengths = [tensor.numel() for tensor in tensors]
    for tensor, total in zip(tensors, torch.split(flat, lengths), strict=True):
        tensor.copy_(total.view_as(tensor))


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether `flag` is true in any process."""
    if num_processes() == 1:
        return flag
    votes = torch.tensor(float(flag), device=device)
    dist.all_reduce(votes)
    return bool(votes > 0)


def agreed(number: int, device: torch.device) -> int:
    """The first process' number, in all: for what each has measured for itself."""
    if num_processes() == 1:
        return number
    told = torch.tensor(number, device=device)
    dist.broadcast(told, 0)
    return int(told)


def differing(numbers: Sequence[int], device: torch.device) -> list[int]:
    """The places at which not all processes have the same number; each has equally many."""
    if num_processes() == 1:
        return []
    told = torch.tensor(numbers, device=device)
    least, most = told.clone(), told.clone()
    dist.all_reduce(least, dist.ReduceOp.MIN)
    dist.all_reduce(most, dist.ReduceOp.MAX)
    places: list[int] = (least != most).nonzero().flatten().tolist()
    return places


class _Gather(torch.autograd.Function):
    """All processes' rows, in order. Backward gives each process the gradient of its own rows."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, start: int, total: int) -> Tensor:
        ctx.rows = slice(start, start + len(own))
        everyone = own.new_zeros(total, *own.shape[1:])
        everyone[ctx.rows] = own
        dist.all_reduce(everyone)  # a sum with zeros: shares may differ in length
        return everyone

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0][ctx.rows], None, None


class _Take(torch.autograd.Function):
    """This process' rows. Backward gives every process the gradient of all rows."""

    @staticmethod
    def forward(ctx: Any, everyone: Tensor, start: int, end: int) -> Tensor:
        ctx.rows, ctx.shape = slice(start, end), everyone.shape
        return everyone[start:end].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        total = gradients[0].new_zeros(ctx.shape)
        total[ctx.rows] = gradients[0]
        dist.all_reduce(total)
        return total, None, None


class Divided(nn.Module):
    """A network whose examples are divided among the processes; float32 results of all come back.

    Args:
        network: (N, *shape) to (N, K), with `features` to (N, D) and `head` from there to (N, K).
        precision: the type that autocast computes in; float32 turns autocast off.
    """

    def __init__(self, network: nn.Module, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network = network
        self.precision = precision

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, *shape) to (N, K) logits."""
        (logits,) = self.through(lambda own: (self.network(own),), inputs)
        return logits

    def features(self, inputs: Tensor) -> Tensor:
        """(N, *shape) to (N, D), what the last layer sees."""
        network: Any = self.network
        (features,) = self.through(lambda own: (network.features(own),), inputs)
        return features

    def features_and_logits(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(N, *shape) to (N, D) and (N, K), in one pass."""
        network: Any = self.network

        def both(own: Tensor) -> tuple[Tensor, Tensor]:
            features = network.features(own)
            return features, network.head(features)

        features, logits = self.through(both, inputs)
        return features, logits

    def through(
        self, function: Callable[[Tensor], tuple[Tensor, ...]], inputs: Tensor
    ) -> tuple[Tensor, ...]:
        """`function` of this process' share of the rows, and from all processes what it gives.

        Args:
            function: rows to tensors with as many rows, by means of the network.
            inputs: (N, *shape).
        """
        count, place, total = num_processes(), rank(), len(inputs)
        start, end = (total * i // count for i in (place, place + 1))
        shared = count > 1 and inputs.requires_grad
        own = _Take.apply(inputs, start, end) if shared else inputs[start:end]
        if own.ndim == 4:  # channels-last convolutions are several times faster
            own = own.contiguous(memory_format=torch.channels_last)
        half = self.precision != torch.float32
        with torch.autocast(inputs.device.type, self.precision, enabled=half):
            parts = function(own)
        parts = tuple(part.float() for part in parts)
        if count == 1:
            return parts
        return tuple(_Gather.apply(part, start, total) for part in parts)


def inner(network: nn.Module) -> nn.Module:
    """The network itself, where it may be a divided one."""
    return network.network if isinstance(network, Divided) else network


class _Sum(torch.autograd.Function):
    """The sum over processes. Its gradient is the sum of the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _sum(own: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(own)
    return total


class _SharedMoments:
    """BatchNorm in train mode with mean and variance over the examples of all processes."""

    def forward(self: Any, x: Tensor) -> Tensor:
        if not self.training:
            own: Tensor = super().forward(x)  # type: ignore[misc]
            return own
        wide = x.float()
        across = [d for d in range(x.ndim) if d != 1]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        count = _sum(wide.new_full((1,), wide.numel() / wide.shape[1]))
        mean = _sum(wide.sum(across)) / count
        # a message of its own: the variance from a sum of squares would lose digits
        centered = wide - mean.view(shape)
        variance = _sum(centered.square().sum(across)) / count
        if self.track_running_stats:
            self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale: Tensor = self.weight * torch.rsqrt(variance + self.eps)
        normal: Tensor = centered * scale.view(shape) + self.bias.view(shape)
        return normal

    def _remember(self: Any, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class SharedBatchNorm1d(_SharedMoments, nn.BatchNorm1d):
    pass


class SharedBatchNorm2d(_SharedMoments, nn.BatchNorm2d):
    pass


def share_moments(network: nn.Module) -> nn.Module:
    """Let the BatchNorm layers of `network` see all processes' examples; in place."""
    if num_processes() > 1:
        for module in network.modules():
            if type(module) is nn.BatchNorm1d:
                module.__class__ = SharedBatchNorm1d
            elif type(module) is nn.BatchNorm2d:
                module.__class__ = SharedBatchNorm2d
    return network
