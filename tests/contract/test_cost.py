"""The cost that each method states: its arithmetic, counted, relative to that of the labels alone.

`python -m tests.contract.test_cost` prints what is counted.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.flop_counter import FlopCounterMode

from realmix import models
from realmix.augment.presets import PRESETS
from realmix.contract.algorithm import Batch
from realmix.data.pools import Data, Pool
from realmix.data.sampling import batch_at
from realmix.runs.methods import METHODS
from realmix.training import trainer
from realmix.training.stages import Procedure, Stages

IMAGES, ROWS = (3, 8, 8), (12,)
CLASSES, LABELED, POOL = 4, 120, 256
BATCH = 8
STEPS = 4  # of a training
STEPS_OF = {  # those whose first steps, or parts with shares of the steps, cost more or less
    "arazo": 8,
    "dividemix": 8,
    "in_domain": 8,
    "meta_pseudo_labels": 8,
    "self_training": 32,
    "label_propagation": 32,
    "noisy_student": 16,
    "joint_self_training": 16,
}
FIELDS = {
    "dividemix": {"few_labels": True},  # 120 labels are no obstacle here
    "joint_self_training": {"threshold": 0.0},  # nobody is confident after 16 steps
}


class OfNetworks(FlopCounterMode):
    """Counts what networks compute; how a batch is augmented costs many small operations."""

    def __enter__(self) -> Self:
        def uncounted(*given: Any) -> Batch:
            with _disable_current_modes():
                return batch_at(*given)

        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(trainer, "batch_at", uncounted)
        return super().__enter__()

    def __exit__(self, *error: Any) -> Any:
        self.patch.undo()
        return super().__exit__(*error)


@functools.cache
def counted(name: str, shape: tuple[int, ...], steps: int) -> float:
    """Floating-point operations of a whole training with the method's own batches."""
    rng, preset = np.random.default_rng(0), "features" if shape == ROWS else "photos"
    inputs = rng.integers(0, 256, (LABELED + POOL, *shape), dtype=np.uint8)
    if shape == ROWS:
        inputs = inputs.astype(np.float32) / 128 - 1
    label = np.arange(LABELED) % CLASSES
    data = Data(
        Pool.of(inputs[:LABELED], label),
        Pool.of(inputs[LABELED:]),
        tuple("abcd"),
        PRESETS[preset](shape),
        preset,
    )
    cls = METHODS[name]
    method = cls(**FIELDS.get(name, {}))
    stages = Stages(
        data,
        lambda number, model=None, recipe=None: models.build(
            model or "auto", shape, CLASSES, number
        ),
        steps=steps,
        seed=0,
        recipe=dataclasses.replace(cls.recipe, batch_size=BATCH),
    )
    with OfNetworks(display=False) as counter:
        if isinstance(method, Procedure):
            method.train(stages)
        else:
            stages.train(method)
    return counter.get_total_flops() * cls.recipe.batch_size / BATCH


def relative(name: str) -> float:
    shape = ROWS if METHODS[name].needs.startswith("feature") else IMAGES
    steps = STEPS_OF.get(name, STEPS)
    return counted(name, shape, steps) / counted("supervised", shape, steps)


def has_steps(name: str) -> bool:
    method = METHODS[name]()
    return not isinstance(method, Procedure) or method.trainings > 0


@pytest.mark.parametrize("name", METHODS)
def test_a_method_without_steps_states_no_cost(name: str) -> None:
    assert (METHODS[name].cost > 0) == has_steps(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(filter(has_steps, METHODS)))
def test_the_stated_cost_is_what_is_counted(name: str) -> None:
    assert METHODS[name].cost == pytest.approx(relative(name), rel=0.1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in filter(has_steps, METHODS):
        print(f"{name:24}{relative(name):.2f}")
