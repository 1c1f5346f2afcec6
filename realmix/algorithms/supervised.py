"""The labels alone: the number that every other algorithm has to beat (Oliver et al., 2018, P2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative
from realmix.functional.losses import cross_entropy
from realmix.functional.mixing import mix_together
from realmix.functional.targets import one_hot


@dataclass(eq=False)
class Supervised(Objective):
    """H(y, p(weak x))."""

    view: Literal["weak", "strong"] = "weak"  # of the labels
    alpha: NonNegative = 0.0  # of mixup's Beta(alpha, alpha); 0: none

    idea = "labels alone, the number to beat"
    needs = "labels"
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    @property
    def views(self) -> Views:
        return Views(labeled=(self.view,))

    def check(self, facts: Facts) -> None:
        if self.alpha > 0:
            facts.require_numbers("supervised with alpha mixes inputs", "Leave alpha at 0.")

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        if self.alpha:
            y = y if y.is_floating_point() else one_hot(y, self.num_classes)
            (x,), (y,) = mix_together((x,), (y,), self.alpha, step.rng)
        return Losses(supervised=cross_entropy(nets.student(x), y).mean())
