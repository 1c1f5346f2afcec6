"""Pseudo-Label (Lee, 2013, ICML workshop on challenges in representation learning), eqs. 15, 16."""

from __future__ import annotations

from dataclasses import dataclass

from realmix.contract.algorithm import Batch, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative, Share
from realmix.functional.forward import frozen_statistics
from realmix.functional.losses import cross_entropy
from realmix.functional.masks import above
from realmix.functional.schedules import delayed_ramp


@dataclass(eq=False)
class PseudoLabel(Objective):
    """H(y, p(x)) + weight * ramp * 1[max q > threshold] H(argmax q, p(u)), q = p(u)."""

    weight: NonNegative = 3.0  # alpha_f
    ramp_start: Share = 100 / 600  # T1 / T2, share of training until which the weight is 0
    ramp_end: Share = 1.0  # T2, share of training after which the weight is full
    threshold: Share = 0.0  # of the confidence; 0 takes every example (later codes: 0.95)

    views = Views(labeled=("weak",), unlabeled=("weak",))
    idea = "the likeliest class is the label"
    cost = 4.5
    recipe = Recipe(
        batch_size=32, unlabeled_ratio=8, optimizer="adam", learning_rate=0.002, weight_decay=0.02
    )

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        (u,) = batch.unlabeled.views
        logits_x = nets.student(x)
        with frozen_statistics(nets.student):
            logits_u = nets.student(u)

        q = logits_u.detach().softmax(-1)
        mask = above(q.amax(-1), self.threshold)
        weight = self.weight * delayed_ramp(step.progress, self.ramp_start, self.ramp_end)
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            # the mean counts the masked examples too
            unlabeled=weight * (mask * cross_entropy(logits_u, q.argmax(-1))).mean(),
            metrics={"mask_rate": mask.mean()},
        )
