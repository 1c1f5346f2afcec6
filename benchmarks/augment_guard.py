"""Does `--augment auto` mirror the right pictures? And what do mirroring and its guard cost?

    REALMIX_DATA=... python -m benchmarks.augment_guard
    python -m benchmarks.augment_guard table

Data sets are given as arrays, so nothing but the labels can tell what they show. For each seed the
guard decides, and the labels alone train with each augmentation, to see what a decision is worth.
Runs that are done are not done again.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from benchmarks.records import RECORDS, Line, by_seed, do, gain, interval, lines_of, spread
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.data.splits import stratified_labels
from realmix.evaluate.mirror import HARM, LEVEL, STEPS, Reading, read_mirrored
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

NAME = "augment"
SEEDS = range(3)
CASES = (
    *(("cifar10", labels) for labels in (250, 1000)),
    *(("mnist", labels) for labels in (50, 200)),
    *(("digits", labels) for labels in (20, 40, 100)),
)
PRESETS = ("photos", "unmirrored", "symbols", "digits", "none")
TRAINED = (("mnist", 50), ("cifar10", 250), ("digits", 40))
TRAINING_STEPS = 300
MOST_TEST = 2000


@functools.cache
def whole(name: str) -> Dataset:
    """All labels of a data set; CIFAR-10 takes a while to decode."""
    return load(name)


def arrays(name: str, labels: int, seed: int) -> Dataset:
    """As a user's own arrays, which say nothing of what they show; the labeled rows alone."""
    dataset = whole(name)
    rows = stratified_labels(dataset.label, labels, seed)
    assert dataset.test_inputs is not None
    assert dataset.test_label is not None
    return Dataset(
        np.ascontiguousarray(dataset.inputs[rows]),
        dataset.label[rows],
        dataset.classes,
        "photos",
        test_inputs=dataset.test_inputs[:MOST_TEST],
        test_label=dataset.test_label[:MOST_TEST],
    )


def guarded(name: str, labels: int, seed: int) -> Line:
    """What the guard reads and decides."""
    torch.set_num_threads(1)
    dataset = arrays(name, labels, seed)
    begun = time.perf_counter()
    reading = read_mirrored(dataset, seed, torch.device("cpu"))
    seconds = time.perf_counter() - begun
    which = {"kind": "guard", "data": name, "labels": labels, "seed": seed, "steps": STEPS}
    return {**which, **asdict(reading), "seconds": round(seconds, 1)}


def trained(name: str, labels: int, seed: int, preset: str) -> Line:
    """Test accuracy of the labels alone with that augmentation."""
    torch.set_num_threads(1)
    dataset = replace(arrays(name, labels, seed), preset=preset)
    config = Config(
        "benchmark",
        algorithm="supervised",
        steps=TRAINING_STEPS,
        seed=seed,
        gate="none",
        device="cpu",
    )
    found = Experiment(Phases(dataset, config, None, Silent())).run().evidence
    accuracy = float((found["test_model"].argmax(1) == found["test_label"]).mean())
    which = {"kind": "trained", "data": name, "labels": labels, "seed": seed, "preset": preset}
    return {**which, "accuracy": accuracy}


def run(kind: str, *which: Any) -> Line:
    return guarded(*which) if kind == "guard" else trained(*which)


def todo() -> Iterator[tuple[Any, ...]]:
    """What no line is there for yet: guards first."""
    done = {
        tuple(line[k] for k in ("kind", "data", "labels", "seed", "preset") if k in line)
        for line in lines_of(NAME)
    }
    guards = [("guard", *case, seed) for seed in SEEDS for case in CASES]
    trainings = [
        ("trained", *case, seed, preset)
        for seed in SEEDS
        for case in TRAINED
        for preset in PRESETS
        if case[0] != "cifar10" or preset in ("photos", "unmirrored")
    ]
    yield from (which for which in (*guards, *trainings) if which not in done)


def table() -> str:
    """The record's page."""
    lines = lines_of(NAME)
    guards = [line for line in lines if line["kind"] == "guard"]
    parts = [
        f"# Which pictures may be mirrored\n\n{__doc__.split(chr(10))[0]}"
        " `python -m benchmarks.augment_guard`, pictures as arrays, one core a run.\n",
        f"## What the guard decides\n\nTwo trainings of {STEPS} steps on half of the labels each,"
        f" without mirroring; held-out rows as they are against mirrored; one-sided exact McNemar"
        f" test, level {LEVEL:g}, and at least {100 * HARM:g} points.\n",
        "| data | labels | seeds | as they are | mirrored | p-values | mirrors | seconds |\n"
        "|---|---:|---:|---:|---:|---|---:|---:|",
    ]
    for data, labels in CASES:
        mine = [line for line in guards if (line["data"], line["labels"]) == (data, labels)]
        if mine:
            parts.append(_guard_row(data, labels, mine))
    if not any(line["kind"] == "trained" for line in lines):
        return "\n".join(parts) + "\n"
    parts.append(
        "\n## What augmentation is worth to the labels alone\n\nTest accuracy (of at most"
        f" {MOST_TEST:,} rows) after {TRAINING_STEPS} steps, mean ± standard deviation over seeds;"
        " what mirroring adds is paired by seed, with its 95 % t-interval.\n\n"
        f"| data | labels | seeds | {' | '.join(PRESETS)} | mirroring adds |\n"
        f"|---|---:|---:|{'---:|' * len(PRESETS)}---:|"
    )
    for data, labels in TRAINED:
        found = {
            preset: by_seed(lines, kind="trained", data=data, labels=labels, preset=preset)
            for preset in PRESETS
        }
        if found["photos"]:
            cells = [spread(found[preset]) if found[preset] else "" for preset in PRESETS]
            added = interval(gain(found["photos"], found["unmirrored"]))
            count = len(found["photos"])
            parts.append(f"| {data} | {labels} | {count} | {' | '.join(cells)} | {added} |")
    return "\n".join(parts) + "\n"


def _guard_row(data: str, labels: int, mine: list[Line]) -> str:
    keys = ("plain", "mirrored", "count", "disagreements", "p_value")
    kept = sum(Reading(*(line[key] for key in keys)).mirrors for line in mine)
    plain, mirrored = (spread(by_seed(mine, key)) for key in ("plain", "mirrored"))
    values = ", ".join(f"{line['p_value']:.2g}" for line in sorted(mine, key=lambda x: x["seed"]))
    seconds = max(line["seconds"] for line in mine)
    return (
        f"| {data} | {labels} | {len(mine)} | {plain} | {mirrored} | {values}"
        f" | {kept} of {len(mine)} | {seconds:.0f} |"
    )


def main() -> None:
    if sys.argv[1:] != ["table"]:
        do(NAME, run, list(todo()), jobs=1)
    (RECORDS / NAME).mkdir(parents=True, exist_ok=True)
    (RECORDS / NAME / "README.md").write_text(table())


if __name__ == "__main__":
    main()
