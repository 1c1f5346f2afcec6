"""Prototypes by EM on unit rows (Banerjee et al., 2005), their shares balanced (Caron, 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realmix.contract.fields import Count, Positive, Share
from realmix.functional.rows.prototypes import prototype_mixture
from realmix.procedures.rows.shared import (
    Fitted,
    labeled_rows,
    mean_square,
    pool_rows,
    pool_shares,
    weight_of,
)
from realmix.training.stages import Stages

Array = NDArray[np.float64]

TIMES = 6.0  # what all labels weigh, the pool weighs


@dataclass(eq=False)
class Prototypes(Fitted):
    """q_uc ~ exp(<u, mu_c> / T + b_c), mean q_c = pi_c; mu_c ~ sum y_ic x_i + lambda q_uc u."""

    temperature: Positive = 0.07  # T, of cosines
    balance: Share = 1.0  # B: how much of the offset b that gives classes the pool's shares
    pool_weight: Share | None = None  # lambda; null: the pool weighs what six times the labels do
    iterations: Count = 30  # of EM, at most
    most_rows: Count = 20_000  # of the pool, at random

    idea = "a direction a class, drawn to the pool, classes balanced"
    needs = "feature rows; pool"

    def fitted(self, stages: Stages) -> tuple[Array, Array]:
        """(K, D) W and (K,) b of the posterior softmax(W x + b)."""
        (rows, label), pool = labeled_rows(stages), pool_rows(stages, self.most_rows)
        length, weight = np.sqrt(mean_square(rows, pool)), self.pool_weight
        slopes, bias, _ = prototype_mixture(
            rows / length,
            pool / length,
            np.eye(stages.data.num_classes)[label],
            pool_shares(stages),
            self.temperature,
            weight_of(len(rows), len(pool), TIMES) if weight is None else weight,
            self.balance,
            self.iterations,
        )
        return slopes / length, bias
