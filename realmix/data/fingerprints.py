"""Fingerprints of what a run learns from and is measured on."""

from __future__ import annotations

import json
import zlib

import numpy as np

from realmix.data.pools import Dataset

INIT = "the network of --init"
PARTS = ("classes", "rows", "labels", "test rows", "test labels", INIT)


def fingerprints(
    dataset: Dataset, init: np.ndarray | None = None, seen: np.ndarray | None = None
) -> dict[str, str]:
    """Of each of `PARTS` that there is.

    Args:
        dataset: what was read.
        init: a network that a run starts from, as bytes.
        seen: what stands for the rows and the test rows where an encoder sees the files.
    """
    parts = (
        np.frombuffer(repr(dataset.classes).encode(), np.uint8),
        dataset.inputs if seen is None else seen,
        dataset.label,
        dataset.test_inputs if seen is None else None,
        dataset.test_label,
        init,
    )
    named = zip(PARTS, parts, strict=True)
    return {name: _fingerprint(part) for name, part in named if part is not None}


def _fingerprint(part: np.ndarray) -> str:
    if part.dtype == object:  # texts
        return _fingerprint(np.frombuffer(json.dumps(part.tolist()).encode(), np.uint8))
    start = zlib.crc32(repr((part.shape, str(part.dtype))).encode())
    return f"{zlib.crc32(np.ascontiguousarray(part).data, start):08x}"
