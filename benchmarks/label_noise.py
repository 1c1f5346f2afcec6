"""Real human label errors: DivideMix and the labels as they are, on 10,000 CIFAR-10 images.

    python -m benchmarks.label_noise [--seeds 2] [--jobs 2]

CIFAR-10N has three people's label of each training image: one of them ("random"), their majority
("aggregate"), and a wrong one wherever there is one ("worst"). Read from
cifar10_human_labels.npz in REALMIX_DATA. The test rows have the true labels.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from pathlib import Path

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

NAME = "label_noise"
IMAGES, STEPS = 10_000, 2_000
NOISE = {"aggregate": "c10n_aggregate", "random": "c10n_random1", "worst": "c10n_worst"}
METHODS = ("supervised", "dividemix")
# DivideMix takes 0, 25, 50 or 150 by the amount of noise: 0 for a fifth or less, 25 for a half
WEIGHT = {"aggregate": 0.0, "random": 0.0, "worst": 25.0}


def noisy(noise: str, seed: int) -> tuple[Dataset, float]:
    """A random part of CIFAR-10 with people's labels, and the share that is wrong."""
    with np.load(Path(os.environ["REALMIX_DATA"]) / "cifar10_human_labels.npz") as human:
        label, clean = human[NOISE[noise]].astype(np.int64), human["c10n_clean"]
    whole = load("cifar10")
    rows = np.random.default_rng(seed).permutation(len(label))[:IMAGES]
    assert (whole.label[rows] == clean[rows]).all()
    subset = dataclasses.replace(
        whole, inputs=whole.inputs[rows], label=label[rows], oracle=None, names=None
    )
    return subset, float((label[rows] != clean[rows]).mean())


def run(noise: str, algorithm: str, seed: int) -> Line:
    """One training and its accuracy on clean test rows."""
    dataset, wrong = noisy(noise, seed)
    fields = {"weight": WEIGHT[noise]} if algorithm == "dividemix" else {}
    started = time.monotonic()
    return {
        "noise": noise,
        "wrong": wrong,
        "algorithm": algorithm,
        "seed": seed,
        "accuracy": trained_accuracy(dataset, algorithm, STEPS, seed, fields),
        "seconds": round(time.monotonic() - started, 1),
        "fields": fields,
        "versions": made_with(),
    }


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Human label errors",
        "",
        f"`python -m benchmarks.label_noise`: {IMAGES:,} CIFAR-10 images, {STEPS:,} steps a"
        f" training, {place(lines)}, accuracy on the clean test rows.",
        "",
        f"- dividemix with the weight {WEIGHT}, all else at its defaults.",
        "",
        "| labels | wrong | method | seeds | accuracy | difference, 95 % interval |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for noise in NOISE:
        base = by_seed(lines, noise=noise, algorithm="supervised")
        for algorithm in METHODS:
            found = by_seed(lines, noise=noise, algorithm=algorithm)
            wrong = np.mean(list(by_seed(lines, "wrong", noise=noise).values()) or [0.0])
            if found:
                change = gain(found, base) if algorithm != "supervised" else None
                rows.append(
                    f"| {noise} | {wrong:.3f} | {algorithm} | {len(found)} | {spread(found)} |"
                    f" {interval(change)} |"
                )
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    wanted = [(n, a, s) for s in range(given.seeds) for n in NOISE for a in METHODS]
    load("cifar10")  # decoded once, before the processes need it
    complete(NAME, run, wanted, ("noise", "algorithm", "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()
