"""Gradient boosting of trees (Friedman, 2001, Annals of Statistics 29), on the labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from realmix.base.randomness import derive
from realmix.contract.fields import Count, NonNegative, Positive, Share
from realmix.models.tree_arrays import Boosted, boosting
from realmix.models.trees import Boosting as Network
from realmix.procedures.rows.shared import Fitted, figures_of, labeled_rows
from realmix.training.stages import Stages


@dataclass(eq=False)
class Boosting(Fitted):
    """softmax(s + sum_t r f_t(x)), each tree f_t a Newton step on H(y, p) of what went before."""

    rounds: Count = 100  # T, of one tree for each class
    rate: Positive = 0.1  # r
    leaves: Count = 8  # of a tree, at most
    least_rows: Count = 5  # labels in a leaf, at least
    penalty: NonNegative = 1.0  # of squared leaf values
    columns: Share = 0.3  # that each split chooses among, at random

    form = "boosting"
    idea = "labels alone, trees that correct each other"
    needs = "feature rows"
    pool_optional = True

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, label = labeled_rows(stages)
            found = self.grown(rows, label, stages.data.num_classes, derive(stages.seed))
            cast(Network, network).store([*found.trees, found.classes, found.start])
            return {**figures_of(network, stages), "nodes": float(len(found.trees.left))}

        return stages.compute(fit, self.form)

    def grown(
        self, rows: NDArray[np.float64], label: NDArray[np.int64], num_classes: int, seed: int
    ) -> Boosted:
        """See `realmix.models.tree_arrays.boosting`."""
        settings = {
            "max_iter": self.rounds,
            "learning_rate": self.rate,
            "max_leaf_nodes": self.leaves,
            "min_samples_leaf": self.least_rows,
            "l2_regularization": self.penalty,
            "max_features": self.columns,
        }
        return boosting(rows, label, num_classes, seed, **settings)
