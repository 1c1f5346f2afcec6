"""One image file to 8-bit pixels, whatever its format, bit depth, palette or rotation."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Shape = tuple[int, int, int]
"""(C, H, W) of an image."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 50_000_000  # 200 MB decoded; the largest phone photos in use have about as many
_STRIP = 256  # rows worked on at a time where a step needs several copies of an image

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
_SIGNATURES = (  # (offset, bytes, what it is); the allowed formats come first
    (0, b"\xff\xd8\xff", "a damaged JPEG file"),
    (0, b"\x89PNG", "a damaged PNG file"),
    (8, b"WEBP", "a damaged WebP file"),
    (0, b"GIF8", "a damaged GIF file"),
    (0, b"II*\0", "a damaged TIFF file"),
    (0, b"MM\0*", "a damaged TIFF file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"%!PS", "an EPS or PostScript file"),
    (0, b"\xc5\xd0\xd3\xc6", "an EPS file"),
    (0, b"8BPS", "a PSD (Photoshop) file"),
    (0, b"SIMPLE  =", "a FITS file"),
    (4, b"ftypavif", "an AVIF file"),
    (4, b"ftyphei", "a HEIC file"),
    (4, b"ftypmif1", "a HEIC file"),
    (4, b"jP  ", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (0, b"\0\0\1\0", "an ICO file"),
    (0, b"icns", "an ICNS file"),
    (0, b"DDS ", "a DDS file"),
    (0, b"qoif", "a QOI file"),
    (0, b"\x01\xda", "an SGI file"),
    (0, b"\x0a\x05\x01", "a PCX file"),
    (0, b"\xd7\xcd\xc6\x9a", "a WMF file"),
    (0, b"<svg", "an SVG file"),
    (0, b"<?xml", "an SVG or XML file"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)


# what Pillow logs of a damaged file goes to whoever set up logging, else nowhere: not to stderr
logging.getLogger("PIL").addHandler(logging.NullHandler())


class BadImage(Exception):
    """A file that cannot be used as an image; the message is the reason."""


class Header(NamedTuple):
    """What an image file says of itself before it is decoded."""

    width: int
    height: int
    grey: bool


def _identify(path: Path) -> str:
    """What a file is that is no readable image of the allowed formats."""
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        return "the file is empty"
    for offset, mark, kind in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return kind if "damaged" in kind else f"{kind}; only {', '.join(FORMATS)} are read"
    if head[:1] == b"P" and head[1:2] in b"1234567":
        return f"a PPM file; only {', '.join(FORMATS)} are read"
    return f"not an image in one of the formats {', '.join(FORMATS)}"


def open_image(path: Path) -> Image.Image:
    """The image, not decoded yet. Only allowed formats are tried; Pillow's other readers never run.

    Raises:
        BadImage: not a regular file, another format, damaged, or too many pixels.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for ever
            raise BadImage("not a regular file")
        image = Image.open(path, formats=FORMATS)
    except (BadImage, MemoryError):
        raise
    except UnidentifiedImageError:
        raise BadImage(_identify(path)) from None
    except Image.DecompressionBombError:
        raise BadImage(f"more than {MAX_PIXELS:,} pixels") from None
    except OSError as error:
        raise BadImage(error.strerror or str(error)) from None
    except Exception as error:  # a damaged file can make Pillow raise anything
        raise BadImage(f"damaged ({error})") from None
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width:,} x {image.height:,} pixels"
        image.close()
        raise BadImage(f"{size}, more than {MAX_PIXELS:,} in all")
    return image


def read_header(path: Path) -> Header:
    """Size and kind of an image file.

    Raises:
        BadImage: see `open_image`.
    """
    with open_image(path) as image:
        grey = image.mode in _GREY or image.mode.startswith("I;16")
        return Header(image.width, image.height, grey)


def is_image(path: Path) -> bool:
    """Whether a file begins as an image of the allowed formats does, whatever its name."""
    try:
        with open_image(path):
            return True
    except BadImage:
        return False


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """(H, W) uint16, int32 or float32 grey values to uint8.

    Integers are 16 bits deep. Floats do not say their range: it is the first of 0..1, 0..255 and
    0..65535 that holds them all.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):  # also refuses NaN
        raise BadImage(f"pixel values from {low:g} to {high:g}, in no known range")
    tops = (1, 255, 65535) if values.dtype.kind == "f" else (65535,)
    scale = 255 / next(top for top in tops if high <= top)
    pixels = np.empty(values.shape, dtype=np.uint8)
    for top in range(0, len(values), _STRIP):
        strip = slice(top, top + _STRIP)
        pixels[strip] = np.round(values[strip].astype(np.float64) * scale)
    return pixels


def _over_white(image: Image.Image) -> Image.Image:
    """An image with transparency laid over white, as "RGB"."""
    result = Image.new("RGB", image.size)
    for top in range(0, image.height, _STRIP):
        box = (0, top, image.width, min(top + _STRIP, image.height))
        strip = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        result.paste(Image.alpha_composite(white, strip).convert("RGB"), box)
    return result


def flatten(image: Image.Image, mode: str) -> Image.Image:
    """A decoded image as "L" or "RGB": deep values scaled, transparency over white."""
    if image.mode in _DEEP or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.has_transparency_data:
        image = _over_white(image)
    return image if image.mode == mode else image.convert(mode)


def fit(image: Image.Image, shape: Shape) -> np.ndarray:
    """An "L" or "RGB" image resized by its shorter side and cropped at the centre.

    Args:
        image: any size.
        shape: (C, H, W) of the result. Where the size is right already, no pixel changes.

    Returns:
        (C, H, W) uint8.
    """
    channels, height, width = shape
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)  # antialiased
    pixels = np.asarray(fitted).reshape(height, width, channels)
    return pixels.transpose(2, 0, 1)


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data say nothing about the pixels, which are fine
        orientation = 1
    rotation = _ROTATIONS.get(orientation)
    return image if rotation is None else image.transpose(rotation)


def read_image(path: Path, shape: Shape, most: int = MAX_PIXELS) -> np.ndarray | None:
    """(C, H, W) uint8 pixels of a file, decoded to its end, upright, fitted to `shape`.

    None if more than `most` pixels would have to be decoded for it.

    Raises:
        BadImage: the file cannot be read as a whole.
    """
    channels, height, width = shape
    with open_image(path) as image:
        try:
            # JPEG decodes a large photo several times faster at a fraction of its size; twice the
            # target leaves the antialiasing to the resize
            image.draft(None, (2 * max(height, width),) * 2)
            if image.width * image.height > most:
                return None
            image.load()
            return fit(_upright(flatten(image, "L" if channels == 1 else "RGB")), shape)
        except (BadImage, MemoryError):
            raise
        except Exception as error:  # a damaged file can make Pillow raise anything
            raise BadImage(f"damaged {image.format} file ({error})") from None
