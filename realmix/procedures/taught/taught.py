"""Self-training with the vote as teacher (Zoph et al., 2020; Chen et al., 2020, section 2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from scipy.special import softmax
from torch import nn

from realmix.contract.algorithm import Facts, Recipe
from realmix.contract.fields import Share
from realmix.data.pools import Data
from realmix.models.linear import Linear
from realmix.procedures.base import base_class
from realmix.procedures.noisy_student import Noised
from realmix.procedures.rows.consensus import Consensus
from realmix.procedures.rows.shared import Layer, rows_of, set_linear
from realmix.training.stages import Procedure, Stages, trainable_copy


@dataclass(eq=False)
class Taught(Procedure):
    """H(y, p(strong x)) + r H(q, p(strong u)), q the vote's p(u); then its own labels by `base`."""

    base: str = "adamatch"  # algorithm that goes on with its own labels of the pool
    own: Share = 0.5  # of the steps, those in which it does
    smoothing: Share = 0.1  # of the labels, while it is taught

    idea = "the vote teaches a network, which goes on alone"
    needs = "features of an encoder; pool; two trainings, one after the other"
    cost = 13.0
    recipe = Recipe(unlabeled_ratio=7, optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        base_class(self.base, self)

    @property
    def trainings(self) -> float:
        return 1.0

    def check(self, facts: Facts) -> None:
        if not facts.has_features:
            facts.require_rows("taught")
        base_class(self.base, self)().check(facts)

    def train(self, stages: Stages) -> nn.Module:
        layer, _ = Consensus().computed(stages)
        last = round(self.own * stages.steps)
        network = stages.train(
            Noised(float(stages.recipe.unlabeled_ratio), self.smoothing),
            "taught",
            data=self.told(stages, layer),
            network=self.first(stages, layer),
            steps=stages.steps - last,
        )
        if not last:
            return network
        alone = base_class(self.base, self)()
        return stages.train(alone, "own", network=trainable_copy(network), steps=last)

    def first(self, stages: Stages, layer: Layer) -> nn.Module:
        """The network that is taught; an encoder, or one layer, begins with the vote's own."""
        network = stages.build(0, None)
        if stages.data.moments is not None or isinstance(network, Linear):
            with torch.no_grad():
                set_linear(network, *layer, stages.data.moments)
        return network

    def told(self, stages: Stages, layer: Layer) -> Data:
        """The pool with the vote's probabilities of the classes."""
        (slopes, bias), pool = layer, stages.data.unlabeled
        probs = softmax(rows_of(pool, stages) @ slopes.T + bias, axis=1)
        label = torch.from_numpy(probs).float().to(pool.inputs.device)
        return replace(stages.data, unlabeled=replace(pool, label=label))
