"""Features on disk: a file that only grows, and a list of whose features stand in it.

    features.bin   (rows, V, D) float16, one block behind another
    blocks.jsonl   of each block: its rows' digests, and the CRC32 of its bytes

A block counts when its line is written, after its bytes are on the disk: what a kill leaves behind
the last line is cut off, and the rows of a block whose checksum differs are computed again.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from filelock import FileLock, Timeout

from realmix.base.errors import StorageError
from realmix.base.files import append_line, cut_to_whole_lines, whole_lines, write_atomically
from realmix.base.wording import printable
from realmix.encoders.pictures import DIGEST

FEATURES, BLOCKS = "features.bin", "blocks.jsonl"
PATIENCE = 3.0  # seconds
WAITS = "Another run encodes with this encoder now; this one waits until it is done."
ELSEWHERE = "Make space there, or have features kept elsewhere with the variable REALMIX_CACHE"


class Block(NamedTuple):
    """One line of the list: rows that were written together; of a damaged one no row counts."""

    digests: list[bytes]
    checksum: int
    start: int
    damaged: bool


class Store:
    """Features of rows, found by the digest of their content.

    Args:
        folder: made if it is not there.
        shape: (V, D) of a row.
        note: is told where another process has the store.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, int],
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder, self.shape, self.note = folder, shape, note
        self.place: dict[bytes, int] = {}
        self.blocks: list[Block] = []
        self.count = 0  # rows in the file

    @property
    def row_bytes(self) -> int:
        """Of the features of one row."""
        return 2 * self.shape[0] * self.shape[1]

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """The store for one process, as the last one left it; others wait.

        Raises:
            StorageError: the folder cannot be written, or its list is damaged.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "lock")
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                self.note(WAITS)
                lock.acquire()
        except OSError as error:
            raise StorageError(
                f"{printable(self.folder)} cannot be written: {error.strerror}. {ELSEWHERE}."
            ) from None
        try:
            self._read()
            yield self
        finally:
            lock.release()

    def _read(self) -> None:
        """The list, without what was not finished; none at all if it is damaged."""
        cut_to_whole_lines(self.folder / BLOCKS)
        self.place, self.blocks, self.count = {}, [], 0
        file = self.folder / FEATURES
        written = file.stat().st_size // self.row_bytes if file.exists() else 0
        try:
            lines = [_block(line) for line in whole_lines(self.folder / BLOCKS)]
        except (StorageError, KeyError, ValueError, TypeError):
            lines = []
        for digests, checksum, damaged in lines:
            if self.count + len(digests) > written:
                break  # bytes that the list promises are gone
            self._count(digests, checksum, damaged)
        if len(self.blocks) < len(lines) or not lines:
            self._write_list()
        if file.exists() and file.stat().st_size > self.count * self.row_bytes:
            os.truncate(file, self.count * self.row_bytes)

    def _count(self, digests: list[bytes], checksum: int, damaged: bool = False) -> None:
        self.blocks.append(Block(digests, checksum, self.count, damaged))
        if not damaged:
            self.place |= {digest: self.count + i for i, digest in enumerate(digests)}
        self.count += len(digests)

    def _write_list(self) -> None:
        lines = "".join(json.dumps(_facts(block)) + "\n" for block in self.blocks)
        write_atomically(self.folder / BLOCKS, lines)

    def missing(self, digests: Sequence[bytes]) -> list[int]:
        """The places of rows whose features are not here; of equal rows one."""
        seen: set[bytes] = set()
        found = []
        for place, digest in enumerate(digests):
            if digest not in self.place and digest not in seen:
                seen.add(digest)
                found.append(place)
        return found

    def make_room(self, rows: int) -> None:
        """Refuse to begin what cannot be kept.

        Raises:
            StorageError: the disk has less free than so many rows need.
        """
        needed, free = rows * self.row_bytes, shutil.disk_usage(self.folder).free
        if needed > free:
            raise _full(self.folder, needed, free)

    def append(self, digests: Sequence[bytes], features: np.ndarray) -> None:
        """Add a block of (B, V, D) float16 features, whole or not at all.

        Raises:
            StorageError: the disk is full; what was there before is still whole.
        """
        content = np.ascontiguousarray(features, dtype=np.float16).tobytes()
        try:
            with open(self.folder / FEATURES, "ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                os.truncate(self.folder / FEATURES, self.count * self.row_bytes)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                free = shutil.disk_usage(self.folder).free
                raise _full(self.folder, len(content), free) from None
            raise StorageError(f"{printable(self.folder)}: {error.strerror}.") from None
        self._count(list(digests), zlib.crc32(content))
        append_line(self.folder / BLOCKS, _facts(self.blocks[-1]))

    def check(self, digests: Sequence[bytes]) -> int:
        """Compare the checksums of the blocks with these rows.

        Returns:
            How many rows were in damaged blocks; they are missing from now on.
        """
        wanted = set(digests)
        asked = [b for b in self.blocks if not b.damaged and not wanted.isdisjoint(b.digests)]
        if not asked:
            return 0
        content = self.features()
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            sums = list(threads.map(lambda b: _checksum(content, b), asked))
        broken = {b.start for b, found in zip(asked, sums, strict=True) if found != b.checksum}
        if broken:
            self.blocks = [b._replace(damaged=b.damaged or b.start in broken) for b in self.blocks]
            lost = {digest for b in self.blocks if b.start in broken for digest in b.digests}
            self.place = {digest: i for digest, i in self.place.items() if digest not in lost}
            self._write_list()
        return sum(len(b.digests) for b in asked if b.start in broken)

    def features(self) -> np.ndarray:
        """(rows, V, D) float16, mapped: what is not looked at stays on the disk."""
        shape = (self.count, *self.shape)
        if not self.count:
            return np.zeros(shape, np.float16)
        # copy-on-write, so that torch takes it without a warning and the file stays as it is
        return np.memmap(self.folder / FEATURES, np.float16, "c", shape=shape)

    def rows(self, digests: Sequence[bytes]) -> np.ndarray:
        """(N,) int64 places in `features` of rows, none of which is missing."""
        return np.array([self.place[digest] for digest in digests], np.int64)


class Memory(Store):
    """The same for features that one process needs: nothing is read from the disk or written."""

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__(Path(), shape)
        self.made: list[np.ndarray] = []

    @contextmanager
    def opened(self) -> Iterator[Self]:
        yield self

    def make_room(self, rows: int) -> None:
        pass

    def append(self, digests: Sequence[bytes], features: np.ndarray) -> None:
        self.made.append(np.asarray(features, np.float16))
        self._count(list(digests), checksum=0)

    def check(self, digests: Sequence[bytes]) -> int:
        return 0

    def features(self) -> np.ndarray:
        return np.concatenate([np.zeros((0, *self.shape), np.float16), *self.made])


def _block(line: Mapping[str, Any]) -> tuple[list[bytes], int, bool]:
    joined = bytes.fromhex(line["digests"])
    digests = [joined[i : i + DIGEST] for i in range(0, len(joined), DIGEST)]
    return digests, int(line["checksum"]), bool(line.get("damaged"))


def _facts(block: Block) -> dict[str, object]:
    facts: dict[str, object] = {
        "digests": b"".join(block.digests).hex(),
        "checksum": block.checksum,
    }
    return {**facts, "damaged": True} if block.damaged else facts


def _checksum(features: np.ndarray, block: Block) -> int:
    rows = features[block.start : block.start + len(block.digests)]
    return zlib.crc32(rows.data)


def _full(folder: Path, needed: int, free: int) -> StorageError:
    return StorageError(
        f"Features need {needed:,} bytes in {printable(folder)}, and {free:,} are free."
        f" {ELSEWHERE}; what was kept so far is used by the same command."
    )
