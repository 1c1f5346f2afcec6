"""Erasing a rectangle of every image (B, C, H, W), uint8 or float, each its own."""

from __future__ import annotations

import torch
from torch import Tensor

from realmix.base.randomness import Draws

_ATTEMPTS = (20,)  # rectangles tried per image; that none of them fits happens to 2 images in 1,000


def erase(
    images: Tensor,
    top: Tensor,
    left: Tensor,
    height: Tensor | int,
    width: Tensor | int,
    fill: Tensor | float,
) -> Tensor:
    """Fills one rectangle per image; what lies outside the image is ignored.

    Args:
        images: (B, C, H, W).
        top: (B,) int64, the first row; may be negative.
        left: (B,) int64, the first column; may be negative.
        height: (B,) int64 or one number, rows; 0 erases nothing.
        width: (B,) int64 or one number, columns.
        fill: one value, or (B,), in the range of `images`.

    Returns:
        (B, C, H, W), new, in the dtype of `images`.
    """
    rows = torch.arange(images.shape[2], device=images.device)
    columns = torch.arange(images.shape[3], device=images.device)
    in_rows = (rows >= top[:, None]) & (rows < (top + height)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + width)[:, None])
    inside = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    if not isinstance(fill, Tensor):
        return images.masked_fill(inside, fill)
    return torch.where(inside, fill.to(images.dtype).view(-1, 1, 1, 1), images)


def _rounded(side: Tensor | float) -> Tensor | int:
    return side.round().long() if isinstance(side, Tensor) else round(side)


def cutout(
    images: Tensor, row: Tensor, column: Tensor, share: Tensor | float, fill: Tensor | float
) -> Tensor:
    """Fills a square around (row, column), clipped at the borders (DeVries and Taylor, 2017).

    Args:
        images: (B, C, H, W).
        row: (B,) int64, the centre; a square of side s covers s rows from row - s // 2 on.
        column: (B,) int64, the centre.
        share: the square's side as a share of the image's, in [0, 1]; one number or (B,).
        fill: one value, or (B,).
    """
    height, width = (_rounded(share * side) for side in images.shape[2:])
    return erase(images, row - height // 2, column - width // 2, height, width, fill)


def background(images: Tensor) -> Tensor:
    """(B,) in the range of `images`: the median of the pixels of each one's border."""
    inner = images[:, :, 1:-1]
    edges = images[:, :, 0], images[:, :, -1], inner[..., 0], inner[..., -1]
    return torch.cat([edge.flatten(1) for edge in edges], 1).median(1).values


def random_cutout(
    images: Tensor, draws: Draws, share: float = 0.5, fill: Tensor | float = 0.0
) -> Tensor:
    """FixMatch's Cutout: the centre is uniform over all pixels, so part of it may fall outside."""
    row, column = (draws.integers(side) for side in images.shape[2:])
    return cutout(images, row, column, share, fill)


def random_erase(
    images: Tensor,
    draws: Draws,
    probability: float,
    area: tuple[float, float],
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
    fill: tuple[float, float] = (0.0, 255.0),
) -> Tensor:
    """The random eraser of RealMix (Nair et al., 2019), with randomness of its own per image.

    As in the original, rectangles are drawn until one is inside, which favours small ones.

    Args:
        images: (B, C, H, W).
        draws: the random streams.
        probability: of erasing at all, in [0, 1].
        area: range of the rectangle's share of the image.
        aspect: range of height / width (for a square image), uniform.
        fill: range of the one value that fills all channels.
    """
    rows, columns = images.shape[2:]
    surface = draws.uniform(*area, shape=_ATTEMPTS) * (rows * columns)
    ratio = draws.uniform(*aspect, shape=_ATTEMPTS)
    height, width = (surface * ratio).sqrt().long(), (surface / ratio).sqrt().long()
    top, left = draws.integers(rows, _ATTEMPTS), draws.integers(columns, _ATTEMPTS)
    fits = (top + height <= rows) & (left + width <= columns)
    height = height * (draws.happens(probability) & fits.any(1))[:, None]
    first = fits.int().argmax(1, keepdim=True)  # the first True
    top, left, height, width = (x.gather(1, first)[:, 0] for x in (top, left, height, width))
    return erase(images, top, left, height, width, draws.uniform(*fill))
