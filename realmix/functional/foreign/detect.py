"""Foreign rows of a pool, from features and a few labels.

Labeled rows are held out in turn and ranked within the pool by the score of the others. Such a row
and a row of the pool that belongs to a class are exchangeable, so that where the ranks are not
uniform, the pool holds something else; `share` says how much. Which score is used is found out on
the labels: each class plays foreign once, and the score that tells it better from the others is
taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from realmix.functional.foreign.scores import Array, neighbors, prototypes, unit, whitener
from realmix.functional.foreign.share import BELIEF, Share, foreign_share, ranks

Labels = NDArray[np.int64]
Ranks = NDArray[np.float64]
Score = Callable[[Array, Array, Labels], Array]
"""(N, D) rows, (n, D) labeled rows and their (n,) classes to (N,) scores, larger inside."""

SCORES: dict[str, Score] = {
    "prototypes": prototypes,
    "neighbors": lambda rows, labeled, label: neighbors(rows, labeled),
}
RIDGE = 600.0  # mean variances, divided by the labels of a class
FOLDS = 10
MOST_SHAPING = 20_000  # rows of the pool from which the space is found
MOST_RANKED = 5_000  # rows of the pool among which labeled ones are ranked
MOST_LABELS = 4_000
DOUBT = 0.7  # of the foreign rows' separation: how far it lay from (BELIEF + the classes' own) / 2
WORTH = 0.5  # rows for each label: those of a class share the luck of its draw
_PLAYING_FOREIGN = 12  # classes at most, by which scores are compared


class Foreign(NamedTuple):
    """What is known of a pool.

    Attributes:
        score: (N,) of each row; larger fits the classes better.
        probability: (N,) P(foreign) of each row.
        share: of the pool that is foreign.
        by: the name of the score.
        separation: d of each score, between known classes; an AUROC of Phi(d / sqrt 2).
    """

    score: Array
    probability: Ranks
    share: Share
    by: str
    separation: dict[str, float]


class Ranked(NamedTuple):
    """The scores of a pool, and where held-out labeled rows rank in it.

    Attributes:
        score: (N,) of each row of the pool; larger fits the classes better.
        rank: (m,) of labeled rows within the pool, 0 the best.
        label: (m,) their classes.
        counts: (K,) labels of each class.
        by: the name of the score.
        separation: as in `Foreign`.
    """

    score: Array
    rank: Ranks
    label: Labels
    counts: Labels
    by: str
    separation: dict[str, float]


def find_foreign(
    labeled: Array,
    label: Labels,
    pool: Array,
    seed: int = 0,
    class_shares: Ranks | None = None,
) -> Foreign:
    """Which rows of the pool, and how many, belong to none of the labeled classes.

    Args:
        labeled: (n, D) features; of each class that is to tell anything at least two rows.
        label: (n,) int64 in 0..K-1.
        pool: (N, D) features, N >= 1.
        seed: deals the labels into folds.
        class_shares: (K,) of the classes among the pool's rows that belong to one, where they are
            not those of the labels.

    Raises:
        ValueError: no class has two labels.
    """
    return told(ranked(labeled, label, pool, seed), class_shares)


def ranked(labeled: Array, label: Labels, pool: Array, seed: int = 0) -> Ranked:
    """Where held-out labels rank in the pool; all as for `find_foreign`."""
    counts = np.bincount(label)
    if counts.max(initial=0) < 2:
        raise ValueError("No class has two labels, so none can be held out.")
    if len(labeled) > MOST_LABELS:
        some = np.random.default_rng(seed).permutation(len(labeled))[:MOST_LABELS]
        labeled, label = labeled[some], label[some]
    ridge = RIDGE / float(counts[counts > 0].mean())
    mean, whole = whitener(np.concatenate([_some(pool, MOST_SHAPING), labeled]), ridge)
    known, rows = unit((labeled - mean) @ whole), unit((pool - mean) @ whole)
    part = folds(label, seed)
    separation = {name: _separation(known, label, part, score) for name, score in SCORES.items()}
    by = max(separation, key=lambda name: separation[name])
    held, rank = held_out_ranks(known, label, _some(rows, MOST_RANKED), part, SCORES[by])
    score = SCORES[by](rows, known, label)
    return Ranked(score, rank, label[held], counts, by, separation)


def told(found: Ranked, class_shares: Ranks | None = None) -> Foreign:
    """What the ranks tell, where the pool's classes have these shares (K,), or the labels'."""
    weight = None if class_shares is None else (class_shares / found.counts)[found.label]
    belief = (BELIEF + found.separation[found.by]) / 2
    share = foreign_share(found.rank, weight, belief, DOUBT, WORTH)
    probability = share.foreign(ranks(found.score, found.score))
    return Foreign(found.score, probability, share, found.by, found.separation)


def _some(rows: Array, most: int) -> Array:
    """At most so many rows, evenly from first to last."""
    return rows[:: -(-len(rows) // most)]


def folds(label: Labels, seed: int, most: int = FOLDS) -> Labels:
    """(n,) int64: the labels of each class dealt in turn into at most `most` parts."""
    part = np.zeros(len(label), np.int64)
    rng = np.random.default_rng(seed)
    for rows in (np.flatnonzero(label == c) for c in np.unique(label)):
        part[rng.permutation(rows)] = np.arange(len(rows)) % most
    return part


def held_out_ranks(
    labeled: Array, label: Labels, pool: Array, part: Labels, score: Score
) -> tuple[Labels, Ranks]:
    """Each labeled row's rank within the pool, by the score of the labels of the other parts.

    Returns:
        (m,) places of the rows whose class has another label, and their (m,) ranks in [0, 1], of
        which 0 is the best.
    """
    able = np.bincount(label)[label] >= 2
    held, found = [], []
    for now in np.unique(part[able]):
        out, rest = np.flatnonzero((part == now) & able), part != now
        rest |= ~able
        scored = score(np.concatenate([labeled[out], pool]), labeled[rest], label[rest])
        held.append(out)
        found.append(ranks(scored[: len(out)], scored[len(out) :]))
    return np.concatenate(held), np.concatenate(found)


def _separation(labeled: Array, label: Labels, part: Labels, score: Score) -> float:
    """d between each class and the others, as if it were foreign: sqrt 2 times the AUROC's probit.

    One half of the others' labels scores the other half and the class, and the reverse.
    """
    areas = [
        ranks(score(labeled[label == c], labeled[rest], label[rest]), inside).mean()
        for c, rest, held in _as_foreign(label, part)
        for inside in [score(labeled[held], labeled[rest], label[rest])]
    ]
    if not areas:
        return 0.0
    return float(np.sqrt(2) * ndtri(np.clip(np.mean(areas), 0.01, 0.99)))


def _as_foreign(label: Labels, part: Labels) -> Iterator[tuple[int, Labels, Labels]]:
    """A class, the rows of the others that score, and those that are scored."""
    classes = np.unique(label)
    chosen = classes[:: -(-len(classes) // _PLAYING_FOREIGN)] if len(classes) > 1 else ()
    for c in chosen:
        for half in (0, 1):
            held = (label != c) & (part % 2 == half)
            rest = (label != c) & ~held
            if held.any() and rest.any():
                yield int(c), rest, held
