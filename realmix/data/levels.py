"""What a conversion of numbers loses: distinct values of a column that become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realmix.base.wording import printable

LARGEST_WHOLE = 2.0**53  # up to which float64 tells all whole numbers apart
ENOUGH = 32  # distinct values that are enough for most purposes, even if there were more
NOT_IN_FLOAT64 = (
    "float64 tells whole numbers apart up to 2^53 only: take an offset off, or leave them out."
)
_MOST_VALUES, _LEAST_ROWS = 4_000_000, 256  # that are looked at: a second at most


def lost_levels(
    before: np.ndarray, after: np.ndarray, names: Sequence[str], advice: str
) -> tuple[str, ...]:
    """A sentence about columns of which fewer than half of the distinct values are left.

    Or fewer than `ENOUGH`, where there were more. Of many rows, some are looked at.

    Args:
        before: (N, D) numbers as they were given.
        after: (N, D) the same as they are used.
        names: of the columns.
        advice: what to do, a sentence.
    """
    if not len(before):
        return ()
    rows = max(_MOST_VALUES // max(before.shape[1], 1), _LEAST_ROWS)
    some = slice(None, None, -(-len(before) // rows))
    had, left = _distinct(before[some]), _distinct(after[some])
    bad = np.flatnonzero((left < had) & ((left < ENOUGH) | (2 * left < had)))
    if not len(bad):
        return ()
    listed = ", ".join(
        f"'{printable(names[i])}' ({left[i]:,} of {had[i]:,} distinct values are left)"
        for i in bad[:5]
    )
    more = f" and {len(bad) - 5:,} more" if len(bad) > 5 else ""
    return (f"Columns lose what tells their rows apart: {listed}{more}. {advice}",)


def _distinct(rows: np.ndarray) -> np.ndarray:
    """(D,) distinct values of each column."""
    ordered = np.sort(rows, axis=0)
    counts: np.ndarray = 1 + (ordered[1:] != ordered[:-1]).sum(0)
    return counts
