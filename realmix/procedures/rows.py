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


def labeled_rows(stages: Stages) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(n, D) labeled rows and (n,) their classes."""
    labeled = stages.data.labeled
    return array_of(stages.plain(labeled.inputs)), labeled.label.cpu().numpy()


def pool_rows(stages: Stages, most: int) -> NDArray[np.float64]:
    """(m, D) the pool, or `most` of its rows at random, in their order."""
    inputs = stages.data.unlabeled.inputs
    if len(inputs) > most:
        rng = np.random.default_rng(derive(stages.seed))
        chosen = np.sort(rng.choice(len(inputs), most, replace=False))
        inputs = inputs[torch.from_numpy(chosen).to(inputs.device)]
    return array_of(stages.plain(inputs))


def array_of(rows: Tensor) -> NDArray[np.float64]:
    """(N, D) as scikit-learn takes it."""
    return rows.cpu().numpy().astype(np.float64)


def strength_of(stages: Stages) -> float:
    """The C of the labels' logistic regression, by cross-validation."""
    rng = np.random.default_rng(derive(stages.seed))
    return best_strength(*labeled_rows(stages), STRENGTHS, FOLDS, rng)


def set_linear(network: nn.Module, slopes: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    """Give a network "linear" its (K, D) weights and (K,) bias."""
    head = cast(nn.Linear, network.head)
    head.weight.copy_(torch.from_numpy(slopes))
    head.bias.copy_(torch.from_numpy(bias))


def figures_of(network: nn.Module, stages: Stages) -> dict[str, float]:
    """Log loss of the labels that it learned from."""
    labeled = stages.data.labeled
    logits: Tensor = network(stages.plain(labeled.inputs))
    return {"loss": float(nn.functional.cross_entropy(logits, labeled.label))}
