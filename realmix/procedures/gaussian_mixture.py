"""A Gaussian a class, by EM on labels and pool (Nigam et al., 2000, Machine Learning 39:103)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from realmix.contract.algorithm import Facts
from realmix.contract.fields import Count, Share
from realmix.functional.gaussians import expectation_maximization, principal
from realmix.procedures.rows import figures_of, labeled_rows, pool_rows, set_linear
from realmix.training.stages import Procedure, Stages


@dataclass(eq=False)
class GaussianMixture(Procedure):
    """max sum_i log p(x_i, y_i) + lambda sum_u log sum_c pi_c N(u; mu_c, S), on d components."""

    pool_weight: Share | None = None  # lambda; null: all of the pool weighs what all labels weigh
    dimensions: Count = 60  # d, principal components at most
    iterations: Count = 30  # of EM, at most
    most_rows: Count = 20_000  # of the pool, at random

    idea = "a Gaussian a class, fitted to the pool too"
    needs = "feature rows; pool"
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return "linear"

    def check(self, facts: Facts) -> None:
        facts.require_rows("gaussian_mixture")

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            (rows, label), pool = labeled_rows(stages), pool_rows(stages, self.most_rows)
            mean, directions = principal(np.concatenate([rows, pool]), self.dimensions)
            given = np.eye(stages.data.num_classes)[label]
            prior = (given.sum(0) + 1) / (len(rows) + given.shape[1])
            weight = self.pool_weight
            if weight is None:
                weight = min(1.0, len(rows) / max(len(pool), 1))
            slopes, bias, number = expectation_maximization(
                (rows - mean) @ directions.T,
                (pool - mean) @ directions.T,
                given,
                prior,
                weight,
                self.iterations,
            )
            slopes = slopes @ directions
            set_linear(network, slopes, bias - slopes @ mean)
            return {**figures_of(network, stages), "iterations": float(number)}

        return stages.compute(fit, "linear")
