"""Adversarial training (Goodfellow et al., 2014, https://arxiv.org/abs/1412.6572), section 6."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from realmix.base.errors import UsageError
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Positive, Share
from realmix.functional.adversarial import Norm, codes_refused, fgsm, usual_radius
from realmix.functional.forward import frozen_statistics
from realmix.functional.losses import cross_entropy


@dataclass(eq=False)
class Adversarial(Objective):
    """(1 - weight) * H(y, p(x)) + weight * H(y, p(x + r)), r = epsilon * sign grad_x H(y, p(x))."""

    norm: Norm = "inf"  # of r; l2: the normalized gradient instead of its sign
    epsilon: Positive | None = None  # length of r; None: 0.108, l2: 6 on CIFAR-10
    weight: Share = 0.5  # 1 - alpha
    code_columns: bool = False  # take columns that look like codes of categories as quantities

    views = Views(labeled=("weak",))
    pool_optional = True
    idea = "labels hold against the worst step"
    needs = "labels"
    cost = 2.3
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def check(self, facts: Facts) -> None:
        facts.require_numbers("adversarial moves inputs a little")
        if facts.code_columns and not self.code_columns:
            raise UsageError(codes_refused("adversarial", facts.code_columns))

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.radius = self.epsilon or usual_radius(facts.shape, self.norm)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        r = torch.zeros_like(x, requires_grad=True)
        clean = cross_entropy(nets.student(x + r), y)
        moved = x + fgsm(clean, r, self.radius, self.norm)
        with frozen_statistics(nets.student):
            adversarial = cross_entropy(nets.student(moved), y)
        return Losses(
            supervised=(1 - self.weight) * clean.mean(),
            adversarial=self.weight * adversarial.mean(),
            metrics={"worse": (adversarial - clean).mean()},
        )
