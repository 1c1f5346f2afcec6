"""RealMix (Nair et al., 2019, https://arxiv.org/abs/1912.08766), algorithms 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from realmix.base.errors import UsageError
from realmix.contract.algorithm import (
    Batch,
    Erasing,
    Facts,
    Losses,
    Nets,
    Objective,
    Recipe,
    Step,
    Views,
)
from realmix.contract.fields import Count, NonNegative, Positive, Share
from realmix.contract.foreign import ForeignShare, Prototypes, untold
from realmix.functional import masks
from realmix.functional.forward import apart, interleaved, joint
from realmix.functional.losses import cross_entropy, masked_mean, squared_error
from realmix.functional.mixing import guess_and_mix
from realmix.functional.schedules import Annealing, ramp_up, signal_annealing
from realmix.functional.targets import one_hot

RULES = {  # which passes share BatchNorm statistics, which labels count, which pool examples do
    "paper": (joint, masks.not_yet_learned, masks.most_confident),
    "released": (interleaved, masks.not_yet_learned_released, masks.most_confident_released),
}

FEW_LABELS = 250  # up to which the paper anneals
HELD, UNTIL = 5, 0.3  # to estimate phi, one label in HELD does not train in the first UNTIL


@dataclass(eq=False)
class RealMix(Objective):
    """MixMatch with an extended pool, labels released over time, unlikely pool examples masked."""

    extension: Literal["cutout", "simple", "none"] = "cutout"  # A, of the pool's copies
    copies: Count | None = None  # stored copies of a pool image (the paper's 50); None: afresh
    erase_probability: Share = 0.3  # of a rectangle in a copy of an image
    least_area: Share = 0.02  # of the rectangle, as a share of the image
    most_area: Share = 0.4  # of the rectangle, as a share of the image
    augmentations: Count = 2  # K
    temperature: Positive = 0.5  # T
    alpha: Positive = 0.75  # of Beta(alpha, alpha)
    weight: NonNegative = 75.0  # lambda
    ramp_steps: Count = 16384  # after which the weight is full; the whole run if that is shorter
    annealing: Literal["auto"] | Annealing = "auto"  # eta_t; auto: linear for few labels
    out_of_distribution: Share | Literal["estimate"] = 0.0  # phi, share of a batch to leave out
    divisor: Literal["kept", "all"] = "kept"  # rows the pool's mean is over; all: times 1 - phi
    statistics: Literal["all", "labeled"] = "all"  # whose rows BatchNorm remembers
    compatibility: Literal["paper", "released"] = "paper"  # which of RULES

    idea = "MixMatch that masks what does not belong"
    cost = 3.7
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compatibility == "released" and self.estimates:
            raise UsageError(
                "RealMix.compatibility 'released' has no rule for an estimate: --set"
                " compatibility=paper, or give the share."
            )

    @property
    def estimates(self) -> bool:
        return self.out_of_distribution == "estimate"

    @property
    def views(self) -> Views:
        copy = "weak" if self.extension == "none" else self.extension
        cut = Erasing(self.erase_probability, (self.least_area, self.most_area))
        return Views(
            labeled=("weak",),
            unlabeled=(copy,) * self.augmentations + (("weak",) if self.estimates else ()),
            copies=self.copies or 0,
            erasing=cut if copy == "cutout" else None,
        )

    def check(self, facts: Facts) -> None:
        facts.require_numbers("realmix mixes inputs")

    def check_recipe(self, recipe: Recipe) -> None:
        if self.compatibility == "released":
            recipe.require_equal_parts("RealMix.compatibility 'released'")

    def notes(self, facts: Facts) -> tuple[str, ...]:
        return untold(facts.num_labeled, HELD) if self.estimates else ()

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        advised: Annealing = "linear" if facts.num_labeled <= FEW_LABELS else "off"
        self.schedule = advised if self.annealing == "auto" else self.annealing
        if self.estimates:
            self.prototypes = Prototypes(nets.ema, facts)
            self.foreign = ForeignShare(facts.num_labeled // HELD)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, one_hot(batch.labeled.label, self.num_classes)
        views = batch.unlabeled.views[: self.augmentations]
        passes, unlearned_rule, trusted_rule = RULES[self.compatibility]
        forward = apart if self.statistics == "labeled" else passes
        trains, phi = self.estimated(nets, batch, y, step)
        inputs, (target_x, *target_u) = guess_and_mix(
            nets.student, (x, y), views, self.temperature, self.alpha, step.rng, usable=trains
        )
        logits_x, *parts = forward(nets.student, *inputs)
        logits_u = torch.cat(parts)

        threshold = signal_annealing(step.progress, self.num_classes, self.schedule)
        unlearned = trains * unlearned_rule(logits_x, target_x, threshold)
        trusted = trusted_rule(logits_u, phi)
        errors = squared_error(logits_u, torch.cat(target_u))
        kept = masked_mean(errors, trusted) if self.divisor == "kept" else (trusted * errors).mean()
        weight = self.weight * ramp_up(step.index, min(self.ramp_steps, step.total))
        told = {"foreign_share": phi} if isinstance(phi, Tensor) else {}
        return Losses(
            supervised=masked_mean(cross_entropy(logits_x, target_x), unlearned),
            unlabeled=weight * kept,
            metrics={"unlearned_rate": unlearned.mean(), "trusted_rate": trusted.mean(), **told},
        )

    def estimated(
        self, nets: Nets, batch: Batch, y: Tensor, step: Step
    ) -> tuple[Tensor, float | Tensor]:
        """Which labeled rows train, as 1 and 0, and phi, which is found in the first UNTIL.

        Held and pool rows are seen alike: by the averaged network, in the weak view.
        """
        (x,), index = batch.labeled.views, batch.labeled.index
        trains = torch.ones(len(index), device=x.device)
        if not self.estimates:
            return trains, float(self.out_of_distribution)
        if step.progress < UNTIL and self.foreign.tells:
            trains = (index % HELD > 0).float()
            known, pool = self.prototypes(
                nets.ema, x, y * trains[:, None], batch.unlabeled.views[-1]
            )
            self.foreign.update(known, 1 - trains, pool)
        return trains, self.foreign.value
