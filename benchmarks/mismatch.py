"""RealMix's experiments with pools that are partly foreign: its Figure 2, Tables 1, 5 and 6.

    python -m benchmarks.mismatch [--jobs 14] [--device cuda] [--deadline 280]
    python -m benchmarks.mismatch --dry --record DIR  # with next to nothing

Each training is a line of DIR/results.jsonl as soon as it is known; trainings that are there are
not done again, so the same command goes on where a deadline stopped it. They begin in an order in
which any stop leaves whole comparisons, none after the deadline. At the end DIR/README.md and its
figure are made anew. All trainings share one device. Labels, pool and networks are drawn by the
seed; test rows are used once, for the averaged weights after the last step.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.mismatch_page import write_page
from benchmarks.records import RECORDS, Line, accuracy_of, do, done_of, measured
from realmix.base.files import whole_lines
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.data.scenarios.mismatch import ANIMALS, added_mismatch, class_mismatch
from realmix.data.scenarios.truth import Truth, true_labels
from realmix.data.splits import stratified_labels
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer

TRUE = "true"  # as a field's value: the mismatch of the run
SWAPPED, ADDED, ALONE, FEW = "swapped", "added", "alone", "250 labels"  # what the pool is


class Job(NamedTuple):
    """One training: a method, what is in the pool, how much of it is foreign, and a seed."""

    method: str
    sweep: str
    mismatch: int  # %
    seed: int


@dataclass(frozen=True)
class Setting:
    """On what, and for how long.

    Attributes:
        data: a built-in name.
        known: its classes that are learned.
        labels: of each of them.
        known_rows: of the pool, in the sweep that holds them.
        steps: of each training.
    """

    data: str
    known: tuple[str, ...]
    labels: int
    known_rows: int
    steps: int


CIFAR10 = Setting("cifar10", ANIMALS, labels=400, known_rows=6000, steps=3000)
DIGITS = Setting("digits", tuple("234567"), labels=10, known_rows=100, steps=3)

MILD = {"weight": 10}  # of the pool, at the end: what 3,000 steps bear, see NOTES.md
FIX_A_STEP = {"unlabeled_ratio": 2, "pool_gradient": "agreeing", "mixed_labels": True}

METHODS: dict[str, tuple[str, dict[str, Any]]] = {  # the algorithm, and what is not its default
    "supervised": ("supervised", {}),
    "mean_teacher": ("mean_teacher", {}),
    "mixmatch": ("mixmatch", {}),
    "realmix": ("realmix", {}),
    "realmix, true share": ("realmix", {"out_of_distribution": TRUE}),
    "realmix, wrong share": ("realmix", {"out_of_distribution": 0.25}),
    "realmix, weight 10": ("realmix", MILD),
    "realmix, estimated": (
        "realmix",
        {**MILD, "out_of_distribution": "estimate", "divisor": "all"},
    ),
    "realmix, simple": ("realmix", {"extension": "simple"}),
    "realmix, 25 copies": ("realmix", {"copies": 25}),
    "fixmatch": ("fixmatch", {"unlabeled_ratio": 2}),
    "fixmatch, Fix-A-Step": ("fixmatch", FIX_A_STEP),
}


def final(seeds: int = 3) -> Iterator[Job]:
    """First what decides the claim, then the rest of the curves, then the other tables."""
    core = ("realmix, estimated", "realmix, true share", "mixmatch", "realmix, weight 10")
    first = [(SWAPPED, share) for share in (75, 100, 0)]
    swapped = [*first, (SWAPPED, 50), (SWAPPED, 25)]
    added = [(ADDED, share) for share in (75, 0, 50, 25)]
    yield from (Job("supervised", ALONE, 0, seed) for seed in range(seeds))
    for names, where in (
        (core, first),
        (core[:1], swapped),
        ((core[0], core[3], core[2]), added[:1]),
        (("mean_teacher",), swapped),
        (("realmix, wrong share", "realmix"), first[:1]),  # with the true share: Table 6
        ((core[0], core[3], core[2]), added[1:]),
        (core[1:], swapped),
        (("fixmatch", "fixmatch, Fix-A-Step"), swapped),
        (("realmix", "realmix, simple", "realmix, 25 copies"), [(FEW, 0)]),  # Table 5
        (("realmix",), swapped),
        (("fixmatch",), added),
    ):
        for sweep, mismatch in where:
            for seed in range(seeds):
                yield from (Job(name, sweep, mismatch, seed) for name in names)


@dataclass(frozen=True)
class Visit:
    """What the processes are told once."""

    setting: Setting
    data_root: str | None
    device: str


@functools.cache
def everything(name: str, data_root: str | None) -> Dataset:
    """The data set, read once a process; its pictures are memory-mapped."""
    return load(name, data_root=data_root)


def data_of(visit: Visit, job: Job) -> tuple[Dataset, Truth | None]:
    """The data of a training, and what is true of the pool where it may be foreign."""
    setting, data = visit.setting, everything(visit.setting.data, visit.data_root)
    if job.sweep == FEW:
        label = np.full(len(data.label), -1)
        kept = stratified_labels(data.label, 250, job.seed)
        label[kept] = data.label[kept]
        return replace(data, label=label, oracle=true_labels(data)), None
    share, known, labels = job.mismatch / 100, setting.known, setting.labels
    if job.sweep == ADDED:
        return added_mismatch(
            data, share, job.seed, known=known, labels=labels, known_rows=setting.known_rows
        )
    return class_mismatch(data, share, job.seed, known=known, labels=labels)


def run(visit: Visit, *which: Any) -> Line:
    """One training as a line; one that fails is a line that says so."""
    torch.set_num_threads(1)
    job = Job(*which)
    algorithm, given = METHODS[job.method]
    fields = {k: job.mismatch / 100 if v == TRUE else v for k, v in given.items()}

    def accuracy() -> Line:
        config = Config(
            "mismatch",
            algorithm=algorithm,
            steps=visit.setting.steps,
            seed=job.seed,
            gate="none",
            fields=fields,
            device=visit.device,
        )
        return trained(*data_of(visit, job), config)

    line = measured({**job._asdict(), "steps": visit.setting.steps, "fields": fields}, accuracy)
    device = torch.cuda.get_device_name() if visit.device == "cuda" else visit.device
    return {**line, "versions": {**versions(), "device": device}}


def trained(dataset: Dataset, truth: Truth | None, config: Config) -> Line:
    """Test accuracy of the averaged weights, the last figures of training, how well scores tell."""
    phases, last = Phases(dataset, config, None, Silent()), dict[str, float]()
    trainer = phases.trainer(phases.only, phases.steps)
    trainer.observe = last.update
    trainer.run()
    hits = accuracy_of(phases, trainer.nets.ema)
    told = {k: v for k, v in last.items() if k not in ("step", "seconds")}
    return {"accuracy": hits, **told, **separation(trainer, phases, truth)}


def separation(trainer: Trainer, phases: Phases, truth: Truth | None) -> Line:
    """AUROC of known over foreign pool rows, by the largest probability of the averaged network."""
    if truth is None or not 0 < truth.share < 1:
        return {}
    from sklearn.metrics import roc_auc_score

    probs = phases.rows.probs(trainer.nets.ema, phases.rows.inputs[phases.rows.pool_rows])
    foreign = truth.foreign[truth.pool]
    return {"auroc": float(roc_auc_score(~foreign, probs.max(1))), "foreign": truth.share}


def missing(visit: Visit, jobs: Iterator[Job], record: Path) -> list[Job]:
    """Those that have no line yet, each once."""
    done = done_of(whole_lines(record / "results.jsonl"), (*Job._fields, "steps"))
    return [job for job in dict.fromkeys(jobs) if (*job, visit.setting.steps) not in done]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dry", action="store_true", help="a few steps of digits, one seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--record", type=Path, default=RECORDS / "mismatch")
    parser.add_argument("--data-root")
    parser.add_argument("--deadline", type=float, default=1e9, help="seconds from now")
    parser.add_argument("--steps", type=int, help="of each training")
    given = parser.parse_args()
    end = time.monotonic() + given.deadline
    setting = DIGITS if given.dry else CIFAR10
    if given.steps:
        setting = replace(setting, steps=given.steps)
    visit = Visit(setting, given.data_root, given.device)
    jobs = final()
    if given.dry:
        shown_places = {(ALONE, 0), (FEW, 0), (SWAPPED, 75)}
        jobs = (job for job in jobs if job[1:] in {(*place, 0) for place in shown_places})
    everything(setting.data, given.data_root)  # decoded once, before the processes need it
    todo = missing(visit, jobs, given.record)
    do(given.record.resolve(), functools.partial(run, visit), todo, given.jobs, end)
    write_page(given.record, METHODS)


if __name__ == "__main__":
    main()
