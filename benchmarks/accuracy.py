"""Test accuracy of every algorithm on the same splits, as records that anybody can reproduce.

    python benchmarks/accuracy.py digits
    python benchmarks/accuracy.py cifar10 [--labels 1000] [--seeds 3] [--jobs 2]

A run is one line of records/<task>/results.jsonl; runs that are there are not done again. At the
end records/<task>/README.md is written anew from all lines. Labels are drawn and networks start
by the seed; test rows are used once, for the averaged weights after the last step.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a run a core: threads that wait spin

import numpy as np
import torch
from scipy import stats

from realmix.config import Config
from realmix.data.load import load
from realmix.data.pools import Dataset
from realmix.experiment import Experiment
from realmix.files import append_line, whole_lines, write_atomically
from realmix.phases import Phases
from realmix.run import versions
from realmix.watch import Silent

RECORDS = Path(__file__).parent / "records"
SKLEARN = ("LabelSpreading", "SelfTrainingClassifier")


@dataclass(frozen=True)
class Task:
    """What is compared: data, numbers of labels, steps, and what differs from the papers."""

    data: str
    labels: tuple[int, ...]
    seeds: int
    steps: int
    algorithms: tuple[str, ...]
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)


TASKS = {
    "digits": Task(
        data="digits",
        labels=(20, 40),
        seeds=5,
        steps=500,
        algorithms=("supervised", "mean_teacher", "mixmatch", "fixmatch", "realmix", *SKLEARN),
        fields={"fixmatch": {"unlabeled_ratio": 2}},  # 7 in the paper, at three times the time
    ),
    "cifar10": Task(
        data="cifar10",
        labels=(1000, 4000),
        seeds=3,
        steps=3000,
        algorithms=("supervised", "mixmatch", "realmix", "fixmatch"),
        fields={
            "fixmatch": {"unlabeled_ratio": 2},  # a run of one core under a quarter of an hour
            "realmix": {"annealing": "off"},  # the paper anneals up to 250 labels
        },
    ),
}


def run(task_name: str, labels: int, algorithm: str, seed: int) -> dict[str, Any]:
    """One training and its accuracy on the test rows."""
    torch.set_num_threads(1)
    task = TASKS[task_name]
    fields = task.fields.get(algorithm, {})
    dataset = load(f"{task.data}@{labels}", seed=seed)
    started = time.monotonic()
    if algorithm in SKLEARN:
        correct = sklearn_baseline(algorithm, dataset)
        steps = 0
    else:
        steps = task.steps
        config = Config(
            f"{task.data}@{labels}",
            algorithm=algorithm,
            steps=steps,
            seed=seed,
            gate=False,
            fields=fields,
            device="cpu",
        )
        result = Experiment(Phases(dataset, config, None, Silent())).run().evidence
        correct = result["test_model"].argmax(1) == result["test_label"]
    return {
        "labels": labels,
        "algorithm": algorithm,
        "seed": seed,
        "accuracy": float(correct.mean()),
        "steps": steps,
        "seconds": round(time.monotonic() - started, 1),
        "fields": fields,
        "versions": versions(),
    }


def sklearn_baseline(name: str, dataset: Dataset) -> np.ndarray:
    """scikit-learn's own methods on the same rows, with its defaults where they work at all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

    assert dataset.test_inputs is not None
    x, test = (rows.reshape(len(rows), -1) / 255 for rows in (dataset.inputs, dataset.test_inputs))
    model = {
        "LabelSpreading": LabelSpreading(kernel="knn", n_neighbors=7),
        "SelfTrainingClassifier": SelfTrainingClassifier(LogisticRegression(max_iter=1000)),
    }[name]
    correct: np.ndarray = model.fit(x, dataset.label).predict(test) == dataset.test_label
    return correct


def missing(
    name: str, task: Task, labels: tuple[int, ...], seeds: int
) -> Iterator[tuple[Any, ...]]:
    """The runs that have no line yet, seed by seed, so that any stop leaves whole comparisons."""
    lines = whole_lines(RECORDS / name / "results.jsonl")
    done = {(line["labels"], line["algorithm"], line["seed"]) for line in lines}
    for count in labels:
        for seed in range(seeds):
            for algorithm in task.algorithms:
                if (count, algorithm, seed) not in done:
                    yield count, algorithm, seed


def summary(name: str, command: str) -> str:
    """All lines as a table: mean and deviation, and the paired difference from the labels alone."""
    task, lines = TASKS[name], whole_lines(RECORDS / name / "results.jsonl")
    rows = [
        f"# {name}: test accuracy",
        "",
        f"`{command}`, {task.steps} steps a run, one core a run."
        " ± is the standard deviation over seeds of labels and training together; the difference"
        " from the labels alone is paired by seed, with its 95 % t-interval.",
        "",
    ]
    for algorithm, fields in task.fields.items():
        rows.append(f"{algorithm} with {fields}, all else as in the papers.")
    for labels in task.labels:
        scores = {a: _scores(lines, labels, a) for a in task.algorithms}
        if any(scores.values()):
            rows += ["", f"## {labels} labels", "", *_table(scores, lines, labels)]
    used = {json.dumps(line["versions"]) for line in lines}
    rows += ["", *(f"Versions: {v}" for v in sorted(used)), ""]
    return "\n".join(rows)


def _scores(lines: list[dict[str, Any]], labels: int, algorithm: str) -> dict[int, float]:
    return {
        line["seed"]: line["accuracy"]
        for line in lines
        if line["labels"] == labels and line["algorithm"] == algorithm
    }


def _table(scores: dict[str, Any], lines: list[dict[str, Any]], labels: int) -> Iterator[str]:
    yield "| algorithm | seeds | accuracy | difference | 95 % interval | minutes |"
    yield "|---|---:|---:|---:|---:|---:|"
    base = scores["supervised"]
    for algorithm, found in scores.items():
        if not found:
            continue
        values = np.array(list(found.values()))
        spread = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
        paired = np.array([found[s] - base[s] for s in found if s in base])
        gain, interval = "", ""
        if algorithm != "supervised" and len(paired):
            gain = f"{paired.mean():+.3f}"
        if gain and len(paired) > 1:
            half = stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired)
            interval = f"{paired.mean() - half:+.3f} to {paired.mean() + half:+.3f}"
        seconds = [
            line["seconds"]
            for line in lines
            if line["algorithm"] == algorithm and line["labels"] == labels
        ]
        yield (
            f"| {algorithm} | {len(values)} | {values.mean():.3f}{spread} | {gain} |"
            f" {interval} | {np.mean(seconds) / 60:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--labels", type=int, nargs="*")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    name, task = arguments.task, TASKS[arguments.task]
    folder = RECORDS / name
    folder.mkdir(parents=True, exist_ok=True)
    todo = list(
        missing(name, task, tuple(arguments.labels or task.labels), arguments.seeds or task.seeds)
    )
    load(f"{task.data}@{task.labels[0]}")  # decoded once, before the processes need it
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, mp_context=spawn) as pool:
        runs = [pool.submit(run, name, *which) for which in todo]
        for number, done in enumerate(concurrent.futures.as_completed(runs), 1):
            line = done.result()
            append_line(folder / "results.jsonl", line)
            print(f"{number}/{len(todo)}", line["labels"], line["algorithm"], line["seed"], end=" ")
            print(f"{line['accuracy']:.4f} {line['seconds']:.0f}s", file=sys.stdout, flush=True)
    write_atomically(folder / "README.md", summary(name, f"python benchmarks/accuracy.py {name}"))


if __name__ == "__main__":
    main()
