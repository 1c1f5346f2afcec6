"""A Gaussian a class, by EM on labels and pool (Nigam et al., 2000, Machine Learning 39:103)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realmix.contract.fields import Count, Share
from realmix.functional.rows.gaussians import expectation_maximization, principal
from realmix.procedures.rows.shared import (
    Fitted,
    labeled_rows,
    pool_rows,
    pool_shares,
    weight_of,
)
from realmix.training.stages import Stages

Array = NDArray[np.float64]


@dataclass(eq=False)
class GaussianMixture(Fitted):
    """max sum_i log p(x_i, y_i) + lambda sum_u log sum_c pi_c N(u; mu_c, S), on d components."""

    pool_weight: Share | None = None  # lambda; null: all of the pool weighs what all labels weigh
    dimensions: Count = 60  # d, principal components at most
    iterations: Count = 30  # of EM, at most
    most_rows: Count = 20_000  # of the pool, at random

    idea = "a Gaussian a class, fitted to the pool too"
    needs = "feature rows; pool"

    def fitted(self, stages: Stages) -> tuple[Array, Array]:
        """(K, D) W and (K,) b of the posterior softmax(W x + b)."""
        (rows, label), pool = labeled_rows(stages), pool_rows(stages, self.most_rows)
        mean, directions = principal(np.concatenate([rows, pool]), self.dimensions)
        weight = self.pool_weight
        slopes, bias, _ = expectation_maximization(
            (rows - mean) @ directions.T,
            (pool - mean) @ directions.T,
            np.eye(stages.data.num_classes)[label],
            pool_shares(stages),
            weight_of(len(rows), len(pool)) if weight is None else weight,
            self.iterations,
        )
        slopes = slopes @ directions
        return slopes, bias - slopes @ mean
