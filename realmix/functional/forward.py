"""Which examples share the statistics of BatchNorm, and which passes update them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from realmix.functional.noise import perturbed

MOMENTUM = 0.5  # of a student's running statistics


def joint(net: nn.Module, *parts: Tensor) -> tuple[Tensor, ...]:
    """One pass over all parts together, which share and update the statistics (FixMatch's form).

    Args:
        net: (N, *shape) to (N, K).
        parts: (B_i, *shape) each.

    Returns:
        One (B_i, K) tensor a part.
    """
    return torch.split(net(torch.cat(parts)), [len(part) for part in parts])


def apart(net: nn.Module, first: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """A pass of the first part, whose statistics are remembered, and one of all others together.

    So what is in the other parts has no say in how the first, or test rows, are normalized.

    Args:
        net: (N, *shape) to (N, K).
        first: (B, *shape).
        others: (B_i, *shape) each, one or more.
    """
    logits = net(first)
    with frozen_statistics(net):
        return logits, *joint(net, *others)


def follow_weights(net: nn.Module) -> nn.Module:
    """Let the running statistics be those of about the last two passes; in place.

    Evaluation must normalize by statistics of the weights that are evaluated. The student's are of
    its last batches, and `Ema` averages them by the numbers by which it averages the weights: right
    from the first steps on, for any length of training and any start. The layer's own momentum is
    a second window. That of published wide ResNets is 1,000 batches, so shorter runs were judged by
    the statistics of their random start (digits after 50 steps .18 instead of .87); the usual 10
    lag behind the average of the first hundred steps (CIFAR-10 after 50 .34 instead of .39). Two,
    not one, because some methods pass their examples in parts. The record is
    benchmarks/records/statistics.
    """
    for layer in net.modules():
        if isinstance(layer, _BatchNorm):
            layer.momentum = MOMENTUM
    return net


@contextmanager
def frozen_statistics(net: nn.Module) -> Iterator[None]:
    """Within, passes in train mode normalize by their own batch but leave the running means."""
    layers = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


@contextmanager
def without_dropout(net: nn.Module) -> Iterator[None]:
    """Within, only BatchNorm is in train mode: no dropout, no units skipped."""
    layers = [m for m in net.modules() if m.training and not isinstance(m, _BatchNorm)]
    for layer in layers:
        layer.training = False
    try:
        yield
    finally:
        for layer in layers:
            layer.training = True


@torch.no_grad()
def steady(net: nn.Module, inputs: Tensor) -> Tensor:
    """(N, K) logits that only the weights and the batch decide, and that change nothing.

    No gradient, no dropout; normalized by the batch, whose statistics are not remembered.
    """
    with frozen_statistics(net), without_dropout(net):
        logits: Tensor = net(inputs)
        return logits


def noisy(net: nn.Module, inputs: Tensor, noise: float, rng: torch.Generator) -> Tensor:
    """(N, K) logits of `perturbed` inputs; running statistics are those of inputs without noise.

    Evaluation sees no noise: normalized by what noisy passes leave, it would be far off.
    """
    if noise == 0:
        logits: Tensor = net(inputs)
        return logits
    with torch.no_grad(), without_dropout(net):
        net(inputs)
    with frozen_statistics(net):
        logits = net(perturbed(inputs, noise, rng))
        return logits


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Within, passes are those of evaluation: running statistics, no dropout. Then it trains."""
    net.eval()
    try:
        yield
    finally:
        net.train()


@torch.no_grad()
def evaluated(net: nn.Module, inputs: Tensor) -> Tensor:
    """Logits (N, K) of inputs (N, *shape) as in evaluation."""
    with evaluating(net):
        return net(inputs)  # type: ignore[no-any-return]


def interleave(parts: Sequence[Tensor]) -> list[Tensor]:
    """Swap the i-th piece of part 0 with the i-th piece of part i, so that each part is a mixture.

    Its own inverse. The form of MixMatch's published code: len(parts) pieces, of which the last
    ones take the remainder.

    Args:
        parts: (B, ...) each, of one length.
    """
    count, size = len(parts), len(parts[0])
    lengths = [size // count + (piece >= count - size % count) for piece in range(count)]
    pieces = [list(torch.split(part, lengths)) for part in parts]
    for i in range(1, count):
        pieces[0][i], pieces[i][i] = pieces[i][i], pieces[0][i]
    return [torch.cat(part) for part in pieces]


def interleaved(net: nn.Module, *parts: Tensor, updating: int = 0) -> tuple[Tensor, ...]:
    """A pass a part, after interleaving, of which one alone updates the statistics.

    Args:
        net: (N, *shape) to (N, K).
        parts: (B, *shape) each, of one length.
        updating: which pass does; the first in MixMatch's code.
    """
    mixtures = interleave(parts)
    logits = []
    for place, mixture in enumerate(mixtures):
        updates = place == updating % len(mixtures)
        with nullcontext() if updates else frozen_statistics(net):
            logits.append(net(mixture))
    return tuple(interleave(logits))


def interleaved_last(net: nn.Module, *parts: Tensor) -> tuple[Tensor, ...]:
    """As `interleaved`, but the last pass updates the statistics (ReMixMatch's code)."""
    return interleaved(net, *parts, updating=-1)
