"""What a scenario knows and training does not, and the choice of rows that all scenarios make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from realmix.base.randomness import derive
from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import Dataset

ROWS = ("label", "oracle", "trains_only", "groups", "copies", "translated", "weak")
"""Fields that are arrays with an entry for each row, beside the inputs."""


@dataclass(frozen=True)
class Truth:
    """What the rows of a scenario really are.

    Attributes:
        label: (N,) int64 true class of each row, -1 where it is of none of the classes.
        pool: (N,) bool, rows without a label.
        row: (N,) int64 which row of the data given each one was; rows of foreign arrays are
            numbered on behind them.
    """

    label: np.ndarray
    pool: np.ndarray
    row: np.ndarray

    @property
    def foreign(self) -> np.ndarray:
        """(N,) bool, pool rows that are of none of the classes."""
        return self.pool & (self.label < 0)

    @property
    def share(self) -> float:
        """Of the pool's rows, those that are foreign; 0 without a pool."""
        return float(self.foreign.sum() / max(self.pool.sum(), 1))


def true_labels(dataset: Dataset) -> np.ndarray:
    """(N,) int64 class of each row: its label, else what the oracle knows, else -1."""
    known = dataset.label if dataset.oracle is None else dataset.oracle
    return np.where(dataset.label >= 0, dataset.label, known)


def order(count: int, seed: int, *stream: int) -> np.ndarray:
    """(count,) int64, a permutation that belongs to (seed, stream)."""
    return np.random.default_rng(derive(seed, *stream)).permutation(count)


def taken(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Those rows alone, in that order; the test rows stay.

    Args:
        dataset: what was read.
        rows: (M,) int64.
    """
    changes: dict[str, Any] = {"inputs": dataset.inputs[rows]}
    for name in ROWS:
        values = getattr(dataset, name)
        changes[name] = None if values is None else values[rows]
    for name in ("names", "files"):
        listed = getattr(dataset, name)
        changes[name] = None if listed is None else tuple(listed[row] for row in rows.tolist())
    if dataset.encoded is not None:
        count = len(dataset.label)
        tests = np.arange(count, len(dataset.encoded.plain.place))
        changes["encoded"] = _placed(dataset.encoded, np.concatenate([rows, tests]), rows)
    return replace(dataset, **changes)


def taken_test(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Those test rows alone, in that order; the others stay.

    Args:
        dataset: what was read, with test rows.
        rows: (M,) int64.
    """
    assert dataset.test_inputs is not None
    assert dataset.test_label is not None
    changes: dict[str, Any] = {
        "test_inputs": dataset.test_inputs[rows],
        "test_label": dataset.test_label[rows],
    }
    for name in ("test_names", "test_files"):
        listed = getattr(dataset, name)
        changes[name] = None if listed is None else tuple(listed[row] for row in rows.tolist())
    if dataset.encoded is not None:
        every = np.arange(len(dataset.label))
        places = np.concatenate([every, len(every) + rows])
        changes["encoded"] = _placed(dataset.encoded, places, every)
    return replace(dataset, **changes)


def _placed(encoded: Encoded, plain: np.ndarray, augmented: np.ndarray) -> Encoded:
    """The features of some rows; of the plain ones the test rows are behind the others."""
    seen = encoded.augmented
    return replace(
        encoded,
        plain=Kept(encoded.plain.features, encoded.plain.place[plain]),
        augmented=None if seen is None else Kept(seen.features, seen.place[augmented]),
    )
