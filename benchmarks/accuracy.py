"""Test accuracy of every method on the same splits, as records that anybody can reproduce.

    python -m benchmarks.accuracy digits
    python -m benchmarks.accuracy cifar10 [--labels 1000] [--seeds 3] [--jobs 2]
    python -m benchmarks.accuracy cifar10_longer
    python -m benchmarks.accuracy svhn  # needs train_32x32.mat and test_32x32.mat in REALMIX_DATA

A run is one line of records/<task>/results.jsonl; runs that are there are not done again. At the
end records/<task>/README.md is written anew from all lines. Labels are drawn and networks start
by the seed; test rows are used once, for the averaged weights after the last step.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.records import (
    RECORDS,
    Line,
    by_seed,
    do,
    gain,
    lines_of,
    made_with,
    place,
    spread,
    trained_accuracy,
    versions_of,
)
from realmix.base.errors import UsageError
from realmix.base.files import write_atomically
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.runs.config import Config
from realmix.runs.methods import METHODS
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

SKLEARN = ("LabelSpreading", "SelfTrainingClassifier")
FIXMATCH_FAMILY = ("fixmatch", "uda", "flexmatch", "freematch", "softmatch", "adamatch")


@dataclass(frozen=True)
class Task:
    """What is compared: data, numbers of labels, steps, and what differs from the papers.

    Attributes:
        also: methods that are run with `also_labels` labels only.
    """

    data: str
    labels: tuple[int, ...]
    seeds: int
    steps: int
    algorithms: tuple[str, ...]
    also: tuple[str, ...] = ()
    also_labels: int = 0
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)


TASKS = {
    "digits": Task(
        data="digits",
        labels=(20, 40),
        seeds=5,
        steps=500,
        algorithms=(*METHODS, *SKLEARN),
        fields={
            "dividemix": {"few_labels": True},  # it refuses so few labels otherwise
            # a run of one core in some minutes: two pool examples a label instead of three to seven
            **{name: {"unlabeled_ratio": 2} for name in FIXMATCH_FAMILY},
            "meta_pseudo_labels": {"batch_size": 64, "unlabeled_ratio": 2},
            "remixmatch": {"strong_views": 2},
        },
    ),
    "cifar10": Task(
        data="cifar10",
        labels=(250, 500, 1000, 4000),  # as the paper's Table 2
        seeds=3,
        steps=3000,
        algorithms=("supervised", "mixmatch", "realmix", "fixmatch"),
        also=(
            *("mean_teacher", "vat", "pseudo_label", "ict", "arazo", "pi_model"),
            *("uda", "flexmatch", "remixmatch", "adamatch", "freematch", "softmatch"),
        ),
        also_labels=1000,
        fields={
            # a run of one core in a quarter of an hour
            **{name: {"unlabeled_ratio": 2} for name in FIXMATCH_FAMILY},
        },
    ),
    "svhn": Task(
        data="svhn",
        labels=(250, 500, 1000, 4000),  # as the paper's Table 3
        seeds=3,
        steps=3000,
        algorithms=("supervised", "mixmatch", "realmix", "fixmatch"),
        fields={
            "fixmatch": {"unlabeled_ratio": 2},
            **{name: {"weight": 250} for name in ("mixmatch", "realmix")},  # theirs on SVHN
        },
    ),
    "cifar10_longer": Task(
        data="cifar10",
        labels=(1000, 4000),
        seeds=3,
        steps=5000,
        algorithms=("supervised", "realmix"),
        fields={"realmix": {"annealing": "off"}},
    ),
}


def run(task_name: str, labels: int, algorithm: str, seed: int) -> Line:
    """One training and its accuracy on the test rows."""
    task = TASKS[task_name]
    fields = task.fields.get(algorithm, {})
    dataset = load(f"{task.data}@{labels}", seed=seed)
    started = time.monotonic()
    if algorithm in SKLEARN:
        accuracy = sklearn_accuracy(algorithm, dataset)
    else:
        accuracy = trained_accuracy(dataset, algorithm, task.steps, seed, fields)
    return {
        "labels": labels,
        "algorithm": algorithm,
        "seed": seed,
        "accuracy": accuracy,
        "steps": 0 if algorithm in SKLEARN else task.steps,
        "seconds": round(time.monotonic() - started, 1),
        "fields": fields,
        "versions": made_with(),
    }


def sklearn_accuracy(name: str, dataset: Dataset) -> float:
    """scikit-learn's own methods on the same rows, with its defaults where they work at all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

    assert dataset.test_inputs is not None
    x, test = (rows.reshape(len(rows), -1) / 255 for rows in (dataset.inputs, dataset.test_inputs))
    model = {
        "LabelSpreading": LabelSpreading(kernel="knn", n_neighbors=7),
        "SelfTrainingClassifier": SelfTrainingClassifier(LogisticRegression(max_iter=1000)),
    }[name]
    return float((model.fit(x, dataset.label).predict(test) == dataset.test_label).mean())


def current_lines(name: str) -> list[Line]:
    """The runs that are done with the fields that the task has now."""
    fields = TASKS[name].fields
    return [line for line in lines_of(name) if line["fields"] == fields.get(line["algorithm"], {})]


def suits(task: Task, algorithm: str, dataset: Dataset) -> bool:
    """Whether a method can learn from these data at all: some want feature rows, some texts."""
    config = Config("benchmark", algorithm=algorithm, fields=task.fields.get(algorithm, {}))
    try:
        Phases(dataset, config, None, Silent(), steps=1)
    except UsageError:
        return False
    return True


def missing(name: str, labels: tuple[int, ...], seeds: int) -> Iterator[tuple[Any, ...]]:
    """The runs that have no line yet, in an order in which any stop leaves whole comparisons."""
    task = TASKS[name]
    done = {(line["labels"], line["algorithm"], line["seed"]) for line in current_lines(name)}
    dataset = load(f"{task.data}@{task.labels[0]}")  # decoded here, before the processes need it
    suiting = [a for a in task.algorithms if a in SKLEARN or suits(task, a, dataset)]
    wanted = [(c, a, s) for c in labels for s in range(seeds) for a in suiting]
    wanted += [(task.also_labels, a, s) for s in range(seeds) for a in task.also]
    for which in wanted:
        if which not in done:
            yield name, *which


def summary(name: str) -> str:
    """All lines as a table: mean and deviation, and the paired difference from the labels alone."""
    task, lines = TASKS[name], current_lines(name)
    rows = [
        f"# {name}: test accuracy",
        "",
        f"`python -m benchmarks.accuracy {name}`, {task.steps} steps a training, {place(lines)}."
        " ± is the standard deviation over seeds of labels and training together; the difference"
        " from the labels alone is paired by seed, with its 95 % t-interval. Cost is arithmetic"
        " relative to the labels alone, as `realmix algorithms` shows it.",
        "",
    ]
    for algorithm, fields in task.fields.items():
        rows.append(f"- {algorithm} with {fields}, all else at its defaults.")
    for labels in task.labels:
        rows += ["", f"## {labels} labels", "", *table(task, lines, labels)]
    return "\n".join([*rows, "", *versions_of(lines), ""])


def table(task: Task, lines: list[Line], labels: int) -> Iterator[str]:
    """The rows of one number of labels, best first."""
    yield "| algorithm | seeds | accuracy | difference | 95 % interval | cost | minutes |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    base = by_seed(lines, labels=labels, algorithm="supervised")
    found = {a: by_seed(lines, labels=labels, algorithm=a) for a in (*task.algorithms, *task.also)}
    for algorithm in sorted(
        filter(found.get, found), key=lambda a: -np.mean(list(found[a].values()))
    ):
        change = gain(found[algorithm], base) if algorithm != "supervised" else None
        words = (
            (f"{change[0]:+.3f}", f"{change[1]:+.3f} to {change[2]:+.3f}") if change else ("", "")
        )
        spent = by_seed(lines, "seconds", labels=labels, algorithm=algorithm)
        cost = f"{METHODS[algorithm].cost:.1f}" if algorithm in METHODS else ""
        yield (
            f"| {algorithm} | {len(found[algorithm])} | {spread(found[algorithm])} | {words[0]} |"
            f" {words[1]} | {cost} | {np.mean(list(spent.values())) / 60:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--labels", type=int, nargs="*")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    task = TASKS[given.task]
    labels = tuple(given.labels or task.labels)
    do(given.task, run, list(missing(given.task, labels, given.seeds or task.seeds)), given.jobs)
    write_atomically(RECORDS / given.task / "README.md", summary(given.task))


if __name__ == "__main__":
    main()
