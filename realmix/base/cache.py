"""Arrays that take long to decode, kept in the user's cache folder and memory-mapped."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np


def cache_folder() -> Path:
    """$REALMIX_CACHE, or $XDG_CACHE_HOME/realmix, or ~/.cache/realmix."""
    if own := os.environ.get("REALMIX_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "realmix" if base else Path.home() / ".cache" / "realmix"


def _fingerprint(archive: Path) -> str:
    """Changes with the content of a zip or npz file, by the checksums in its table of contents."""
    with zipfile.ZipFile(archive) as members:
        facts = [(m.filename, m.file_size, m.CRC) for m in members.infolist()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _mapped(file: Path) -> np.ndarray | None:
    try:
        # copy-on-write, so that torch takes it without a warning and the file stays as it is
        return np.asarray(np.load(file, mmap_mode="c", allow_pickle=False))
    except (OSError, ValueError, EOFError):  # not there, or cut off: it is made again
        return None


def _write(file: Path, array: np.ndarray) -> None:
    """Whole or not at all: written beside its place, flushed to the disk, then renamed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as out:
            np.save(out, array, allow_pickle=False)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def cached(archive: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """`make()`, or what it gave the last time for an archive with the same content.

    Args:
        archive: the zip or npz file that `make` decodes.
        make: gives the array; called if nothing is kept or it cannot be read.
    """
    file = cache_folder() / f"{archive.stem}-{_fingerprint(archive)}.npy"
    kept = _mapped(file)
    if kept is not None:
        return kept
    array = make()
    with contextlib.suppress(OSError):  # a full or read-only disk costs time, nothing else
        _write(file, array)
    return array
