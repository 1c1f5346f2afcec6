"""What "plain", "weak", "strong" and other names of views mean for each kind of data.

A preset is given the shape of one stored input and returns its views. A view turns stored inputs
(uint8 images or float32 feature rows) into network inputs (images in [-1, 1], features as they
are), draws from the given streams only, and treats every example by itself.

    plain   no randomness
    weak    what a consistency target is computed on
    strong  weak, then RandAugment and Cutout (FixMatch)
    cutout  weak, of a copy with a randomly erased rectangle (RealMix's extended pool); features
            have none, and drop as the strong view does
    simple  weak, of a weakly augmented copy (RealMix's other extended pool)
    probe   weak, then CTAugment of any strength; gives what was drawn as well (images only)
    learned weak, then CTAugment by the rates of its bins, and Cutout (images only)
    uncovered  as learned, without the Cutout at its end (images only)

A copy is made with `draws.copy`, so it is the same in all views of it; see `Draws`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from realmix.augment import ct_augment, geometry
from realmix.augment.ct_augment import CTAugment
from realmix.augment.described import Augmentation
from realmix.augment.erase import random_cutout
from realmix.augment.rand_augment import OPERATIONS, RandAugment
from realmix.augment.replay import Replayed
from realmix.augment.views import check_images, image_views, network_input
from realmix.base.errors import DataError
from realmix.base.randomness import Draws
from realmix.contract.algorithm import Erasing
from realmix.data.pools import View

PADDING = 1 / 8  # of the side: 4 pixels at 32 (CIFAR-10, SVHN), 12 at 96 (STL-10)
CUTOUT = 0.5  # side of the square, of the image's: 16 pixels at 32

DIGIT_ROTATION = 10.0  # degrees to either side, weak view
DIGIT_SCALE = 0.1  # relative enlargement or shrinking, weak view
DIGIT_SHIFT_RIGHT = 1 / 8  # of the width, in whole pixels: 1 pixel at 8, 3 at 28
DIGIT_SHIFT_DOWN = 1 / 16  # none at 8, where digits fill the whole height; 1 pixel at 28
DIGIT_CUTOUT = 0.375  # 3 pixels at 8: half the side would hide what tells 3 from 8
DIGIT_GEOMETRY = 0.5  # of RandAugment's angles, shears and translations
DIGIT_BACKGROUND = 0  # digits are bright on black
DIGIT_NEVER = ("Solarize", "Invert", "Color")  # operations
DIGIT_OPERATIONS = tuple(name for name in OPERATIONS if name not in DIGIT_NEVER)
DIGIT_LEARNED = tuple(name for name in ct_augment.OPERATIONS if name not in DIGIT_NEVER)

SYMBOLS = Augmentation(
    shift=1 / 12,  # 1 pixel at 8, 2 at 28
    rotate=10,  # 6 and 9 stay apart, and so do N and Z
    scale=0.1,
    magnitude=9,
    geometry=0.5,
    never=("Solarize", "Invert", "Color"),  # the negative of an X-ray is no X-ray
    cutout=0.375,
)

FEATURE_WEAK_NOISE = 0.1  # features have standard deviation 1
FEATURE_STRONG_NOISE = 0.3
FEATURE_DROPOUT = 0.2  # share of the features set to 0, their mean


def image_shift(images: Tensor, draws: Draws, mirror: bool) -> Tensor:
    """Mirror half of the images (if at all), reflect-pad and crop at random."""
    mirrored = draws.happens(0.5 if mirror else 0.0)
    dy, dx = (
        draws.integers(2 * pad + 1) - pad
        for pad in (max(1, int(side * PADDING)) for side in images.shape[2:])
    )
    return geometry.flip_and_crop(images, mirrored, dx, dy)


def digit_motion(images: Tensor, draws: Draws) -> Tensor:
    """(B, 3, 3): a small random rotation, enlargement and shift by whole pixels."""
    height, width = images.shape[2:]
    most_down, most_right = int(height * DIGIT_SHIFT_DOWN), int(width * DIGIT_SHIFT_RIGHT)
    down = draws.integers(2 * most_down + 1) - most_down
    right = draws.integers(2 * most_right + 1) - most_right
    return geometry.compose(
        geometry.rotate(draws.uniform(-DIGIT_ROTATION, DIGIT_ROTATION)),
        geometry.scale(draws.uniform(1 - DIGIT_SCALE, 1 + DIGIT_SCALE)),
        geometry.translate(right, down),
    )


def digit_move(images: Tensor, draws: Draws) -> Tensor:
    """The weak view of digits, still uint8."""
    return geometry.warp(images, digit_motion(images, draws), DIGIT_BACKGROUND, "bilinear")


def photos(
    shape: tuple[int, ...], *, mirror: bool = True, preset: str = "photos"
) -> dict[str, View]:
    """Color images: FixMatch's weak and strong views (Sohn et al., 2020)."""
    check_images(shape, preset)
    move = partial(image_shift, mirror=mirror)
    policy, learned = RandAugment(), CTAugment()
    return image_views(
        move,
        lambda images, draws: policy(move(images, draws), draws),
        lambda images, draws, rates: learned(move(images, draws), draws, rates),
        # Cutout comes last, so mid-grey is exactly 0
        lambda images, draws: random_cutout(network_input(images), draws, CUTOUT),
    )


def digits(shape: tuple[int, ...]) -> dict[str, View]:
    """Bright digits on black: never mirrored or inverted, geometry in one bilinear warp."""
    check_images(shape, "digits")
    policy = RandAugment(
        DIGIT_OPERATIONS,
        geometry_scale=DIGIT_GEOMETRY,
        fill=DIGIT_BACKGROUND,
        mode="bilinear",
        one_warp=True,
    )
    learned = CTAugment(
        DIGIT_LEARNED,
        geometry_scale=DIGIT_GEOMETRY,
        fill=DIGIT_BACKGROUND,
        erased=DIGIT_BACKGROUND,
        mode="bilinear",
        one_warp=True,
    )

    def cover(images: Tensor, draws: Draws) -> Tensor:
        return network_input(random_cutout(images, draws, DIGIT_CUTOUT, DIGIT_BACKGROUND))

    return image_views(
        digit_move,
        lambda images, draws: policy(images, draws, digit_motion(images, draws)),
        lambda images, draws, rates: learned(images, draws, rates, digit_motion(images, draws)),
        cover,
    )


def add_noise(rows: Tensor, draws: Draws, deviation: float) -> Tensor:
    """(B, D) features plus Gaussian noise."""
    return rows + deviation * draws.normal(rows.shape[1:])


def drop_features(rows: Tensor, draws: Draws, probability: float) -> Tensor:
    """(B, D) features, each set to 0 with the given probability."""
    return torch.where(draws.happens(probability, rows.shape[1:]), 0.0, rows)


def features(shape: tuple[int, ...]) -> dict[str, View]:
    """Standardized feature rows (mean 0, deviation 1)."""
    if len(shape) != 1:
        raise DataError(f"preset 'features' needs rows of shape (features,), got {shape}.")
    weak = partial(add_noise, deviation=FEATURE_WEAK_NOISE)

    def strong(rows: Tensor, draws: Draws) -> Tensor:
        noisy = add_noise(rows, draws, FEATURE_STRONG_NOISE)
        return drop_features(noisy, draws, FEATURE_DROPOUT)

    def cutout(rows: Tensor, draws: Draws, erasing: Erasing) -> Tensor:
        return weak(drop_features(rows, draws.copy, FEATURE_DROPOUT), draws)

    return {
        "plain": lambda rows, draws: rows,
        "weak": weak,
        "strong": strong,
        "cutout": cutout,
        "simple": lambda rows, draws: weak(weak(rows, draws.copy), draws),
    }


def none(shape: tuple[int, ...]) -> dict[str, View]:
    """No augmentation: every view is the plain one."""
    if len(shape) == 1:
        return dict.fromkeys(features(shape), lambda rows, draws, *settings: rows)
    return Augmentation().views(shape, "none")


def plain(shape: tuple[int, ...]) -> View:
    """The view without randomness, which is the same for all presets of a kind of data."""
    if len(shape) == 2:  # token numbers
        return lambda tokens, draws: tokens
    return none(shape)["plain"]


PRESETS: dict[str, Callable[[tuple[int, ...]], Mapping[str, View]]] = {
    "cifar": partial(photos, preset="cifar"),
    "svhn": partial(photos, mirror=False, preset="svhn"),
    "photos": photos,
    "unmirrored": partial(photos, mirror=False, preset="unmirrored"),
    "symbols": partial(SYMBOLS.views, preset="symbols"),
    "digits": digits,
    "none": none,
    "features": features,
}


def views_of(preset: str, shape: tuple[int, ...]) -> Mapping[str, View]:
    """The views of a preset by name, or of an `Augmentation` by its JSON.

    Raises:
        DataError: inputs of that shape are none that it is for.
    """
    if preset in PRESETS:
        made = PRESETS[preset](shape)
    else:
        made = Augmentation.of(json.loads(preset)).views(shape, "file")
    plain = made["plain"]
    return {name: view if view is plain else Replayed(view) for name, view in made.items()}
