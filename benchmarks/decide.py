"""`realmix decide`: how many answers it takes, and how often it errs, on real pairs of models.

    python -m benchmarks.decide [--jobs 1]

A line of records/decide/results.jsonl is a pair of final models, trained on the same labels with
and without the pool, and what the hidden truth of the pool says of them. The answers come in a
random order, so all else follows from these counts: README.md is made of `ORDERS` orders each.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.records import RECORDS, Line, do, lines_of, trained, versions_of
from benchmarks.tiny_imagenet import pictures
from realmix.base.files import write_atomically
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.evaluate.dispute import (
    EQUAL_GAIN,
    MOST,
    Dispute,
    disagreeing,
    judged,
    outcomes,
)
from realmix.evaluate.gate import ALONE, CANDIDATE

NAME, ORDERS, POOL = "decide", 300, 2000
FIELDS: dict[str, dict[str, Any]] = {"fixmatch": {"unlabeled_ratio": 2}}  # for one core
Change = Callable[[Dataset, np.random.Generator], Dataset]


class Case(NamedTuple):
    """A pair of models: the data, what the pool becomes, the method, its steps."""

    data: str
    pool: str
    algorithm: str
    steps: int


class Kinds(NamedTuple):
    """Pool rows: only the candidate right, only the baseline, two wrong classes, one class."""

    candidate: int
    baseline: int
    neither: int
    agreed: int


def as_it_is(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """At most `POOL` rows of the pool."""
    known, pool = np.flatnonzero(dataset.label >= 0), np.flatnonzero(dataset.label < 0)
    return rows_of(dataset, np.concatenate([known, rng.permutation(pool)[:POOL]]))


def rows_of(dataset: Dataset, rows: np.ndarray) -> Dataset:
    assert dataset.oracle is not None
    return dataclasses.replace(
        dataset,
        inputs=dataset.inputs[rows],
        label=dataset.label[rows],
        oracle=dataset.oracle[rows],
        names=None,
        test_inputs=None,
        test_label=None,
    )


def three_classes(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """A pool of the first three classes only."""
    assert dataset.oracle is not None
    return as_it_is(
        rows_of(dataset, np.flatnonzero((dataset.label >= 0) | (dataset.oracle < 3))), rng
    )


def half_scrambled(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """Every other picture of the pool with its pixels in random order; it is of no class."""
    found = as_it_is(dataset, rng)
    assert found.oracle is not None
    rows = np.flatnonzero(found.label < 0)[::2]
    inputs, oracle = found.inputs.copy(), found.oracle.copy()
    flat = inputs[rows].reshape(*inputs[rows].shape[:2], -1)
    inputs[rows] = rng.permuted(flat, axis=2).reshape(inputs[rows].shape)
    oracle[rows] = -1
    return dataclasses.replace(found, inputs=inputs, oracle=oracle)


def half_foreign(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """Every other picture of the pool one of Tiny ImageNet; taken to be of no class."""
    found = as_it_is(dataset, rng)
    assert found.oracle is not None
    rows = np.flatnonzero(found.label < 0)[::2]
    inputs, oracle = found.inputs.copy(), found.oracle.copy()
    far, _, _ = pictures()
    rows = rows[: len(far)]
    inputs[rows] = far[rng.permutation(len(far))[: len(rows)]]
    oracle[rows] = -1
    return dataclasses.replace(found, inputs=inputs, oracle=oracle)


POOLS: dict[str, Change] = {
    "as it is": as_it_is,
    "three classes": three_classes,
    "half scrambled": half_scrambled,
    "half foreign": half_foreign,
}
CASES = (
    Case("digits@20", "as it is", "mixmatch", 150),
    Case("digits@20", "as it is", "vat", 150),
    Case("digits@40", "three classes", "mixmatch", 100),
    Case("digits@20", "half scrambled", "mixmatch", 100),
    Case("digits@40", "as it is", "realmix", 100),
    Case("cifar10@1000", "as it is", "mixmatch", 100),
    Case("digits@40", "half scrambled", "pseudo_label", 100),
    Case("cifar10@250", "half foreign", "mixmatch", 100),
    Case("digits@40", "as it is", "fixmatch", 100),
    Case("digits@40", "as it is", "pseudo_label", 100),
    Case("cifar10@250", "as it is", "pseudo_label", 100),
    Case("cifar10@1000", "three classes", "pseudo_label", 100),
)


def run(data: str, pool: str, algorithm: str, steps: int) -> Line:
    """Both trainings, and the truth about their predictions."""
    started = time.monotonic()
    dataset = POOLS[pool](load(data, seed=0), np.random.default_rng(0))
    assert dataset.oracle is not None
    rows = np.flatnonzero(dataset.label < 0)
    probs = []
    for name in ("supervised", algorithm):
        model = trained(dataset, name, steps, 0, FIELDS.get(name, {})).classifier
        probs.append(model.predict_proba(dataset.inputs[rows]))
    apart = disagreeing(*probs)
    guesses = [part[apart].argmax(1) for part in probs]
    found = outcomes(dataset.oracle[rows][apart], *guesses)
    return {
        "data": data,
        "pool": pool,
        "algorithm": algorithm,
        "steps": steps,
        "fields": FIELDS.get(algorithm, {}),
        "kinds": [*(int((found == kind).sum()) for kind in (1, -1, 0)), len(rows) - len(apart)],
        "seconds": round(time.monotonic() - started, 1),
        "versions": versions(),
    }


class Spent(NamedTuple):
    """Over random orders: answers until it ended, and what was said."""

    answers: np.ndarray
    winners: list[str | None]

    def cell(self) -> str:
        """Median, and the 90 % quantile, of the answers."""
        median, most = np.quantile(self.answers, [0.5, 0.9], method="inverted_cdf")
        return f"{median:,} ({most:,})"

    def by(self, count: int) -> str:
        """Share of the orders with a winner after at most so many answers."""
        won = [name in (CANDIDATE, ALONE) for name in self.winners]
        return f"{np.mean(np.array(won) & (self.answers <= count)):.2f}"

    def wrong(self, gain: float) -> str:
        """Share of the orders in which what was said is not so."""
        truth = {CANDIDATE if gain > 0 else ALONE, None}
        truth |= {"about equal"} if abs(gain) < EQUAL_GAIN else set()
        return f"{np.mean([name not in truth for name in self.winners]):.3f}"


def spent(kinds: Kinds, asks_all: bool, most: int = MOST) -> Spent:
    """Answers in random orders: where the models disagree, or of any row of the pool.

    Of any row the same test says as much: rows with one prediction tell nothing.
    """
    candidate, baseline, neither, agreed = kinds
    counts = (candidate, baseline, neither + agreed * asks_all)
    rows, pool = np.repeat(np.array([1, -1, 0], np.int8), counts), sum(kinds)
    dispute = Dispute(len(rows), pool, min(len(rows), most))
    rng = np.random.default_rng(0)
    ends = [judged(rng.permutation(rows)[: dispute.listed], dispute) for _ in range(ORDERS)]
    return Spent(
        np.array([end.answers for end in ends]),
        # a list that ends without a winner says its interval, and nothing else
        [None if _ran_out(end.interval, end.winner) else end.winner for end in ends],
    )


def _ran_out(interval: tuple[float, float], winner: str | None) -> bool:
    return winner not in (CANDIDATE, ALONE) and max(-interval[0], interval[1]) >= EQUAL_GAIN


def real() -> list[str]:
    """The table of real pairs."""
    rows = [
        "| data | pool | method | pool rows | disagree | gain | answers | wrong | winner by 40"
        " | random labels | wrong | winner by 40 |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for line in lines_of(NAME):
        kinds = Kinds(*line["kinds"])
        pool, gain = sum(kinds), (kinds.candidate - kinds.baseline) / sum(kinds)
        asked, random = spent(kinds, False), spent(kinds, True, pool)
        figures = (part for s in (asked, random) for part in (s.cell(), s.wrong(gain), s.by(40)))
        share = f"{(pool - kinds.agreed) / pool:.1%}"
        about = (line["data"], line["pool"], line["algorithm"], f"{pool:,}", share)
        rows.append(f"| {' | '.join((*about, f'{100 * gain:+.1f}', *figures))} |")
    return rows


def synthetic() -> list[str]:
    """The table of made-up pairs."""
    counts = (20, 40, 80, 150, 300)
    by = " | ".join(f"by {count}" for count in counts)
    rows = [
        f"| gain | disagree | neither right | answers | wrong | {by} | random: by 40 | by 300 |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for gain, share, neither in (
        *((5, 0.08, 0.0), (5, 0.10, 0.0), (5, 0.10, 0.2), (5, 0.15, 0.2), (5, 0.20, 0.2)),
        *((2, 0.05, 0.1), (2, 0.10, 0.2), (10, 0.20, 0.2), (0, 0.02, 0.1), (0, 0.10, 0.2)),
    ):
        pool = 10_000
        apart, net = round(share * pool), round(gain / 100 * pool)
        told = round(apart * (1 - neither))
        kinds = Kinds((told + net) // 2, (told - net) // 2, apart - told, pool - apart)
        asked, random = spent(kinds, False), spent(kinds, True)
        cells = [f"{gain:+d}", f"{share:.0%}", f"{neither:.0%}", asked.cell()]
        cells += [f"{np.mean([w in (CANDIDATE, ALONE) for w in asked.winners]):.3f}"] * (gain == 0)
        cells += [asked.wrong(gain / 100)] * (gain != 0)
        cells += [*(asked.by(count) for count in counts), random.by(40), random.by(300)]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def summary() -> str:
    return "\n".join(
        [
            "# How many answers it takes to decide between two models",
            "",
            f"`python -m benchmarks.decide`: {ORDERS} random orders for each pair. Answers: the"
            " median until the test ends (in brackets: nine of ten end by then); at most"
            f" {MOST} where the models disagree, and the whole pool for labels of random rows, with"
            " the same test. Wrong: share of the orders in which the worse model was said to be"
            " better, or models a point apart to be about equal. Winner by 40: share of the orders"
            " with a winner after at most 40 answers. Gain in percentage points of the pool.",
            "",
            "## Real pairs",
            "",
            *real(),
            "",
            "## Made-up pairs",
            "",
            "10,000 pool rows. Neither right: share of the disagreements. For models that are"
            " equal, wrong is any winner.",
            "",
            *synthetic(),
            "",
            *versions_of(lines_of(NAME)),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    done = {(line["data"], line["pool"], line["algorithm"]) for line in lines_of(NAME)}
    do(NAME, run, [case for case in CASES if case[:3] not in done], given.jobs)
    write_atomically(RECORDS / NAME / "README.md", summary())


if __name__ == "__main__":
    main()
