"""Self-training (Scudder, 1965; Nigam and Ghani, 2000, ACM CIKM), with quotas per class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from realmix.algorithms.supervised import Supervised
from realmix.contract.algorithm import Recipe
from realmix.contract.fields import Count, Share
from realmix.data.pools import Data, Pool
from realmix.functional.selection import labeled_further, quota
from realmix.training.stages import Procedure, Stages


@dataclass(eq=False)
class SelfTraining(Procedure):
    """H(y, p(x)) + H(c, p(u)) for the k most confident c = argmax p(u) > threshold of a class."""

    rounds: Count = 3  # R, after the training on the labels
    per_class: Count | None = None  # k, more a round; null: what gets through the pool in R rounds
    threshold: Share = 0.0  # theta, which the confidence must exceed
    recompute: bool = False  # label anew in each round, the r k most confident in round r

    idea = "confident predictions become labels, round by round"
    cost = 5.0
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    @property
    def trainings(self) -> float:
        """At most: it stops when a round changes no label."""
        return 1.0 + self.rounds

    def train(self, stages: Stages) -> nn.Module:
        data, pool = stages.data, stages.data.unlabeled.inputs
        per_class = self.per_class or quota(len(pool), data.num_classes, self.rounds)
        label = torch.full((len(pool),), -1)
        network = stages.train(Supervised(), "labels")
        for number in range(1, self.rounds + 1):
            k = number * per_class if self.recompute else per_class
            probs = stages.predict(network, pool)
            before = label
            label = labeled_further(probs, before, k, self.threshold, self.recompute)
            if torch.equal(label, before):
                break
            network = stages.train(
                Supervised(), f"round-{number}", data=with_pseudo_labels(data, label)
            )
        return network


def with_pseudo_labels(data: Data, label: Tensor) -> Data:
    """The labeled rows, and those of the pool whose label (-1: none) is given."""
    known, pool = data.labeled, data.unlabeled
    label = label.to(pool.inputs.device)
    taken = label >= 0
    labeled = Pool(
        torch.cat([known.inputs, pool.inputs[taken]]),
        torch.cat([known.label, label[taken]]),
        torch.cat([known.weight, pool.weight[taken]]),
    )
    return replace(data, labeled=labeled)
