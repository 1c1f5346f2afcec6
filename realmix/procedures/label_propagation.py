"""Deep label propagation (Iscen et al., 2019, https://arxiv.org/abs/1904.04717), algorithm 1."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from realmix.algorithms.supervised import Supervised
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, Decay, Positive
from realmix.contract.state import PerExample
from realmix.functional.graph import (
    knn_graph,
    nearest,
    nearest_approximately,
    propagate,
    pseudo_labels,
)
from realmix.functional.losses import cross_entropy
from realmix.functional.targets import one_hot
from realmix.models.composed import UnitFeatures
from realmix.training.stages import Procedure, Stages, trainable_copy

MOST_EDGES = 10**8  # some 5 GB
NOTED = 5.0  # seconds of a graph that are worth a word; roughly, on one core:
EXACT_SECONDS = 1.4e-8  # times rows squared
APPROXIMATE_SECONDS = 1.0e-6  # times rows to the power of 1.5


@dataclass(eq=False)
class LabelPropagation(Procedure):
    """H(y, p(x)) + w_i H(c_i, p(u_i)),  c_i = argmax z_i,  (I - alpha S) z = y on a graph."""

    neighbors: Count = 50  # k
    power: Positive = 3.0  # gamma, of the similarities
    alpha: Decay = 0.99  # share of a score that comes from the neighbors
    tolerance: Positive = 1e-6  # of the conjugate gradient
    iterations: Count = 20  # of the conjugate gradient, at most
    least_steps: Count = 20  # between two graphs; an epoch of the pool, if that is longer
    unit_features: bool = False  # features have length 1 before the last layer, as published
    exact_rows: Count = 20_000  # with more, neighbors are searched approximately, by faiss

    idea = "labels flow along a graph of features"
    needs = "pool; a graph of all rows"
    cost = 2.7
    recipe = Recipe(
        batch_size=50,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=0.0002,
        schedule="cosine",
    )

    @property
    def trainings(self) -> float:
        return 2.0

    def final_model(self, model: str) -> str:
        return f"unit:{model}" if self.unit_features else model

    def check(self, facts: Facts) -> None:
        rows = facts.num_labeled + facts.num_unlabeled
        if rows * self.neighbors > MOST_EDGES:
            raise UsageError(
                f"A graph of {rows:,} rows with {self.neighbors} neighbors each does not fit into"
                f" memory. Set neighbors to {MOST_EDGES // rows} or fewer (--set neighbors=...),"
                " or use mean_teacher or mixmatch, which need no graph."
            )
        # never the exact search instead: what is installed must not change the result
        if rows > self.exact_rows and importlib.util.find_spec("faiss") is None:
            raise UsageError(
                f"A graph of {rows:,} rows is searched with faiss, which is not installed:"
                " pip install 'realmix[graph]' (or faiss-cpu). Without it, --set"
                f" exact_rows={rows} searches exactly, some {EXACT_SECONDS * rows**2:.0f} seconds a"
                " graph on one core."
            )

    def notes(self, facts: Facts) -> tuple[str, ...]:
        rows = facts.num_labeled + facts.num_unlabeled
        exact = rows <= self.exact_rows
        seconds = EXACT_SECONDS * rows**2 if exact else APPROXIMATE_SECONDS * rows**1.5
        if seconds < NOTED:
            return ()
        how = "exact" if exact else "approximate"
        return (
            f"label_propagation draws a graph of {rows:,} rows ({how} neighbors), some"
            f" {seconds:.0f} seconds on one core, once an epoch of the pool.",
        )

    def train(self, stages: Stages) -> nn.Module:
        network = stages.build(0, None, None)
        network = UnitFeatures(network) if self.unit_features else network
        first = stages.train(Supervised(), "labels", network=network)
        objective = Propagated()
        trainer = stages.trainer(objective, "propagation", network=trainable_copy(first))
        batch = stages.recipe.batch_size * stages.recipe.unlabeled_ratio
        every = max(math.ceil(len(stages.data.unlabeled) / batch), self.least_steps)
        for start in range(trainer.step // every * every, stages.steps, every):
            if trainer.step == start:  # else the checkpoint holds these targets
                objective.targets.value.copy_(self.targets(stages, trainer.nets.student))
            stages.finish(trainer, until=min(start + every, stages.steps))
        return stages.finish(trainer)

    def targets(self, stages: Stages, network: nn.Module) -> Tensor:
        """(N, K) for labeled rows, then the pool: the class, times certainty and class weight."""
        data = stages.data
        rows = stages.features(network, torch.cat([data.labeled.inputs, data.unlabeled.inputs]))
        known = torch.cat([data.labeled.label, torch.full_like(data.unlabeled.label, -1)]).cpu()
        search = nearest if len(rows) <= self.exact_rows else nearest_approximately
        graph = knn_graph(rows.to(stages.device), self.neighbors, self.power, search)
        solver = self.alpha, self.tolerance, self.iterations
        label, certainty, class_weight = pseudo_labels(
            propagate(graph, known, data.num_classes, *solver), known
        )
        return (certainty * class_weight[label])[:, None] * one_hot(label, data.num_classes)


@dataclass(eq=False)
class Propagated(Objective):
    """(sum zeta_y H(y, p(x)) + sum omega_i zeta_c H(c_i, p(u_i))) / rows of the batch (eq. 12)."""

    views = Views(labeled=("weak",), unlabeled=("weak",))

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.num_labeled = facts.num_labeled
        # the labeled rows first, then those of the pool
        self.targets = PerExample(facts.num_labeled + facts.num_unlabeled, facts.num_classes)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), (u,) = batch.labeled.views, batch.unlabeled.views
        index = torch.cat([batch.labeled.index, self.num_labeled + batch.unlabeled.index])
        logits, target = nets.student(torch.cat([x, u])), self.targets.value[index]
        losses = cross_entropy(logits, target.to(logits.dtype)) / len(index)
        return Losses(
            supervised=losses[: len(x)].sum(),
            unlabeled=losses[len(x) :].sum(),
            metrics={"pool_weight": target[len(x) :].sum(1).mean()},
        )
