"""Pictures that show the same with an edge cut off: found by features, settled by pixels."""

from __future__ import annotations

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from realmix.functional.foreign.scores import unit

Pairs = NDArray[np.int64]

SIDE = 24  # pixels at which pictures are compared
CUTS = (0.95, 0.9)  # what is left of a side
NEIGHBORS = 5  # whose pixels are compared with a picture's
LEAST_COSINE = 0.6  # of features
ROUGHLY = 0.7  # correlation of few pixels, which a cut edge changes little
ALIKE = 0.96  # correlation of pixels
_DIRECTIONS = 64
_CELLS = 8  # that are searched
_CHUNK = 2048
_FEW = 8


def cut_copies(images: NDArray[np.uint8], features: NDArray[np.float32]) -> Pairs:
    """Pairs of pictures of which one is the other, perhaps mirrored, with up to a tenth cut off.

    Args:
        images: (N, C, H, W) uint8, no two equal.
        features: (N, D) of each.

    Returns:
        (P, 2) int64 places, the smaller first, sorted.
    """
    pairs = _near(features)
    pairs = pairs[_rough_likeness(images, pairs) >= ROUGHLY]
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        rows, place = np.unique(some, return_inverse=True)
        place = place.reshape(some.shape)
        whole, cut = _looks(images[rows])
        found.append(some[_likeness(whole, cut, place) >= ALIKE])
    return np.unique(np.concatenate(found), axis=0)


def _near(features: NDArray[np.float32]) -> Pairs:
    """Each row and its nearest others, in the directions of largest variance."""
    import faiss

    mean = features.mean(0)
    some = features[:: -(-len(features) // 10_000)] - mean
    _, directions = np.linalg.eigh(some.T @ some)
    reduced = np.ascontiguousarray(unit((features - mean) @ directions[:, -_DIRECTIONS:]))
    cells = max(
        min(int(np.sqrt(len(reduced)) / 2), len(reduced) // 40), 1
    )  # a copy lies in its original's, or beside it
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(reduced.shape[1]), reduced.shape[1], cells, faiss.METRIC_INNER_PRODUCT
    )
    index.train(reduced)
    index.add(reduced)
    index.nprobe = _CELLS
    cosine, other = index.search(reduced, min(NEIGHBORS + 1, len(reduced)))
    one = np.repeat(np.arange(len(reduced)), other.shape[1]).reshape(other.shape)
    kept = (cosine >= LEAST_COSINE) & (other != one) & (other >= 0)
    return np.unique(np.sort(np.stack([one[kept], other[kept]], 1), 1), axis=0)


def _rough_likeness(images: NDArray[np.uint8], pairs: Pairs) -> NDArray[np.float32]:
    """(P,) correlation of both pictures of a pair at 8 x 8 pixels, as they are or mirrored."""
    few = [
        F.interpolate(_grey(images[i : i + _CHUNK]), (_FEW, _FEW), mode="bilinear", antialias=True)
        for i in range(0, len(images), _CHUNK)
    ]
    whole = torch.cat(few)
    plain, mirrored = _standard(whole), _standard(whole.flip(3))
    one, other = torch.from_numpy(pairs).unbind(1)
    same, turned = ((plain[one] * side[other]).sum(1) for side in (plain, mirrored))
    found: NDArray[np.float32] = torch.maximum(same, turned).numpy()
    return found


def _grey(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).float().mean(1, keepdim=True)


def _looks(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """(n, 2, S) each picture and its mirror image, and (n, V, S) with its edges cut off."""
    grey = _grey(images)
    whole = F.interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True)
    cuts = [_standard(_cut(grey, *cut)) for cut in _cuts()]
    return (
        torch.stack([_standard(whole), _standard(whole.flip(3))], 1),
        torch.stack([_standard(whole), *cuts], 1),
    )


def _cuts() -> list[tuple[float, float, float]]:
    """What is left of a side, and where it lies, -1 at one end and 1 at the other."""
    return [(s, x, y) for s in CUTS for x, y in itertools.product((-1, 0, 1), repeat=2)]


def _cut(grey: Tensor, left: float, x: float, y: float) -> Tensor:
    matrix = torch.tensor([[left, 0.0, (1 - left) * x], [0.0, left, (1 - left) * y]])
    size = (len(grey), 1, SIDE, SIDE)
    grid = F.affine_grid(matrix.expand(len(grey), 2, 3), list(size), align_corners=False)
    return F.grid_sample(grey, grid, padding_mode="border", align_corners=False)


def _standard(pictures: Tensor) -> Tensor:
    rows = pictures.flatten(1)
    return F.normalize(rows - rows.mean(1, keepdim=True), dim=1)


def _likeness(whole: Tensor, cut: Tensor, pairs: Pairs) -> NDArray[np.float32]:
    """(P,) the largest correlation of one picture of a pair, cut, with the other, whole."""
    one, other = torch.from_numpy(pairs).unbind(1)
    best = [
        torch.einsum("pvs,pms->pvm", cut[a], whole[b]).flatten(1).amax(1)
        for a, b in ((one, other), (other, one))
    ]
    found: NDArray[np.float32] = torch.stack(best).amax(0).numpy()
    return found
