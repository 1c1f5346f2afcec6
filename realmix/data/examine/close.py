"""Feature rows that are nearly equal, such as the same row rounded otherwise."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-3  # of a column's spread
LEAST_COLUMNS = 4  # with many values; with fewer, rows are close by chance
_MANY_VALUES = 50
_MOST_NEIGHBORS = 500


def close(rows: np.ndarray) -> np.ndarray:
    """Pairs of rows no two of whose values differ by more than `TOLERANCE` of the column's spread.

    Sorted by one projection, close rows stand near each other; no other pairs are compared.

    Args:
        rows: (N, D) float32, no two equal.

    Returns:
        (P, 2) int64, the smaller row first, sorted; empty where fewer than `LEAST_COLUMNS` columns
        have many values.
    """
    nothing = np.zeros((0, 2), np.int64)
    if len(rows) < 2 or _columns_of_many_values(rows) < LEAST_COLUMNS:
        return nothing
    values = rows.astype(np.float64)
    low, high = np.quantile(values, [0.25, 0.75], axis=0)
    deviation = values.std(0)
    spread = np.where(high > low, np.minimum(deviation, (high - low) / 1.35), deviation)
    values = (values - values.mean(0)) / np.where(spread > 0, spread, 1.0)
    direction = np.random.default_rng(0).standard_normal((2, values.shape[1]))
    line, check = direction @ values.T
    most = TOLERANCE * np.abs(direction).sum(1)
    order = np.argsort(line, kind="stable")
    found = [nothing]
    for step in range(1, min(_MOST_NEIGHBORS, len(rows) - 1) + 1):
        first, second = order[:-step], order[step:]
        near = line[second] - line[first] <= most[0]
        if not near.any():
            break
        near &= np.abs(check[second] - check[first]) <= most[1]
        pair = np.stack([first[near], second[near]], 1)
        same = (np.abs(values[pair[:, 0]] - values[pair[:, 1]]) <= TOLERANCE).all(1)
        found.append(np.sort(pair[same], 1))
    return np.unique(np.concatenate(found), axis=0)


def _columns_of_many_values(rows: np.ndarray) -> int:
    sample = rows[:: max(len(rows) // 1000, 1)]
    enough = min(_MANY_VALUES, len(sample) // 2)
    return sum(len(np.unique(column)) >= max(enough, 2) for column in sample.T)
