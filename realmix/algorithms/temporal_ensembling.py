"""Temporal Ensembling (Laine and Aila, 2017, https://arxiv.org/abs/1610.02242), algorithm 2."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Decay, NonNegative, Share
from realmix.contract.state import PerExample
from realmix.functional.forward import noisy
from realmix.functional.losses import cross_entropy, squared_error
from realmix.functional.schedules import sigmoid_ramp
from realmix.functional.targets import debiased


@dataclass(eq=False)
class TemporalEnsembling(Objective):
    """H(y, p(x)) + weight * ramp * ||p(v) - Z_v / (1 - alpha^t)||^2 / K,  v labeled and pool."""

    momentum: Decay = 0.6  # alpha, of the average Z of an example's predictions
    weight: NonNegative = 30.0  # w_max
    ramp_end: Share = 80 / 300  # share of training after which the weight is full
    noise: NonNegative = 0.15  # sigma, of the noise on the inputs, in their deviations

    idea = "agree with your own earlier predictions"
    needs = "pool; a mean prediction of each row"
    cost = 5.3
    views = Views(labeled=("weak",), unlabeled=("weak",))
    recipe = Recipe(unlabeled_ratio=3, optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def check(self, facts: Facts) -> None:
        if self.noise:
            facts.require_numbers("temporal_ensembling adds noise", "Give --set noise=0.")

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.num_labeled = facts.num_labeled
        # the labeled rows first, then those of the pool
        self.memory = PerExample(facts.num_labeled + facts.num_unlabeled, facts.num_classes)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        (u,) = batch.unlabeled.views
        index = torch.cat([batch.labeled.index, self.num_labeled + batch.unlabeled.index])
        z, visits = self.memory.value[index], self.memory.visits[index]
        logits = noisy(nets.student, torch.cat([x, u]), self.noise, step.rng)

        probs = logits.detach().softmax(-1)
        # a row comes once an epoch, so this is the paper's update at the end of the epoch
        self.memory.store(index, self.momentum * z + (1 - self.momentum) * probs)

        q, seen = debiased(z, visits, self.momentum), (visits > 0).float()
        weight = self.weight * sigmoid_ramp(step.progress, self.ramp_end)
        return Losses(
            supervised=cross_entropy(logits[: len(x)], y).mean(),
            unlabeled=weight * (seen * squared_error(logits, q)).mean(),
            metrics={"seen_rate": seen.mean()},
        )
