"""RandAugment in FixMatch's form (Sohn et al., 2020, appendix; after Cubuk et al., 2019).

Every image draws its own operations, magnitudes and signs. Slots run in the drawn order and equal
Pillow's result bit by bit.

One difference from FixMatch's code: pixels read from outside the image are mid-grey from then on.
There they stay transparent black until the end and become grey only if none of AutoContrast,
Equalize, Posterize and Solarize has followed.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from realmix.augment import color, geometry
from realmix.augment.slots import MID_GREY, Operation, Operations, Slot
from realmix.base.errors import UsageError
from realmix.base.randomness import Draws

_LARGEST = 10  # magnitudes are tenths of each operation's largest parameter


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

OPERATIONS = Operations(TABLES, BLENDS, MATRICES, ()).names


@dataclass(frozen=True)
class RandAugment:
    """Draws and applies random operations, for every image its own.

    Args:
        operations: which may be drawn, names out of `OPERATIONS`.
        num_operations: slots per image, drawn with replacement.
        probability: of executing what a slot has drawn.
        max_magnitude: magnitudes are uniform in 1 .. max_magnitude (at most 9).
        geometry_scale: factor on the angles, shears and translations.
        fill: what is read outside the image, in 0 .. 255, or its edge.
        mode: interpolation; Pillow's default, and so FixMatch's, is "nearest".
        one_warp: join the geometry of all slots into one warp that comes first. It resamples once
            and so keeps small images sharp, but a picture shifted out and back in is not cut off.
    """

    operations: tuple[str, ...] = OPERATIONS
    num_operations: int = 2
    probability: float = 0.5
    max_magnitude: int = 9
    geometry_scale: float = 1.0
    fill: geometry.Fill = MID_GREY
    mode: geometry.Interpolation = "nearest"
    one_warp: bool = False

    def __post_init__(self) -> None:
        self._known.check("RandAugment")
        if not 1 <= self.max_magnitude <= 9:
            raise UsageError(f"max_magnitude must be in 1 .. 9, got {self.max_magnitude}")

    @property
    def _known(self) -> Operations:
        return Operations(TABLES, BLENDS, MATRICES, self.operations, self.fill, self.mode)

    def draw(self, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """Operation (index into `OPERATIONS`, 0 where none), magnitude and sign: (B, slots)."""
        shape = (self.num_operations,)
        known = self._known.numbers(draws.device)
        operation = known[draws.integers(len(known), shape)]
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
        slots = [
            Slot(operation, (magnitude,), (magnitude * sign * self.geometry_scale,))
            for operation, magnitude, sign in zip(*drawn, strict=True)
        ]
        return self._known.apply(images, slots, self.one_warp, first)
