"""Which floating-point type is wide enough to compute as Pillow does."""

from __future__ import annotations

import torch
from torch import Tensor


def wide(like: Tensor) -> torch.dtype:
    """float64 as in Pillow's C code, but for Apple's device, which has none."""
    return torch.float32 if like.device.type == "mps" else torch.float64
