"""Geometric operations on whole batches (B, C, H, W), uint8 or float; one matrix per image.

A matrix (B, 3, 3) maps a position in the *result* to the position in the *input* that is read
there (Pillow's convention). Positions are in pixels from the image's centre, x to the right and
y down, so the same matrix fits every image size. `compose` puts any number of operations into one
matrix, and `warp` resamples once.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from realmix.augment.precision import wide

Interpolation = Literal["nearest", "bilinear"]
Fill = float | Literal["edge"]
"""What is read outside the image: one value, or the nearest pixel of its edge."""

_FIXED = 1 << 16  # Pillow's affine transform computes positions with 16 bits after the point


def identity(batch: int, like: Tensor) -> Tensor:
    """(batch, 3, 3): leaves the image as it is; on the device of `like`."""
    return torch.eye(3, dtype=wide(like), device=like.device).repeat(batch, 1, 1)


def rotate(degrees: Tensor) -> Tensor:
    """Turns the picture counter-clockwise about its centre; `degrees` (B,)."""
    matrix = identity(len(degrees), degrees)
    angle = torch.deg2rad(degrees.to(matrix.dtype))
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 1, 0] = angle.sin()
    matrix[:, 0, 1] = -matrix[:, 1, 0]
    return matrix


def shear_x(amount: Tensor, fixed_row: float = 0.0) -> Tensor:
    """Moves each row left by `amount` (B,) pixels per row below `fixed_row` (from the centre)."""
    matrix = identity(len(amount), amount)
    matrix[:, 0, 1] = amount
    matrix[:, 0, 2] = -amount * fixed_row
    return matrix


def shear_y(amount: Tensor, fixed_column: float = 0.0) -> Tensor:
    """Moves each column up by `amount` (B,) pixels per column right of `fixed_column`."""
    matrix = identity(len(amount), amount)
    matrix[:, 1, 0] = amount
    matrix[:, 1, 2] = -amount * fixed_column
    return matrix


def translate(right: Tensor | float = 0.0, down: Tensor | float = 0.0) -> Tensor:
    """Moves the picture by (B,) pixels right and down, fractions allowed; one may be left out."""
    moved = right if isinstance(right, Tensor) else torch.as_tensor(down)
    matrix = identity(len(moved), moved)
    matrix[:, 0, 2] = -right
    matrix[:, 1, 2] = -down
    return matrix


def scale(factor: Tensor) -> Tensor:
    """Enlarges the picture about its centre by `factor` (B,), above 0."""
    matrix = identity(len(factor), factor)
    matrix[:, 0, 0] = matrix[:, 1, 1] = 1 / factor.to(matrix.dtype)
    return matrix


def flip(mirrored: Tensor) -> Tensor:
    """Swaps left and right where `mirrored` (B,) is True."""
    matrix = identity(len(mirrored), mirrored)
    matrix[:, 0, 0] = 1.0 - 2.0 * mirrored
    return matrix


def compose(*matrices: Tensor) -> Tensor:
    """The operations done one after the other, the first one first.

    It is `matrices[0] @ matrices[1] @ ...`, written out, because a batched matrix product may
    round differently for a different batch size, and an example must not notice its neighbours.
    """
    product, *rest = matrices
    for matrix in rest:
        terms = [product[:, :, i, None] * matrix[:, None, i, :] for i in range(3)]
        product = terms[0] + terms[1] + terms[2]
    return product


def _from_corner(matrix: Tensor, height: int, width: int) -> Tensor:
    """(B, 2, 3): the same map for positions counted from the top left corner."""
    linear, offset = matrix[:, :2, :2], matrix[:, :2, 2]
    # numbers, not a tensor: to bring one to the device would make the host wait
    centred = torch.stack([offset[:, 0] + width / 2, offset[:, 1] + height / 2], 1)
    moved = linear[:, :, 0] * (width / 2) + linear[:, :, 1] * (height / 2)
    return torch.cat([linear, (centred - moved)[:, :, None]], 2)


def _positions(rows: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and y (B, H, W) read at each pixel; `rows` (B, 2, 3) = coefficients of (column, row, 1)."""
    column = torch.arange(width, dtype=rows.dtype, device=rows.device)[None, None, :]
    row = torch.arange(height, dtype=rows.dtype, device=rows.device)[None, :, None]
    x, y = (
        (a * column + (b * row + c))
        for a, b, c in (line[:, :, None, None].unbind(1) for line in rows.unbind(1))
    )
    return x, y


def _at_pixel_centres(rows: Tensor) -> Tensor:
    """The map for pixel numbers: pixel 0 has its centre at 0.5."""
    linear = rows[:, :, :2]
    offset = rows[:, :, 2] + 0.5 * linear[:, :, 0] + 0.5 * linear[:, :, 1]
    return torch.cat([linear, offset[:, :, None]], 2)


def _pick(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The pixels of `images` (B, C, H, W) at integer positions x and y (B, H, W), all inside."""
    channels, width = images.shape[1], images.shape[3]
    index = (y * width + x).flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, index).view(images.shape)


def _nearest(images: Tensor, rows: Tensor, fill: Fill) -> Tensor:
    height, width = images.shape[2:]
    fixed = (rows * _FIXED + 0.5).floor().long()
    x, y = (position.bitwise_right_shift_(16) for position in _positions(fixed, height, width))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    picked = _pick(images, x.clamp_(0, width - 1), y.clamp_(0, height - 1))
    return picked if fill == "edge" else picked.masked_fill_(~inside[:, None], fill)


def _bilinear(images: Tensor, rows: Tensor, fill: Fill) -> Tensor:
    height, width = images.shape[2:]
    x, y = _positions(rows.float(), height, width)
    grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], -1)
    if fill == "edge":
        sampled = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    else:  # outside counts as 0, so the images are moved to have `fill` there
        sampled = F.grid_sample(images.float() - fill, grid, align_corners=False) + fill
    if images.dtype == torch.uint8:
        sampled = sampled.round_().clamp_(0, 255)
    return sampled.to(images.dtype)


def warp(
    images: Tensor, matrix: Tensor, fill: Fill = 0.0, mode: Interpolation = "nearest"
) -> Tensor:
    """Resamples every image once through its own matrix.

    "nearest" is a gather at 16.16 fixed-point positions, as in Pillow: equal to it bit by bit, the
    same on every device, and several times faster than `grid_sample`, which "bilinear" uses.

    Args:
        images: (B, C, H, W), uint8 or float32.
        matrix: (B, 3, 3), from result to input, pixels from the centre.
        fill: what is read outside the image.
        mode: the interpolation.

    Returns:
        (B, C, H, W), new, in the dtype of `images`.
    """
    height, width = images.shape[2:]
    rows = _at_pixel_centres(_from_corner(matrix, height, width))
    return (_nearest if mode == "nearest" else _bilinear)(images, rows, fill)


def _reflect(position: Tensor, side: int) -> Tensor:
    """Positions outside 0 .. side - 1 mirrored at the outermost pixels, which are not repeated."""
    return (side - 1) - ((side - 1) - position.abs()).abs()


def flip_and_crop(images: Tensor, mirrored: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Mirror, reflect-pad and crop back to size: the weak view of FixMatch, as one integer gather.

    Args:
        images: (B, C, H, W) of any dtype.
        mirrored: (B,) bool, where left and right are swapped (first).
        dx: (B,) int64, the crop's offset to the right in pixels, |dx| < W (0: centred).
        dy: (B,) int64, the crop's offset downwards, |dy| < H.

    Returns:
        (B, C, H, W), new; every pixel is one of the input's.
    """
    height, width = images.shape[2:]
    columns = torch.arange(width, device=images.device)
    x = _reflect(columns + dx[:, None], width)
    x = torch.where(mirrored[:, None], (width - 1) - x, x)
    y = _reflect(torch.arange(height, device=images.device) + dy[:, None], height)
    return _pick(images, x[:, None, :], y[:, :, None])
