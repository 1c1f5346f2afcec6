"""Interpolation Consistency Training (Verma et al., 2019, https://arxiv.org/abs/1903.03825)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative, Positive, Share
from realmix.functional.forward import frozen_statistics
from realmix.functional.losses import cross_entropy, squared_error
from realmix.functional.mixing import mix_pairs
from realmix.functional.schedules import sigmoid_ramp
from realmix.functional.targets import one_hot


@dataclass(eq=False)
class ICT(Objective):
    """H(mix y, p(mix x)) + weight * ramp * ||mix p_ema(u) - p(mix u)||^2 / K."""

    alpha: Positive = 0.1  # of Beta(alpha, alpha): SVHN's; the paper takes 1 on CIFAR-10
    weight: NonNegative = 100.0  # w_max
    ramp_end: Share = 0.25  # share of training after which the weight is full
    mixed: Literal["probs", "logits"] = "probs"  # of the teacher; its code mixes logits
    mix_labeled: bool = True  # as the code does; otherwise H(y, p(x))

    idea = "between two inputs, predict between"
    cost = 3.6
    views = Views(labeled=("weak",), unlabeled=("weak",))
    recipe = Recipe(batch_size=100, optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def check(self, facts: Facts) -> None:
        facts.require_numbers("ict mixes inputs")

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, one_hot(batch.labeled.label, self.num_classes)
        (u,) = batch.unlabeled.views
        if self.mix_labeled:
            x, y = mix_pairs(x, y, self.alpha, step.rng)
        logits_x = nets.student(x)

        with frozen_statistics(nets.student), frozen_statistics(nets.ema):
            with torch.no_grad():
                taught = nets.ema(u)
                said = taught.softmax(-1) if self.mixed == "probs" else taught
                u, q = mix_pairs(u, said, self.alpha, step.rng)
                q = q.softmax(-1) if self.mixed == "logits" else q
            logits_u = nets.student(u)

        weight = self.weight * sigmoid_ramp(step.progress, self.ramp_end)
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            unlabeled=weight * squared_error(logits_u, q).mean(),
            metrics={"confidence": taught.softmax(-1).amax(-1).mean()},
        )
