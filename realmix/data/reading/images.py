"""Image files to arrays: one size and one number of channels for all of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from realmix.data.reading.decode import (
    MAX_PIXELS,
    BadImage,
    Header,
    Shape,
    fit,
    flatten,
    read_header,
    read_image,
)

S = TypeVar("S")
T = TypeVar("T")

_KEPT_SIDE = 64
_SMALL_SIDE = 48
_THREADS = 4
_LARGE = 10_000_000  # pixels; such images are decoded one at a time, or they fill the memory


def _each(action: Callable[[S], T], items: Sequence[S], threads: int = _THREADS) -> list[T | str]:
    """`action` of each item, in order; the reason where it is a `BadImage`."""

    def guarded(item: S) -> T | str:
        try:
            return action(item)
        except BadImage as error:
            return str(error)

    # Pillow warns of odd files, which are judged by whether they decode; filters are per process,
    # so they are set here once and not in the threads
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(min(threads, os.cpu_count() or 1)) as pool:
            return list(pool.map(guarded, items))


def choose_shape(files: Sequence[Path], image_size: int | None) -> tuple[Shape | None, str]:
    """The common shape for these files, and a sentence that says so.

    One channel if every readable file is grey. The side is `image_size`; without it, the files'
    own where all are squares of one size up to 64; else 32 if the median of the shorter sides
    is at most 48, and 64 otherwise. None where no file is readable.
    """
    headers = [h for h in _each(read_header, files) if isinstance(h, Header)]
    if not headers:
        return None, ""
    sizes = {(h.width, h.height) for h in headers}
    smallest, largest = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
    channels = 1 if all(h.grey for h in headers) else 3
    side = image_size
    if side is None and len(sizes) == 1 and smallest[0] == smallest[1] <= _KEPT_SIDE:
        side = smallest[0]
    if side is None:
        median = float(np.median([min(h.width, h.height) for h in headers]))
        side = 32 if median <= _SMALL_SIDE else 64
    kind = "grey" if channels == 1 else "RGB"
    if sizes == {(side, side)}:
        return (channels, side, side), f"Images are {kind}, {side} x {side}, as they were stored."
    span = " x ".join(map(str, smallest)) + (
        "" if len(sizes) == 1 else " to " + " x ".join(map(str, largest))
    )
    return (channels, side, side), (
        f"Images ({span}) are read as {kind} {side} x {side}: resized by the shorter side, then "
        "cropped at the centre. Another size: image_size."
    )


def read_images(files: Sequence[Path], shape: Shape) -> tuple[np.ndarray, dict[int, str]]:
    """Every file decoded once, fully.

    Returns:
        (N, C, H, W) uint8, and the reason for each position that could not be read (zeros there).
    """
    images = np.zeros((len(files), *shape), dtype=np.uint8)

    def decode(row: int, most: int) -> bool:
        pixels = read_image(files[row], shape, most)
        if pixels is not None:
            images[row] = pixels
        return pixels is not None

    results = dict(enumerate(_each(lambda row: decode(row, _LARGE), range(len(files)))))
    large = [row for row, result in results.items() if result is False]
    # in one thread, as each thread keeps the memory that its largest image took
    again = _each(lambda row: decode(row, MAX_PIXELS), large, threads=1)
    results |= dict(zip(large, again, strict=True))
    return images, {row: reason for row, reason in results.items() if isinstance(reason, str)}


def fit_images(images: np.ndarray, shape: Shape) -> np.ndarray:
    """(N, C, H, W) uint8 arrays fitted to `shape` as image files are; the same where it is right.

    Grey becomes RGB with equal channels, RGB becomes grey by its luminance.
    """
    if images.shape[1:] == shape:
        return images
    mode = "L" if shape[0] == 1 else "RGB"
    fitted = np.zeros((len(images), *shape), dtype=np.uint8)
    for i, pixels in enumerate(images):
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        fitted[i] = fit(flatten(image, mode), shape)
    return fitted
