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

from realmix.data.pixels.formats import MAX_PIXELS, BadImage
from realmix.data.pixels.scale import Scale, common_scale, mixed_note, scale_note
from realmix.data.reading.decode import (
    Header,
    Shape,
    deep_values,
    fit,
    flatten,
    is_long,
    read_header,
    read_image,
)

S = TypeVar("S")
T = TypeVar("T")

_KEPT_SIDE = 64
_SMALL_SIDE = 48
_SAMPLE = 4_000_000  # values that tell a scale
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


def read_headers(files: Sequence[Path]) -> list[Header | None]:
    """What each file says of itself; None where it cannot be read."""
    return [h if isinstance(h, Header) else None for h in _each(read_header, files)]


def choose_shape(
    found: Sequence[Header | None], image_size: int | None
) -> tuple[Shape | None, str]:
    """The common shape for files with these headers, and a sentence that says so.

    One channel if every readable file is grey. The side is `image_size`; without it, the files'
    own where all are squares of one size up to 64; else 32 if the median of the sides that count
    is at most 48, and 64 otherwise: the shorter ones, and of images that are padded the longer.
    None where no file is readable.
    """
    headers = [h for h in found if h is not None]
    if not headers:
        return None, ""
    sizes = {(h.width, h.height) for h in headers}
    smallest, largest = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
    channels = 1 if all(h.grey for h in headers) else 3
    side = image_size
    if side is None and len(sizes) == 1 and smallest[0] == smallest[1] <= _KEPT_SIDE:
        side = smallest[0]
    if side is None:
        counts = [(max if is_long(h.width, h.height) else min)(h.width, h.height) for h in headers]
        median = float(np.median(counts))
        side = 32 if median <= _SMALL_SIDE else 64
    kind = "grey" if channels == 1 else "RGB"
    if sizes == {(side, side)}:
        return (channels, side, side), f"Images are {kind}, {side} x {side}, as they were stored."
    long = sum(is_long(h.width, h.height) for h in headers)
    padded = (
        f" {long:,} of {len(headers):,} are at least twice as long as wide, so that half would be "
        "cut away; they are resized by the longer side and padded."
    )
    span = " x ".join(map(str, smallest)) + (
        "" if len(sizes) == 1 else " to " + " x ".join(map(str, largest))
    )
    return (channels, side, side), (
        f"Images ({span}) are read as {kind} {side} x {side} (--image-size): resized by the shorter"
        f" side, then cropped at the centre.{padded if long else ''} An encoder sees the files"
        " themselves, at its own side; the report shows these."
    )


def choose_scale(
    files: Sequence[Path], found: Sequence[Header | None]
) -> tuple[Scale | None, tuple[str, ...]]:
    """One scale for all deep images of a set, and notes that say so.

    None where no file is deep, or some are not: then 0..65535, and 0..1 of floats, become 0..255
    as 8 bits have them.

    Raises:
        DataError: some files are deep and others not, and no such scale fits them.
    """
    deep = [file for file, h in zip(files, found, strict=True) if h is not None and h.deep]
    if not deep:
        return None, ()
    each = int(np.clip(_SAMPLE // len(deep), 16, 4096))

    def sample(file: Path) -> tuple[np.ndarray, float, float]:
        values = deep_values(file)
        few = values[:: max(len(values) // each, 1)].astype(np.float64)
        return few, float(values.min()), float(values.max())

    read = [r for r in _each(sample, deep) if not isinstance(r, str)]
    if not read:
        return None, ()
    span = min(r[1] for r in read), max(r[2] for r in read)
    values = np.concatenate([span, *(r[0] for r in read)])
    others = sum(h is not None for h in found) - len(deep)
    if others:
        return None, (mixed_note(deep, others, values),)
    scale = common_scale(values, span)
    return scale, (scale_note(len(deep), span, scale, values),)


def read_images(
    files: Sequence[Path], shape: Shape, scale: Scale | None = None
) -> tuple[np.ndarray, dict[int, str]]:
    """Every file decoded once, fully; deep ones by the `scale` of their set.

    Returns:
        (N, C, H, W) uint8, and the reason for each position that could not be read (zeros there).
    """
    images = np.zeros((len(files), *shape), dtype=np.uint8)

    def decode(row: int, most: int) -> bool:
        pixels = read_image(files[row], shape, most, scale)
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
