"""An augmentation that is described by a few numbers, such as a JSON file holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Self

from annotated_types import Ge, Le, Lt
from torch import Tensor

from realmix.augment import ct_augment, geometry, rand_augment
from realmix.augment.ct_augment import CTAugment
from realmix.augment.erase import background, random_cutout, random_erase
from realmix.augment.rand_augment import RandAugment
from realmix.augment.views import check_images, image_views, network_input
from realmix.base.errors import UsageError
from realmix.base.randomness import Draws
from realmix.base.wording import printable, suggestion
from realmix.contract.fields import Share, validated
from realmix.data.pools import View

OPERATIONS = tuple(dict.fromkeys((*rand_augment.OPERATIONS[1:], *ct_augment.OPERATIONS[1:])))
"""All that a policy may be told to leave out: every operation but "Identity"."""


@dataclass(frozen=True)
class Augmentation:
    """What happens to pictures. A key that a file does not name happens not at all.

    What is read outside a picture is its edge, and what Cutout hides gets the color of its border,
    so dark signs on white and bright ones on black are treated alike.

    Attributes:
        mirror: half of the pictures are mirrored, left to right; both views.
        shift: largest move, up, down and to each side, as a share of the side, in whole pixels; in
            [0, 0.5]; both views.
        rotate: largest turn to either side in degrees, in [0, 180]; both views.
        scale: largest enlargement or shrinking, 0.1 for a tenth, in [0, 1); both views.
        magnitude: RandAugment's, in 1 .. 9; 0 is none of it; strong view.
        geometry: share of RandAugment's angles, shears and moves that is used, in [0, 1].
        never: operations that RandAugment and CTAugment leave out, such as "Solarize".
        cutout: side of the square that is hidden, as a share of the side, in [0, 1]; strong view.
    """

    mirror: bool = False
    shift: Annotated[float, Ge(0), Le(0.5)] = 0.0
    rotate: Annotated[float, Ge(0), Le(180)] = 0.0
    scale: Annotated[float, Ge(0), Lt(1)] = 0.0
    magnitude: Annotated[int, Ge(0), Le(9)] = 0
    geometry: Share = 1.0
    never: tuple[str, ...] = ()
    cutout: Share = 0.0

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Self:
        """From the keys and values of a file.

        Raises:
            UsageError: a key or an operation that there is not, or a value out of its range.
        """
        known = [field.name for field in fields(cls)]
        for key in described:
            if key not in known:
                hint = printable(suggestion(key, known))
                raise UsageError(f"There is no '{printable(key)}'.{hint} Keys: {', '.join(known)}.")
        augmentation = cls(**validated(cls, described))
        for name in augmentation.never:
            if name not in OPERATIONS:
                hint = printable(suggestion(name, OPERATIONS))
                raise UsageError(
                    f"'never' names no operation '{printable(name)}'.{hint}"
                    f" Operations: {', '.join(OPERATIONS)}."
                )
        return augmentation

    def motion(self, images: Tensor, draws: Draws) -> Tensor:
        """(B, 3, 3): mirroring, turn, size and shift of each picture."""
        height, width = images.shape[2:]
        down, right = (round(side * self.shift) for side in (height, width))
        return geometry.compose(
            geometry.flip(draws.happens(0.5 if self.mirror else 0.0)),
            geometry.rotate(draws.uniform(-self.rotate, self.rotate)),
            geometry.scale(draws.uniform(1 - self.scale, 1 + self.scale)),
            geometry.translate(
                draws.integers(2 * right + 1) - right, draws.integers(2 * down + 1) - down
            ),
        )

    def move(self, images: Tensor, draws: Draws) -> Tensor:
        """The weak view, still uint8."""
        if not (self.mirror or self.shift or self.rotate or self.scale):
            return images
        return geometry.warp(images, self.motion(images, draws), "edge", "bilinear")

    def views(self, shape: tuple[int, ...], preset: str) -> dict[str, View]:
        """See `realmix.augment.presets`; `preset` is what errors call it."""
        check_images(shape, preset)

        def cover(images: Tensor, draws: Draws) -> Tensor:
            if self.cutout:
                images = random_cutout(images, draws, self.cutout, background(images))
            return network_input(images)

        return image_views(
            self.move,
            self._strong(),
            self._learned(),
            cover,
            random_erase if self.cutout else lambda images, draws, *erasing: images,
        )

    def _strong(self) -> View:
        if not self.magnitude:
            return self.move
        policy = RandAugment(
            tuple(name for name in rand_augment.OPERATIONS if name not in self.never),
            max_magnitude=self.magnitude,
            geometry_scale=self.geometry,
            fill="edge",
            mode="bilinear",
            one_warp=True,
        )
        return lambda images, draws: policy(images, draws, self.motion(images, draws))

    def _learned(self) -> View:
        """CTAugment learns its strengths, so `magnitude` only says whether there is any."""
        if not self.magnitude:
            nothing = CTAugment(("Identity",))
            return lambda images, draws, rates: nothing(self.move(images, draws), draws, rates)
        policy = CTAugment(
            tuple(name for name in ct_augment.OPERATIONS if name not in self.never),
            geometry_scale=self.geometry,
            fill="edge",
            mode="bilinear",
            one_warp=True,
        )
        return lambda images, draws, rates: policy(images, draws, rates, self.motion(images, draws))


def read_augmentation(path: Path) -> Augmentation:
    """The augmentation that a JSON file describes.

    Raises:
        UsageError: there is no such file, or it describes none; with what to do.
    """
    shown = printable(path)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        beside = [file.name for file in path.parent.glob("*.json")]
        hint = printable(suggestion(path.name, beside))
        raise UsageError(f"--augment: there is no file '{shown}'.{hint}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--augment {shown} cannot be read as JSON: {printable(error)}.") from None
    if not isinstance(described, dict):
        raise UsageError(
            f"--augment {shown} must hold one JSON object,"
            ' such as {"shift": 0.1, "rotate": 10, "magnitude": 9}.'
        )
    try:
        return Augmentation.of(described)
    except UsageError as error:
        raise UsageError(f"--augment {shown}: {error}") from None
