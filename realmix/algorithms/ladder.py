"""Ladder network and Gamma model (Rasmus et al., 2015, https://arxiv.org/abs/1507.02672)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import nn

from realmix.base.errors import UsageError
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative
from realmix.functional.denoising import (
    clean_pass,
    denoising_costs,
    denoising_start,
    noisy_pass,
    norm_widths,
    random_kernel,
)
from realmix.functional.forward import frozen_statistics
from realmix.functional.losses import cross_entropy


@dataclass(eq=False)
class Ladder(Objective):
    """H(y, p(noisy x)) + sum_l weight_l * mean (z_l(u) - norm(g_l(z_l(noisy u), above)))^2."""

    structure: Literal["auto", "full", "gamma"] = "auto"  # denoised levels: all, or the top alone
    noise: NonNegative = 0.3  # sigma
    input_weight: NonNegative = 95.0  # lambda_0, where inputs have variance 1
    first_weight: NonNegative = 10.0  # lambda_1
    weight: NonNegative = 0.1  # lambda_l, l > 1
    gamma_weight: NonNegative = 4.0  # lambda_L where the top alone is denoised

    idea = "undo noise at every layer"
    needs = "pool; a decoder"
    cost = 5.2
    views = Views(labeled=("weak",), unlabeled=("weak",))
    recipe = Recipe(batch_size=100, optimizer="adam", learning_rate=0.002, weight_decay=0.0)

    def check(self, facts: Facts) -> None:
        facts.require_numbers("ladder adds noise to inputs")
        if self.structure == "full" and facts.is_images:
            raise UsageError(
                "Ladder.structure 'full' denoises the layers of a multilayer perceptron, and these"
                " are images, which take a convolutional network. 'gamma' denoises its top layer."
            )

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.hidden = norm_widths(nets.student) if self.structure != "gamma" else []
        widths = [*(facts.shape if self.hidden else ()), *self.hidden, facts.num_classes]
        like = next(nets.student.parameters())
        self.a = nn.ParameterList(denoising_start(width).to(like) for width in widths)
        pairs = enumerate(pairwise(widths))
        self.v = nn.ParameterList(random_kernel(*sizes, seed).to(like) for seed, sizes in pairs)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        (u,) = batch.unlabeled.views
        student, hidden = nets.student, self.hidden
        with torch.no_grad():
            student(x)  # evaluation normalizes as the labeled rows without noise
        with frozen_statistics(student):
            _, logits_x = noisy_pass(student, x, hidden, self.noise, step.rng)
            noisy, logits_u = noisy_pass(student, u, hidden, self.noise, step.rng)
            clean = clean_pass(student, u, hidden)

        costs = denoising_costs(clean, noisy, logits_u.softmax(-1), list(self.a), list(self.v))
        weights = [self.input_weight, self.first_weight, *[self.weight] * len(hidden)]
        weights = weights[: len(costs)] if hidden else [self.gamma_weight]
        weighted = [weight * cost for weight, cost in zip(weights, costs, strict=True)]
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            unlabeled=torch.stack(weighted).sum(),
            metrics={"top_cost": costs[-1]},
        )
