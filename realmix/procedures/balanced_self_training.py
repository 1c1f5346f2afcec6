"""Self-training of logistic regression (Scudder, 1965), with quotas that follow class shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from realmix.contract.algorithm import Facts
from realmix.contract.fields import Count, Share
from realmix.functional.linear import logistic
from realmix.functional.selection import confident_of_each_class
from realmix.procedures.rows import as_arrays, figures_of, set_linear, some_of, strength_of
from realmix.training.stages import Procedure, Stages

Array = NDArray[np.float64]


@dataclass(eq=False)
class BalancedSelfTraining(Procedure):
    """H(y, p(x)) + w H(c, p(u)) for the r / R * share_c * N most confident c = argmax p(u)."""

    rounds: Count = 3  # R
    pool_weight: Share | None = None  # w; null: all pseudo-labels weigh what all labels weigh
    folds: Count = 5  # of the cross-validation of the strength
    most_rows: Count = 3000  # of the pool, at random

    idea = "confident predictions become labels, as many as expected"
    needs = "feature rows; pool"
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return "linear"

    def check(self, facts: Facts) -> None:
        facts.require_rows("balanced_self_training")

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, label, pool = as_arrays(stages)
            pool, num_classes = some_of(pool, self.most_rows, stages), stages.data.num_classes
            strength = strength_of(stages, self.folds)
            model = logistic(rows, label, num_classes, strength)
            for number in range(1, self.rounds + 1) if len(pool) else ():
                chosen, pseudo = self.chosen(model, pool, number / self.rounds)
                own = self.pool_weight
                if own is None:
                    own = min(1.0, len(rows) / max(len(pseudo), 1))
                weight = np.r_[np.ones(len(rows)), np.full(len(pseudo), own)]
                both = np.concatenate([rows, pool[chosen]])
                model = logistic(both, np.r_[label, pseudo], num_classes, strength, weight)
            set_linear(network, *model)
            return {**figures_of(network, stages), "strength": strength}

        return stages.compute(fit, "linear")

    def chosen(
        self, model: tuple[Array, Array], pool: Array, part: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which rows of the pool get a pseudo-label in this round, and these labels.

        Of class c at most `part` of the rows that the predictions expect of it, sum_u p_c(u): a
        class cannot take over the pool, and none is made larger than it seems.
        """
        probs = softmax(pool @ model[0].T + model[1], axis=1)
        quota = np.ceil(part * probs.sum(0)).astype(int).tolist()
        chosen = confident_of_each_class(torch.from_numpy(probs), quota, 0.0).numpy()
        return chosen, probs[chosen].argmax(1)
