"""Color operations on uint8 images (B, C, H, W), C = 1 or 3, equal to Pillow's bit by bit.

An operation that looks at one value at a time is a *table*: (B, C, 256) or, where the channels
share it, (B, 1, 256) uint8, the new value of each old one. Tables compose, so any number of them
costs one gather over the pixels. Saturation and sharpness look at several values and are not.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from realmix.augment.precision import wide

_LUMA = (19595, 38470, 7471)  # ITU-R 601-2 in units of 2**-16


def grey(images: Tensor) -> Tensor:
    """(B, 1, H, W) int32 in 0 .. 255: what Pillow's convert("L") gives."""
    if images.shape[1] == 1:
        return images.int()
    red, green, blue = (images[:, i : i + 1].int() * _LUMA[i] for i in range(3))
    return (red + green + blue + (1 << 15)) >> 16


def blend(start: Tensor, end: Tensor, factor: Tensor) -> Tensor:
    """`start` at factor 0, `end` at 1, beyond it above; cut off (not rounded) as Pillow does."""
    factor = factor.float().view(-1, *[1] * (end.dim() - 1))
    return (start + factor * (end - start)).clamp_(0, 255).to(torch.uint8)


def _levels(images: Tensor) -> Tensor:
    """0 .. 255 as (1, 1, 256) int64."""
    return torch.arange(256, device=images.device)[None, None]


def apply_table(images: Tensor, table: Tensor) -> Tensor:
    """Every value of `images` (B, C, H, W) replaced by its entry of `table` (B, C or 1, 256)."""
    table = table.expand(-1, images.shape[1], -1)
    return table.gather(2, images.flatten(2).long()).view(images.shape)


def compose_tables(first: Tensor, second: Tensor) -> Tensor:
    """The table that does `first`, then `second`: (B, C or 1, 256) each."""
    channels = max(first.shape[1], second.shape[1])
    return second.expand(-1, channels, -1).gather(2, first.expand(-1, channels, -1).long())


def identity(images: Tensor) -> Tensor:
    """The table (B, 1, 256) that changes nothing."""
    return _levels(images).to(torch.uint8).expand(len(images), -1, -1)


def part_way(table: Tensor, share: Tensor) -> Tensor:
    """The table that goes only a `share` (B,), in [0, 1], of the way that `table` goes."""
    return blend(_levels(table), table.int(), share)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Table: 0 gives black, 1 the image, above 1 brighter; `factor` (B,) >= 0."""
    return blend(torch.zeros_like(_levels(images)), _levels(images), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Table: 0 gives the image's mean grey, 1 the image, above 1 more contrast; `factor` (B,)."""
    luma = grey(images).flatten(1)
    pixels = luma.shape[1]
    mean = (2 * luma.sum(1) + pixels) // (2 * pixels)
    return blend(mean[:, None, None], _levels(images), factor)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Table: values from `threshold` (B,) on, in 0 .. 256, are inverted."""
    levels = _levels(images)
    return torch.where(levels < threshold[:, None, None], levels, 255 - levels).to(torch.uint8)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Table: keeps the highest `bits` (B,) int64, 0 .. 8, of each value."""
    dropped = (8 - bits)[:, None, None]
    return ((_levels(images) >> dropped) << dropped).to(torch.uint8)


def invert(images: Tensor) -> Tensor:
    """Table: the negative."""
    return 255 - identity(images)


def autocontrast(images: Tensor) -> Tensor:
    """Table: each channel's darkest value becomes 0 and its brightest 255."""
    flat = images.flatten(2)
    low, high = (extreme(2, keepdim=True).to(wide(images)) for extreme in (flat.amin, flat.amax))
    # `255.0 / x` would be computed as a product with 1 / x, one unit in the last place off
    factor = torch.full_like(low, 255.0) / (high - low).clamp(min=1)
    table = (_levels(images) * factor + -low * factor).clamp(0, 255)
    return torch.where(high > low, table, _levels(images)).to(torch.uint8)


def equalize(images: Tensor) -> Tensor:
    """Table: spreads each channel's values evenly (Pillow's histogram equalization)."""
    values = images.flatten(2).long()
    one = torch.ones((), dtype=torch.int64, device=images.device)
    counts = torch.zeros(*values.shape[:2], 256, dtype=torch.int64, device=images.device)
    counts = counts.scatter_add_(2, values, one.expand_as(values))
    below = counts.cumsum(2) - counts
    # the brightest value's own pixels are not counted, as in Pillow
    step = below.gather(2, values.amax(2, keepdim=True)) // 255
    table = ((step // 2 + below) // step.clamp(min=1)).clamp(max=255)
    return torch.where(step > 0, table, _levels(images)).to(torch.uint8)


def saturate(images: Tensor, factor: Tensor) -> Tensor:
    """Pillow's "color": 0 gives grey, 1 the image, above 1 stronger colors; `factor` (B,)."""
    return blend(grey(images), images.int(), factor)


def _window_sums(values: Tensor, size: int) -> Tensor:
    """(B, C, H - size + 1, W - size + 1): of every window of `size` x `size` values."""
    for dim in (3, 2):
        count = values.shape[dim] - size + 1
        values = functools.reduce(torch.add, (values.narrow(dim, i, count) for i in range(size)))
    return values


def smooth(images: Tensor) -> Tensor:
    """(B, C, H, W) int32: the 3x3 mean with weight 5 in the middle; the border stays as it is."""
    values = images.int()
    inner = _window_sums(values, 3) + 4 * values[:, :, 1:-1, 1:-1]
    # no sum of integers is a tie when divided by 13, so float32 rounds it exactly
    values[:, :, 1:-1, 1:-1] = (inner / 13).round().int()
    return values


def blur(images: Tensor) -> Tensor:
    """(B, C, H, W) int32: the mean of the 16 pixels around the inner 3x3; the border stays."""
    values = images.int()
    if min(values.shape[2:]) >= 5:
        around = _window_sums(values, 5) - _window_sums(values[:, :, 1:-1, 1:-1], 3)
        values[:, :, 2:-2, 2:-2] = (around + 8) >> 4
    return values


def sharpen(images: Tensor, factor: Tensor) -> Tensor:
    """Pillow's "sharpness": 0 gives a smoothed image, 1 the image; `factor` (B,); sides >= 3."""
    return blend(smooth(images), images.int(), factor)
