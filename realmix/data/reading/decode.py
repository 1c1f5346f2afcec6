"""One image file to 8-bit pixels, whatever its format, bit depth, palette or rotation."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from realmix.data.pixels.formats import MAX_PIXELS, BadImage, open_image
from realmix.data.pixels.scale import STRIP, Scale, eight_bits, own_range

Shape = tuple[int, int, int]
"""(C, H, W) of an image."""


_DEEP = ("I", "F")  # and I;16 in any byte order
_GREY = ("1", "L", "LA", "La", *_DEEP)
_ORIENTATION = 0x0112
_ROTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Header(NamedTuple):
    """What an image file says of itself before it is decoded."""

    width: int
    height: int
    grey: bool
    deep: bool = False


def read_header(path: Path) -> Header:
    """Size and kind of an image file.

    Raises:
        BadImage: see `open_image`.
    """
    with open_image(path) as image:
        deep = is_deep(image)
        return Header(image.width, image.height, is_grey(image), deep)


def is_grey(image: Image.Image) -> bool:
    """Whether it has no colors."""
    return image.mode in _GREY or is_deep(image)


def is_deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits a pixel."""
    return image.mode in _DEEP or image.mode.startswith("I;16")


def deep_values(path: Path) -> np.ndarray:
    """All values of a deep image, (H * W,).

    Raises:
        BadImage: it cannot be read as a whole, or has values that are not finite.
    """
    with open_image(path) as image:
        try:
            values = np.asarray(image).ravel()
        except MemoryError:
            raise
        except Exception as error:  # a damaged file can make Pillow raise anything
            raise BadImage(f"damaged {image.format} file ({error})") from None
    if not np.isfinite(values).all():
        raise BadImage("pixel values that are NaN or infinite")
    return values


def _over_white(image: Image.Image) -> Image.Image:
    """An image with transparency laid over white, as "RGB"."""
    result = Image.new("RGB", image.size)
    for top in range(0, image.height, STRIP):
        box = (0, top, image.width, min(top + STRIP, image.height))
        strip = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        result.paste(Image.alpha_composite(white, strip).convert("RGB"), box)
    return result


def flatten(image: Image.Image, mode: str, scale: Scale | None = None) -> Image.Image:
    """A decoded image as "L" or "RGB": deep values scaled, transparency over white.

    Args:
        image: decoded.
        mode: "L" or "RGB".
        scale: of a set of deep images; None: a deep one is scaled by its own range.

    Raises:
        BadImage: the image is not deep but the set is, or its values have no known range.
    """
    if is_deep(image):
        values = np.asarray(image)
        image = Image.fromarray(eight_bits(values, scale or own_range(values)))
    elif scale is not None:
        low, high = scale
        raise BadImage(f"8 bits a pixel, where the others have values from {low:g} to {high:g}")
    elif image.has_transparency_data:
        image = _over_white(image)
    return image if image.mode == mode else image.convert(mode)


def is_long(width: int, height: int) -> bool:
    """Whether a square at the centre holds half of an image or less."""
    return 2 * min(width, height) <= max(width, height)


def fit(image: Image.Image, shape: Shape) -> np.ndarray:
    """An "L" or "RGB" image resized by its shorter side and cropped at the centre.

    One of which that would cut half away is resized by its longer side and padded with black.

    Args:
        image: any size.
        shape: (C, H, W) of the result. Where the size is right already, no pixel changes.

    Returns:
        (C, H, W) uint8.
    """
    channels, height, width = shape
    whole = is_long(image.width, image.height) and not is_long(width, height)
    fitting = ImageOps.pad if whole else ImageOps.fit
    fitted = fitting(image, (width, height), Image.Resampling.BILINEAR)  # antialiased
    pixels = np.asarray(fitted).reshape(height, width, channels)
    return pixels.transpose(2, 0, 1)


def upright(image: Image.Image) -> Image.Image:
    """A decoded image, turned as its EXIF data say."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data say nothing about the pixels, which are fine
        orientation = 1
    rotation = _ROTATIONS.get(orientation)
    return image if rotation is None else image.transpose(rotation)


def read_image(
    path: Path, shape: Shape, most: int = MAX_PIXELS, scale: Scale | None = None
) -> np.ndarray | None:
    """(C, H, W) uint8 pixels of a file, decoded to its end, upright, fitted to `shape`.

    `scale` is that of a set of deep images: see `flatten`. None is returned if more than
    `most` pixels would have to be decoded for it.

    Raises:
        BadImage: the file cannot be read as a whole.
    """
    channels, height, width = shape
    with open_image(path) as image:
        try:
            # JPEG decodes a large photo several times faster at a fraction of its size; twice the
            # target leaves the antialiasing to the resize
            image.draft(None, (2 * max(height, width),) * 2)
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise BadImage(f"{pixels:,} pixels to decode, more than {MAX_PIXELS:,}")
            if pixels > most:
                return None
            image.load()
            return fit(upright(flatten(image, "L" if channels == 1 else "RGB", scale)), shape)
        except (BadImage, MemoryError):
            raise
        except Exception as error:  # a damaged file can make Pillow raise anything
            raise BadImage(f"damaged {image.format} file ({error})") from None
