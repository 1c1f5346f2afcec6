"""The early end of a training on the labels alone: what it costs in accuracy, what it saves.

    python -m benchmarks.early [--jobs 2]

Each training is judged where it settles, and goes on to all its steps. Thresholds were chosen on
seeds 100 to 103 and 500 to 505.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from benchmarks.gate import smaller
from benchmarks.records import Line, complete, lines_of, versions_of
from benchmarks.selection import drawn
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays, load
from realmix.runs.choose import default_steps
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

NAME = "early"
SEEDS = range(510, 514)
PICTURES = {"digits": (20, 40, 100), "mnist14": (50, 200)}
TABLES = {"pendigits": 10, "letter": 5, "spambase": 10, "satimage": 15, "magic": 40}
LONG = 800  # steps of CIFAR-10, which would have 4,000
POINTS = 100.0


def cases() -> Iterator[tuple[str, int, int, int]]:
    """(data, labels, or labels of a class of a table, seed, steps); 0 steps: as many as suit."""
    for seed in SEEDS:
        for table, each in TABLES.items():
            yield table, each, seed, 0
        for data, sizes in PICTURES.items():
            for labels in sizes:
                yield data, labels, seed, 0
    for seed in SEEDS[:2]:
        yield "cifar10", 250, seed, LONG


def dataset(data: str, labels: int, seed: int) -> Dataset:
    if data in TABLES:
        return drawn(data, labels, "as labels", seed)
    if data == "mnist14":
        return small_mnist(labels, seed)
    found = load(f"{data}@{labels}", seed=seed)
    return smaller(found, np.random.default_rng(seed)) if data == "cifar10" else found


def small_mnist(labels: int, seed: int) -> Dataset:
    """MNIST at 14 x 14 pixels: 1,500 rows in the pool, 2,000 to test."""
    with np.load(Path(os.environ["REALMIX_DATA"]) / "mnist.npz") as file:
        images, label = file["X"], file["label"].astype(np.int64)
    rows = np.random.default_rng(seed).permutation(len(images))[:6000]
    x, y = images[rows].reshape(-1, 14, 2, 14, 2).mean((2, 4)).round(), label[rows]
    x = x.astype(np.uint8)[:, None]
    known = np.concatenate([np.flatnonzero(y == c)[: labels // 10] for c in range(10)])
    rest = np.setdiff1d(np.arange(len(y)), known)
    learned = np.concatenate([known, rest[:1500]])
    found = from_arrays(x[learned], np.where(np.arange(len(learned)) < len(known), y[learned], -1))
    return replace(found, test_inputs=x[rest[1500:3500]], test_label=y[rest[1500:3500]])


def run(data: str, labels: int, seed: int, steps: int) -> Line:
    """One training, to its early end and then to its last step."""
    torch.set_num_threads(1)
    found = dataset(data, labels, seed)
    model = "mlp" if found.inputs.ndim == 2 else "auto"
    given = Config(
        "early", algorithm="supervised", model=model, seed=seed, gate="none", device="cpu"
    )
    phases = Phases(found, given, None, Silent(), steps or default_steps(found.inputs.shape[1:]))
    trainer = phases.trainer(phases.only, phases.steps).run()
    early = figures(phases, trainer.nets.ema), trainer.step, trainer.seconds
    trainer.settled = None
    trainer.nets.ema.train()
    whole = figures(phases, trainer.run().nets.ema)
    return {
        "case": [data, labels, seed, steps],
        "data": data,
        "labels": labels,
        "seed": seed,
        "steps": phases.steps,
        "ended": early[1],
        "early": early[0][0],
        "whole": whole[0],
        "early_log_loss": early[0][1],
        "whole_log_loss": whole[1],
        "early_seconds": round(early[2], 2),
        "seconds": round(trainer.seconds, 2),
        "versions": versions(),
    }


def figures(phases: Phases, network: Any) -> tuple[float, float]:
    """Accuracy and log loss on the test rows."""
    rows, truth = phases.rows, phases.dataset.test_label
    assert rows.test_inputs is not None
    assert truth is not None
    probs = rows.probs(network, rows.test_inputs)
    likelihood = np.log(np.maximum(probs[np.arange(len(truth)), truth], 1e-30))
    return float((probs.argmax(1) == truth).mean()), -float(likelihood.mean())


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# A training on the labels alone that has converged ends early",
        "",
        f"`python -m benchmarks.early`: {len(lines)} trainings, seeds on which no threshold was"
        " chosen. Each is judged on test rows where it settles (`training/settled.py`) and after"
        " all steps that suit the data; points are of accuracy, with a 95 % interval of the mean.",
        "",
        "| data | labels | draws | share of the steps | after all steps | early end, points | worst"
        " | log loss, all steps | early |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    groups = sorted({(line["data"], line["labels"]) for line in lines})
    for data, labels in groups:
        own = [line for line in lines if (line["data"], line["labels"]) == (data, labels)]
        rows.append(f"| {data} | {labels} | {told(own)} |")
    rows.append(f"| all | | {told(lines)} |")
    return "\n".join([*rows, "", *versions_of(lines), ""])


def told(lines: list[Line]) -> str:
    change = POINTS * np.array([line["early"] - line["whole"] for line in lines])
    half = float(stats.t.ppf(0.975, len(change) - 1) * stats.sem(change))
    share = np.mean([line["ended"] / line["steps"] for line in lines])
    whole, log_whole, log_early = (
        np.mean([line[name] for line in lines])
        for name in ("whole", "whole_log_loss", "early_log_loss")
    )
    return (
        f"{len(lines)} | {share:.0%} | {whole:.3f} | {change.mean():+.2f} ± {half:.2f}"
        f" | {change.min():+.1f} | {log_whole:.3f} | {log_early:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    complete(NAME, run, cases(), ("case",), summary, given.jobs)


if __name__ == "__main__":
    main()
