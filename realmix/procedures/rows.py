"""What the methods for feature rows share: data as arrays, a strength, a linear network."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realmix.base.randomness import derive
from realmix.functional.linear import best_strength
from realmix.training.stages import Stages

STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # C; standardized rows and few labels need no weaker penalty
FOLDS = 5


def as_arrays(stages: Stages) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """(n, D) labeled rows, (n,) their classes, (N, D) pool."""
    labeled, pool = stages.data.labeled, stages.data.unlabeled
    rows, others = (p.inputs.cpu().numpy().astype(np.float64) for p in (labeled, pool))
    return rows, labeled.label.cpu().numpy(), others


def some_of(pool: NDArray[np.float64], most: int, stages: Stages) -> NDArray[np.float64]:
    """The pool, or `most` of its rows at random, in their order."""
    if len(pool) <= most:
        return pool
    chosen = np.random.default_rng(derive(stages.seed)).choice(len(pool), most, replace=False)
    return pool[np.sort(chosen)]


def strength_of(stages: Stages) -> float:
    """The C of the labels' logistic regression, by cross-validation."""
    rows, label, _ = as_arrays(stages)
    rng = np.random.default_rng(derive(stages.seed))
    return best_strength(rows, label, STRENGTHS, FOLDS, rng)


def set_linear(network: nn.Module, slopes: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    """Give a network "linear" its (K, D) weights and (K,) bias."""
    head = cast(nn.Linear, network.head)
    head.weight.copy_(torch.from_numpy(slopes))
    head.bias.copy_(torch.from_numpy(bias))


def figures_of(network: nn.Module, stages: Stages) -> dict[str, float]:
    """Log loss of the labels that it learned from."""
    labeled = stages.data.labeled
    logits: Tensor = network(labeled.inputs)
    return {"loss": float(nn.functional.cross_entropy(logits, labeled.label))}
