"""What of a bank is nearest to a query, by cosine: all of it looked at, or cells of it (faiss)."""

from __future__ import annotations

import importlib.util
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realmix.bank.features import Bank
from realmix.bank.lines import BLOCK
from realmix.base.errors import UsageError

KINDS = ("each", "all", "label")
CELL_ROWS = 39  # sentences for each cell that k-means sees at least; faiss warns of fewer
LEARNED = 50  # the same, at most
ROUNDS = 10  # of k-means
PROBED = 0.05  # of the cells are searched
SPARE = 4  # times as many are taken from rounded features, then compared exactly


class Found(NamedTuple):
    """The k nearest rows of each of Q queries.

    Attributes:
        score: (Q, k) float32 cosine, descending.
        row: (Q, k) int64, the earlier first where scores are equal; -1 where there are no more.
    """

    score: NDArray[np.float32]
    row: NDArray[np.int64]


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of length 1; a row of zeros stays one."""
    found = rows.astype(np.float32)
    length = np.linalg.norm(found, axis=-1, keepdims=True)
    return (found / np.where(length > 0, length, 1)).astype(np.float32, copy=False)


def queries(
    rows: NDArray[np.floating], label: NDArray[np.int64], num_classes: int, kind: str
) -> NDArray[np.float32]:
    """What is looked for (Du et al., 2020, section 3.2): unit rows of labeled features.

    Args:
        rows: (n, D) features of the labeled texts; each counts by its direction.
        label: (n,) of 0..K-1.
        num_classes: K.
        kind: "all", the mean of all; "label", of each class that has a label; "each", every row.

    Returns:
        (1, D), (K, D) or (n, D) of length 1.
    """
    given = unit(rows)
    if kind == "each":
        return given
    if kind == "all":
        return unit(given.mean(0, keepdims=True))
    own = [given[label == c].mean(0) for c in range(num_classes) if (label == c).any()]
    return unit(np.stack(own))


def exact(bank: Bank, wanted: NDArray[np.float32], k: int) -> Found:
    """The nearest of all rows, in one pass over the bank.

    Args:
        bank: N sentences.
        wanted: (Q, D) of length 1.
        k: rows of each query.
    """
    k = min(k, len(bank))
    best = Found(
        np.full((len(wanted), k), -np.inf, np.float32), np.full((len(wanted), k), -1, np.int64)
    )
    for number, block in enumerate(bank.blocks()):
        score = wanted @ unit(block).T
        rows = number * BLOCK + np.arange(len(block))
        entering = (score > best.score[:, -1:]).any(0)  # most blocks have nothing new to say
        if entering.any():
            more = np.broadcast_to(rows[entering], (len(wanted), int(entering.sum())))
            best = _first(best, Found(score[:, entering], more), k)
    return best


def _first(one: Found, other: Found, k: int) -> Found:
    score = np.concatenate([one.score, other.score], 1)
    row = np.concatenate([one.row, other.row], 1)
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]  # those of `one` are the earlier
    return Found(np.take_along_axis(score, order, 1), np.take_along_axis(row, order, 1))


def by_cells(bank: Bank, wanted: NDArray[np.float32], k: int, probed: float = PROBED) -> Found:
    """Like `exact`, searched in the nearest cells alone (an inverted file, faiss).

    Rows are held in a byte a number; `SPARE` k are found by these and compared by what is kept of
    them, so what is near is ranked as `exact` ranks it. Johnson, Douze and Jegou, 2017,
    https://arxiv.org/abs/1702.08734.

    Args:
        bank: N sentences whose features are kept.
        wanted: (Q, D) of length 1.
        k: rows of each query.
        probed: share of the cells that are searched, in (0, 1].

    Raises:
        UsageError: faiss is not installed, or the encoder keeps nothing.
    """
    if importlib.util.find_spec("faiss") is None:
        raise UsageError("--bank-search ivf needs faiss: pip install 'realmix[graph]'.")
    if not bank.keeps:
        raise UsageError(
            f"--bank-search ivf needs features that are kept, and {bank.encoder.reference.name} is"
            " fitted anew in each run. Use --bank-search exact, or another --encoder."
        )
    import faiss

    features, place = bank.kept()
    count, width = len(bank), bank.dimension
    cells = max(min(int(math.sqrt(count)), count // CELL_ROWS), 1)
    level, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(width), width, cells, level, metric)
    index.cp.min_points_per_centroid, index.cp.niter = 1, ROUNDS
    chosen = np.linspace(0, count - 1, min(count, LEARNED * cells)).astype(np.int64)
    index.train(unit(features[place[chosen // BLOCK], chosen % BLOCK]))
    for block in bank.blocks():
        index.add(unit(block))
    index.nprobe = max(math.ceil(probed * cells), 1)
    _, near = index.search(wanted, min(SPARE * k, count))
    score = np.full(near.shape, -np.inf, np.float32)
    for query, rows in enumerate(near):
        there = rows >= 0
        own = unit(features[place[rows[there] // BLOCK], rows[there] % BLOCK])
        score[query, there] = own @ wanted[query]
    order = np.lexsort((near, -score), axis=1)[:, : min(k, count)]
    return Found(np.take_along_axis(score, order, 1), np.take_along_axis(near, order, 1))


SEARCHES = {"exact": exact, "ivf": by_cells}
