"""Rows that stand in the data more than once: which, where, and with which labels."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realmix.auditing.second_look import cut_copies
from realmix.data.examine.equal import Equal, find_equal
from realmix.data.examine.perceptual import LEAST_SIDE
from realmix.data.pools import Dataset

Rows = NDArray[np.int64]
PARTS = ("labeled", "pool", "test")


class Pair(NamedTuple):
    """Two rows that are one, numbered as in `Equal`; `row` is the one to leave out."""

    row: int
    other: int
    exact: bool


class Copies(NamedTuple):
    """What was found.

    Attributes:
        found: equal and nearly equal rows.
        part: (N + T,) int64 place in `PARTS` of each row.
        pairs: by the two parts, that of the row to leave out first; each row once.
        disputed: pairs of labeled rows with different labels.
    """

    found: Equal
    part: Rows
    pairs: dict[tuple[str, str], list[Pair]]
    disputed: list[Pair]


def find_copies(
    dataset: Dataset,
    features: NDArray[np.float32] | None,
    seen: NDArray[np.bool_] | Literal[True] = True,
) -> Copies:
    """Exact and near copies within and across the parts.

    Args:
        dataset: what was read.
        features: (N + T, D) of all rows, by which pictures with cut edges are found; None where
            they are too weak for that.
        seen: (N + T,) bool, whose features there are; True for all.
    """
    found = find_equal(dataset)
    if features is not None and dataset.is_images and min(dataset.inputs.shape[2:]) >= LEAST_SIDE:
        found = _with_cut_ones(dataset, found, features, seen)
    part = np.where(dataset.label >= 0, 0, 1)
    part = np.concatenate([part, np.full(len(found.first) - len(part), 2)])
    within = [(0, 0), (1, 1), (2, 2)]
    across = [(1, 0), (1, 2), (2, 0)]
    pairs = {
        (PARTS[a], PARTS[b]): _pairs(found, np.flatnonzero(part == a), np.flatnonzero(part == b))
        for a, b in within + across
    }
    disputed = [
        p for p in pairs["labeled", "labeled"] if dataset.label[p.row] != dataset.label[p.other]
    ]
    return Copies(found, part, pairs, disputed)


def _pairs(found: Equal, rows: Rows, others: Rows) -> list[Pair]:
    """Each of `rows` with a copy among `others`, an earlier one where they are the same part."""
    exact = found.among(rows, others)
    exact = exact[exact[:, 0] != exact[:, 1]]
    if np.array_equal(rows, others):
        own = dict(zip(found.first[rows[::-1]].tolist(), rows[::-1].tolist(), strict=True))
        pairs = found.near[np.isin(found.near, found.first[rows]).all(1)].tolist()
        near = [sorted((own[a], own[b]), reverse=True) for a, b in pairs]
    else:
        near = found.near_among(rows, others).tolist()
    kept = {row: Pair(row, other, False) for row, other in reversed(near)}
    return sorted(
        {**kept, **{row: Pair(row, other, True) for row, other in exact.tolist()}}.values()
    )


def _with_cut_ones(
    dataset: Dataset,
    found: Equal,
    features: NDArray[np.float32],
    seen: NDArray[np.bool_] | Literal[True],
) -> Equal:
    single = np.flatnonzero((found.first == np.arange(len(found.first))) & seen)
    parts = [dataset.inputs] + ([] if dataset.test_inputs is None else [dataset.test_inputs])
    images = np.concatenate(parts)[single]
    more = single[cut_copies(images, features[single])]
    near = np.unique(np.concatenate([found.near, more]), axis=0)
    return Equal(found.first, near, found.count)
