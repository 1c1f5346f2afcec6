"""Which examples share the statistics of BatchNorm, and which passes update them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def joint(net: nn.Module, *parts: Tensor) -> tuple[Tensor, ...]:
    """One pass over all parts together, which share and update the statistics (FixMatch's form).

    Args:
        net: (N, *shape) to (N, K).
        parts: (B_i, *shape) each.

    Returns:
        One (B_i, K) tensor a part.
    """
    return torch.split(net(torch.cat(parts)), [len(part) for part in parts])


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


def interleaved(net: nn.Module, *parts: Tensor) -> tuple[Tensor, ...]:
    """A pass a part, after interleaving; the first alone updates the statistics (MixMatch's code).

    Args:
        net: (N, *shape) to (N, K).
        parts: (B, *shape) each, of one length.
    """
    first, *others = interleave(parts)
    logits = [net(first)]
    with frozen_statistics(net):
        logits += [net(other) for other in others]
    return tuple(interleave(logits))
