"""Defaults that are not a paper's, chosen on rows and seeds that no table shows.

    python -m benchmarks.choices [NAME ...] [--seeds 2] [--jobs 2]

The judging rows are 5,000 training rows of CIFAR-10, which are taken out of the pool; its test rows
are not read. 250 labels and 750 steps see each label as often as the 1,000 labels and 3,000 steps
of the table. Labels are drawn and networks start by seeds of their own, from 1,000 on.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from typing import Any

import numpy as np

from benchmarks.records import (
    Line,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    made_with,
    place,
    spread,
    trained_accuracy,
    versions_of,
)
from realmix.data.pools import Dataset
from realmix.data.reading.load import load

NAME, STEPS, PER_CLASS, JUDGING, FIRST_SEED = "choices", 750, 25, 5000, 1000
PUBLISHED_VAT = {"weight": 1.0, "ramp_end": 0.0, "entropy_weight": 0.0}
CHOICES: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "arazo": (
        "arazo",
        {
            "48 labels and 48 pool rows a batch (the default)": {},
            "16 and 80 (published: at least 16 of 100)": {"batch_size": 16, "unlabeled_ratio": 5},
        },
    ),
    "vat": (
        "vat",
        {
            "weight 0.3, ramp over 0.4, entropy 0.06 (the default)": {},
            "weight 1 at once, no entropy (the paper's)": PUBLISHED_VAT,
        },
    ),
    "labels alone": ("supervised", {"": {}}),
}


def split(seed: int) -> Dataset:
    """Labeled rows and pool; the judging rows stand in for test rows."""
    whole = load("cifar10")
    order = np.random.default_rng(seed).permutation(len(whole.label))
    judging, train = order[:JUDGING], order[JUDGING:]
    labeled = np.concatenate([train[whole.label[train] == c][:PER_CLASS] for c in range(10)])
    rows = np.concatenate([labeled, np.setdiff1d(train, labeled)])
    known = np.where(np.arange(len(rows)) < len(labeled), whole.label[rows], -1)
    return dataclasses.replace(
        whole,
        inputs=whole.inputs[rows],
        label=known,
        test_inputs=whole.inputs[judging],
        test_label=whole.label[judging],
        oracle=None,
        names=None,
        test_names=None,
    )


def run(choice: str, variant: str, seed: int) -> Line:
    """One training and its accuracy on the judging rows."""
    started, (algorithm, variants) = time.monotonic(), CHOICES[choice]
    return {
        "choice": choice,
        "variant": variant,
        "seed": seed,
        "accuracy": trained_accuracy(split(seed), algorithm, STEPS, seed, variants[variant]),
        "seconds": round(time.monotonic() - started, 1),
        "versions": made_with(),
    }


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Defaults that are not the paper's",
        "",
        f"`python -m benchmarks.choices`: CIFAR-10 with {10 * PER_CLASS} labels, {STEPS} steps,"
        f" {place(lines)}, accuracy on {JUDGING:,} training rows that are in no pool. No table"
        " shows these rows or these seeds. The difference is from the default, paired by seed, with"
        " its 95 % interval.",
        "",
        "| choice | | seeds | accuracy | difference |",
        "|---|---|---:|---:|---:|",
    ]
    for choice, (_, variants) in CHOICES.items():
        base = by_seed(lines, choice=choice, variant=next(iter(variants)))
        for variant in variants:
            found = by_seed(lines, choice=choice, variant=variant)
            change = gain(found, base) if found != base else None
            if found:
                row = (choice, variant, len(found), spread(found), interval(change))
                rows.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHOICES))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    wanted = [
        (choice, variant, FIRST_SEED + seed)
        for seed in range(given.seeds)
        for choice in given.names or CHOICES
        for variant in CHOICES[choice][1]
    ]
    complete(NAME, run, wanted, ("choice", "variant", "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()
