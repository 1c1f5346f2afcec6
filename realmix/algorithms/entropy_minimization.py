"""Entropy minimization (Grandvalet and Bengio, 2004, Advances in NIPS 17), eq. 5."""

from __future__ import annotations

from dataclasses import dataclass

from realmix.contract.algorithm import Batch, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative
from realmix.functional.forward import frozen_statistics
from realmix.functional.losses import cross_entropy, entropy


@dataclass(eq=False)
class EntropyMinimization(Objective):
    """H(y, p(weak x)) + weight * H(p(weak u))."""

    weight: NonNegative = 1.0  # lambda

    views = Views(labeled=("weak",), unlabeled=("weak",))
    idea = "be sure of every pool example"
    cost = 2.0
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        (u,) = batch.unlabeled.views
        logits_x = nets.student(x)
        with frozen_statistics(nets.student):
            logits_u = nets.student(u)

        unsure = entropy(logits_u).mean()
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            unlabeled=self.weight * unsure,
            metrics={"entropy": unsure},
        )
