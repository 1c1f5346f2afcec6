"""What the methods for feature rows share: data as arrays, a strength, a linear network."""

from __future__ import annotations

import re
from dataclasses import fields
from hashlib import blake2b
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realmix.base.randomness import derive
from realmix.contract.method import Facts
from realmix.data.pools import Pool
from realmix.functional.rows.linear import best_strength, dealt
from realmix.functional.rows.shares import shares_beyond_chance
from realmix.models.tuned.network import TUNED
from realmix.training.stages import Procedure, Stages

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]
"""(K, D) W and (K,) b of softmax(W x + b)."""

OF_COLUMNS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # C of standardized columns
USUAL = 1.0  # of these
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)  # of features: C times their mean square length
FOLDS = 5
MOST_ASKED = 3000  # rows of the pool, for its shares
REMEMBERED = 64  # layers: those of a run; a process may fit thousands


class Fitted(Procedure):
    """A method for feature rows that is fitted to the end, and ends in a network of one form."""

    form: ClassVar[str] = "linear"
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return model if model.startswith(TUNED) else self.form

    def check(self, facts: Facts) -> None:
        words = re.findall("[A-Z][a-z]*", type(self).__name__)
        if not facts.has_features:
            facts.require_rows("_".join(words).lower())

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            layer, figures = self.computed(stages)
            set_linear(network, *layer, stages.data.moments)
            return {**figures_of(network, stages), **figures}

        return stages.compute(fit, None if stages.data.moments else "linear")

    def computed(self, stages: Stages) -> tuple[Layer, dict[str, float]]:
        """The layer, and figures to record."""
        return self.remembered(stages), {}

    def remembered(self, stages: Stages) -> Layer:
        """`fitted`, once for the same rows: a vote asks the methods that were tried before it."""
        own = {one.name: getattr(self, one.name) for one in fields(cast(Any, self))}
        pool = pool_rows(stages, own.pop("most_rows"))
        key = _key(stages, *labeled_rows(stages), pool, asked=(type(self).__name__, own))
        if key not in _layers:
            _layers[key] = self.fitted(stages)
            if len(_layers) > REMEMBERED:
                del _layers[next(iter(_layers))]
        return _layers[key]

    def fitted(self, stages: Stages) -> Layer:
        """(K, D) W and (K,) b of softmax(W x + b)."""
        raise NotImplementedError


_layers: dict[bytes, Layer] = {}


def labeled_rows(stages: Stages) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(n, D) labeled rows and (n,) their classes."""
    labeled = stages.data.labeled
    return rows_of(labeled, stages), labeled.label.cpu().numpy()


def pool_rows(stages: Stages, most: int) -> NDArray[np.float64]:
    """(m, D) the pool, or `most` of its rows at random, in their order."""
    pool = stages.data.unlabeled
    if len(pool) <= most:
        return rows_of(pool, stages)
    rng = np.random.default_rng(derive(stages.seed))
    chosen = np.sort(rng.choice(len(pool), most, replace=False))
    return rows_of(pool, stages, torch.from_numpy(chosen).to(pool.inputs.device))


def rows_of(pool: Pool, stages: Stages, chosen: Tensor | None = None) -> NDArray[np.float64]:
    """(N, D) rows of a pool as scikit-learn takes them: its inputs, or the features beside them."""
    inputs = pool.inputs if pool.encoded is None else pool.encoded
    rows = inputs if chosen is None else inputs[chosen]
    seen = stages.plain(rows) if pool.encoded is None else rows
    return seen.cpu().numpy().astype(np.float64)


def strength_of(
    rows: NDArray[np.float64], label: NDArray[np.int64], stages: Stages
) -> tuple[float, float]:
    """C of the labels' logistic regression and the temperature of its scores, cross-validated.

    Several methods ask for it with the same rows, so what was found is remembered.
    """
    key = _key(stages, rows, label)
    if key not in _strengths:
        _strengths[key] = _strength_of(rows, label, stages)
    return _strengths[key]


_strengths: dict[bytes, tuple[float, float]] = {}


def _strength_of(
    rows: NDArray[np.float64], label: NDArray[np.int64], stages: Stages
) -> tuple[float, float]:
    rng = np.random.default_rng(derive(stages.seed))
    if stages.data.width is None and stages.data.moments is None:  # columns of a table
        return best_strength(rows, label, OF_COLUMNS, FOLDS, rng, USUAL)
    square = mean_square(rows)
    strengths = tuple(strength / square for strength in STRENGTHS)
    return best_strength(rows, label, strengths, FOLDS, rng)


def pool_shares(stages: Stages) -> NDArray[np.float64]:
    """(K,) class shares of the pool: the labels', but for what is beyond chance in the pool's own.

    See `shares_beyond_chance`. People label as many of each class, and what they meet is unequal: a
    method that gives such a pool equal classes names rare ones too often.
    """
    (rows, label), pool = labeled_rows(stages), pool_rows(stages, MOST_ASKED)
    given = prior_of(label, stages.data.num_classes)
    if len(pool) == 0:
        return given
    key = _key(stages, rows, label, pool)
    if key not in _shares:
        fold = dealt(label, FOLDS, np.random.default_rng(derive(stages.seed)))
        settings = strength_of(rows, label, stages)
        _shares[key] = shares_beyond_chance(rows, label, pool, given, fold, settings)
    return _shares[key]


_shares: dict[bytes, NDArray[np.float64]] = {}


def _key(stages: Stages, *arrays: NDArray[Any], asked: object = None) -> bytes:
    """Of what was found from some arrays of a run, and what was asked."""
    key = blake2b(repr((stages.seed, stages.data.width, arrays[0].shape, asked)).encode())
    for array in arrays:
        key.update(array.tobytes())
    return key.digest()


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


def set_linear(
    network: nn.Module,
    slopes: NDArray[np.float64],
    bias: NDArray[np.float64],
    moments: tuple[Tensor, Tensor] | None = None,
) -> None:
    """Give a network's last layer its (K, D) weights and (K,) bias.

    Args:
        network: "linear", or one whose body is an encoder.
        slopes: (K, D), of standardized rows.
        bias: (K,).
        moments: mean and scale by which they were, where the network's features are not.
    """
    head = cast(nn.Linear, network.head)
    if moments is not None:
        mean, scale = (part.double().cpu().numpy() for part in moments)
        slopes = slopes / scale
        bias = bias - slopes @ mean
    head.weight.copy_(torch.from_numpy(slopes))
    head.bias.copy_(torch.from_numpy(bias))


def figures_of(network: nn.Module, stages: Stages) -> dict[str, float]:
    """Log loss of the labels that it learned from."""
    labeled = stages.data.labeled
    logits: Tensor = network(stages.plain(labeled.inputs))
    return {"loss": float(nn.functional.cross_entropy(logits, labeled.label))}
