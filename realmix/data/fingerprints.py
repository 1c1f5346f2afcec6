"""Fingerprints of what a run learns from and is measured on."""

from __future__ import annotations

import json
import zlib

import numpy as np

from realmix.data.pools import Dataset

INIT = "the network of --init"
ENCODER = "the encoder"
BANK = "the bank of sentences"
WEAK = "weak labels"
PARTS = ("classes", "rows", "labels", "test rows", "test labels", INIT, ENCODER, BANK, WEAK)


def fingerprints(
    dataset: Dataset,
    init: np.ndarray | None = None,
    encoded: np.ndarray | None = None,
    encoder: str | None = None,
    bank: np.ndarray | None = None,
) -> dict[str, str]:
    """Of each of `PARTS` that there is.

    Args:
        dataset: what was read.
        init: a network that a run starts from, as bytes.
        encoded: where an encoder sees the rows and test rows, digests of all of them as bytes.
        encoder: its own fingerprint.
        bank: of sentences that join the pool, as bytes.
    """
    parts = (
        _text(repr(dataset.classes)),
        dataset.inputs if encoded is None else encoded,
        dataset.label,
        dataset.test_inputs if encoded is None else None,
        dataset.test_label,
        init,
        None if encoder is None else _text(encoder),
        bank,
        dataset.weak,
    )
    named = zip(PARTS, parts, strict=True)
    return {name: _fingerprint(part) for name, part in named if part is not None}


def _text(words: str) -> np.ndarray:
    return np.frombuffer(words.encode(), np.uint8)


def _fingerprint(part: np.ndarray) -> str:
    if part.dtype == object:  # texts
        return _fingerprint(np.frombuffer(json.dumps(part.tolist()).encode(), np.uint8))
    start = zlib.crc32(repr((part.shape, str(part.dtype))).encode())
    return f"{zlib.crc32(np.ascontiguousarray(part).data, start):08x}"
