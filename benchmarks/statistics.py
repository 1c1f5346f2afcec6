"""Which statistics of BatchNorm suit the averaged weights: one training, judged with several.

    python -m benchmarks.statistics [--seeds 2] [--jobs 2]

Statistics are no part of what these methods learn, so all figures of a line are of the same
weights. They are normalized by

    layer    averages by the momentum of the layer (0.001 in wide ResNets as published, 0.1
             elsewhere) that are averaged with the weights once more: the rule until this record
    weights  averages that follow the weights (`realmix.functional.forward.follow_weights`)
    labels   estimates from plain views of the labeled rows, after training
    pool     estimates from plain views of the first pool rows
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import astuple, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from benchmarks.records import Line, by_seed, complete, gain, lines_of, spread, versions_of
from realmix.base.versions import versions
from realmix.data.reading.load import load
from realmix.functional.forward import MOMENTUM
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer

NAME, RULES = "statistics", ("layer", "weights", "labels", "pool")
ROWS, BATCH = 2048, 128


@dataclass(frozen=True)
class Case:
    """One training; `start` says whether it starts from a network that learned 1,000 labels."""

    data: str
    model: str
    algorithm: str
    steps: int
    start: bool = False


CASES = (
    *(Case("digits@40", model, "supervised", 50) for model in ("convnet", "wrn-16-2")),
    *(Case("digits@20", model, "supervised", 50, True) for model in ("convnet", "wrn-10-1")),
    *(Case("digits@40", "convnet", method, 100) for method in ("ladder", "arazo", "ict")),
    *(Case("digits@40", "wrn-10-1", method, 200) for method in ("uda", "ict", "arazo")),
    *(Case("digits@40", model, "supervised", 300) for model in ("convnet", "wrn-16-2")),
    Case("cifar10@1000", "convnet", "supervised", 50),
    Case("cifar10@1000", "wrn-10-1", "supervised", 300),
    *(Case("cifar10@1000", "wrn-10-1", method, 100) for method in ("mixmatch", "fixmatch")),
    *(Case("digits@40", model, "supervised", 1000) for model in ("convnet", "wrn-16-2")),
    *(Case("cifar10@1000", model, "supervised", 1500) for model in ("convnet", "wrn-10-1")),
)


def run(data: str, model: str, algorithm: str, steps: int, start: bool, seed: int) -> Line:
    """One training, and its accuracy on the test rows with each rule's statistics."""
    torch.set_num_threads(1)
    began, dataset = time.monotonic(), load(data, seed=seed)
    fields = {"unlabeled_ratio": 2} if algorithm in ("uda", "fixmatch") else {}
    with begun(data, model, seed) if start else nullcontext() as init:
        config = Config(
            data, algorithm=algorithm, model=model, init=init, seed=seed, gate="none", fields=fields
        )
        phases = Phases(dataset, config, None, Silent(), steps)
    trainer = phases.trainer(phases.only, steps)
    layer = trained(trainer, 0.001 if "wrn" in model else 0.1)
    assert dataset.test_inputs is not None
    test, network = torch.from_numpy(dataset.test_inputs), trainer.nets.ema

    def accuracy() -> float:
        return float((phases.rows.probs(network, test).argmax(1) == dataset.test_label).mean())

    found = {"weights": accuracy()}
    for rule, pool in (("labels", trainer.data.labeled), ("pool", trainer.data.unlabeled)):
        parts = torch.split(pool.inputs[:ROWS], BATCH)
        views = [phases.rows.views["plain"](part, None) for part in parts]
        update_bn(views, network)
        found[rule] = accuracy()
    for value, old in zip(statistics(network), layer, strict=True):
        value.copy_(old)
    return {
        **vars(Case(data, model, algorithm, steps, start)),
        "seed": seed,
        **{rule: {**found, "layer": accuracy()}[rule] for rule in RULES},
        "fields": fields,
        "seconds": round(time.monotonic() - began, 1),
        "versions": versions(),
    }


@contextmanager
def begun(data: str, model: str, seed: int) -> Iterator[str]:
    """A file with a network that learned 1,000 labels in 300 steps, drawn by another seed."""
    name, seed = f"{data.split('@')[0]}@1000", seed + 1000
    config = Config(name, algorithm="supervised", model=model, seed=seed, gate="none")
    phases = Phases(load(name, seed=seed), config, None, Silent(), 300)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "start.safetensors"
        Experiment(phases).run().classifier.save(path)
        yield str(path)


def statistics(network: nn.Module) -> list[Tensor]:
    """Running means and variances of all layers, as they are kept."""
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    kept = [buffer for layer in layers for buffer in (layer.running_mean, layer.running_var)]
    return [buffer for buffer in kept if buffer is not None]


def trained(trainer: Trainer, momentum: float) -> list[Tensor]:
    """Train to the end.

    Returns:
        The statistics that the averaged network would have had by that momentum.
    """
    own = statistics(trainer.student)
    student, average = ([value.clone() for value in own] for _ in range(2))
    for step in range(trainer.steps):
        before = [value.clone() for value in own]
        trainer.run(until=step + 1)
        decay = min(trainer.recipe.ema_decay, (1 + step) / (10 + step))
        for old, new, layer, mean in zip(before, own, student, average, strict=True):
            batch = old + (new - old) / MOMENTUM  # its own, as one pass a step moves them
            mean.lerp_(layer.lerp_(batch, momentum), 1 - decay)
    return average


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Statistics of BatchNorm for the averaged weights",
        "",
        "`python -m benchmarks.statistics`: accuracy of the same weights on the test rows, by where"
        " the statistics come from. *layer*: the layer's own momentum (0.001 in wide ResNets, 0.1"
        " elsewhere), averaged once more, as it was until this record; *weights*: a momentum of"
        f" {MOMENTUM}, averaged with the weights, as it is now; *labels*, *pool*: estimated after"
        f" training from plain views of these rows (up to {ROWS:,}). ± is the standard deviation"
        " over seeds. (start): from a network that learned 1,000 other labels. For `ladder` *layer*"
        " is of the labeled rows too. uda and fixmatch take two pool rows a label.",
        "",
        "| data | network | method | steps | seeds | layer | **weights** | labels | pool |"
        " weights - layer |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case in CASES:
        which = vars(case)
        found = {rule: by_seed(lines, rule, **which) for rule in RULES}
        if found["weights"]:
            change = gain(found["weights"], found["layer"])
            rows.append(
                f"| {case.data}{case.start * ' (start)'} | {case.model} | {case.algorithm} |"
                f" {case.steps} | {len(found['weights'])} |"
                f" {' | '.join(spread(found[rule]) for rule in RULES)} |"
                f" {f'{change[0]:+.3f}' if change else ''} |"
            )
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    wanted = [(*astuple(case), seed) for case in CASES for seed in range(given.seeds)]
    complete(NAME, run, wanted, (*vars(CASES[0]), "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()
