"""One scale from the numbers that pictures hold to bytes, for all pictures of a data set.

Pictures of bytes, of whole numbers in 0..255 and of shares in [0, 1] need none. All others are
mapped by the real range of the whole set: data, pool and test rows together. The model keeps that
scale, so that new pictures are seen as the training ones were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from realmix.base.errors import DataError
from realmix.data.pixels.scale import Scale

EXPECTED = (
    "Expected features (N, D) of numbers, or images (N, H, W), (N, H, W, C) or (N, C, H, W) with "
    "1 or 3 channels: uint8 in 0..255 or floats in [0, 1]."
)
_BLOCK = 1024  # pictures that are converted at a time
_SEEN, ENOUGH = 1_000_000, 32  # numbers that are looked at, and levels that are enough


def one_array(X: Any, name: str = "X") -> np.ndarray:
    """X as an array.

    Raises:
        DataError: its entries have several shapes.
    """
    try:
        return np.asarray(X)
    except ValueError:
        kinds = list(dict.fromkeys(np.shape(one) for one in X))
        raise DataError(
            f"The entries of {name} have several shapes, such as {kinds[0]} and {kinds[-1]}."
            f" {EXPECTED}"
        ) from None


def common_scale(arrays: Sequence[np.ndarray], name: str = "X") -> Scale | None:
    """The scale of a data set; None where its pictures are bytes, or shares, as they stand.

    Args:
        arrays: (n, C, H, W) numbers each: of the data, the pool and the test rows.
        name: what to call them in a message.

    Raises:
        DataError: no range, missing numbers, or arrays whose numbers mean different things.
    """
    given = [array for array in arrays if array.size]
    if all(_is_plain(array) for array in given):
        return None
    low, high = (float(f([f(array) for array in given])) for f in (np.min, np.max))
    kinds = sorted({array.dtype.name for array in given})
    if not (np.isfinite([low, high]).all() and low < high):
        raise _no_range(given[0], name)
    if len(kinds) > 1:
        raise DataError(
            f"The images of data, pool and test rows are of different types ({', '.join(kinds)}) "
            f"and hold values from {low:g} to {high:g}, so they have no common scale. Save all in "
            "one type and unit, or scale all to 0..255."
        )
    return low, high


def to_bytes(images: np.ndarray, scale: Scale | None, name: str = "X") -> np.ndarray:
    """(N, C, H, W) numbers as uint8.

    Args:
        images: numbers of any type.
        scale: of the data set, or None: bytes, whole numbers in 0..255, or shares in [0, 1].
        name: what to call them in a message.

    Raises:
        DataError: numbers outside of that, where there is no scale.
    """
    if scale is None and (images.dtype == np.uint8 or not images.size):
        return images.astype(np.uint8, copy=False)
    if scale is None and not _is_plain(images):
        raise _no_range(images, name)
    low, high = scale or (0.0, 1.0 if images.dtype.kind == "f" else 255.0)
    scaled = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK].astype(np.float64)
        levels = np.round((block - low) * (255 / (high - low)))
        scaled[start : start + _BLOCK] = np.clip(np.nan_to_num(levels), 0, 255)
    return scaled


def scale_notes(images: np.ndarray, scale: Scale | None) -> tuple[str, ...]:
    """How pictures become bytes, and a warning where few of their levels are left."""
    if images.dtype == np.uint8 or not images.size:
        return ()
    notes: tuple[str, ...] = ()
    if scale is not None:
        notes += (
            f"Images hold numbers from {scale[0]:g} to {scale[1]:g} ({images.dtype}): that range, "
            "of all of them together, becomes 0..255, and does so for new images too.",
        )
    some = images.reshape(-1)[:: -(-images.size // _SEEN)]
    had = len(np.unique(some))
    left = len(np.unique(to_bytes(some.reshape(1, -1), scale)))
    if left < min(had, ENOUGH):
        notes += (
            f"Of {had:,} distinct values in the images {left:,} are left as bytes: a few extreme "
            "values hide the others. Cut them off, or take the logarithm, and scale to 0..255.",
        )
    return notes


def _is_plain(images: np.ndarray) -> bool:
    if images.dtype == np.uint8 or not images.size:
        return True
    top = 1.0 if images.dtype.kind == "f" else 255.0
    return bool(images.min() >= 0 and images.max() <= top)  # false for NaN


def _no_range(images: np.ndarray, name: str) -> DataError:
    return DataError(
        f"{name} ({images.dtype}) holds images with values from {float(images.min()):g} to "
        f"{float(images.max()):g}. {EXPECTED} Scale them first, as those that the model learns "
        "from."
    )
