"""The image formats that are read, and what a file is that is none of them."""

from __future__ import annotations

import functools
import importlib.util
import logging
import stat
from pathlib import Path

from PIL import Image, UnidentifiedImageError, features

MAX_PIXELS = 51_000_000  # 204 MB decoded; phones of "50 megapixels" have up to 8,192 x 6,144
MAX_JPEG_PIXELS = 178_000_000  # of one that is decoded smaller; from 178,956,970 on Pillow refuses

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
    (4, b"ftyphev", "a HEIC file"),
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

_OPTIONAL = {  # Pillow's name of a format that is not always there, and what brings it
    "an AVIF file": ("AVIF", "pip install --upgrade pillow"),
    "a HEIC file": ("HEIF", "pip install 'realmix[heic]'"),
}

_ENDINGS = (  # (offset, bytes, the ending of such files)
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"\x89PNG", ".png"),
    (8, b"WEBP", ".webp"),
    (0, b"GIF8", ".gif"),
    (0, b"II*\0", ".tif"),
    (0, b"MM\0*", ".tif"),
    (0, b"BM", ".bmp"),
    (4, b"ftypavif", ".avif"),
    (4, b"ftyphei", ".heic"),
    (4, b"ftyphev", ".heic"),
    (4, b"ftypmif1", ".heic"),
)


# what Pillow logs of a damaged file goes to whoever set up logging, else nowhere: not to stderr
logging.getLogger("PIL").addHandler(logging.NullHandler())


class BadImage(Exception):
    """A file that cannot be used as an image; the message is the reason."""


@functools.cache
def formats() -> tuple[str, ...]:
    """What is read, in Pillow's names; AVIF, and HEIF of iPhones, where they can be."""
    found = ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]
    if "avif" in features.modules and features.check("avif"):
        found.append("AVIF")
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
        found.append("HEIF")
    return tuple(found)


def _identify(path: Path) -> str:
    """What a file is that is no readable image of the allowed formats."""
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        return "the file is empty"
    for offset, mark, kind in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return kind if "damaged" in kind else _why_not(kind)
    if head[:1] == b"P" and head[1:2] in b"1234567":
        return _why_not("a PPM file")
    return f"not an image in one of the formats {', '.join(formats())}"


def _why_not(kind: str) -> str:
    name, brings = _OPTIONAL.get(kind, ("", ""))
    if name in formats():
        return f"a damaged {kind.split()[1]} file"
    return f"{kind}; " + (
        f"{brings} to read it" if name else f"only {', '.join(formats())} are read"
    )


def open_image(path: Path) -> Image.Image:
    """The image, not decoded yet. Only allowed formats are tried; Pillow's other readers never run.

    Raises:
        BadImage: not a regular file, another format, damaged, or too many pixels.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for ever
            raise BadImage("not a regular file")
        image = Image.open(path, formats=formats())
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
    most = MAX_JPEG_PIXELS if _decodes_smaller(image) else MAX_PIXELS
    if image.width * image.height > most:
        size = f"{image.width:,} x {image.height:,} pixels"
        image.close()
        raise BadImage(f"{size}, more than {most:,} in all")
    return image


def _decodes_smaller(image: Image.Image) -> bool:
    """Whether `draft` saves the memory of the whole; a progressive JPEG is held at full size."""
    return image.format in ("JPEG", "MPO") and "progressive" not in image.info


def ending_of(content: bytes) -> str | None:
    """The ending of files that begin like this; None where it is no image of the allowed formats.

    >>> ending_of(b"\\x89PNG\\r\\n"), ending_of(b"RIFF....WAVE")
    ('.png', None)
    """
    found = (end for at, mark, end in _ENDINGS if content[at : at + len(mark)] == mark)
    return next(found, None)


def is_image(path: Path) -> bool:
    """Whether a file begins as an image of the allowed formats does, whatever its name."""
    try:
        with open_image(path):
            return True
    except BadImage:
        return False
