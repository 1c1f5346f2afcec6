"""The first ten losses of every algorithm, float64 on the CPU, stored beside this file.

A refactoring must not change them. An intended change runs

    python -m tests.golden.regenerate

and commits the new numbers with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from realmix.algorithm import Batch, Nets, Step
from realmix.algorithms import ALGORITHMS
from realmix.optimizer import Optimizer
from realmix.state import Ema
from tests import tiny

FOLDER = Path(__file__).parent
STEPS, TOTAL = 10, 40  # so the ramps are partly up

CASES: dict[str, tuple[str, dict[str, object]]] = {
    "supervised": ("supervised", {}),
    "mean_teacher": ("mean_teacher", {}),
    "mean_teacher_kl": ("mean_teacher", {"distance": "kl"}),
    "mixmatch": ("mixmatch", {"ramp_steps": 20}),
    "mixmatch_released": (
        "mixmatch",
        {"compatibility": "released", "augmentations": 3, "ramp_steps": 5},
    ),
    "fixmatch": ("fixmatch", {"threshold": 0.7}),
    "realmix": ("realmix", {"out_of_distribution": 0.25, "ramp_steps": 20}),
    "realmix_released": (
        "realmix",
        {
            "out_of_distribution": 0.25,
            "compatibility": "released",
            "annealing": "exp",
            "ramp_steps": 5,
        },
    ),
}


def batch_of(views, index: int) -> Batch:
    """Clusters with noise; another draw at each step."""
    rng = np.random.default_rng([7, index])
    centers = np.random.default_rng(7).normal(size=(tiny.CLASSES, tiny.FEATURES))

    def rows(label, count):
        noise = rng.normal(size=(count, len(label), tiny.FEATURES))
        return [torch.from_numpy(2 * centers[label] + one) for one in noise]

    label = rng.integers(0, tiny.CLASSES, 12)
    pool = rng.integers(0, tiny.CLASSES, 12 if views.unlabeled else 0)
    return Batch(
        tiny.examples(rows(label, len(views.labeled)), torch.from_numpy(label)),
        tiny.examples(rows(pool, len(views.unlabeled)), torch.full((len(pool),), -1)),
    )


def losses(case: str) -> list[dict[str, float]]:
    """Every term at each of the first steps."""
    name, fields = CASES[case]
    algorithm = ALGORITHMS[name].from_fields(fields)
    student = tiny.normalizing_network(seed=3)
    ema = Ema(student, algorithm.recipe.ema_decay)
    nets = Nets(student, ema.network)
    algorithm.setup(nets, tiny.facts())
    optimizer = Optimizer([student, algorithm], algorithm.recipe)
    history = []
    for index in range(STEPS):
        step = Step(index, TOTAL, torch.Generator().manual_seed(index))
        optimizer.anneal(step.progress)
        result = algorithm.update(nets, optimizer, batch_of(algorithm.views, index), step)
        ema.update(student, index)
        history.append({term: value.item() for term, value in result.terms.items()})
    return history


def main() -> None:
    for case in CASES:
        (FOLDER / f"{case}.json").write_text(json.dumps(losses(case), indent=1) + "\n")


if __name__ == "__main__":
    main()
