"""Feature rows: some methods on real tables with few labels.

    python -m benchmarks.tables [--seeds 3] [--jobs 2]

Numeric tables of tabular.npz in REALMIX_DATA. A third of the rows is for testing; of the others
ten a class keep their label, and at most 5,000 more, at random, are the pool.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import (
    Line,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    spread,
    trained_accuracy,
    versions_of,
)
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays

NAME, STEPS = "tables", 500
TABLES = ("pendigits", "satimage", "magic", "spambase", "letter")
PER_CLASS, POOL = 10, 5000
METHODS = (
    *("supervised", "mixmatch", "realmix", "mean_teacher", "pi_model", "vat", "ict", "ladder"),
    *("pseudo_label", "fixmatch", "flexmatch", "label_propagation", "self_training"),
)
FIELDS: dict[str, dict[str, Any]] = {
    **{name: {"unlabeled_ratio": 2} for name in ("fixmatch", "flexmatch")},
    "vat": {"code_columns": True},  # these columns are counts and measures
}


def split(table: str, seed: int) -> Dataset:
    """Labeled rows, pool and test rows of a table."""
    with np.load(Path(os.environ["REALMIX_DATA"]) / "tabular.npz") as tables:
        x, y = tables[f"X_{table}"], tables[f"y_{table}"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(x))
    test, train = order[: len(x) // 3], order[len(x) // 3 :]
    labeled = np.concatenate([train[y[train] == c][:PER_CLASS] for c in np.unique(y)])
    # at random: the rows of some files are sorted by class
    pool = np.random.default_rng(seed).permutation(np.setdiff1d(train, labeled))[:POOL]
    pool = np.sort(pool)
    rows = np.concatenate([labeled, pool])
    known = np.concatenate([y[labeled], np.full(len(pool), -1)])
    dataset = from_arrays(x[rows], known)
    return dataclasses.replace(dataset, test_inputs=x[test], test_label=y[test])


def run(table: str, algorithm: str, seed: int) -> Line:
    """One training and its accuracy on the test rows."""
    started = time.monotonic()
    fields = FIELDS.get(algorithm, {})
    return {
        "table": table,
        "algorithm": algorithm,
        "seed": seed,
        "accuracy": trained_accuracy(split(table, seed), algorithm, STEPS, seed, fields),
        "seconds": round(time.monotonic() - started, 1),
        "fields": fields,
        "versions": versions(),
    }


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Feature rows",
        "",
        f"`python -m benchmarks.tables`: {PER_CLASS} labels a class, {STEPS} steps a training with"
        " the MLP, one core a run; test accuracy ± standard deviation over seeds, and the"
        " difference from the labels alone, paired by seed, with its 95 % interval.",
        "",
        f"| algorithm | {' | '.join(TABLES)} | mean difference |",
        f"|---|{'---|' * len(TABLES)}---:|",
    ]
    for algorithm in METHODS:
        cells, changes = [], []
        for table in TABLES:
            found = by_seed(lines, table=table, algorithm=algorithm)
            base = by_seed(lines, table=table, algorithm="supervised")
            change = gain(found, base) if algorithm != "supervised" else None
            changes += [change[0]] if change else []
            cells.append(f"{spread(found)} {interval(change)}" if found else "")
        mean = f"{np.mean(changes):+.3f}" if changes else ""
        rows.append(f"| {algorithm} | {' | '.join(cells)} | {mean} |")
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    wanted = [(t, a, s) for s in range(given.seeds) for t in TABLES for a in METHODS]
    complete(NAME, run, wanted, ("table", "algorithm", "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()
