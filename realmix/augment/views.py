"""What every preset of images is made of: its moves and policies, as views by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from realmix.augment.erase import random_erase
from realmix.base.errors import DataError
from realmix.base.randomness import Draws
from realmix.contract.algorithm import Erasing
from realmix.data.pools import View

Move = Callable[[Tensor, Draws], Tensor]
"""uint8 images to uint8 images, or features to features."""

Learned = Callable[[Tensor, Draws, Tensor | None], tuple[Tensor, Tensor]]
"""uint8 images to uint8 images and what was drawn, by rates or without."""


def network_input(images: Tensor) -> Tensor:
    """uint8 to float32 in [-1, 1]."""
    return images.float().mul_(2 / 255).sub_(1)


def image_views(
    move: Move, strong: Move, learned: Learned, cover: View, erase: View = random_erase
) -> dict[str, View]:
    """Views of moving, two policies, what turns their images into network inputs, and erasing."""

    def simple(images: Tensor, draws: Draws) -> Tensor:
        return network_input(move(move(images, draws.copy), draws))

    def cutout(images: Tensor, draws: Draws, erasing: Erasing) -> Tensor:
        return network_input(move(erase(images, draws.copy, *erasing), draws))

    def probe(images: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        probed, drawn = learned(images, draws, None)
        return network_input(probed), drawn

    def uncovered(images: Tensor, draws: Draws, rates: Tensor) -> Tensor:
        return network_input(learned(images, draws, rates)[0])

    return {
        "plain": lambda images, draws: network_input(images),
        "weak": lambda images, draws: network_input(move(images, draws)),
        "strong": lambda images, draws: cover(strong(images, draws), draws),
        "cutout": cutout,
        "simple": simple,
        "probe": probe,
        "uncovered": uncovered,
        "learned": lambda images, draws, rates: cover(learned(images, draws, rates)[0], draws),
    }


def check_images(shape: tuple[int, ...], preset: str) -> None:
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape[1:]) < 4:
        raise DataError(
            f"preset {preset!r} needs images of shape (1 or 3, height, width), sides of 4 pixels"
            f" or more, got {shape}. Feature rows take the preset 'features'."
        )
