"""The audit: read, see, compare, judge; nothing is trained."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from realmix.auditing.class_shares import ClassShares, class_shares
from realmix.auditing.copies import Copies, find_copies
from realmix.auditing.features import Counting, features_of
from realmix.auditing.findings import CLEAR, Findings
from realmix.auditing.labels import doubts
from realmix.auditing.reader import Reading, read
from realmix.base.errors import UsageError
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.encoders.catalogue import AUTO
from realmix.functional.foreign.detect import Foreign, ranked, told
from realmix.functional.rows.shares import shares_by_em

MINUTES = 1.0  # for an encoder
LIKELY, SURE = 0.5, 0.9  # chances from which on a row is left out as foreign
ODD = 1e-4  # chance of places as far apart as those of labels and pool
SELDOM = 0.005  # at least so likely is each row in a class: of no row no class has a share
TURNS = 5  # after which neither the classes' shares nor the foreign one move by much
_FOREIGN = "belongs to none of the classes (chance {:.0%})"

Array = NDArray[np.floating]
Rows = NDArray[np.int64]


def audit_data(
    data: str,
    unlabeled: str | None = None,
    test: str | None = None,
    *,
    encoder: str = AUTO,
    image_size: int | None = None,
    minutes: float = MINUTES,
    seed: int = 0,
    counting: Counting = lambda words, done, of: None,
    note: Callable[[str], None] = lambda text: None,
    **reading: Any,
) -> Findings:
    """What a pool is worth to labels, before anything is trained.

    Args:
        data: what is read; see `realmix.data.reading.load.load`, as for the next two.
        unlabeled: more rows for the pool.
        test: test rows.
        encoder: "auto", "none" or what `encoders.catalogue` knows.
        image_size: side at which pictures are encoded.
        minutes: at most, about, for what an encoder has not seen before.
        seed: deals labels into folds, draws the bootstrap and what an encoder sees in this time.
        counting: is told what is done, how many of it, and of how many.
        note: is told what the user should know.
        **reading: what else `load` takes.

    Raises:
        UsageError: see `load`, an encoder that there is not, and minutes that are no time.
        DataError: see `load`; test rows among the labeled ones are no error here but a finding.
    """
    started = time.monotonic()
    dataset = load(
        data, unlabeled=unlabeled, test=test, seed=seed, skip_bad=True, allow_leakage=True,
        **reading,
    )  # fmt: skip
    reading_took = time.monotonic() - started
    names = (data, unlabeled, test)
    found = examine(dataset, names, encoder, image_size, minutes, seed, counting, note)
    found.seconds["reading"] = reading_took
    return found


def examine(
    dataset: Dataset,
    names: tuple[str, str | None, str | None],
    encoder: str = AUTO,
    image_size: int | None = None,
    minutes: float = MINUTES,
    seed: int = 0,
    counting: Counting = lambda words, done, of: None,
    note: Callable[[str], None] = lambda text: None,
) -> Findings:
    """`audit_data` of what was read; `names` are those of the data, the pool and the test set."""
    if not minutes > 0:
        raise UsageError(f"--minutes must be a positive number, not {minutes:g}.")
    features = features_of(dataset, encoder, image_size, 60 * minutes, seed, counting, note)
    began = time.monotonic()
    copies = find_copies(dataset, None if features.weak else features.rows, features.seen)
    compared = time.monotonic()
    judge = _Judged(dataset, copies, features.rows, features.seen, seed)
    ordered = names[1] is None and not Path(names[0]).is_dir()  # a folder has parts, no order
    apart = ordered and _stand_together(dataset.label)
    return Findings(
        dataset,
        *names,
        features.by,
        features.weak,
        copies,
        judge.doubted,
        judge.pool,
        judge.foreign,
        judge.shares,
        judge.classes,
        int((~features.seen[: len(dataset.label)] & (dataset.label < 0)).sum()),
        features.left,
        judge.untold,
        apart,
        _left_out(dataset, copies, judge, apart),
        {
            "features": features.seconds,
            "copies": compared - began,
            "judging": time.monotonic() - compared,
        },
    )


class _Judged:
    """Labels and what was seen of the pool, without copies, and what they say of each other."""

    def __init__(
        self,
        dataset: Dataset,
        copies: Copies,
        features: NDArray[np.float32],
        seen: NDArray[np.bool_],
        seed: int,
    ) -> None:
        again = {pair.row for pair in copies.pairs["labeled", "labeled"]}
        known = [p for p in copies.pairs["pool", "labeled"]] + copies.pairs["pool", "pool"]
        passed = np.array(sorted(again | {pair.row for pair in known}), np.int64)
        rows = np.setdiff1d(np.flatnonzero(seen[: len(dataset.label)]), passed)
        labeled, self.pool = rows[dataset.label[rows] >= 0], rows[dataset.label[rows] < 0]
        present, label = np.unique(dataset.label[labeled], return_inverse=True)
        self.classes = tuple(dataset.classes[c] for c in present)
        self.foreign: Foreign | None = None
        self.shares: ClassShares | None = None
        self.untold = _untold(label, len(self.pool))
        reading = read(features[labeled], label, features[self.pool], len(present), seed)
        self.doubted = [d._replace(row=int(labeled[d.row])) for d in doubts(reading.held, label)]
        if self.untold:
            return
        given = features[labeled], label, features[self.pool], seed
        self.shares, self.foreign = in_turns(reading, *given)


def in_turns(
    reading: Reading, labeled: Array, label: Rows, pool: Array, seed: int
) -> tuple[ClassShares, Foreign]:
    """The shares of the classes in the pool, and its rows of no class: each rests on the other.

    A pool without some of the classes looks all foreign to ranks that count each class as among
    the labels, so the shares come first.

    Args:
        reading: of these rows.
        labeled: (n, D) features.
        label: (n,) in 0..K-1, each class at least once, one of them twice.
        pool: (N, D), N >= 1.
        seed: deals labels into folds and draws the bootstrap.
    """
    given = np.bincount(label) / len(label)
    places, inside = ranked(labeled, label, pool, seed), np.ones(len(pool))
    for _ in range(TURNS):
        foreign = told(places, shares_by_em(reading.pool, given, inside))
        inside = np.maximum(1 - foreign.probability, SELDOM)
    return class_shares(reading.held, label, reading.pool, inside, seed), foreign


def _untold(label: Rows, pool: int) -> str:
    if not pool:
        return "There is no pool: give it with --unlabeled."
    if np.bincount(label).max() < 2:
        return "No class has two labels, so none can be held out. Give each class two or more."
    return ""


def _stand_together(label: Rows) -> bool:
    """Whether labeled rows and those of the pool are not mixed, as the first N rows are not."""
    known = label >= 0
    if known.all() or not known.any():
        return False
    places = np.arange(len(label))
    return bool(mannwhitneyu(places[known], places[~known]).pvalue < ODD)


def _left_out(dataset: Dataset, copies: Copies, judge: _Judged, apart: bool) -> dict[int, str]:
    """Why, by row of the pool."""
    found = {}
    for part in ("pool", "labeled", "test"):  # the last reason counts
        for row, other, exact in copies.pairs["pool", part]:
            kind = "equals" if exact else "looks like" if dataset.is_images else "is nearly"
            of = {"pool": "another row of the pool", "labeled": "a labeled row"}
            found[row] = f"{kind} {of.get(part, 'a test row')}: {_name(dataset, other)}"
    if judge.foreign is not None and not apart:
        share, chance = judge.foreign.share, judge.foreign.probability
        for place in np.flatnonzero(chance > (SURE if share.high - share.low > CLEAR else LIKELY)):
            found.setdefault(int(judge.pool[place]), _FOREIGN.format(chance[place]))
    return dict(sorted(found.items()))


def _name(dataset: Dataset, row: int) -> str:
    count = len(dataset.label)
    names, place = (dataset.names, row) if row < count else (dataset.test_names, row - count)
    return names[place] if names else f"row {place}"
