"""What `realmix audit` says of pools whose truth is known: how much of them belongs to no class.

    python -m benchmarks.audit [--jobs 1] [--draws 3]

The data are those of `benchmarks.planted`. The shares come from the function that the audit calls.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.planted import ALL, CASES, drawn
from benchmarks.records import Line, by_seed, complete, lines_of, spread, versions_of
from realmix.auditing.examine import in_turns
from realmix.auditing.findings import CLEAR
from realmix.auditing.reader import read
from realmix.base.versions import versions
from realmix.functional.foreign import scores
from realmix.functional.foreign.detect import RIDGE

NAME = "audit"
KEYS = ("what", "data", "share", "labels", "seed")
KINDS = {"share": "all classes", "lacking": "a third of the classes"}  # that the pool holds
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
LABELS, DRAWS = (4, 10, 25), 3
RIGHT, WRONG = 0.1, 0.3  # how far off an estimate may be, and is badly wrong
SCORE_LABELS, SCORE_SEEDS = (4, 10, 25, 200), (0, 1, 2)


def share_run(what: str, data: str, share: float, per_class: int, seed: int) -> Line:
    """The estimate of a planted share, as the audit makes it."""
    labeled, label, pool, foreign = drawn(data, share, per_class, seed, what == "lacking")
    started = time.monotonic()
    reading = read(labeled, label, pool, int(label.max()) + 1, seed)
    classes, found = in_turns(reading, labeled, label, pool, seed)
    line = {
        "what": what, "data": data, "share": share, "labels": per_class, "seed": seed,
        "estimate": found.share.share, "low": found.share.low, "high": found.share.high,
        "by": found.by, "classes": [round(float(part), 4) for part in classes.em],
        "seconds": time.monotonic() - started, "versions": versions(),
    }  # fmt: skip
    if 0 < share < 1:
        line["auroc"] = float(roc_auc_score(foreign, -found.score))
    return line


def score_run(data: str, share: float, per_class: int, seed: int) -> Line:
    """The AUROC of each score, inside against foreign."""
    labeled, label, pool, foreign = drawn(data, share, per_class, seed)
    mean, whole = scores.whitener(np.concatenate([pool, labeled]), RIDGE / per_class)
    known, rows = (labeled - mean) @ whole, (pool - mean) @ whole
    plain = np.sqrt(((pool - mean) ** 2).mean())
    model = LogisticRegression(C=0.01, max_iter=500).fit((labeled - mean) / plain, label)
    logits = model.decision_function((pool - mean) / plain)
    small_mean, small = scores.whitener(np.concatenate([pool, labeled]), 0.01)
    found = {
        "largest probability": scores.largest_probability(logits),
        "energy": scores.energy(logits),
        "neighbors, as they are": scores.neighbors(pool, labeled),
        "neighbors": scores.neighbors(rows, known),
        "prototypes": scores.prototypes(rows, known, label),
        "prototypes, fully whitened": scores.prototypes(
            (pool - small_mean) @ small, (labeled - small_mean) @ small, label
        ),
        "Mahalanobis": scores.mahalanobis(
            (pool - small_mean) @ small, (labeled - small_mean) @ small, label
        ),
    }
    aurocs = {name: float(roc_auc_score(foreign, -score)) for name, score in found.items()}
    which = {"what": "scores", "data": data, "share": share, "labels": per_class, "seed": seed}
    return {**which, **aurocs, "versions": versions()}


def summary() -> str:
    lines = lines_of(NAME)
    shares = [line for line in lines if line["what"] in KINDS]
    draws = len({line["seed"] for line in shares})
    rows = [
        "# What an audit says of a pool",
        "",
        "`python -m benchmarks.audit`: pools whose truth is known, 1,500 rows each where there"
        " are so many.",
        "",
        "## The share that belongs to no class",
        "",
        f"Shares of 0, 25, ..., 100 % were planted, {draws} draws of labels and pool each. The pool"
        " holds all classes that have labels, or a third of them, as in RealMix's experiments (two"
        " of six). Both shares, of the classes and of what belongs to none, are found by the"
        " function that the audit calls. Right: within 10 points. Covered: the 90 % interval holds"
        f" the truth. Unclear: it is more than {CLEAR:.1f} wide, and the audit says that it cannot"
        " tell. Wrong: more than 30 points off, and the interval neither holds the truth nor is"
        " unclear.",
        "",
        *_share_tables(shares),
        "## The scores",
        "",
        "AUROC, rows of the classes against foreign ones, of a pool of which 40 % are foreign; mean"
        " ± deviation of three draws. Neighbors and prototypes are taken in the space that the"
        " pool's covariance, with a ridge of 600 mean variances over the labels of a class, makes"
        " round.",
        "",
        *_score_tables([line for line in lines if line["what"] == "scores"]),
    ]
    return "\n".join([*rows, *versions_of(lines), ""])


def _share_tables(lines: Sequence[Line]) -> Iterator[str]:
    for what, held in KINDS.items():
        mine = [line for line in lines if line["what"] == what]
        yield f"The pool holds {held}:"
        yield ""
        yield (
            "| data | labels a class | right | covered | unclear | wrong | mean error |"
            " mean width | AUROC |"
        )
        yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
        for labels in LABELS:
            for data in (*CASES, None):
                some = [x for x in mine if x["labels"] == labels and data in (x["data"], None)]
                if some:
                    yield f"| {data or '**all**'} | {labels} | {_figures(some)} |"
        yield ""
    yield "All of them, by the share that was planted:"
    yield ""
    yield "| pool | foreign | right | covered | unclear | wrong | mean error | mean width | AUROC |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for what, held in KINDS.items():
        for share in SHARES:
            some = [x for x in lines if (x["what"], x["share"]) == (what, share)]
            if some:
                yield f"| {held} | {share:.0%} | {_figures(some)} |"
    yield ""


def _figures(lines: Sequence[Line]) -> str:
    """The cells of a row."""
    truth, found, low, high = (
        np.array([line[name] for line in lines]) for name in ("share", "estimate", "low", "high")
    )
    off, unclear = np.abs(found - truth), high - low > CLEAR
    covered = (low <= truth) & (truth <= high)
    wrong = (off > WRONG) & ~covered & ~unclear
    auroc = [line["auroc"] for line in lines if "auroc" in line]
    cells = [
        f"{(off <= RIGHT).mean():.0%} of {len(lines)}",
        f"{covered.mean():.0%}",
        f"{unclear.mean():.0%}",
        str(int(wrong.sum())),
        f"{off.mean():.3f}",
        f"{(high - low).mean():.2f}",
        f"{np.mean(auroc):.3f}" if auroc else "",
    ]
    return " | ".join(cells)


def _score_tables(lines: list[Line]) -> Iterator[str]:
    names = [
        n for n, v in (lines[0] if lines else {}).items() if isinstance(v, float) and n != "share"
    ]
    for data in CASES:
        mine = [line for line in lines if line["data"] == data]
        labels = sorted({line["labels"] for line in mine})
        if labels:
            yield f"{data}:"
            yield ""
            yield f"| labels a class | {' | '.join(map(str, labels))} |"
            yield "|---|" + "---:|" * len(labels)
            for name in names:
                cells = [spread(by_seed(mine, name, labels=count)) for count in labels]
                yield f"| {name} | {' | '.join(cells)} |"
            yield ""


def wanted(draws: int) -> Iterator[tuple[Any, ...]]:
    dirty = [data for data in CASES if data != ALL]
    for data in dirty:
        for labels in SCORE_LABELS:
            if labels < 200 or data.startswith("CIFAR"):  # the others have not so many
                yield from (("scores", data, 0.4, labels, seed) for seed in SCORE_SEEDS)
    for seed in range(draws):
        for labels in LABELS:
            for data in dirty:
                for what in KINDS:
                    yield from ((what, data, share, labels, seed) for share in SHARES)


def run(what: str, *which: Any) -> Line:
    return score_run(*which) if what == "scores" else share_run(what, *which)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--draws", type=int, default=DRAWS, help="of each share")
    given = parser.parse_args()
    complete(NAME, run, wanted(given.draws), KEYS, summary, given.jobs)


if __name__ == "__main__":
    main()
