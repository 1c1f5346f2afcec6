"""Label spreading (Zhou et al., 2003, NIPS, "Learning with local and global consistency")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realmix.contract.algorithm import Facts
from realmix.contract.fields import Count, Decay, Positive, Share
from realmix.functional.graph import knn_graph, propagate
from realmix.functional.rows.gaussians import principal
from realmix.functional.rows.shares import with_shares
from realmix.models.neighbors import Neighbors
from realmix.procedures.rows.shared import figures_of, labeled_rows, pool_rows, pool_shares
from realmix.training.stages import Procedure, Stages

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

TOLERANCE, ITERATIONS = 1e-4, 50  # of the conjugate gradient


@dataclass(eq=False)
class LabelSpreading(Procedure):
    """F = (1 - alpha) (I - alpha S)^(-1) Y on a graph of all rows; new rows ask their neighbors."""

    neighbors: Count = 5  # k of the graph
    power: Positive = 3.0  # gamma, of the similarities
    alpha: Decay = 0.99  # share of a score that comes from the neighbors
    balance: Share = 0.0  # B: share of the offset that gives classes the pool's shares
    dimensions: Count | None = None  # principal components of the graph; null: all columns
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
        pool = pool_rows(stages, self.most_rows)
        scores = self.shares(stages, pool)
        rows, reached = np.concatenate([labeled_rows(stages)[0], pool]), scores.sum(1) > 0
        return torch.from_numpy(rows[reached]).float(), torch.from_numpy(scores[reached]).float()

    def shares(self, stages: Stages, pool: Array) -> Array:
        """(n + N, K) of labeled rows, then of the pool; zeros where no label has come."""
        (labeled, label), num_classes = labeled_rows(stages), stages.data.num_classes
        rows = np.concatenate([labeled, pool])
        if self.dimensions:
            mean, directions = principal(rows, self.dimensions)
            rows = (rows - mean) @ directions.T
        known = torch.from_numpy(np.r_[label, np.full(len(pool), -1)])
        graph = knn_graph(torch.from_numpy(rows), self.neighbors, self.power)
        found = propagate(graph, known, num_classes, self.alpha, TOLERANCE, ITERATIONS)
        scores = np.asarray(found)
        scores[: len(label)] = np.eye(num_classes)[label]
        scores /= np.maximum(scores.sum(1, keepdims=True), 1e-300)
        reached = np.flatnonzero(scores[len(label) :].sum(1) > 0) + len(label)
        if self.balance and len(reached):
            wanted = pool_shares(stages)
            scores[reached] = with_shares(scores[reached], wanted, self.balance)
        return scores
