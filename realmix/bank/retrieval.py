"""SentAugment's retrieval (Du et al., 2020, https://arxiv.org/abs/2010.02194), section 3.2."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realmix.bank.features import Bank
from realmix.bank.search import SEARCHES, Found, queries, unit
from realmix.base.randomness import derive

SPARE = 1.5  # times as many are looked for: some are equal to others, or known
LIKE = 0.05  # of the labeled texts are less like another one than what counts as in the domain
RANDOM = 44  # stream of randomness
MOST_COMPARED = 1000  # sentences of a share


@dataclass(frozen=True)
class Retrieved:
    """Sentences of a bank.

    Attributes:
        texts: M of them, the nearest first.
        line: (M,) int64 of the file, from 1.
        score: (M,) cosine with the query that found it.
        in_domain: share of them that are as like a labeled text as these are like each other.
        in_domain_at_random: the same of sentences at random.
    """

    texts: list[str]
    line: NDArray[np.int64]
    score: NDArray[np.float32]
    in_domain: float
    in_domain_at_random: float


def retrieve(
    bank: Bank,
    labeled: NDArray[np.floating],
    label: NDArray[np.int64],
    num_classes: int,
    known: Collection[str],
    *,
    kind: str,
    search: str,
    rows: int,
    seed: int,
) -> Retrieved:
    """The sentences that are nearest to the labeled texts; each query gets as many.

    Args:
        bank: the sentences.
        labeled: (n, D) features of the labeled texts, by the bank's encoder.
        label: (n,) of 0..K-1.
        num_classes: K.
        known: texts that are not taken: those of the run, whose test rows are among them.
        kind: of the queries; see `queries`.
        search: of `SEARCHES`.
        rows: sentences that are wanted; fewer where the bank has no more.
        seed: of the sentences that are compared at random.
    """
    wanted = queries(labeled, label, num_classes, kind)
    each = int(np.ceil(SPARE * rows / len(wanted))) + len(known) // len(wanted)
    found = SEARCHES[search](bank, wanted, each)
    order = list(dict.fromkeys(row for row, _ in in_turn(found)))
    scores = dict(reversed(list(in_turn(found))))
    rng = np.random.default_rng(derive(seed, RANDOM))
    random = rng.choice(len(bank), min(rows, MOST_COMPARED, len(bank)), replace=False)
    texts, lines = read(bank, {*order, *random.tolist()})
    taken: dict[str, int] = {}
    unwanted = {same(text) for text in known}
    for row in order:
        if same(texts[row]) not in unwanted and len(taken) < rows:
            taken.setdefault(same(texts[row]), row)
    chosen = list(taken.values())
    few = chosen[:: max(len(chosen) // MOST_COMPARED, 1)]
    near, any_ones = (
        bank.encoder.encode([texts[row] for row in some]).float().numpy()
        for some in (few or random.tolist(), random.tolist())
    )
    center = unit(any_ones).mean(0)
    shares = [in_domain(some, labeled, center) for some in (near, any_ones)]
    return Retrieved(
        [texts[row] for row in chosen],
        np.array([lines[row] for row in chosen], np.int64),
        np.array([scores[row] for row in chosen], np.float32),
        *shares,
    )


def in_turn(found: Found) -> Iterator[tuple[int, float]]:
    """Row and score: the nearest of each query, then the second of each, and so on."""
    pairs = zip(found.row.T.ravel().tolist(), found.score.T.ravel().tolist(), strict=True)
    return (pair for pair in pairs if pair[0] >= 0)


def same(text: str) -> str:
    """What equal sentences have in common: case and spaces do not count."""
    return " ".join(text.lower().split())


def read(bank: Bank, wanted: Collection[int]) -> tuple[dict[int, str], dict[int, int]]:
    """Text and line of some sentences, by their number; one pass over the file."""
    texts, lines = dict[int, str](), dict[int, int]()
    for number, (line, text) in enumerate(bank.lines.numbered()):
        if number in wanted:
            texts[number], lines[number] = text, line
    return texts, lines


def in_domain(
    rows: NDArray[np.floating], labeled: NDArray[np.floating], center: NDArray[np.floating]
) -> float:
    """Share of rows whose cosine with the nearest labeled one is usual among the labeled ones.

    Usual is what all but `LIKE` of the labeled rows have with the nearest other one.

    Args:
        rows: (M, D) features.
        labeled: (n, D); with fewer than two, nothing is known to be usual: NaN.
        center: (D,) mean of unit rows at random, from which cosines are seen: what all sentences
            have in common says nothing of a domain.
    """
    if len(labeled) < 2:
        return float("nan")
    given = unit(unit(labeled) - center)
    among = given @ given.T
    np.fill_diagonal(among, -np.inf)
    least = np.quantile(among.max(1), LIKE)
    return float(((unit(unit(rows) - center) @ given.T).max(1) >= least).mean())
