"""Memory: what becomes of it when it is freed, and how pictures lie in it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_USUAL = 2**26, 2**25  # bytes; what glibc ends up with by itself where large blocks are freed
_ALL = 2**31 - 1, 2**30
_SMALL = 5  # pixels a side of a kernel


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


def fastest_order(depthwise: bool, device: torch.device) -> torch.memory_format:
    """How the pictures and weights of a network lie in memory where it computes.

    With their channels last, which makes convolutions several times faster. But on a GPU cuDNN
    compiles the kernels of small depthwise ones in that order, anew for each size of a batch: for
    lite0 8 to 21 seconds on an H100, for MobileNetV3 8 to 13. Channel by channel nothing is
    compiled; a pass of 512 pictures of lite0 takes 120 ms.

    Args:
        depthwise: whether it has such convolutions; see `has_depthwise`.
        device: where it computes.
    """
    compiles = depthwise and device.type == "cuda"
    return torch.contiguous_format if compiles else torch.channels_last


def has_depthwise(network: nn.Module) -> bool:
    """Whether it has small convolutions each of whose channels is a group of its own.

    Not those of ConvNeXt, of 7 x 7: it is channel by channel that their kernels take seconds.
    """
    convolutions = (part for part in network.modules() if isinstance(part, nn.Conv2d))
    return any(1 < part.groups == part.in_channels and _small(part) for part in convolutions)


def _small(part: nn.Conv2d) -> bool:
    return max(part.kernel_size) <= _SMALL


@cache
def _glibc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def _set(glibc: Any, thresholds: tuple[int, int]) -> None:
    for name, value in zip((_TRIM_THRESHOLD, _MMAP_THRESHOLD), thresholds, strict=True):
        glibc.mallopt(name, value)
