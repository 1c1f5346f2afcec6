"""Feature columns as networks take them: centered and scaled in float64, then float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

ROUNDING = 1e-14  # of a column's largest value: what differs by less is constant
_BLOCK = 2**22  # values that are converted at a time, so that wide data are not held twice


@dataclass(frozen=True)
class Standardizer:
    """Feature columns to mean 0 and deviation 1, as the training rows had them.

    Attributes:
        mean, scale: (D,) float64. Files of older versions hold them as float32.
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, rows: np.ndarray) -> Self:
        """From (N, D) rows of any precision; a constant column is only shifted."""
        # of differences, as a sum of large values loses the digits in which they differ
        base = rows[0].astype(np.float64)
        mean = base + sum((block - base).sum(0) for block in _blocks(rows)) / len(rows)
        variance = sum(((block - mean) ** 2).sum(0) for block in _blocks(rows)) / len(rows)
        largest = np.maximum(np.abs(rows.max(0)), np.abs(rows.min(0)))
        deviation = np.sqrt(variance)
        scale = np.where(deviation > ROUNDING * largest, deviation, 1.0)
        return cls(torch.from_numpy(mean), torch.from_numpy(scale))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(N, D) rows as they were read to (N, D) float32."""
        mean, scale = self.mean.numpy(), self.scale.numpy()
        standard = np.empty(rows.shape, np.float32)
        start = 0
        with np.errstate(over="ignore"):
            for block in _blocks(rows):
                standard[start : start + len(block)] = (block - mean) / scale
                start += len(block)
        return standard

    def standard(self, rows: Tensor) -> Tensor:
        """(B, D) float32 on any device to the same."""
        mean, scale = (part.to(rows.device, torch.float32) for part in (self.mean, self.scale))
        return (rows - mean) / scale


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """The rows in float64, some at a time."""
    step = max(_BLOCK // max(rows.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        yield rows[start : start + step].astype(np.float64)
