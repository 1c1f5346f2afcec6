"""Random forest (Breiman, 2001, Machine Learning 45), on the labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from realmix.base.randomness import derive
from realmix.contract.algorithm import Facts
from realmix.contract.fields import Count
from realmix.models.tree_arrays import forest
from realmix.models.trees import Forest as Network
from realmix.procedures.rows.shared import figures_of, labeled_rows
from realmix.training.stages import Procedure, Stages


@dataclass(eq=False)
class Forest(Procedure):
    """(1 / T) sum_t p_t(x), p_t the class shares in the leaf of tree t that x falls into."""

    trees: Count = 200  # T

    idea = "labels alone, trees of random rows and columns"
    needs = "feature rows"
    pool_optional = True
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return "forest"

    def check(self, facts: Facts) -> None:
        facts.require_rows("forest")

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, label = labeled_rows(stages)
            seed = derive(stages.seed)
            found = forest(rows, label, stages.data.num_classes, self.trees, seed)
            arrays = [torch.from_numpy(array).to(stages.device) for array in found]
            cast(Network, network).store(arrays)
            return {**figures_of(network, stages), "nodes": float(len(found.left))}

        return stages.compute(fit, "forest")
