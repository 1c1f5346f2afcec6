"""Random forest (Breiman, 2001, Machine Learning 45), on the labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import nn

from realmix.base.randomness import derive
from realmix.contract.fields import Count
from realmix.models.tree_arrays import forest
from realmix.models.trees import Forest as Network
from realmix.procedures.rows.shared import Fitted, figures_of, labeled_rows
from realmix.training.stages import Stages


@dataclass(eq=False)
class Forest(Fitted):
    """(1 / T) sum_t p_t(x), p_t the class shares in the leaf of tree t that x falls into."""

    trees: Count = 200  # T

    form = "forest"
    idea = "labels alone, trees of random rows and columns"
    needs = "feature rows"
    pool_optional = True

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, label = labeled_rows(stages)
            seed = derive(stages.seed)
            found = forest(rows, label, stages.data.num_classes, self.trees, seed)
            cast(Network, network).store(found)
            return {**figures_of(network, stages), "nodes": float(len(found.left))}

        return stages.compute(fit, self.form)
