"""The gate on made-up models whose truth is known: what choosing among several does to its word.

    python -m benchmarks.simulated

Model m answers row i of two classes with the margin z = S (d_m + a c_i + b f_i + e e_im) for the
true class: c is shared by all, f by those that use the pool, e is its own, all normal, and d_m
makes it right as often as it is. What a pool is worth is harm in 20 % of the runs, nothing in 25 %
and a gain in 55 %; candidates differ by 2 points beside that, and the models of the folds by 2
points from the final ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from benchmarks.records import RECORDS
from realmix.base.files import write_atomically
from realmix.evaluate import judges
from realmix.evaluate.gate import UNSETTLED, decide
from realmix.evaluate.judges import JUDGES
from realmix.evaluate.ranking import preferred

RUNS, TESTED, LEVEL = 200, 3000, 0.05
BASE, OWN, SEEDS, SURE = 0.8, 2.0, 2.0, 3.0  # share; points; points; S
SHARED = 0.75, 0.2, 0.05  # of the variance: all models, those that use the pool, one alone
NUMBERS = 20, 40, 100, 250
Probs = NDArray[np.float32]
Shares = NDArray[np.float64]


class Told(NamedTuple):
    """One run: points gained on test rows by the candidate and by what ships, and the gate's word.

    Attributes:
        plain, ships: of what ships if it is judged as the only candidate, and as one of several.
    """

    candidate: float
    plain: float
    ships: float
    better: float
    outcome: str


class Way(NamedTuple):
    """How one of several candidates is chosen."""

    words: str
    rivals: int
    favorite: bool


WAYS = (
    Way("one", 1, False),
    Way("the best of four on held-out labels", 4, False),
    Way("four, one preferred by a standard error", 4, True),
)


def worth(rng: np.random.Generator, rivals: int) -> Shares:
    """Points that a pool brings to each candidate; those of one pool are alike."""
    kind = rng.random()
    alike = -abs(rng.normal(0, 8)) if kind < 0.2 else rng.normal(0, 0.5)
    alike = abs(rng.normal(0, 6)) if kind >= 0.45 else alike
    return np.array(alike + rng.normal(0, OWN, rivals))


def answers(rng: np.random.Generator, right: Shares, label: NDArray[np.int64]) -> list[Probs]:
    """(n, 2) probabilities of models that are right so often; the first learned no pool."""
    everyone, pool, own = np.sqrt(SHARED)
    n, said = len(label), []
    common, by_pool, apart = rng.normal(size=(3, n))
    for number, share in enumerate(right):
        shared = by_pool if number else apart
        score = ndtri(share) + everyone * common + pool * shared + own * rng.normal(size=n)
        given = expit(SURE * score)
        both = np.stack([1 - given, given], 1)
        said.append(np.where(label[:, None] == 1, both, both[:, ::-1]).astype(np.float32))
    return said


def one(rng: np.random.Generator, number: int, way: Way) -> Told:
    """A run with so many held-out labels."""
    gains, doubt = worth(rng, way.rivals), rng.normal(0, SEEDS, way.rivals)
    final = np.clip(BASE + np.r_[0.0, gains] / 100, 0.01, 0.99)
    folds = np.clip(final + np.r_[0.0, doubt] / 100, 0.01, 0.99)
    label, truth = rng.integers(2, size=number), rng.integers(2, size=TESTED)
    label[:2] = 0, 1
    held, test = answers(rng, folds, label), answers(rng, final, truth)
    chosen, rivals = choice(way, label, held)
    base, model = held[0], held[chosen]
    named = {"algorithm": "chosen", "rule": "", "judge": "accuracy"}
    plain = decide(label, base, model, **named)  # type: ignore[arg-type]
    told = decide(label, base, model, rivals=rivals, **named)  # type: ignore[arg-type]

    def points(answer: Probs) -> float:
        before = test[0].argmax(1) == truth
        return 100 * float((answer.argmax(1) == truth).mean() - before.mean())

    alone, several = (points(each.answer(test[0], test[chosen])) for each in (plain, told))
    return Told(points(test[chosen]), alone, several, told.posterior.better, told.outcome)


def choice(way: Way, label: NDArray[np.int64], held: list[Probs]) -> tuple[int, list[Probs]]:
    """Which candidate is chosen, and the others."""
    names = [str(place) for place in range(1, way.rivals + 1)]
    probs = dict(zip(["0", *names], held, strict=True))
    favorite = names[-1] if way.favorite else ""
    first, *others = preferred(JUDGES["accuracy"], label, probs, names, favorite)
    return int(first), [probs[name] for name in others]


def proved_by_luck(rng: np.random.Generator, number: int, way: Way) -> tuple[bool, bool]:
    """Whether a pool that changes nothing is proved to have helped: by a test that knows of no
    other candidate, and by the gate's.
    """
    label, accuracy = rng.integers(2, size=number), JUDGES["accuracy"]
    held = answers(rng, np.full(1 + way.rivals, BASE), label)
    chosen, rivals = choice(way, label, held)
    alone = judges.compare(accuracy, held[0], held[chosen], label).p_better
    among = judges.p_of_chosen(accuracy, held[0], (held[chosen], *rivals), label)
    return alone <= LEVEL, (max(alone, among) if rivals else alone) <= LEVEL


def row(number: int, way: Way, runs: int, seed: int) -> str:
    """A line of the table."""
    rng = np.random.default_rng([seed, number, way.rivals, way.favorite])
    told = [one(rng, number, way) for _ in range(runs)]
    null = np.mean([proved_by_luck(rng, number, way) for _ in range(8 * runs)], 0)
    left = [each for each in told if each.outcome in UNSETTLED]
    gain, plain, ships = (np.array([each[place] for each in told]) for place in range(3))
    chance = np.array([each.better for each in left])
    helped = np.array([each.candidate > 0 for each in left])
    possible = np.maximum(gain, 0)
    return (
        f"| {way.words} | {number} | {gain.mean():+.2f} | {null[0]:.1%} | {null[1]:.1%}"
        f" | {plain.mean():+.2f} | {(possible - plain).mean():.2f} | {(plain < -1).mean():.1%}"
        f" | {ships.mean():+.2f} | {(possible - ships).mean():.2f} | {(ships < -1).mean():.1%}"
        f" | {len(left) / len(told):.0%} | {chance.mean():.0%} | {helped.mean():.0%} |"
    )


def table(runs: int = RUNS, seed: int = 0) -> Iterator[str]:
    yield (
        "| candidates | labels | the candidate | a useless pool proved, as if it were alone"
        " | as chosen | ships, as if alone | regret | harmed | as chosen | regret | harmed"
        " | not settled | chance told | it helped |"
    )
    yield "|---|" + "---:|" * 13
    for number in NUMBERS:
        for way in WAYS:
            yield row(number, way, runs, seed)


def page(rows: Iterable[str]) -> str:
    """The record, from the lines of the table."""
    return "\n".join(
        [
            "# Made-up models whose truth is known",
            "",
            f"`python -m benchmarks.simulated`: {RUNS} runs a line; of pools that change nothing"
            f" {8 * RUNS}. Points of accuracy over the labels alone, which are right on"
            f" {BASE:.0%}; harmed is worse by over a point; regret against the better of the two."
            " Judged once as if the candidate were the only one, and once as one that these labels"
            " chose among four. The chances told are those of runs where nothing was proved.",
            "",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    judges.SWAPS = 499  # enough for a mean over runs
    rows = []
    for line in table(parser.parse_args().runs):
        print(line, flush=True)
        rows.append(line)
    write_atomically(RECORDS / "gate" / "selection" / "SIMULATED.md", page(rows))


if __name__ == "__main__":
    main()
