"""Pools that hold rows of another data set."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import Truth, order, taken, true_labels

_FOREIGN, _POOL = 31, 32  # streams of randomness


def foreign_mismatch(
    dataset: Dataset,
    foreign: np.ndarray,
    share: float,
    seed: int,
    *,
    hold: Literal["size", "known"] = "known",
) -> tuple[Dataset, Truth]:
    """Rows of another data set in the pool.

    Args:
        dataset: labeled rows and a pool, without an encoder's features.
        foreign: (M, ...) rows of the same shape and type.
        share: of the pool's rows that are foreign, in [0, 1]; below 1 where the known are held.
        seed: draws the rows.
        hold: "known" adds foreign rows to the whole pool; "size" puts them in the place of some.

    Raises:
        UsageError: a share that does not go together with `hold`, or more foreign rows than given.
        DataError: rows of another shape, features of an encoder, or no pool.
    """
    pool = np.flatnonzero(dataset.label < 0)
    _check_foreign(dataset, foreign, len(pool))
    held = hold == "known"
    if not (0 <= share < 1 or (share == 1 and not held)):
        raise UsageError(
            f"Mismatch of {100 * share:g} %: it is 0 to 100 %, and less than 100 where foreign rows"
            " are added to a pool that stays. foreign-instead takes its rows away."
        )
    count = round(len(pool) * (share / (1 - share) if held else share))
    if count > len(foreign):
        raise UsageError(
            f"Mismatch of {100 * share:g} % takes {count:,} foreign rows beside a pool of"
            f" {len(pool):,}, and {len(foreign):,} were given. Lower the share."
        )
    gone = pool[order(len(pool), seed, _POOL)[: 0 if held else count]]
    kept = np.setdiff1d(np.arange(len(dataset.label)), gone)
    chosen = np.sort(order(len(foreign), seed, _FOREIGN)[:count])
    return _joined(dataset, kept, foreign, chosen)


def _check_foreign(dataset: Dataset, foreign: np.ndarray, pool: int) -> None:
    given, wanted = (
        (foreign.shape[1:], foreign.dtype),
        (dataset.inputs.shape[1:], dataset.inputs.dtype),
    )
    if given != wanted:
        raise DataError(
            f"Foreign rows of shape {given[0]} and type {given[1]} do not go together with data of"
            f" shape {wanted[0]} and type {wanted[1]}. Convert them first."
        )
    if dataset.encoded is not None:
        raise DataError("Foreign rows have no features: mix them in before an encoder is used.")
    if pool == 0:
        raise DataError("All rows have labels, so there is no pool to mix foreign rows into.")


def _joined(
    dataset: Dataset, kept: np.ndarray, foreign: np.ndarray, chosen: np.ndarray
) -> tuple[Dataset, Truth]:
    """Some rows of the data, and behind them some foreign ones."""
    base, more = taken(dataset, kept), len(chosen)
    none, never = np.full(more, -1), np.zeros(more, bool)
    names, groups = base.names, base.groups
    made = replace(
        base,
        inputs=np.concatenate([base.inputs, foreign[chosen]]),
        label=np.concatenate([base.label, none]),
        oracle=np.concatenate([true_labels(base), none]),
        names=None if names is None else (*names, *(f"foreign[{i}]" for i in chosen.tolist())),
        trains_only=None if base.trains_only is None else np.append(base.trains_only, never),
        copies=None if base.copies is None else np.append(base.copies, never),
        groups=None if groups is None else np.append(groups, groups.max() + 1 + np.arange(more)),
        files=None,
        translated=None,
    )
    row = np.concatenate([kept, len(dataset.label) + chosen])
    assert made.oracle is not None
    return made, Truth(made.oracle, made.label < 0, row)
