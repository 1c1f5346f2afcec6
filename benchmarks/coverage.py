"""Does every interval that is printed hold the truth as often as it says?

    python -m benchmarks.coverage [--draws 300]

Labels are drawn again and again from data whose labels are all known; linear models learn from them
in folds as in a run, and each interval is asked whether it holds what it speaks of. Digits are
pixels; CIFAR-10 is seen by lite0 at 160 pixels, its 64 first principal components; AG News by
wordllama. Data from REALMIX_DATA.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy.special import softmax

from benchmarks.ladder import everything, read_by, texts_of
from benchmarks.records import RECORDS, Line, lines_of, versions_of
from realmix.base.files import append_line, write_atomically
from realmix.base.versions import versions
from realmix.comparison.statistics import mean_of, paired
from realmix.data.splits import stratified_labels, validation_plan
from realmix.evaluate.gate import decide
from realmix.evaluate.intervals import paired_interval, wilson, worth
from realmix.evaluate.judges import JUDGES, resampled_error
from realmix.evaluate.metrics import Floats, Integers
from realmix.evaluate.powered import APART, apart, powered
from realmix.functional.rows.prototypes import prototype_mixture

NAME = "coverage"
LABELS, DRAWS = (20, 40, 100, 250), 300
ROWS, POOL, COLUMNS, TEST, SEEDS = 2500, 400, 64, 200, 5
DATA = ("digits", "cifar10", "agnews")
RIDGE, SHARP = 30.0, 6.0  # of least squares, whose scores a softmax turns into probabilities
FOREIGN = (0.1, 0.25, 0.5)  # of the pool
FEWER = 100  # draws of what takes long, or is no promise
COSTLY = ("digits", 40)  # where the leads by other judges are asked, too
EACH, ANY = "each class", "any rows"
MADE_WITH = versions()
Model = Callable[[np.ndarray], np.ndarray]
Intervals = dict[str, tuple[float, float, float]]
"""(low, high, truth) of each."""


@cache
def rows_of(data: str) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) float32 rows of mean square length 1, around 0, and (N,) classes."""
    if data == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
    elif data == "cifar10":
        read = everything(data)
        assert read.encoded is not None
        x, y = read.encoded.plain.features[: len(read.label), 0], read.label
    else:
        texts = texts_of(data)
        seen, y = read_by("wordllama", texts).plain, texts.label
        x = seen.features[seen.place[: len(y)], 0]
    kept = np.random.default_rng(0).permutation(len(y))[:ROWS]
    x, y = x[kept].astype(np.float32), y[kept].astype(np.int64)
    x -= x.mean(0)
    if x.shape[1] > COLUMNS:
        x = x @ np.linalg.svd(x, full_matrices=False)[2][:COLUMNS].T
    return x / np.sqrt((x**2).mean()), y


def models(data: str, x: np.ndarray, y: np.ndarray, pool: np.ndarray) -> tuple[Model, Model]:
    """The labels alone, by least squares, and prototypes that learn from the pool too."""
    classes = int(rows_of(data)[1].max()) + 1
    given = np.eye(classes)[y]
    prior = (given.sum(0) + 1) / (len(y) + classes)
    slopes = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (given - given.mean(0)))
    drawn, offsets, _ = prototype_mixture(unit(x), unit(pool), given, prior, 0.07, 0.1, 0.0, 5)
    return (
        lambda rows: softmax(SHARP * (rows @ slopes + given.mean(0)), axis=1),
        lambda rows: softmax(unit(rows) @ drawn.T + offsets, axis=1),
    )


def unit(rows: np.ndarray) -> np.ndarray:
    long: np.ndarray = rows.astype(float) / np.linalg.norm(rows, axis=1, keepdims=True)
    return long


def draw(data: str, labels: int, how: str, seed: int, foreign: float = 0.0) -> Line:
    """One draw of labels: every interval, and what it should hold.

    Args:
        data: which.
        labels: how many.
        how: "each class" draws as many of each, as `DATA@N` does, "any rows" any N.
        seed: of the draw.
        foreign: share of the pool that is of none of the classes; the last two fifths of these are
            then foreign.
    """
    started, rng = time.process_time(), np.random.default_rng([seed, labels])
    x, y = rows_of(data)
    known = y < (3 * (y.max() + 1) + 4) // 5 if foreign else np.full(len(y), True)
    inside = np.flatnonzero(known)
    if how == EACH:
        chosen = inside[stratified_labels(y[inside], labels, seed)]
    else:
        chosen = np.sort(rng.permutation(inside)[:labels])
    rest = rng.permutation(np.setdiff1d(inside, chosen))
    strange = rng.permutation(np.flatnonzero(~known))[: round(foreign * POOL)]
    pool = np.concatenate([rest[: POOL - len(strange)], strange])
    label = np.full(len(y), -1)
    label[chosen] = y[chosen]
    folds = validation_plan(label, seed, quick=True).folds
    parts = [models(data, x[train], y[train], x[pool]) for train, _ in folds]
    held = [held for _, held in folds]
    seen = [np.concatenate([part[i](x[h]) for part, h in zip(parts, held, strict=True)])
            for i in (0, 1)]  # fmt: skip
    share = np.array([len(h) for h in held]) / sum(map(len, held))
    pool_sure = share @ np.stack([part[0](x[pool]).max(1) for part in parts])
    right = [share @ [(part[i](x[rest]).argmax(1) == y[rest]).mean() for part in parts]
             for i in (0, 1)]  # fmt: skip
    final = [model(x[rest]) for model in models(data, x[chosen], y[chosen], x[pool])]
    truth = y[np.concatenate(held)]
    found = held_out(seen, truth, pool_sure, right, len(folds))
    if (data, labels) == COSTLY and how == EACH and seed < FEWER:
        found |= others(seen, truth, parts, share, x[rest], y[rest], final)
    test = [(probs[:TEST].argmax(1) == y[rest[:TEST]]).mean() for probs in final]
    return {
        "case": [data, labels, how, seed, foreign], "held": len(truth),
        "apart": apart(seen[0].max(1), pool_sure), "intervals": found,
        "final": [float((probs.argmax(1) == y[rest]).mean()) for probs in final],
        "folds": [float(value) for value in right], "test": [float(value) for value in test],
        "seconds": round(time.process_time() - started, 2), "versions": MADE_WITH,
    }  # fmt: skip


def held_out(
    seen: Sequence[Floats],
    truth: Integers,
    pool_sure: np.ndarray,
    right: Sequence[float],
    folds: int,
) -> Intervals:
    """Accuracy by Wilson, PPI++ as here, and as in the paper; the lead by Newcombe."""
    found: Intervals = {}
    sure, n, each = seen[0].max(1), len(truth), worth(folds)
    for name, probs, value in zip(("alone", "pool"), seen, right, strict=True):
        correct = probs.argmax(1) == truth
        right_ones = int(correct.sum())
        found[f"accuracy, {name}"] = (*wilson(right_ones * each, n * each), value)
        best = powered(correct, sure, pool_sure, each=each)
        found[f"powered, {name}"] = (*best.interval, value)
        found[f"accuracy, whole rows, {name}"] = (*wilson(right_ones, n), value)
        found[f"powered, whole rows, {name}"] = (*powered(correct, sure, pool_sure).interval, value)
        found[f"powered, normal, {name}"] = (*normal(correct, sure, pool_sure), value)
    base, other = (probs.argmax(1) == truth for probs in seen)
    lead = right[1] - right[0]
    found["lead"] = (*paired_interval(base, other, worth=each), lead)
    found["lead, whole rows"] = (*paired_interval(base, other), lead)
    return found


def normal(correct: np.ndarray, sure: np.ndarray, pool_sure: np.ndarray) -> tuple[float, float]:
    """The interval of the paper: estimate and 1.96 standard errors."""
    n, y = len(correct), correct.astype(float)
    both = float(np.cov(y, sure)[0, 1])
    spread = np.var(np.concatenate([sure, pool_sure]), ddof=1)
    power = float(np.clip(both / spread / (1 + n / len(pool_sure)), 0, 1))
    middle = y.mean() + power * (pool_sure.mean() - sure.mean())
    variance = np.var(y - power * sure, ddof=1) / n + power**2 * np.var(pool_sure) / len(pool_sure)
    half = 1.96 * float(np.sqrt(variance))
    return middle - half, middle + half


def others(
    seen: Sequence[Floats], truth: Integers, parts: Sequence[tuple[Model, Model]],
    share: np.ndarray, rows: np.ndarray, label: Integers, final: Sequence[Floats],
) -> Intervals:  # fmt: skip
    """The lead by other judges, the posterior of the gate, and accuracy on test rows."""
    every = [[part[i](rows) for part in parts] for i in (0, 1)]
    found: Intervals = {}
    for name in ("balanced", "log_loss"):
        judge = JUDGES[name]
        gains = [judge(new, label) - judge(old, label) for old, new in zip(*every, strict=True)]
        lead = float(share @ gains)
        outcomes = [judge.outcome(probs, truth) for probs in seen]
        gain = judge(seen[1], truth) - judge(seen[0], truth)  # without the tests of `compare`
        half = (
            1.96
            * resampled_error(judge, outcomes[0], outcomes[1], truth)
            / math.sqrt(worth(len(parts)))
        )
        found[f"lead, {name}"] = (gain - half, gain + half, lead)
    correct = final[1][:TEST].argmax(1) == label[:TEST]
    value = float((final[1].argmax(1) == label).mean())
    found["accuracy, test rows"] = (*wilson(int(correct.sum()), TEST), value)
    verdict = decide(truth, *seen, algorithm="prototypes", rule="")
    gain = float((final[1].argmax(1) == label).mean() - (final[0].argmax(1) == label).mean())
    middle, half = verdict.posterior.mean / 100, 1.96 * verdict.posterior.deviation / 100
    found["gain of the final models, posterior"] = (middle - half, middle + half, gain)
    return found


def cases(draws: int) -> Iterator[tuple[str, int, str, int, float]]:
    """Arguments of `draw`, all kinds of case before the second draw of any."""
    for seed in range(draws):
        for data in DATA:
            for labels in LABELS:
                yield data, labels, EACH, seed, 0.0
        for data in DATA[::2]:
            yield data, 100, ANY, seed, 0.0
        for share in FOREIGN if seed < FEWER else ():
            yield "cifar10", 100, EACH, seed, share


def summary() -> str:
    """The record's page."""
    lines = lines_of(NAME)
    rows = [
        "# Does every interval hold the truth as often as it says?",
        "",
        "`python -m benchmarks.coverage`. Each line: draws, share of them in which a 95 % interval"
        " holds the truth, its mean width in points. The truth of what was held out is the accuracy"
        " of the very models that it was held out of, on all other rows, averaged; beside it: how"
        " often the same interval holds the accuracy of the final models, which learn from all"
        " labels. With 300 draws a share of 95 % is known within 2.5 points, of 40 within 7.",
        "",
        "| data | labels | interval | draws | holds | holds the final's | width |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for case, own in grouped(lines).items():
        rows += listed(case, own)
    rows += ["", "## Over seeds, as `compare` has it", "", *over_seeds(lines)]
    return "\n".join([*rows, "", *versions_of(lines), ""])


def grouped(lines: Sequence[Line]) -> dict[tuple[Any, ...], list[Line]]:
    """The draws of each kind of case."""
    found: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        data, labels, how, _, foreign = line["case"]
        found.setdefault((data, labels, how, foreign), []).append(line)
    return found


def listed(case: tuple[Any, ...], lines: Sequence[Line]) -> Iterator[str]:
    """A row for each interval of a kind of case, and for the guarded ones."""
    data, labels, how, foreign = case
    extra = (", any rows" if how == ANY else "") + (f", {foreign:.0%} foreign" if foreign else "")
    for name in dict.fromkeys(name for line in lines for name in line["intervals"]):
        own = [line for line in lines if name in line["intervals"]]
        told = [line["intervals"][name] for line in own]
        which = 1 if name.endswith("pool") else 0
        final = "lead" in name or "rows, p" in name or name.startswith(("accuracy,", "powered,"))
        ends = [(*t[:2], _final(line, name, which)) for t, line in zip(told, own, strict=True)]
        share = f"{holds(ends):.1%}" if final and "test" not in name else ""
        yield (
            f"| {data}{extra} | {labels} | {name} | {len(own)} | {holds(told):.1%} | {share}"
            f" | {100 * np.mean([high - low for low, high, _ in told]):.1f} |"
        )
    for which, name in enumerate(("alone", "pool")):
        told = [line["intervals"][f"{'powered' if line['apart'] <= APART else 'accuracy'}, {name}"]
                for line in lines]  # fmt: skip
        asked = np.mean([line["apart"] <= APART for line in lines])
        ends = [(*t[:2], line["final"][which]) for t, line in zip(told, lines, strict=True)]
        yield (
            f"| {data}{extra} | {labels} | as printed, {name}: powered in {asked:.0%} |"
            f" {len(lines)} | {holds(told):.1%} | {holds(ends):.1%}"
            f" | {100 * np.mean([high - low for low, high, _ in told]):.1f} |"
        )


def _final(line: Line, name: str, which: int) -> float:
    one, other = line["final"]
    return float(other - one) if name.startswith("lead") else float(line["final"][which])


def holds(told: Sequence[Sequence[float]]) -> float:
    """Share of (low, high, truth) in which the truth lies between."""
    return float(np.mean([low <= truth <= high for low, high, truth in told]))


def over_seeds(lines: Sequence[Line]) -> Iterator[str]:
    """Student's t over SEEDS draws at a time: of the mean accuracy, and of the mean lead."""
    yield "| data | labels | draws | mean accuracy | mean lead |"
    yield "|---|---:|---:|---:|---:|"
    for (data, labels, how, foreign), own in grouped(lines).items():
        if foreign or how == ANY:
            continue
        final = np.array([line["final"] for line in own])
        few = [final[i : i + SEEDS] for i in range(0, len(final) - SEEDS + 1, SEEDS)]
        lead = float((final[:, 1] - final[:, 0]).mean())
        means = [(*mean_of(part[:, 1].tolist()).interval, final[:, 1].mean()) for part in few]
        leads = [(*paired(*part.T.tolist()).mean.interval, lead) for part in few]
        if few:
            yield f"| {data} | {labels} | {len(few)} | {holds(means):.1%} | {holds(leads):.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    given = parser.parse_args()
    path = RECORDS / NAME / "results.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {tuple(line["case"]) for line in lines_of(NAME)}
    for case in cases(given.draws):
        if case not in done:
            append_line(path, draw(*case))
    write_atomically(RECORDS / NAME / "README.md", summary())


if __name__ == "__main__":
    main()
