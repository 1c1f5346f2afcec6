"""Label spreading (Zhou et al., 2003, NIPS, "Learning with local and global consistency")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from realmix.contract.algorithm import Facts
from realmix.contract.fields import Count, Decay, Positive
from realmix.functional.graph import knn_graph, propagate
from realmix.functional.targets import one_hot
from realmix.models.neighbors import Neighbors
from realmix.procedures.rows import figures_of, labeled_rows, pool_rows
from realmix.training.stages import Procedure, Stages

TOLERANCE, ITERATIONS = 1e-4, 50  # of the conjugate gradient


@dataclass(eq=False)
class LabelSpreading(Procedure):
    """F = (1 - alpha) (I - alpha S)^(-1) Y on a graph of all rows; new rows ask their neighbors."""

    neighbors: Count = 5  # k of the graph
    power: Positive = 3.0  # gamma, of the similarities
    alpha: Decay = 0.99  # share of a score that comes from the neighbors
    asked: Count = 10  # stored rows that a new row asks
    most_rows: Count = 10_000  # of the pool, at random: time and the model's size stay bounded

    idea = "labels flow along a graph of rows"
    needs = "feature rows; pool; a graph of all rows"
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return f"neighbors-{self.asked}"

    def check(self, facts: Facts) -> None:
        facts.require_rows("label_spreading")

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, scores = self.spread(stages)
            cast(Neighbors, network).store(rows.to(stages.device), scores.to(stages.device))
            return {**figures_of(network, stages), "rows": float(len(rows))}

        return stages.compute(fit, self.final_model(""))

    def spread(self, stages: Stages) -> tuple[Tensor, Tensor]:
        """(M, D) rows that a label has reached, labeled ones first, and their (M, K) shares."""
        num_classes = stages.data.num_classes
        labeled, label = labeled_rows(stages)
        some = torch.from_numpy(pool_rows(stages, self.most_rows))
        rows = torch.cat([torch.from_numpy(labeled), some]).float()
        known = torch.cat([torch.from_numpy(label), torch.full((len(some),), -1)])
        graph = knn_graph(rows, self.neighbors, self.power)
        scores = propagate(graph, known, num_classes, self.alpha, TOLERANCE, ITERATIONS)
        scores[: len(label)] = one_hot(known[: len(label)], num_classes).double()
        total = scores.sum(1)
        reached = total > 0
        return rows[reached], (scores[reached] / total[reached, None]).float()
