"""ReMixMatch (Berthelot et al., 2020, https://arxiv.org/abs/1911.09785), section 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from realmix.base.errors import UsageError
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, NonNegative, Positive
from realmix.contract.state import Alignment, BinRates
from realmix.functional.forward import evaluated, frozen_statistics, interleaved_last, joint
from realmix.functional.losses import cross_entropy
from realmix.functional.mixing import mix_together
from realmix.functional.rotation import turn_head, turning_loss, why_not_turned
from realmix.functional.schedules import ramp_up
from realmix.functional.targets import guess, one_hot, sharpen


@dataclass(eq=False)
class ReMixMatch(Objective):
    """H(y', p(x')) + ramp (w H(q', p(u')) + w1 H(q, p(strong u))) + wr H(turns, r(turned u))."""

    strong_views: Count = 8  # K
    temperature: Positive = 0.5  # T
    alpha: Positive = 0.75  # of Beta(alpha, alpha)
    weight: NonNegative = 1.5  # lambda_U, w
    strong_weight: NonNegative = 0.5  # lambda_U1, w1, of the first strong view before the mixing
    rotation: NonNegative | None = None  # lambda_r, wr; None: 0.5 where turned inputs keep a class
    ramp_steps: Count = 16384  # after which w and w1 are full; the whole run if that is shorter
    augmentation: Literal["ct_augment", "rand_augment"] = "ct_augment"  # of the strong views
    cutout: bool = True  # learned views end with one, as FixMatch's; else only where it is drawn
    compatibility: Literal["paper", "released"] = "paper"  # released: interleaved passes

    idea = "align guesses, anchor strong views to weak"
    needs = "pool; rates of augmentations"
    cost = 12.7
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.augmentation == "ct_augment":
            self.rates = BinRates()

    @property
    def views(self) -> Views:
        if self.augmentation == "rand_augment":
            return Views(("strong",), ("weak", *("strong",) * self.strong_views))
        view = "learned" if self.cutout else "uncovered"
        strong = (view,) * self.strong_views
        return Views((view, "probe"), ("weak", *strong), rates=self.rates.value)

    def check(self, facts: Facts) -> None:
        facts.require_numbers("remixmatch mixes inputs")
        if self.augmentation == "ct_augment":
            facts.require_images("CTAugment", "Use --set augmentation=rand_augment.")
        if self.rotation and (reason := why_not_turned(facts.shape, facts.preset)):
            raise UsageError(f"ReMixMatch.rotation: {reason}. Leave it out, or set it to 0.")

    def check_recipe(self, recipe: Recipe) -> None:
        if self.compatibility == "released":
            recipe.require_equal_parts("ReMixMatch.compatibility 'released'")

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.aligned = Alignment(facts.class_shares)
        automatic = 0.0 if why_not_turned(facts.shape, facts.preset) else 0.5
        self.turn_weight = automatic if self.rotation is None else self.rotation
        if self.turn_weight:
            self.turn_head = turn_head(nets.student, facts.shape)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x, *probes), label = batch.labeled.views, batch.labeled.label
        weak, *strong = batch.unlabeled.views
        for probe in probes:
            self.rates.update(batch.labeled.drawn, evaluated(nets.ema, probe).softmax(-1), label)

        q = guess(nets.student, [weak], temperature=1.0)
        q = sharpen(self.aligned(q), self.temperature)

        targets = (one_hot(label, self.num_classes), *[q] * len(batch.unlabeled.views))
        mixed, (target_x, *target_u) = mix_together(
            (x, weak, *strong), targets, self.alpha, step.rng
        )
        with frozen_statistics(nets.student):
            logits_strong = nets.student(strong[0])
        forward = joint if self.compatibility == "paper" else interleaved_last
        logits_x, *logits_u = forward(nets.student, *mixed)

        ramp = ramp_up(step.index, min(self.ramp_steps, step.total))
        unlabeled = cross_entropy(torch.cat(logits_u), torch.cat(target_u)).mean()
        terms = {
            "supervised": cross_entropy(logits_x, target_x).mean(),
            "unlabeled": ramp * self.weight * unlabeled,
            "strong": ramp * self.strong_weight * cross_entropy(logits_strong, q).mean(),
        }
        if self.turn_weight:
            turning = turning_loss(nets.student, self.turn_head, strong[0])
            terms["rotation"] = self.turn_weight * turning
        return Losses({"confidence": q.amax(-1).mean()}, **terms)
