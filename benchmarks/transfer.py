"""Pre-training beside the pool: RealMix's Table 4, Zoph's and SimCLRv2's comparisons on CIFAR-10.

    python -m benchmarks.transfer [--jobs 8] [--deadline 280] [--only random "Tiny ImageNet"]
    python -m benchmarks.transfer --dry --record DIR

BENCHMARK_DEVICE=cuda trains on a GPU, which all share. A network starts at random, or from one that
learned 175 classes of Tiny ImageNet, none of which is CIFAR-10's; or a head learns from the frozen
features of lite0, which knows ImageNet whole. Each goes on

    at 250 and 4,000 labels, all else the pool, by the labels alone, MixMatch and RealMix (Table 4;
        the random starts are those of records/cifar10, with the same labels and steps)
    at 20, 50 and 100 % of 10,000 labels, the other 40,000 rows the pool, by the labels alone and by
        joint self-training after them (Zoph et al.)
    at the same, from random alone: by what the head of lite0 says of the pool (SimCLRv2, step 3)

The heads take a tenth of the steps. A job is a line of DIR/results.jsonl as soon as it is known;
what is there is not done again. Networks and teachers are kept in --starts and made where they are
missing: the teachers of the last come of lite0's jobs. No job begins after the deadline.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.records import (
    DEVICE,
    RECORDS,
    Line,
    accuracy_of,
    do,
    done_of,
    made_with,
    measured,
    trained_accuracy,
)
from benchmarks.starts import (
    LITE0,
    RANDOM,
    TINY,
    Setting,
    everything,
    few_labels,
    part_of_base,
    pretrain,
    with_features,
)
from benchmarks.transfer_page import DISTILLED, SELF_TRAINING, TABLE_4, write_page
from realmix.algorithms.supervised import Supervised
from realmix.base.files import whole_lines
from realmix.data.pools import Dataset
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.distillation import distil

NAME = "transfer"
CIFAR10 = Setting("cifar10", (250, 4000), 10_000, 3000, Path("runs/transfer"))
DIGITS = Setting("digits", (20, 40), 200, 3, Path("runs/transfer"))


class Job(NamedTuple):
    """One training, or the labels alone and what follows from them."""

    start: str
    method: str
    labels: int
    seed: int


def jobs(setting: Setting, seeds: int) -> Iterator[Job]:
    """Table 4 whole, then the others seed by seed, so that any stop leaves whole comparisons."""
    for seed in range(seeds):
        yield from (Job(LITE0, SELF_TRAINING, labels, seed) for labels in setting.sizes)
    for start in (TINY, LITE0):
        for seed in range(seeds):
            for method in reversed(TABLE_4):
                yield from (Job(start, method, labels, seed) for labels in setting.few)
    for seed in range(seeds):
        for start in (RANDOM, TINY):
            yield from (Job(start, SELF_TRAINING, labels, seed) for labels in setting.sizes)
        yield from (Job(RANDOM, DISTILLED, labels, seed) for labels in setting.sizes)


def steps_of(setting: Setting, job: Job) -> int:
    """Of each training; a head needs fewer than a network."""
    return max(setting.steps // 10, 1) if job.start == LITE0 else setting.steps


def run(setting: Setting, *which: Any) -> Line:
    """One job as a line; one that fails is a line that says so."""
    torch.set_num_threads(1)
    job = Job(*which)
    how = {SELF_TRAINING: self_trained, DISTILLED: distilled}.get(job.method, transferred)
    line = measured({**job._asdict(), "steps": steps_of(setting, job)}, lambda: how(setting, job))
    return {**line, "versions": made_with()}


def transferred(setting: Setting, job: Job) -> Line:
    """Test accuracy of the averaged weights."""
    dataset = few_labels(rows_of(setting, job), job.labels, job.seed)
    found = trained_accuracy(
        dataset, job.method, steps_of(setting, job), job.seed, {}, init_of(setting, job)
    )
    return {"accuracy": found}


def self_trained(setting: Setting, job: Job) -> Line:
    """Of joint self-training, and of its teacher, which learned from the labels alone."""
    phases = phases_of(setting, job, "joint_self_training")
    stages = phases.stages(phases.only, phases.steps, None, Silent())
    student = phases.trained(phases.only, stages)
    teacher = stages.trainers[0].nets.ema
    if job.start == LITE0:
        says = stages.predict(teacher, stages.data.unlabeled.inputs)
        kept = setting.teacher(job.labels, job.seed)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, of_255=(255 * says.numpy()).round().astype(np.uint8))
    return {"alone": accuracy_of(phases, teacher), "accuracy": accuracy_of(phases, student)}


def distilled(setting: Setting, job: Job) -> Line:
    """Of a network that learned what lite0's head says of the pool, and of the labels alone."""
    with np.load(setting.teacher(job.labels, job.seed)) as kept:
        says = torch.from_numpy(kept["of_255"].astype(np.float32))
    phases = phases_of(setting, job, "supervised")
    stages = phases.stages(phases.only, phases.steps, None, Silent())
    alone = stages.train(Supervised())
    student = distil(stages, says / says.sum(1, keepdim=True))
    return {"alone": accuracy_of(phases, alone), "accuracy": accuracy_of(phases, student)}


def phases_of(setting: Setting, job: Job, algorithm: str) -> Phases:
    dataset = part_of_base(rows_of(setting, job), setting.base, job.labels, job.seed)
    config = Config(
        NAME,
        algorithm=algorithm,
        init=init_of(setting, job),
        steps=steps_of(setting, job),
        seed=job.seed,
        gate="none",
        device=DEVICE,
    )
    return Phases(dataset, config, None, Silent())


def rows_of(setting: Setting, job: Job) -> Dataset:
    return (with_features if job.start == LITE0 else everything)(setting.data)


def init_of(setting: Setting, job: Job) -> str | None:
    return str(setting.network(job.seed)) if job.start == TINY else None


def missing(record: Path, setting: Setting, seeds: int) -> list[Job]:
    """Those that have no line yet."""
    done = done_of(whole_lines(record / "results.jsonl"), (*Job._fields, "steps"))
    return [job for job in jobs(setting, seeds) if (*job, steps_of(setting, job)) not in done]


def untaught(setting: Setting, todo: Iterable[Job]) -> list[Job]:
    """The jobs that wait for a teacher, which a head of lite0 leaves."""
    waiting = (job for job in todo if job.method == DISTILLED)
    return [job for job in waiting if not setting.teacher(job.labels, job.seed).exists()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dry", action="store_true", help="a few steps of digits, one seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", choices=(RANDOM, TINY, LITE0), help="these starts")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of each training")
    parser.add_argument("--record", type=Path, default=RECORDS / NAME)
    parser.add_argument("--starts", type=Path, default=CIFAR10.folder)
    parser.add_argument("--deadline", type=float, default=1e9, help="seconds from now")
    given = parser.parse_args()
    end, record = time.monotonic() + given.deadline, given.record.resolve()
    setting = replace(DIGITS if given.dry else CIFAR10, folder=given.starts)
    if given.steps:
        setting = replace(setting, steps=given.steps)
    starts = given.only or (RANDOM, TINY, *(() if given.dry else (LITE0,)))
    todo = missing(record, setting, 1 if given.dry else given.seeds)
    todo = [job for job in todo if job.start in starts]
    everything(setting.data)  # decoded once, before the processes need it
    for seed in {job.seed for job in todo if job.start == TINY}:
        if not setting.network(seed).exists():
            pretrain(setting, seed)
    work = functools.partial(run, setting)
    heads = [job for job in todo if job.start == LITE0]
    if LITE0 in starts:
        lost = (job._replace(start=LITE0, method=SELF_TRAINING) for job in untaught(setting, todo))
        heads = list(dict.fromkeys([*heads, *lost]))
    do(record, work, heads, given.jobs, end)
    without = untaught(setting, todo)
    todo = [job for job in todo if job.start != LITE0 and job not in without]
    do(record, work, todo, given.jobs, end)
    write_page(record, setting)


if __name__ == "__main__":
    main()
