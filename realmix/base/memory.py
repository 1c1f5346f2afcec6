"""What the C library does with memory that is freed."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_USUAL = 2**26, 2**25  # bytes; what glibc ends up with by itself where large blocks are freed
_ALL = 2**31 - 1, 2**30


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, blocks that are freed stay with the process, for those that are asked for next.

    A network's layers ask for and free tens of megabytes each. Above 32 MB glibc maps such a block
    anew every time, and the kernel fills it with zeros page by page: lite0 at 224 pixels spent half
    of its time so, a third where it was trained. What was kept is given back at the end. Without
    glibc nothing changes.
    """
    glibc = _glibc()
    if glibc is None:
        yield
        return
    _set(glibc, _ALL)
    try:
        yield
    finally:
        _set(glibc, _USUAL)
        glibc.malloc_trim(0)


@cache
def _glibc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def _set(glibc: Any, thresholds: tuple[int, int]) -> None:
    for name, value in zip((_TRIM_THRESHOLD, _MMAP_THRESHOLD), thresholds, strict=True):
        glibc.mallopt(name, value)
