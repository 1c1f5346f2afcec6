"""Images that show the same: re-encoded, resized or mirrored copies, found without all pairs.

A hash tells which could be alike, the low frequencies which are. Both are relative to the other
images of the set, so that what all of them show (a digit's ground, a fixed camera's view) counts
for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn

LEAST_SIDE = 16  # smaller images are alike without being copies
ALIKE = 0.99  # correlation of two copies: JPEG of quality 50 has 0.992 in 95 % of CIFAR-10
_LOW = 8  # frequencies of each direction
_CODE = 64  # bits of a hash, of which `_MOST_BITS` may differ between copies
_MOST_BITS = 10
_TURNS, _NEIGHBORS = 8, 8  # sorted so many times, and compared with so many that follow
_COLOR, _CONTRAST = 6.0, 1.25  # grey levels and ratio by which copies may differ
_LEAST_CONTRAST = 4.0  # grey levels; flatter images show nothing
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # what JPEG keeps best
_PRIOR = 5  # images; where a set has few, their own mean and deviation say little
_CHUNK = 4096
_MIRROR = np.tile((-1.0) ** np.arange(_LOW), _LOW)[1:].astype(np.float32)


class Looks(NamedTuple):
    """What images show, roughly.

    Attributes:
        waves: (N, 63) float32, the lowest 8 x 8 coefficients of the cosine transform of the grey
            image but for its brightness, in grey levels.
        color: (N, C) float32 mean of each channel.
    """

    waves: np.ndarray
    color: np.ndarray


def looks(images: np.ndarray) -> Looks:
    """Of (N, C, H, W) uint8 images; H and W are at least 8."""
    waves, color = [], []
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK]
        height, width = part.shape[2:]
        weights = _LUMINANCE if part.shape[1] == 3 else np.ones(part.shape[1], np.float32)
        grey = np.einsum("nchw,c->nhw", part, weights, dtype=np.float32)
        low = dctn(grey, axes=(1, 2), norm="ortho")[:, :_LOW, :_LOW] / np.sqrt(height * width)
        waves.append(low.reshape(len(part), -1)[:, 1:])
        color.append(part.mean((2, 3), dtype=np.float32))
    if not waves:
        return Looks(np.zeros((0, _LOW * _LOW - 1), np.float32), np.zeros((0, 1), np.float32))
    return Looks(np.concatenate(waves), np.concatenate(color))


def _codes(waves: np.ndarray) -> np.ndarray:
    """Perceptual hashes (N,) uint64: the sign of each coefficient (Zauner, 2010)."""
    bits = np.concatenate([waves > 0, np.zeros((len(waves), 1), bool)], axis=1)
    codes: np.ndarray = np.packbits(bits, axis=1).view(np.uint64).ravel()
    return codes


def _candidates(codes: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs (n, 2) of places whose codes (M,) uint64 differ in few bits; some more than once.

    Sorted by the bits from each eighth on, such pairs stand near each other: M log M steps.
    """
    for turn in range(_TURNS):
        by = np.uint64(turn * _CODE // _TURNS)
        turned = codes if turn == 0 else (codes << by) | (codes >> (np.uint64(_CODE) - by))
        order = np.argsort(turned, kind="stable")
        for step in range(1, min(_NEIGHBORS, len(order) - 1) + 1):
            first, second = order[:-step], order[step:]
            near = np.bitwise_count(codes[first] ^ codes[second]) <= _MOST_BITS
            yield np.stack([first[near], second[near]], 1)


def alike(seen: Looks) -> np.ndarray:
    """Pairs of images that show the same, as they are or mirrored.

    Args:
        seen: of images no two of which are equal, all of one size from `LEAST_SIDE` on.

    Returns:
        (P, 2) int64 places, the smaller first, sorted. On the 50,000 training images of CIFAR-10
        about 50 pairs, all of one class each; of 1,000 JPEG copies more than 95 % are found.
    """
    count = len(seen.waves)
    center = seen.waves.sum(0) / (count + _PRIOR)
    square = (seen.waves**2).sum(0) / max(count, 1)
    scale = np.sqrt((((seen.waves - center) ** 2).sum(0) + _PRIOR * square) / (count + _PRIOR))
    scale = np.maximum(scale, 1e-3 * scale.max(initial=1e-6))
    both = np.concatenate([seen.waves, seen.waves * _MIRROR])  # the mirrored ones last
    contrast = np.linalg.norm(both, axis=1)
    both = (both - center) / scale
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *_candidates(_codes(both))])
    pairs = np.sort(pairs[(pairs < count).any(1)], 1)
    first, second = np.divmod(np.unique(pairs @ [2 * count, 1]), 2 * count)
    one, other = first, second % count
    ratio = contrast[one] / np.maximum(contrast[other], 1e-6)
    fits = (one != other) & (np.minimum(contrast[one], contrast[other]) >= _LEAST_CONTRAST)
    fits &= (ratio < _CONTRAST) & (ratio > 1 / _CONTRAST)
    fits &= (np.abs(seen.color[one] - seen.color[other]) <= _COLOR).all(1)
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-6)
    fits[fits] = np.einsum("nd,nd->n", both[first[fits]], both[second[fits]]) >= ALIKE
    return np.unique(np.sort(np.stack([one, other], 1)[fits], 1), axis=0)
