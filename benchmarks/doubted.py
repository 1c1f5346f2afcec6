"""Labels that an audit doubts, of which some are wrong and it is known which.

    python -m benchmarks.doubted [--jobs 1]

The data are those of `benchmarks.planted`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from benchmarks.planted import ALL, CLINC, DIGITS, drawn
from benchmarks.records import Line, complete, lines_of, versions_of
from realmix.auditing.labels import doubts
from realmix.auditing.reader import read
from realmix.base.versions import versions

NAME = "doubted"
DATA = (DIGITS, ALL, CLINC)
LABELS, SEEDS, CHANGED = (4, 10, 25, 100), range(10), 0.1


def labels_run(data: str, wrong: float, per_class: int, seed: int) -> Line:
    """Labels of which some were changed: how many of them, and of the others, are doubted."""
    labeled, truth, pool, _ = drawn(data, 0.0, per_class, seed)
    rng = np.random.default_rng([seed, 2])
    changed = rng.permutation(len(truth))[: round(wrong * len(truth))]
    label, classes = truth.copy(), int(truth.max()) + 1
    label[changed] = (truth[changed] + rng.integers(1, classes, len(changed))) % classes
    held = read(labeled, label, pool, classes, seed).held
    listed = np.array([doubt.row for doubt in doubts(held, label)], int)
    found = int(np.isin(listed, changed).sum())
    return {
        "data": data, "share": wrong, "labels": per_class, "seed": seed,
        "rows": len(truth), "wrong": len(changed), "found": found, "false": len(listed) - found,
        "right": float((held.argmax(1) == truth).mean()), "versions": versions(),
    }  # fmt: skip


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Which labels an audit doubts",
        "",
        "`python -m benchmarks.doubted`: each label is held out and judged by the others, beside a"
        " pool of 1,500 rows, or as many as there are.",
        "",
        f"None or {CHANGED:.0%} of the labels were changed to another class at random;"
        f" {len(SEEDS)} draws, all labels of the draws together. Accuracy: of the classifier that"
        " doubts, on held-out rows.",
        "",
        *_table(lines),
        "",
        *versions_of(lines),
        "",
    ]
    return "\n".join(rows)


def _table(lines: list[Line]) -> Iterator[str]:
    yield (
        "| data | labels a class | accuracy | none wrong: right labels doubted |"
        " wrong ones found | right labels doubted beside them |"
    )
    yield "|---|---:|---:|---:|---:|---:|"
    for data in DATA:
        for per_class in LABELS:
            mine = [x for x in lines if (x["data"], x["labels"]) == (data, per_class)]
            clean, changed = ([x for x in mine if x["share"] == wrong] for wrong in (0.0, CHANGED))
            if clean and changed:
                rows = sum(x["rows"] for x in clean)
                found, false = (sum(x[name] for x in changed) for name in ("found", "false"))
                yield (
                    f"| {data} | {per_class} | {np.mean([x['right'] for x in clean]):.2f} |"
                    f" {sum(x['false'] for x in clean)} of {rows:,} |"
                    f" {found} of {sum(x['wrong'] for x in changed)} | {false} |"
                )


def wanted() -> Iterator[tuple[str, float, int, int]]:
    for data in DATA:
        for labels in LABELS:
            for wrong in (0.0, CHANGED):
                yield from ((data, wrong, labels, seed) for seed in SEEDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    keys = ("data", "share", "labels", "seed")
    complete(NAME, labels_run, wanted(), keys, summary, parser.parse_args().jobs)


if __name__ == "__main__":
    main()
