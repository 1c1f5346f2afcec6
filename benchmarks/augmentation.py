"""Images per second of the weak and strong views against per-image Pillow, in one run on a CPU.

    python -m benchmarks.augmentation

Both sides do the same work at 32 x 32 x 3: mirror and reflect-pad-crop, then (strong) two of
FixMatch's fourteen operations and Cutout. Pillow's side has no data loader around it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from realmix.augment.presets import PRESETS
from realmix.base.randomness import Draws, keys
from realmix.data.pools import View

PILLOW: list[Callable[[Image.Image, int, int], Image.Image]] = [
    lambda image, m, sign: image,
    lambda image, m, sign: ImageOps.autocontrast(image),
    lambda image, m, sign: ImageOps.equalize(image),
    lambda image, m, sign: image.rotate(3 * m * sign),
    lambda image, m, sign: ImageOps.solarize(image, 256 - 256 * m // 10),
    lambda image, m, sign: ImageEnhance.Color(image).enhance(0.1 + 0.18 * m),
    lambda image, m, sign: ImageEnhance.Contrast(image).enhance(0.1 + 0.18 * m),
    lambda image, m, sign: ImageEnhance.Brightness(image).enhance(0.1 + 0.18 * m),
    lambda image, m, sign: ImageEnhance.Sharpness(image).enhance(0.1 + 0.18 * m),
    lambda image, m, sign: _affine(image, (1, 0.03 * m * sign, 0, 0, 1, 0)),
    lambda image, m, sign: _affine(image, (1, 0, m * sign, 0, 1, 0)),
    lambda image, m, sign: _affine(image, (1, 0, 0, 0, 1, m * sign)),
    lambda image, m, sign: ImageOps.posterize(image, 4 - 4 * m // 10),
    lambda image, m, sign: _affine(image, (1, 0, 0, 0.03 * m * sign, 1, 0)),
]


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


def pillow_weak(image: np.ndarray) -> np.ndarray:
    """One (32, 32, 3) uint8 image, mirrored and shifted."""
    image = image[:, ::-1] if random.random() < 0.5 else image
    top, left = random.randrange(9), random.randrange(9)
    return np.pad(image, ((4, 4), (4, 4), (0, 0)), "reflect")[top : top + 32, left : left + 32]


def pillow_strong(image: np.ndarray) -> np.ndarray:
    """One image through the weak view, RandAugment and Cutout."""
    picture = Image.fromarray(np.ascontiguousarray(pillow_weak(image)))
    for operation in random.choices(PILLOW, k=2):
        if random.random() < 0.5:
            picture = operation(picture, random.randint(1, 9), random.choice((-1, 1)))
    result = np.array(picture)
    row, column = random.randrange(32), random.randrange(32)
    result[max(0, row - 8) : row + 8, max(0, column - 8) : column + 8] = 127
    return result


def seconds(work: Callable[[], object], repeats: int = 15) -> float:
    """Median wall time of one call."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def per_image(one: Callable[[np.ndarray], np.ndarray], rows: list[np.ndarray]) -> Tensor:
    """A batch of network inputs, one image after the other."""
    batch = torch.from_numpy(np.stack([one(row) for row in rows])).permute(0, 3, 1, 2)
    return batch.float() * (2 / 255) - 1


def measure(name: str, view: View, one: Callable[[np.ndarray], np.ndarray], batch: int) -> None:
    """Prints one line."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, 32, 32), generator=generator, dtype=torch.uint8)
    rows = list(images.permute(0, 2, 3, 1).contiguous().numpy())
    key = keys(0, torch.arange(batch))
    ours = seconds(lambda: view(images, Draws(key)))
    theirs = seconds(lambda: per_image(one, rows), repeats=5)
    print(
        f"{name:7} batch {batch:4}: {ours * 1e3:6.2f} ms {batch / ours:10,.0f} images/s,"
        f" Pillow {batch / theirs:8,.0f} images/s, ratio {theirs / ours:5.1f}"
    )


def main() -> None:
    views = PRESETS["cifar"]((3, 32, 32))
    print(f"{torch.get_num_threads()} threads; Pillow runs on one")
    for batch in (64, 192, 448):
        measure("weak", views["weak"], pillow_weak, batch)
        measure("strong", views["strong"], pillow_strong, batch)


if __name__ == "__main__":
    main()
