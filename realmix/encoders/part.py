"""What an encoder can see in a time, where that is not all."""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray

from realmix.encoders.encoding import Encoding
from realmix.encoders.written import TextEncoding

LEAST = 1_000  # of those that may wait, which are seen whatever time there is


def affordable(
    encoding: Encoding | TextEncoding, waiting: NDArray[np.int64], seconds: float
) -> tuple[int, float]:
    """How many of the rows that may wait an encoder sees in a time, besides all that may not.

    What it has seen before takes no time. What a row takes is found out on those that are seen in
    any case, which are encoded here.

    Args:
        encoding: of N rows and T test rows.
        waiting: (W,) places of the rows that may wait, those that should be seen first in front;
            a test row's is N and more.
        seconds: about.

    Returns:
        How many of them, from the first on; and about how many seconds the others take.
    """
    new = np.zeros(len(encoding.digests), bool)
    new[encoding.missing()] = True
    if not new[waiting].any() or not math.isfinite(seconds):
        return len(waiting), 0.0
    place = np.cumsum(new[waiting])  # among those that take time
    first = np.ones(len(new), bool)
    first[waiting[place > LEAST]] = False
    started = time.monotonic()
    encoding.only(np.flatnonzero(first).tolist()).features(1, 0)
    each = (time.monotonic() - started) / new[first].sum()
    seen = int((place <= max(seconds / each, LEAST)).sum())
    return seen, float(each * new[waiting[seen:]].sum())
