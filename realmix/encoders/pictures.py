"""Pictures to be encoded, wherever they lie: read a batch at a time, and known by their content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.pixels.scale import Scale
from realmix.data.reading.images import read_images

DIGEST = 16  # bytes
_THREADS = 8  # they wait for the disk


class Pictures(Protocol):
    """N pictures."""

    def __len__(self) -> int: ...

    def digests(self) -> list[bytes]:
        """`DIGEST` bytes of each that change with its content."""
        ...

    def read(self, rows: Sequence[int], side: int) -> Tensor:
        """(B, C, H, W) uint8 of these rows, made for an encoder whose pictures have that side.

        Raises:
            DataError: one of them cannot be read.
        """
        ...

    def only(self, rows: Sequence[int]) -> Pictures:
        """These rows alone."""
        ...


@dataclass(frozen=True)
class Arrays:
    """(N, C, H, W) uint8 pictures in memory or in a mapped file; the encoder resizes them."""

    images: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def digests(self) -> list[bytes]:
        shape = repr(self.images.shape[1:]).encode()
        return [_digest(np.ascontiguousarray(image).data, shape) for image in self.images]

    def read(self, rows: Sequence[int], side: int) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.images[list(rows)]))

    def only(self, rows: Sequence[int]) -> Pictures:
        return Arrays(self.images[list(rows)])


@dataclass(frozen=True)
class Files:
    """Image files, decoded at the encoder's size and cropped to a square at the centre.

    Attributes:
        files: their paths.
        reasons: where given, why each of the rows read so far is no picture; such rows are black.
            Without it they are an error.
        scale: of a set of deep images: see `data.pixels.scale`.
    """

    files: tuple[Path, ...]
    reasons: dict[int, str] | None = None
    scale: Scale | None = None

    def __len__(self) -> int:
        return len(self.files)

    def digests(self) -> list[bytes]:
        mark = b"" if self.scale is None else repr(self.scale).encode()
        with ThreadPoolExecutor(min(_THREADS, 2 * (os.cpu_count() or 1))) as threads:
            return list(threads.map(partial(_file_digest, mark=mark), self.files))

    def read(self, rows: Sequence[int], side: int) -> Tensor:
        some = [self.files[row] for row in rows]
        images, reasons = read_images(some, (3, side, side), self.scale)
        for place, reason in reasons.items():
            if self.reasons is not None:
                self.reasons[rows[place]] = reason
                continue
            file = self.files[rows[place]]
            raise DataError(f"{printable(file)} could be read before, and now not: {reason}.")
        return torch.from_numpy(images)

    def only(self, rows: Sequence[int]) -> Pictures:
        return Files(tuple(self.files[row] for row in rows), scale=self.scale)


def _digest(content: bytes | memoryview, mark: bytes = b"") -> bytes:
    found = hashlib.sha256(content)  # processors have instructions for it
    found.update(mark)
    return found.digest()[:DIGEST]


def _file_digest(file: Path, mark: bytes) -> bytes:
    try:
        return _digest(file.read_bytes(), mark)
    except OSError as error:
        raise DataError(f"{printable(file)} cannot be read: {error.strerror or error}.") from None
