"""Procedures on clusters of feature rows, whole or stopped again and again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from realmix import models
from realmix.augment.presets import PRESETS
from realmix.base.errors import Interrupted
from realmix.contract.algorithm import Recipe
from realmix.data.pools import Data, Pool
from realmix.training.stages import Procedure, Stages

FEATURES = 4


def blobs(labeled: int = 20, pool: int = 60, num_classes: int = 3, wrong: int = 0) -> Data:
    """Standardized clusters; the first `wrong` labels are those of the next class."""
    rng = np.random.default_rng(0)
    label = np.arange(labeled + pool) % num_classes
    centers = 2 * rng.normal(size=(num_classes, FEATURES))
    x = centers[label] + rng.normal(size=(len(label), FEATURES))
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    label[:wrong] = (label[:wrong] + 1) % num_classes
    known = Pool.of(x[:labeled], label[:labeled])
    names = tuple("abcdef"[:num_classes])
    views = PRESETS["features"]((FEATURES,))
    return Data(known, Pool.of(x[labeled:]), names, views, "features")


def stages(data: Data | None = None, folder: Path | None = None, **options: Any) -> Stages:
    data = data or blobs()

    def build(number: int, model: str | None, own: Recipe | None = None) -> nn.Module:
        noise = ((own or recipe).dropout, (own or recipe).stochastic_depth)
        return models.build(model or "mlp", (FEATURES,), data.num_classes, 7 + number, *noise)

    recipe = replace(options.pop("recipe", Recipe(learning_rate=0.01)), batch_size=8)
    given = {"steps": 12, "seed": 3, "log_every": 1, **options}
    return Stages(data, build, recipe=recipe, folder=folder, **given)


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(v, other[k]) for k, v in one.items())


def stopped_after(steps: int) -> Callable[[], bool]:
    """Asked before each step: False so many times."""
    asked = itertools.count()
    return lambda: next(asked) >= steps


def interrupted(procedure: Procedure, folder: Path, every: int, **options: Any) -> nn.Module:
    """What it returns when each process does `every` steps and the next one goes on."""
    for _ in range(1000):
        try:
            return procedure.train(stages(folder=folder, stop=stopped_after(every), **options))
        except Interrupted:
            torch.manual_seed(every)  # nothing may depend on it
    raise AssertionError("it does not end")
