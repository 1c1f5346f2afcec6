"""Gradient boosting of trees (Friedman, 2001, Annals of Statistics 29), on the labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from realmix.base.randomness import derive
from realmix.contract.algorithm import Facts
from realmix.contract.fields import Count, NonNegative, Positive, Share
from realmix.models.tree_arrays import boosting
from realmix.models.trees import Boosting as Network
from realmix.procedures.rows.shared import figures_of, labeled_rows
from realmix.training.stages import Procedure, Stages


@dataclass(eq=False)
class Boosting(Procedure):
    """softmax(s + sum_t r f_t(x)), each tree f_t a Newton step on H(y, p) of what went before."""

    rounds: Count = 100  # T, of one tree for each class
    rate: Positive = 0.1  # r
    leaves: Count = 8  # of a tree, at most
    least_rows: Count = 5  # labels in a leaf, at least
    penalty: NonNegative = 1.0  # of squared leaf values
    columns: Share = 0.3  # that each split chooses among, at random

    idea = "labels alone, trees that correct each other"
    needs = "feature rows"
    pool_optional = True
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return "boosting"

    def check(self, facts: Facts) -> None:
        facts.require_rows("boosting")

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, label = labeled_rows(stages)
            found = boosting(
                rows,
                label,
                stages.data.num_classes,
                derive(stages.seed),
                max_iter=self.rounds,
                learning_rate=self.rate,
                max_leaf_nodes=self.leaves,
                min_samples_leaf=self.least_rows,
                l2_regularization=self.penalty,
                max_features=self.columns,
            )
            arrays = (*found.trees, found.classes, found.start)
            cast(Network, network).store([torch.from_numpy(a).to(stages.device) for a in arrays])
            return {**figures_of(network, stages), "nodes": float(len(found.trees.left))}

        return stages.compute(fit, "boosting")
