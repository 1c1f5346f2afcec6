"""What the methods for feature rows share: data as arrays, a strength, a linear network."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realmix.base.randomness import derive
from realmix.contract.method import Facts
from realmix.functional.rows.linear import best_strength
from realmix.training.stages import Procedure, Stages

OF_COLUMNS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # C of standardized columns
USUAL = 1.0  # of these
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)  # of features: C times their mean square length
FOLDS = 5


class Fitted(Procedure):
    """A method for feature rows that is fitted to the end, and ends in a network of one form."""

    form: ClassVar[str] = "linear"
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return self.form

    def check(self, facts: Facts) -> None:
        words = re.findall("[A-Z][a-z]*", type(self).__name__)
        facts.require_rows("_".join(words).lower())

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            set_linear(network, *self.fitted(stages))
            return figures_of(network, stages)

        return stages.compute(fit, "linear")

    def fitted(self, stages: Stages) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K, D) W and (K,) b of softmax(W x + b)."""
        raise NotImplementedError


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


def strength_of(
    rows: NDArray[np.float64], label: NDArray[np.int64], stages: Stages
) -> tuple[float, float]:
    """C of the labels' logistic regression and the temperature of its scores, cross-validated.

    Several methods ask for it with the same rows, so what was found is remembered.
    """
    key = blake2b(repr((stages.seed, stages.data.width, rows.shape)).encode())
    for array in (rows, label):
        key.update(array.tobytes())
    if key.digest() not in _strengths:
        _strengths[key.digest()] = _strength_of(rows, label, stages)
    return _strengths[key.digest()]


_strengths: dict[bytes, tuple[float, float]] = {}


def _strength_of(
    rows: NDArray[np.float64], label: NDArray[np.int64], stages: Stages
) -> tuple[float, float]:
    rng = np.random.default_rng(derive(stages.seed))
    if stages.data.width is None:  # columns of a table
        return best_strength(rows, label, OF_COLUMNS, FOLDS, rng, USUAL)
    square = mean_square(rows)
    strengths = tuple(strength / square for strength in STRENGTHS)
    return best_strength(rows, label, strengths, FOLDS, rng)


def mean_square(*rows: NDArray[np.float64]) -> float:
    """Of the lengths of all rows: what C must be divided by to mean the same for any width."""
    total = sum(float(np.einsum("nd,nd->", part, part)) for part in rows)
    return max(total / max(sum(map(len, rows)), 1), 1e-12)


def prior_of(label: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """(K,) shares of the labels, each class as if it had one more."""
    counts = np.bincount(label, minlength=num_classes) + 1.0
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def weight_of(labels: int, pool: int, times: float = 1.0) -> float:
    """Of a row of the pool, so that all of it weighs `times` what all labels weigh; at most 1."""
    return min(1.0, times * labels / max(pool, 1))


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
