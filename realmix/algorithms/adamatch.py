"""AdaMatch (Berthelot et al., 2021, https://arxiv.org/abs/2106.04732), section 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Decay, NonNegative, Share
from realmix.contract.state import BinRates, RecentMean, RunningMean
from realmix.functional.forward import evaluated, frozen_statistics, joint
from realmix.functional.losses import cross_entropy
from realmix.functional.masks import confident
from realmix.functional.schedules import cosine_ramp, early_decay
from realmix.functional.targets import align


@dataclass(eq=False)
class AdaMatch(Objective):
    """H(y, p(x)) + weight * ramp * 1[max q >= threshold * mean max p] H(argmax q, p(strong u))."""

    threshold: Share = 0.9  # tau, relative to the mean confidence on labeled weak views
    weight: NonNegative = 1.0  # of the unlabeled loss after the ramp
    ramp_end: Share = 0.5  # share of training after which mu(t) is 1
    decay: Decay = 0.999  # of the mean labeled prediction, towards which q is aligned
    augmentation: Literal["rand_augment", "ct_augment"] = "rand_augment"  # of the strong views

    idea = "thresholds and shares come from the labeled"
    cost = 10.0
    recipe = Recipe(
        unlabeled_ratio=3, optimizer="sgd", learning_rate=0.03, weight_decay=1e-3, schedule="cosine"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.augmentation == "ct_augment":
            self.rates = BinRates()

    @property
    def views(self) -> Views:
        if self.augmentation == "rand_augment":
            return Views(("weak", "strong"), ("weak", "strong"))
        return Views(("weak", "learned", "probe"), ("weak", "learned"), rates=self.rates.value)

    def check(self, facts: Facts) -> None:
        if self.augmentation == "ct_augment":
            facts.require_images("CTAugment", "Use --set augmentation=rand_augment.")

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        uniform = torch.full((facts.num_classes,), 1 / facts.num_classes)
        self.labeled_mean = RunningMean(uniform, self.decay)
        self.unlabeled_mean = RecentMean(uniform)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        weak, strong, *probes = batch.labeled.views
        x, y = torch.cat([weak, strong]), batch.labeled.label
        for probe in probes:
            self.rates.update(batch.labeled.drawn, evaluated(nets.ema, probe).softmax(-1), y)
        with frozen_statistics(nets.student):
            logits_alone = nets.student(x)
        logits_x, logits_weak, logits_strong = joint(nets.student, x, *batch.unlabeled.views)
        # somewhere between what the two batches' statistics say, elsewhere for each logit
        share = torch.rand(logits_x.shape, generator=step.rng).to(x.device, non_blocking=True)
        logits_x = logits_x + (logits_alone - logits_x) * share

        p, q = logits_x[: len(y)].detach().softmax(-1), logits_weak.detach().softmax(-1)
        self.labeled_mean.update(p.mean(0), early_decay(step.index, self.decay))
        self.unlabeled_mean.update(q.mean(0))
        q = align(q, self.labeled_mean.value, self.unlabeled_mean.value)
        mask = confident(q, self.threshold * p.amax(-1).mean())
        unlabeled = (mask * cross_entropy(logits_strong, q.argmax(-1))).mean()
        return Losses(
            supervised=cross_entropy(logits_x, torch.cat([y, y])).mean(),
            unlabeled=self.weight * cosine_ramp(step.progress, self.ramp_end) * unlabeled,
            metrics={"mask_rate": mask.mean()},
        )
