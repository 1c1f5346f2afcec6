"""FixMatch (Sohn et al., 2020, https://arxiv.org/abs/2001.07685), eqs. 3 and 4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative, Share
from realmix.contract.state import Alignment, BinRates
from realmix.functional.forward import evaluated, joint
from realmix.functional.losses import annealed_mean, cross_entropy
from realmix.functional.masks import confident
from realmix.functional.schedules import Annealing, signal_annealing


@dataclass(eq=False)
class FixMatch(Objective):
    """H(y, p(weak x)) + weight * 1[max q >= threshold] H(argmax q, p(strong u)), q = p(weak u)."""

    threshold: Share = 0.95  # tau
    weight: NonNegative = 1.0  # lambda_u
    alignment: bool = False  # of q to the labels' shares of the classes, as ReMixMatch does
    annealing: Annealing = "off"  # eta_t of UDA, which drops labels already learned
    augmentation: Literal["rand_augment", "ct_augment"] = "rand_augment"  # A, of the strong view

    idea = "confident weak view labels the strong"
    cost = 15.0
    recipe = Recipe(
        unlabeled_ratio=7, optimizer="sgd", learning_rate=0.03, weight_decay=5e-4, schedule="cosine"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.augmentation == "ct_augment":
            self.rates = BinRates()

    @property
    def views(self) -> Views:
        if self.augmentation == "rand_augment":
            return Views(("weak",), ("weak", "strong"))
        return Views(("weak", "probe"), ("weak", "learned"), rates=self.rates.value)

    def check(self, facts: Facts) -> None:
        if self.augmentation == "ct_augment":
            facts.require_images("CTAugment", "Use --set augmentation=rand_augment.")

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        if self.alignment:
            self.aligned = Alignment(facts.class_shares)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x, *probes), y = batch.labeled.views, batch.labeled.label
        for probe in probes:
            self.rates.update(batch.labeled.drawn, evaluated(nets.ema, probe).softmax(-1), y)
        logits_x, logits_weak, logits_strong = joint(nets.student, x, *batch.unlabeled.views)

        eta = signal_annealing(step.progress, logits_x.shape[1], self.annealing)
        q = logits_weak.detach().softmax(-1)
        q = self.aligned(q) if self.alignment else q
        mask = confident(q, self.threshold)
        return Losses(
            supervised=annealed_mean(cross_entropy(logits_x, y), eta),
            # the mean counts the masked examples too: the paper divides by mu B
            unlabeled=self.weight * (mask * cross_entropy(logits_strong, q.argmax(-1))).mean(),
            metrics={"mask_rate": mask.mean()},
        )
