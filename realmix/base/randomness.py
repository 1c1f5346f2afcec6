"""Randomness that is addressed, not drawn from a state that somebody advances.

Everything random is a function of `(seed, stream, step)` and, inside a batch, of the position of
the example. So a run resumes exactly without saving a random state, and the number of processes
and the device change nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_GOLDEN = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15 as a signed number
_MULTIPLIERS = (-0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15)


def derive(*address: int) -> int:
    """One 63-bit seed from any number of non-negative integers; order and number matter.

    >>> len({derive(0, 1), derive(1, 0), derive(1), derive(1, 0, 0)})
    4
    """
    # the length first: SeedSequence pads, so (1,) and (1, 0) would be the same address
    word = np.random.SeedSequence((len(address), *address)).generate_state(1, np.uint64)[0]
    return int(word) >> 1


def generator(*address: int) -> torch.Generator:
    """A CPU generator seeded by `derive(*address)`."""
    return torch.Generator().manual_seed(derive(*address))


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift; torch's own keeps the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def scramble(x: Tensor) -> Tensor:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): int64 to int64, a bijection."""
    x = (x ^ _shift(x, 30)) * _MULTIPLIERS[0]
    x = (x ^ _shift(x, 27)) * _MULTIPLIERS[1]
    return x ^ _shift(x, 31)


def keys(address: int, index: Tensor) -> Tensor:
    """One int64 key per entry of `index` (int64), distinct for distinct entries."""
    return scramble(scramble(index + 1) + address)


class Draws:
    """A random stream of its own for each example of a batch.

    Args:
        key: (B,) int64, the address of each stream; its device is the device of what is drawn.
        copy: a second `Draws` for what belongs to a copy of an example and must be the same in all
            views of that copy (RealMix's extended pool). Default: this one.
    """

    def __init__(self, key: Tensor, copy: Draws | None = None) -> None:
        self.key = key
        self._count = 0
        self.copy = copy or self

    def __len__(self) -> int:
        return len(self.key)

    @property
    def device(self) -> torch.device:
        return self.key.device

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()) -> Tensor:
        """(B, *shape) float32, uniform in [low, high)."""
        size = int(np.prod(shape, dtype=int))
        counters = torch.arange(self._count + 1, self._count + 1 + size, device=self.device)
        self._count += size
        words = scramble(self.key[:, None] + counters * _GOLDEN)
        unit = _shift(words, 40).float() * 2.0**-24  # 24 bits: every value is exact in float32
        return (low + (high - low) * unit).reshape(len(self), *shape)

    def integers(self, high: int, shape: tuple[int, ...] = ()) -> Tensor:
        """(B, *shape) int64, uniform in 0 .. high - 1 (high up to 2**16)."""
        return (self.uniform(shape=shape) * high).long().clamp_(max=high - 1)

    def happens(self, probability: float, shape: tuple[int, ...] = ()) -> Tensor:
        """(B, *shape) bool, True with the given probability."""
        return self.uniform(shape=shape) < probability

    def sign(self, shape: tuple[int, ...] = ()) -> Tensor:
        """(B, *shape) float32, -1 or +1."""
        return self.happens(0.5, shape).float() * 2 - 1

    def normal(self, shape: tuple[int, ...] = ()) -> Tensor:
        """(B, *shape) float32, standard normal (Box and Muller)."""
        radius = (-2 * (1 - self.uniform(shape=shape)).log()).sqrt()
        return radius * (2 * torch.pi * self.uniform(shape=shape)).cos()
