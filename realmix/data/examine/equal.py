"""Which rows are equal, within and across labeled rows, the pool and the test set."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from realmix.base.errors import DataError
from realmix.data.examine.close import close
from realmix.data.examine.perceptual import LEAST_SIDE, alike, looks
from realmix.data.pools import Dataset

_DIGEST = 16  # bytes
_WORD = re.compile(r"\w+")
_LARGEST_SHARE = 0.1  # of the labeled rows; more that look alike do so by nature


@dataclass(frozen=True)
class Equal:
    """Equal and nearly equal rows of a data set.

    Rows are numbered through: the N of `Dataset.inputs`, and behind them those of the test set.

    Attributes:
        first: (N + T,) int64 the first row that each row is equal to, itself where there is none.
        near: (P, 2) int64 pairs of rows that are nearly equal, each by its first row, the smaller
            first: images that look the same, texts of the same words, features within a thousandth
            of a column's spread.
        count: N.
    """

    first: np.ndarray
    near: np.ndarray
    count: int

    def among(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Those of `rows` that are equal to one of `others`; (R, 2) int64 pairs with the first."""
        return self._pairs(rows, others, self.first[rows])

    def near_among(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Those of `rows` nearly equal to one of `others`, and equal to none; pairs as above."""
        both = np.concatenate([self.near, self.near[:, ::-1]])
        both = both[np.isin(both[:, 1], self.first[others])]
        place = dict(both[::-1].tolist())  # the first of several
        equal = set(self.first[others].tolist())
        other = [-1 if f in equal else place.get(f, -1) for f in self.first[rows].tolist()]
        return self._pairs(rows, others, np.array(other, np.int64))

    def _pairs(self, rows: np.ndarray, others: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        values, places = np.unique(self.first[others], return_index=True)
        if not len(values):
            return np.zeros((0, 2), np.int64)
        at = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
        hit = values[at] == wanted
        return np.stack([rows[hit], others[places[at[hit]]]], 1)


def firsts(*parts: np.ndarray) -> np.ndarray:
    """(N,) int64 the first row that each row of the parts, end to end, is equal to byte for byte.

    >>> firsts(np.array([[1.0], [2.0]]), np.array([[2.0], [3.0]])).tolist()
    [0, 1, 1, 3]
    """
    rows = (data for part in parts for data in _bytes(part))
    digests = [hashlib.blake2b(data, digest_size=_DIGEST).digest() for data in rows]
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(d, row) for row, d in enumerate(digests)], np.int64)


def _bytes(part: np.ndarray) -> Iterator[bytes | memoryview]:
    """What must be the same of rows that are equal; of texts all but the space around them."""
    if part.dtype == object:
        return (text.strip().encode("utf-8", "surrogatepass") for text in part)
    rows = part if part.dtype == np.uint8 else part + 0.0  # no -0.0
    return (row.data for row in np.ascontiguousarray(rows))


def same_words(texts: np.ndarray) -> np.ndarray:
    """(P, 2) int64: texts and the first that has the same words, whatever else differs.

    >>> same_words(np.array(["It rains.", "it rains", "It rained"], object)).tolist()
    [[0, 1]]
    """
    seen: dict[tuple[str, ...], int] = {}
    said = [tuple(_WORD.findall(text.casefold())) for text in texts]
    first = [seen.setdefault(words, row) for row, words in enumerate(said)]
    pairs = [(f, row) for row, f in enumerate(first) if f != row and said[row]]
    return np.array(pairs, np.int64).reshape(-1, 2)


def find_equal(dataset: Dataset) -> Equal:
    """Equal rows of all parts of a data set."""
    parts = [dataset.inputs]
    if dataset.test_inputs is not None:
        parts.append(dataset.test_inputs)
    first = firsts(*parts)
    single = np.flatnonzero(first == np.arange(len(first)))
    if dataset.is_texts:
        found = same_words(np.concatenate(parts)[single])
    elif not dataset.is_images:
        found = close(np.concatenate(parts)[single])
    elif min(dataset.inputs.shape[2:]) < LEAST_SIDE:
        found = np.zeros((0, 2), np.int64)
    else:
        seen = [looks(part) for part in parts]
        waves, color = (np.concatenate(each)[single] for each in zip(*seen, strict=True))
        found = alike(seen[0]._replace(waves=waves, color=color))
    return Equal(first, single[found], len(dataset.inputs))


def as_groups(groups: Any, count: int) -> np.ndarray:
    """What rows belong to, as numbers: (N,) int64.

    Args:
        groups: N numbers or names.
        count: N.

    Raises:
        DataError: another number of them, or more than one a row.
    """
    values = np.asarray(groups)
    if values.shape != (count,):
        raise DataError(
            f"groups has shape {values.shape}; it must have one entry a row: ({count},)."
        )
    if values.dtype == object:
        values = values.astype(str)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def groups_of(found: Equal, label: np.ndarray, given: np.ndarray | None) -> np.ndarray | None:
    """Which labeled rows belong together, so that no part of a plan divides them.

    Args:
        found: equal and nearly equal rows; of the latter, groups of more than a tenth of the
            labeled rows are alike by nature and stay divided.
        label: (N,) int64, -1 where unlabeled.
        given: (N,) int64 groups by their owner's word, -1 where a row has none; or None.

    Returns:
        (N,) int64 group of each row, or None where all labeled rows are their own.
    """
    rows = np.arange(found.count)
    equal = np.stack([rows, found.first[: found.count]], 1)
    near = found.near[(found.near < found.count).all(1)]
    together = _components(found.count, np.concatenate([equal, near]))
    sizes = np.bincount(together[label >= 0], minlength=found.count)
    large = sizes > max(_LARGEST_SHARE * (label >= 0).sum(), 2)
    near = near[~large[together[near[:, 0]]]]
    said = np.zeros((0, 2), np.int64)
    if given is not None:
        known = np.flatnonzero(given >= 0)
        leader = known[np.unique(given[known], return_index=True, return_inverse=True)[1]]
        place = np.unique(given[known], return_inverse=True)[1]
        said = np.stack([known, leader[place]], 1)
    groups = _components(found.count, np.concatenate([equal, near, said]))
    labeled = groups[label >= 0]
    return groups if len(np.unique(labeled)) < len(labeled) else None


def _components(count: int, pairs: np.ndarray) -> np.ndarray:
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    labels: np.ndarray = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def copies_of(found: Equal, label: np.ndarray) -> np.ndarray:
    """(N,) bool: labeled rows that equal an earlier labeled one with the same label."""
    key = np.where(label >= 0, found.first[: found.count] * (label.max() + 1) + label, -1)
    copies = np.ones(len(label), bool)
    copies[np.unique(key, return_index=True)[1]] = False
    return copies & (label >= 0)
