"""Grey values of more than 8 bits to 8: one scale for all images of a set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import shortened
from realmix.data.pixels.formats import BadImage

Scale = tuple[float, float]
"""The values of deep images, of more than 8 bits, that become 0 and 255."""

STRIP = 256  # rows worked on at a time where a step needs several copies of an image
_OUTLIERS, _STRETCH = 0.0005, 4.0
_FEW_LEVELS = 32


def own_range(values: np.ndarray) -> Scale:
    """The range of a deep image by itself.

    Integers are 16 bits deep. Floats do not say their range: it is the first of 0..1, 0..255 and
    0..65535 that holds them all.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):  # also refuses NaN
        raise BadImage(f"pixel values from {low:g} to {high:g}, in no known range")
    tops = (1, 255, 65535) if values.dtype.kind == "f" else (65535,)
    return 0.0, next(top for top in tops if high <= top)


def eight_bits(values: np.ndarray, scale: Scale) -> np.ndarray:
    """(H, W) numbers to uint8: `scale` to 0..255, values beyond it to its ends.

    Raises:
        BadImage: a value is not finite.
    """
    low, high = scale
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadImage("pixel values that are NaN or infinite")
    pixels = np.empty(values.shape, dtype=np.uint8)
    for top in range(0, len(values), STRIP):
        strip = slice(top, top + STRIP)
        share = (values[strip].astype(np.float64) - low) / (high - low)
        pixels[strip] = np.round(share.clip(0, 1) * 255)
    return pixels


def common_scale(values: np.ndarray, span: Scale) -> Scale:
    """The scale of a set: from its lowest to its highest value.

    Where a few outliers stretch that more than `_STRETCH`-fold: from quantile 0.0005 to 0.9995.

    Args:
        values: (V,) a sample of the values of all images.
        span: their lowest and highest value.
    """
    low, high = span
    first, last = (float(q) for q in np.quantile(values, [_OUTLIERS, 1 - _OUTLIERS]))
    if last > first and high - low > _STRETCH * (last - first):
        return first, last
    return (low, high) if high > low else (low, low + 1)


def _levels(values: np.ndarray, scale: Scale) -> tuple[int, int]:
    """How many different values there are, and how many as 8 bits."""
    return len(np.unique(values)), len(np.unique(eight_bits(values[None], scale)))


def scale_note(count: int, span: Scale, scale: Scale, values: np.ndarray) -> str:
    beyond = "" if scale == span else f", those beyond {scale[0]:g} to {scale[1]:g} to its ends"
    before, after = _levels(values, scale)
    few = after < min(before, _FEW_LEVELS) or 2 * after < before
    lost = "WARNING: only" if after < min(before, _FEW_LEVELS) else "Only"
    left = (
        f" {lost} {after} of {before:,} different values are left; finer ones are lost."
        if few
        else ""
    )
    return (
        f"Images have more than 8 bits: values from {span[0]:g} to {span[1]:g} of {count:,} files "
        f"become 0 to 255, by one scale for all{beyond}.{left}"
    )


def mixed_note(files: Sequence[Path], others: int, values: np.ndarray) -> str:
    """The note on a set of which some images are deep, by their bit depth.

    Args:
        files: the deep ones.
        others: how many there are beside them.
        values: some of the deep ones', the lowest and the highest among them.

    Raises:
        DataError: they do not fill the range that 8 bits stand for.
    """
    low, high = float(values.min()), float(values.max())
    whole = bool((values == values.round()).all())
    top = 1.0 if high <= 1 and not whole else 65535.0
    deep = "1 image has" if len(files) == 1 else f"{len(files):,} images have"
    if low < 0 or high > top or _levels(values, (0.0, top))[1] < _FEW_LEVELS:
        raise DataError(
            f"{deep} more than 8 bits, with values from {low:g} to {high:g}, beside {others:,} of "
            "8 bits, with values from 0 to 255. No one scale fits both. Store all of them with the "
            f"same depth and units. Of more than 8 bits: {shortened(files)}."
        )
    return (
        f"{deep} more than 8 bits, beside {others:,} of 8 bits: 0 to {top:g} of the former becomes "
        "0 to 255."
    )
