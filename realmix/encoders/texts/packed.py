"""Weights of four bits: 32 numbers from -8 to 7 and a scale a block."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCK = 32


class PackedEmbedding(nn.Module):
    """Rows by number, which are unpacked where they are looked up; they are not trained.

    Args:
        count: of rows.
        width: of each, a multiple of `BLOCK`.
    """

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.scales: Tensor
        self.halves: Tensor
        self.register_buffer("scales", torch.zeros(count, width // BLOCK, dtype=torch.float16))
        self.register_buffer("halves", torch.zeros(count, width // 2, dtype=torch.uint8))

    def forward(self, numbers: Tensor) -> Tensor:
        """Numbers of any shape (...) to (..., width) float32."""
        return dense(self.scales[numbers], self.halves[numbers])


def dense(scales: Tensor, halves: Tensor) -> Tensor:
    """w = s (q - 8), where byte i of a block holds q_i in its lower half and q_(i + 16) above.

    Args:
        scales: (..., D / 32) float16.
        halves: (..., D / 2) uint8.

    Returns:
        (..., D) float32.
    """
    blocks = halves.view(*halves.shape[:-1], -1, BLOCK // 2)
    numbers = torch.cat([blocks & 15, blocks >> 4], -1).float() - 8
    return (numbers * scales.float()[..., None]).flatten(-2)
