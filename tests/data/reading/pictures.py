"""Small images, folders of them, and damaged files for the tests."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

BASE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray = BASE, **options: object) -> Path:
    """Write (H, W) or (H, W, C) uint8 pixels as an image, making the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def different(index: int, size: int = 8) -> np.ndarray:
    """(size, size, 3) uint8, another for each index."""
    return np.random.default_rng(index).integers(0, 256, (size, size, 3), dtype=np.uint8)


def class_folders(root: Path, count: int = 3, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """`count` images in each class folder and in `unlabeled`."""
    for c, name in enumerate((*classes, "unlabeled")):
        for i in range(count):
            save(root / name / f"{i}.png", different(10 * c + i))
    return root


def encoded(kind: str, size: int = 32) -> bytes:
    """An image file in a format."""
    buffer = io.BytesIO()
    Image.fromarray(different(1, size)).save(buffer, kind)
    return buffer.getvalue()


def bad_files() -> dict[str, bytes]:
    """Forty damaged or foreign files, with names that claim to be images."""
    files = {"empty.jpg": b"", "text.jpg": b"hello, this is text\n" * 9, "zeros.png": bytes(500)}
    for kind, ending in [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")]:
        whole = encoded(kind)
        for share in (0.02, 0.3, 0.6, 0.9):
            files[f"cut{share}.{ending}"] = whole[: int(len(whole) * share)]
    for kind, ending in [("BMP", "bmp"), ("TIFF", "tif")]:
        whole = encoded(kind)
        for share in (0.02, 0.3, 0.6):
            files[f"cut{share}.{ending}"] = whole[: int(len(whole) * share)]
    samples = b"\x15\x01\x03\0\x01\0\0\0\x03\0"  # the tag SamplesPerPixel, which Pillow logs of
    files["samples.tif"] = encoded("TIFF").replace(samples, samples[:8] + b"\0\x08")
    foreign = {
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "pdf": b"%PDF-1.4\n1 0 obj\n",
        "psd": b"8BPS\0\1" + bytes(40),
        "fits": b"SIMPLE  =                    T",
        "ppm": b"P6 1 1 255\n" + bytes(3),
        "avif": b"\0\0\0\x1cftypavif" + bytes(40),
        "heic": b"\0\0\0\x18ftypheic" + bytes(40),
        "jp2": encoded("JPEG2000"),
        "ico": encoded("ICO"),
        "dds": encoded("DDS"),
        "pcx": encoded("PCX"),
        "sgi": encoded("SGI"),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "zip": b"PK\x03\x04" + bytes(40),
        "tga": encoded("TGA"),
    }
    return files | {f"foreign_{kind}.png": content for kind, content in foreign.items()}


def write_all(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds (almost) no pixels."""
    whole = bytearray(encoded("PNG"))
    whole[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    whole[29:33] = zlib.crc32(whole[12:29]).to_bytes(4, "big")
    return bytes(whole)


def fifo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
