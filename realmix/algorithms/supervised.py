"""The labels alone: the number that every other algorithm has to beat (Oliver et al., 2018, P2)."""

from __future__ import annotations

from dataclasses import dataclass

from realmix.algorithm import Batch, Losses, Nets, Objective, Recipe, Step, Views
from realmix.functional.losses import cross_entropy


@dataclass(eq=False)
class Supervised(Objective):
    """H(y, p(weak x))."""

    views = Views(labeled=("weak",))
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        return Losses(supervised=cross_entropy(nets.student(x), y).mean())
