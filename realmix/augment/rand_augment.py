"""RandAugment in FixMatch's form (Sohn et al., 2020, appendix; after Cubuk et al., 2019).

Every image draws its own operations, magnitudes and signs. The operations of a slot are grouped:
all color tables become one gather, all geometry one warp, so a slot costs about as much as one
operation. Slots run in the drawn order and equal Pillow's result bit by bit.

One difference from FixMatch's code: pixels read from outside the image are mid-grey from then on.
There they stay transparent black until the end and become grey only if none of AutoContrast,
Equalize, Posterize and Solarize has followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from realmix.augment import color, geometry
from realmix.errors import UsageError
from realmix.randomness import Draws
from realmix.wording import suggestion

MID_GREY = 127
_LARGEST = 10  # magnitudes are tenths of each operation's largest parameter

Operation = Callable[[Tensor, Tensor], Tensor]
"""(B, C, H, W) uint8 images and (B,) magnitude to tables, matrices or images."""


def enhancement(magnitude: Tensor) -> Tensor:
    """Factor 0.1 + 0.18 m of Brightness, Color, Contrast and Sharpness."""
    return (18 * magnitude + 10).float() / 100


def threshold(magnitude: Tensor) -> Tensor:
    """Solarize inverts from 256 - int(25.6 m) on."""
    return 256 - 256 * magnitude // _LARGEST


def bits(magnitude: Tensor) -> Tensor:
    """Posterize keeps 4 - int(0.4 m) bits."""
    return 4 - 4 * magnitude // _LARGEST


TABLES: dict[str, Operation] = {
    "AutoContrast": lambda images, m: color.autocontrast(images),
    "Equalize": lambda images, m: color.equalize(images),
    "Solarize": lambda images, m: color.solarize(images, threshold(m)),
    "Contrast": lambda images, m: color.contrast(images, enhancement(m)),
    "Brightness": lambda images, m: color.brightness(images, enhancement(m)),
    "Posterize": lambda images, m: color.posterize(images, bits(m)),
}

BLENDS: dict[str, Operation] = {
    "Color": lambda images, m: color.saturate(images, enhancement(m)),
    "Sharpness": lambda images, m: color.sharpen(images, enhancement(m)),
}

# The magnitude is signed here. Shears hold the first row or column still and m pixels of
# translation are m / 32 of the side, as in FixMatch at 32 x 32.
MATRICES: dict[str, Operation] = {
    "Rotate": lambda images, m: geometry.rotate(3 * m),
    "ShearX": lambda images, m: geometry.shear_x(0.03 * m, -images.shape[2] / 2),
    "ShearY": lambda images, m: geometry.shear_y(0.03 * m, -images.shape[3] / 2),
    "TranslateX": lambda images, m: geometry.translate(right=m * images.shape[3] / 32),
    "TranslateY": lambda images, m: geometry.translate(down=m * images.shape[2] / 32),
}

OPERATIONS = ("Identity", *TABLES, *BLENDS, *MATRICES)


def _put(
    result: Tensor, chosen: Tensor, operation: Callable[..., Tensor], *given: Tensor
) -> Tensor:
    """`result` with the rows where `chosen` (B,) replaced by those of `operation(*given)`.

    On a CPU only the chosen rows are computed, and written into `result` (to compute all took 51
    instead of 6 ms for 192 images); elsewhere all are, because to learn how many are chosen would
    make the host wait for the device.
    """
    if result.device.type != "cpu":
        value = operation(*given)
        return torch.where(chosen.view(-1, *[1] * (result.dim() - 1)), value, result)
    rows = chosen.nonzero()[:, 0]
    if len(rows) > 0:
        result[rows] = operation(*(argument.index_select(0, rows) for argument in given))
    return result


@dataclass(frozen=True)
class RandAugment:
    """Draws and applies random operations, for every image its own.

    Args:
        operations: which may be drawn, names out of `OPERATIONS`.
        num_operations: slots per image, drawn with replacement.
        probability: of executing what a slot has drawn.
        max_magnitude: magnitudes are uniform in 1 .. max_magnitude (at most 9).
        geometry_scale: factor on the angles, shears and translations.
        fill: what is read outside the image, in 0 .. 255.
        mode: interpolation; Pillow's default, and so FixMatch's, is "nearest".
        one_warp: join the geometry of all slots into one warp that comes first. It resamples once
            and so keeps small images sharp, but a picture shifted out and back in is not cut off.
    """

    operations: tuple[str, ...] = OPERATIONS
    num_operations: int = 2
    probability: float = 0.5
    max_magnitude: int = 9
    geometry_scale: float = 1.0
    fill: int = MID_GREY
    mode: geometry.Interpolation = "nearest"
    one_warp: bool = False

    def __post_init__(self) -> None:
        for name in self.operations:
            if name not in OPERATIONS:
                hint = suggestion(name, OPERATIONS)
                raise UsageError(f"RandAugment has no operation {name!r}.{hint}")
        if not 1 <= self.max_magnitude <= 9:
            raise UsageError(f"max_magnitude must be in 1 .. 9, got {self.max_magnitude}")

    def draw(self, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """Operation (index into `OPERATIONS`, 0 where none), magnitude and sign: (B, slots)."""
        shape = (self.num_operations,)
        known = [OPERATIONS.index(name) for name in self.operations]
        operation = torch.tensor(known, device=draws.device)[draws.integers(len(known), shape)]
        operation = operation * draws.happens(self.probability, shape)
        return operation, 1 + draws.integers(self.max_magnitude, shape), draws.sign(shape)

    def __call__(self, images: Tensor, draws: Draws, first: Tensor | None = None) -> Tensor:
        """Augments (B, C, H, W) uint8 images, C = 1 or 3, into new ones.

        Args:
            images: the batch.
            draws: the random streams.
            first: (B, 3, 3) a geometric operation to join into the one warp, before the drawn
                ones; only with `one_warp`.
        """
        drawn = [slot.unbind(1) for slot in self.draw(draws)]
        slots = [(o, m, m * sign * self.geometry_scale) for o, m, sign in zip(*drawn, strict=True)]
        if self.one_warp:
            matrices = [self._matrix(images, o, signed) for o, _, signed in slots]
            matrices = matrices if first is None else [first, *matrices]
            images = geometry.warp(images, geometry.compose(*matrices), self.fill, self.mode)
        else:
            images = images.clone()  # `_put` writes into it
        for operation, magnitude, signed in slots:
            if not self.one_warp:
                images = self._moved(images, operation, signed)
            images = self._recolored(images, operation, magnitude)
        return images

    def _allowed(self, group: dict[str, Operation]) -> list[tuple[int, Operation]]:
        names = [name for name in group if name in self.operations]
        return [(OPERATIONS.index(name), group[name]) for name in names]

    def _matrix(self, images: Tensor, operation: Tensor, signed: Tensor) -> Tensor:
        matrix = geometry.identity(len(images), images)
        for index, function in self._allowed(MATRICES):
            chosen = (operation == index)[:, None, None]
            matrix = torch.where(chosen, function(images, signed), matrix)
        return matrix

    def _moved(self, images: Tensor, operation: Tensor, signed: Tensor) -> Tensor:
        def warp(rows: Tensor, drawn: Tensor, amount: Tensor) -> Tensor:
            return geometry.warp(rows, self._matrix(rows, drawn, amount), self.fill, self.mode)

        geometric = operation > len(TABLES) + len(BLENDS)
        return _put(images, geometric, warp, images, operation, signed)

    def _recolored(self, images: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
        tables = color.identity(images).repeat(1, images.shape[1], 1)
        for index, function in self._allowed(TABLES):
            tables = _put(tables, operation == index, function, images, magnitude)
        tabled = (operation > 0) & (operation <= len(TABLES))
        images = _put(images, tabled, color.apply_table, images, tables)
        for index, function in self._allowed(BLENDS):
            images = _put(images, operation == index, function, images, magnitude)
        return images
