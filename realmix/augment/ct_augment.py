"""CTAugment (ReMixMatch, Berthelot et al., 2020, https://arxiv.org/abs/1911.09785, section 3.3).

Each parameter's range is divided into bins, and every image draws its own operations, bins and
place inside the bins. How well labels survive each bin is learned elsewhere (`BinRates`).

Operations and ranges are those of FixMatch's published code, with one difference: it translates by
up to 0.3 pixels, which after rounding is nothing; here it is 0.3 of the side, as the papers say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from realmix.augment import color, geometry
from realmix.augment.erase import erase
from realmix.augment.precision import wide
from realmix.augment.resize import FILTERS, enlarge
from realmix.augment.slots import MID_GREY, Operation, Operations, Slot, constant
from realmix.base.randomness import Draws
from realmix.contract.state import BIN_SHAPE

THRESHOLD = 0.8  # bins whose rate is below this share of the parameter's best are not drawn
FLOOR = 0.01  # added to the rates, so that they are not all zero: 1 - decay

_PARAMETERS, _BINS = BIN_SHAPE[1:]

# v (B, 2) are the strengths of an operation's parameters in [0, 1], at (B, 2) a place in [0, 1).
TABLES: dict[str, Operation] = {
    "AutoContrast": lambda images, v, at: color.part_way(color.autocontrast(images), v[:, 0]),
    "Brightness": lambda images, v, at: color.brightness(images, enhancement(v[:, 0])),
    "Contrast": lambda images, v, at: color.contrast(images, enhancement(v[:, 0])),
    "Equalize": lambda images, v, at: color.part_way(color.equalize(images), v[:, 0]),
    "Invert": lambda images, v, at: color.part_way(color.invert(images), v[:, 0]),
    "Posterize": lambda images, v, at: color.posterize(images, 1 + (7.999 * v[:, 0]).long()),
    "Solarize": lambda images, v, at: color.solarize(images, (255.999 * v[:, 0]).long()),
}


def enhancement(v: Tensor) -> Tensor:
    """Factor 0.1 + 1.9 v of Brightness, Color, Contrast and Sharpness."""
    return 0.1 + 1.9 * v


def cut(images: Tensor, v: Tensor, at: Tensor, fill: int = MID_GREY) -> Tensor:
    """A square of 1 + int(0.499 v side) pixels, rounded down to an even number, around `at`."""
    sides = images.shape[2:]
    half = (1 + (0.499 * min(sides) * v[:, 0]).long()) // 2
    row, column = ((at[:, i] * side).long() for i, side in enumerate(sides))
    return erase(images, row - half, column - half, 2 * half, 2 * half, fill)


def rescale(images: Tensor, v: Tensor, at: Tensor) -> Tensor:
    """Cuts off a quarter of v of each side; the sixth filter, "nearest", is the box when larger."""
    method = (5.99 * v[:, 1]).long()
    return enlarge(images, v[:, 0] / 4, torch.where(method == FILTERS, 3, method))


PICTURES: dict[str, Operation] = {
    "Blur": lambda images, v, at: color.blend(images.int(), color.blur(images), v[:, 0]),
    "Color": lambda images, v, at: color.saturate(images, enhancement(v[:, 0])),
    "Cutout": cut,
    "Rescale": rescale,
    "Sharpness": lambda images, v, at: color.sharpen(images, enhancement(v[:, 0])),
    "Smooth": lambda images, v, at: color.blend(images.int(), color.smooth(images), v[:, 0]),
}

# s (B,) is 2 v - 1, in [-1, 1]
MATRICES: dict[str, Operation] = {
    "Rotate": lambda images, s: geometry.rotate((45 * s).round()),
    "ShearX": lambda images, s: geometry.shear_x(0.3 * s, -images.shape[2] / 2),
    "ShearY": lambda images, s: geometry.shear_y(0.3 * s, -images.shape[3] / 2),
    "TranslateX": lambda images, s: geometry.translate(right=0.3 * s * images.shape[3]),
    "TranslateY": lambda images, s: geometry.translate(down=0.3 * s * images.shape[2]),
}

OPERATIONS = Operations(TABLES, PICTURES, MATRICES, ()).names
BINS = {"Identity": (1, 1), "Posterize": (8, 1), "Rescale": (17, 6)}  # the others have (17, 1)


def bin_counts(device: torch.device) -> Tensor:
    """(operations, parameters) int64: bins of each; 1 for a parameter that there is not."""
    return constant(tuple(BINS.get(name, (_BINS, 1)) for name in OPERATIONS), device)


def bin_chances(rates: Tensor) -> Tensor:
    """How often each bin is drawn, relative to the others of its parameter.

    p = (w + 0.01) / max (w + 0.01), and 0 where that is below 0.8.

    Args:
        rates: w (operations, parameters, bins) in [0, 1].

    Returns:
        (operations, parameters, bins) in [0, 1]; 0 for bins that the parameter does not have.
    """
    there = torch.arange(_BINS, device=rates.device) < bin_counts(rates.device)[..., None]
    p = (rates + FLOOR) * there
    p = p / p.amax(-1, keepdim=True)
    return torch.where(p < THRESHOLD, 0.0, p)


@dataclass(frozen=True)
class CTAugment:
    """Draws and applies random operations, for every image its own.

    Args:
        operations: which may be drawn, names out of `OPERATIONS`.
        num_operations: slots per image, drawn with replacement and always executed.
        geometry_scale: factor on angles, shears, translations and what Rescale cuts off.
        fill: what is read outside the image, in 0 .. 255, or its edge.
        erased: what Cutout puts there.
        mode, one_warp: see `RandAugment`.
    """

    operations: tuple[str, ...] = OPERATIONS
    num_operations: int = 2
    geometry_scale: float = 1.0
    fill: geometry.Fill = 0
    erased: int = MID_GREY
    mode: geometry.Interpolation = "nearest"
    one_warp: bool = False

    def __post_init__(self) -> None:
        self._known.check("CTAugment")

    @property
    def _known(self) -> Operations:
        pictures: dict[str, Operation] = {**PICTURES, "Cutout": partial(cut, fill=self.erased)}
        return Operations(TABLES, pictures, MATRICES, self.operations, self.fill, self.mode)

    def draw(self, draws: Draws, rates: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, slots, 3) int64 operation and bins, and (B, slots, 2) strengths in [0, 1).

        Args:
            draws: the random streams.
            rates: see `bin_chances`; None draws all bins of a parameter equally often.
        """
        known, shape = self._known.numbers(draws.device), (self.num_operations, _PARAMETERS)
        operation = known[draws.integers(len(known), shape[:1])]
        counts = bin_counts(draws.device)[operation]
        level = draws.uniform(shape=shape)
        if rates is None:
            bins = (level * counts).long().minimum(counts - 1)
        else:
            upto = bin_chances(rates).cumsum(-1)[operation]
            # levels end at 1 - 2**-24, which times the total rounds to less than the total
            level = level * upto[..., -1]
            bins = (level[..., None] >= upto).sum(-1)
        inside = draws.uniform(shape=shape)
        strength = (bins + inside.to(wide(inside))) / counts
        return torch.cat([operation[..., None], bins], -1), strength

    def __call__(
        self,
        images: Tensor,
        draws: Draws,
        rates: Tensor | None = None,
        first: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Augments (B, C, H, W) uint8 images, C = 1 or 3, into new ones.

        Args:
            images: the batch.
            draws: the random streams.
            rates: of the bins; None probes them all.
            first: a geometric operation to join into the one warp, before the drawn ones.

        Returns:
            The images, and (B, slots, 3) int64 what was drawn: the operation and its bins.
        """
        drawn, strength = self.draw(draws, rates)
        place = draws.uniform(shape=(self.num_operations, 2))
        slots = []
        for slot in range(self.num_operations):
            operation, (v, other) = drawn[:, slot, 0], strength[:, slot].unbind(1)
            motion = (2 * v - 1) * self.geometry_scale
            rescaled = operation == OPERATIONS.index("Rescale")
            v = torch.where(rescaled, v * self.geometry_scale, v)
            given = torch.stack([v, other], 1), place[:, slot]
            slots.append(Slot(operation, given, (motion,)))
        return self._known.apply(images, slots, self.one_warp, first), drawn
