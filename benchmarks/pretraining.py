"""Pre-training against self-training, and both: the comparison of Zoph et al. (2020), in small.

    python -m benchmarks.pretraining [--labels 10 50 250] [--seeds 3] [--steps 300] [--jobs 2]

The task is to tell the digits 5 to 9 apart from few labels and a pool. A network starts

    random   as any
    classes  from one that tells 0 to 4 apart, trained on all their labels
    simclr   from one that tells views of one image apart, of all images of the task (SimCLR)

and learns from the labels alone, or by joint self-training (`joint_self_training`); both with
strong augmentation, both twice the steps of a training, with one recipe.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from benchmarks.records import (
    DEVICE,
    Line,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    made_with,
    spread,
    versions_of,
)
from realmix import models
from realmix.augment.presets import PRESETS
from realmix.data.pools import Data, Dataset, Pool
from realmix.data.reading.load import load
from realmix.models.composed import num_features
from realmix.procedures.simclr_v2 import Contrast
from realmix.runs.classifier import Classifier
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer

NAME, DATA, CLASSES = "pretraining", "digits", 5
STARTS = ("random", "classes", "simclr")
METHODS = {"labels": {"alpha": 0.0}, "self-training": {"alpha": 1.0}}


def part(first: int, labels: int | None, seed: int) -> Dataset:
    """The rows of the classes from `first` on, of which so many keep their label."""
    whole = load(DATA)
    assert whole.test_inputs is not None
    assert whole.test_label is not None
    own = np.isin(whole.label, range(first, first + CLASSES))
    test = np.isin(whole.test_label, range(first, first + CLASSES))
    label = whole.label[own] - first
    if labels is not None:
        order = np.random.default_rng(seed).permutation(len(label))
        each = [order[label[order] == c][: labels // CLASSES] for c in range(CLASSES)]
        hidden = np.setdiff1d(order, np.concatenate(each))
        label[hidden] = -1
    return dataclasses.replace(
        whole,
        inputs=whole.inputs[own],
        label=label,
        classes=whole.classes[first : first + CLASSES],
        test_inputs=whole.test_inputs[test],
        test_label=whole.test_label[test] - first,
        oracle=None,
        names=None,
    )


def pretrained(start: str, target: Dataset, steps: int, seed: int) -> Classifier:
    """What a network starts from."""
    if start == "classes":
        config = Config(NAME, algorithm="supervised", steps=steps, seed=seed, gate="none")
        return Experiment(Phases(part(0, None, seed), config, None, Silent())).run().classifier
    shape: tuple[int, ...] = target.inputs.shape[1:]
    network = models.build("auto", shape, CLASSES, seed)
    views = PRESETS[target.preset](shape)
    pool = Pool.of(target.inputs)
    data = Data(Pool.of(target.inputs, np.zeros(len(pool))), pool, target.classes, views)
    contrast = Contrast(0.5, num_features(network, shape), 128, seed)
    recipe = dataclasses.replace(contrast.recipe, unlabeled_ratio=8)
    trainer = Trainer(network, contrast, data, steps=steps, seed=seed, recipe=recipe).run()
    averaged = cast(nn.Module, trainer.nets.ema.network)
    return Classifier(averaged, target.classes, "auto", shape, target.preset, None, {})


def run(start: str, method: str, labels: int, seed: int, steps: int) -> Line:
    """One training from one start, and its accuracy on the test rows."""
    torch.set_num_threads(1)
    target, started = part(CLASSES, labels, seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        init = None
        if start != "random":
            init = str(Path(folder) / "start.safetensors")
            pretrained(start, target, steps, seed).save(Path(init))
        config = Config(
            NAME,
            algorithm="joint_self_training",
            init=init,
            steps=steps,
            seed=seed,
            gate="none",
            device=DEVICE,
            fields=METHODS[method],
        )
        found = Experiment(Phases(target, config, None, Silent())).run().evidence
    right = found["test_model"].argmax(1) == found["test_label"]
    return {
        "start": start,
        "method": method,
        "labels": labels,
        "seed": seed,
        "steps": steps,
        "accuracy": float(right.mean()),
        "seconds": round(time.monotonic() - started, 1),
        "versions": made_with(),
    }


def summary(steps: int) -> str:
    lines = [line for line in lines_of(NAME) if line["steps"] == steps]
    rows = [
        "# Pre-training and self-training",
        "",
        f"`python -m benchmarks.pretraining --steps {steps}`: the digits 5 to 9, accuracy on the"
        " test rows. The differences, paired by seed with their 95 % t-intervals, are from random"
        " starts that learn from the labels alone.",
        "",
        "| labels | start | learns from | seeds | accuracy | difference |",
        "|---:|---|---|---:|---:|---:|",
    ]
    for labels in sorted({line["labels"] for line in lines}):
        base = by_seed(lines, labels=labels, start="random", method="labels")
        for start in STARTS:
            for method in METHODS:
                found = by_seed(lines, labels=labels, start=start, method=method)
                if found:
                    words = interval(gain(found, base)) if found != base else ""
                    rows.append(
                        f"| {labels} | {start} | {method} | {len(found)} | {spread(found)} |"
                        f" {words} |"
                    )
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=int, nargs="*", default=[10, 50, 250])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    wanted = [
        (start, method, labels, seed, given.steps)
        for seed in range(given.seeds)
        for labels in given.labels
        for start in STARTS
        for method in METHODS
    ]
    keys = ("start", "method", "labels", "seed", "steps")
    complete(NAME, run, wanted, keys, lambda: summary(given.steps), given.jobs)


if __name__ == "__main__":
    main()
