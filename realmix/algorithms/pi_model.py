"""Pi-model (Laine and Aila, 2017, https://arxiv.org/abs/1610.02242), algorithm 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative, Share
from realmix.functional.forward import noisy
from realmix.functional.losses import cross_entropy, squared_error
from realmix.functional.schedules import sigmoid_ramp


@dataclass(eq=False)
class PiModel(Objective):
    """H(y, p(weak x)) + weight * ramp * ||p(weak v) - p(weak' v)||^2 / K,  v labeled and pool."""

    weight: NonNegative = 100.0  # w_max
    ramp_end: Share = 80 / 300  # share of training after which the weight is full
    noise: NonNegative = 0.15  # sigma, on the inputs of both passes, in their deviations
    one_sided: bool = False  # the first pass is a target without gradient (later codes)
    on_labeled: bool = True  # labeled examples must agree with themselves too

    idea = "two noisy passes must agree"
    cost = 5.3
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    @property
    def views(self) -> Views:
        return Views(("weak", "weak") if self.on_labeled else ("weak",), ("weak", "weak"))

    def check(self, facts: Facts) -> None:
        if self.noise:
            facts.require_numbers("pi_model adds noise to inputs", "Give --set noise=0.")

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x, *x_again), y = batch.labeled.views, batch.labeled.label
        u, u_again = batch.unlabeled.views
        logits = noisy(nets.student, torch.cat([x, u]), self.noise, step.rng)
        logits_again = noisy(nets.student, torch.cat([*x_again, u_again]), self.noise, step.rng)

        compared = logits[-len(logits_again) :]
        q = (compared.detach() if self.one_sided else compared).softmax(-1)
        weight = self.weight * sigmoid_ramp(step.progress, self.ramp_end) * (step.index > 0)
        return Losses(
            supervised=cross_entropy(logits[: len(x)], y).mean(),
            unlabeled=weight * squared_error(logits_again, q).mean(),
            metrics={"disagreement": (logits_again.argmax(-1) != q.argmax(-1)).float().mean()},
        )
