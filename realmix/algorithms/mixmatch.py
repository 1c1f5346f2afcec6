"""MixMatch (Berthelot et al., 2019, https://arxiv.org/abs/1905.02249), eqs. 2 to 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, NonNegative, Positive
from realmix.functional.forward import interleaved, joint
from realmix.functional.losses import cross_entropy, squared_error
from realmix.functional.mixing import Mixing, guess_and_mix
from realmix.functional.schedules import ramp_up
from realmix.functional.targets import one_hot


@dataclass(eq=False)
class MixMatch(Objective):
    """H(y', p(x')) + weight * ramp * ||q' - p(u')||^2 / K; x', u' mixed, q sharpened mean p(u)."""

    augmentations: Count = 2  # K
    temperature: Positive = 0.5  # T
    alpha: Positive = 0.75  # of Beta(alpha, alpha)
    weight: NonNegative = 75.0  # lambda_u
    ramp_steps: Count = 16384  # after which the weight is full; the whole run if that is shorter
    mixing: Mixing = "all"  # who mixes: all together, each part by itself, one part, or none
    ema_guess: bool = False  # q from the averaged network, as an ablation of the paper has it
    compatibility: Literal["paper", "released"] = "paper"  # released: interleaved passes

    idea = "sharpened guesses, everything mixed with everything"
    cost = 3.7
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    @property
    def views(self) -> Views:
        return Views(labeled=("weak",), unlabeled=("weak",) * self.augmentations)

    def check(self, facts: Facts) -> None:
        facts.require_numbers("mixmatch mixes inputs")

    def check_recipe(self, recipe: Recipe) -> None:
        if self.compatibility == "released":
            recipe.require_equal_parts("MixMatch.compatibility 'released'")

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, one_hot(batch.labeled.label, self.num_classes)
        guesser, views = nets.ema if self.ema_guess else nets.student, batch.unlabeled.views
        inputs, (target_x, *target_u) = guess_and_mix(
            guesser, (x, y), views, self.temperature, self.alpha, step.rng, self.mixing
        )
        forward = joint if self.compatibility == "paper" else interleaved
        logits_x, *logits_u = forward(nets.student, *inputs)
        weight = self.weight * ramp_up(step.index, min(self.ramp_steps, step.total))
        return Losses(
            supervised=cross_entropy(logits_x, target_x).mean(),
            unlabeled=weight * squared_error(torch.cat(logits_u), torch.cat(target_u)).mean(),
            metrics={"confidence": torch.cat(target_u).amax(-1).mean()},
        )
