"""Enlarging the middle of every image (B, C, H, W) uint8, each its own, equal to Pillow's."""

from __future__ import annotations

import torch
from torch import Tensor

from realmix.augment.precision import wide

FILTERS = 5  # Lanczos, bicubic, bilinear, box, Hamming
_ONE = 1 << 22  # Pillow's weights are whole numbers of 2**-22


def _filters(x: Tensor) -> Tensor:
    """(FILTERS, ...) weight of an input pixel at distance `x`, before they are made to sum to 1."""
    far = x.abs()
    lanczos = torch.where((x >= -3) & (x < 3), torch.sinc(x) * torch.sinc(x / 3), 0.0)
    near, wider = (1.5 * far - 2.5) * far**2 + 1, ((far - 5) * far + 8) * far - 4
    bicubic = torch.where(far < 1, near, torch.where(far < 2, -0.5 * wider, 0.0))
    bilinear = (1 - far).clamp(min=0)
    # to enlarge with it is to take the nearest pixel
    box = ((x > -0.5) & (x <= 0.5)).to(x.dtype)
    window = torch.sinc(x) * (0.54 + 0.46 * torch.cos(torch.pi * x))
    hamming = torch.where(far < 1, window, 0.0)
    return torch.stack([lanczos, bicubic, bilinear, box, hamming])


def _weights(share: Tensor, method: Tensor, side: int) -> Tensor:
    """(B, side, side): how much of each input pixel (last) goes into each output pixel."""
    first = (share * side).round()[:, None, None]
    count = (side * (1 - share)).round()[:, None, None] - first
    pixel = torch.arange(side, dtype=share.dtype, device=share.device)
    source, target = pixel[None, None, :] - first, pixel[None, :, None]
    weights = _filters(source + 0.5 - (target + 0.5) * count / side)
    index = method.view(1, -1, 1, 1).expand(1, -1, side, side)
    weights = weights.gather(0, index)[0] * ((source >= 0) & (source < count))
    return (weights / weights.sum(2, keepdim=True) * _ONE).round()


def _rounded(sums: Tensor) -> Tensor:
    return ((sums + _ONE // 2) / _ONE).floor().clamp(0, 255)


def enlarge(images: Tensor, share: Tensor, method: Tensor) -> Tensor:
    """Cuts off a border, then resamples to the old size, first the columns, then the rows.

    Args:
        images: (B, C, H, W) uint8.
        share: (B,) of the side that is cut off at each of the four, in [0, 0.5).
        method: (B,) int64 filter: 0 Lanczos, 1 bicubic, 2 bilinear, 3 box, 4 Hamming.

    Returns:
        (B, C, H, W) uint8, new.
    """
    height, width = images.shape[2:]
    share, values = share.to(wide(images)), images.to(wide(images))
    # products of whole numbers: exact in any order of summation
    across = _weights(share, method, width).transpose(1, 2)[:, None]
    values = _rounded(values @ across)
    return _rounded(_weights(share, method, height)[:, None] @ values).to(torch.uint8)
