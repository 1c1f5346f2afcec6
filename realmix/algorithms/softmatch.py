"""SoftMatch (Chen et al., 2023, https://arxiv.org/abs/2301.10921), section 3."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Decay, NonNegative, Positive
from realmix.contract.state import RunningMean
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy
from realmix.functional.masks import gaussian_weight
from realmix.functional.schedules import early_decay
from realmix.functional.targets import align


@dataclass(eq=False)
class SoftMatch(Objective):
    """H(y, p(x)) + weight * exp(-n^2 min(c - mu, 0)^2 / (2 var)) H(argmax q, p(strong u))."""

    weight: NonNegative = 1.0  # lambda_max
    widths: Positive = 2.0  # n, by which the standard deviation is divided
    decay: Decay = 0.999  # m, of the averages mu, var and of the prediction
    alignment: bool = True  # c is the confidence after alignment to equal shares of the classes

    views = Views(labeled=("weak",), unlabeled=("weak", "strong"))
    idea = "confidence weighs instead of passing"
    cost = 15.0
    recipe = Recipe(
        unlabeled_ratio=7, optimizer="sgd", learning_rate=0.03, weight_decay=5e-4, schedule="cosine"
    )

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        uniform = torch.full((facts.num_classes,), 1 / facts.num_classes)
        self.prediction = RunningMean(uniform, self.decay)
        self.confidence = RunningMean(uniform[0], self.decay)  # mu_t
        self.variance = RunningMean(torch.ones(()), self.decay)  # sigma_t^2

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        weak, strong = batch.unlabeled.views
        logits_x, logits_weak, logits_strong = joint(nets.student, x, weak, strong)

        q, decay = logits_weak.detach().softmax(-1), early_decay(step.index, self.decay)
        self.prediction.update(q.mean(0), decay)
        mean = self.prediction.value
        aligned = align(q, torch.full_like(mean, 1 / self.num_classes), mean)
        c = (aligned if self.alignment else q).amax(-1)
        self.confidence.update(c.mean(), decay)
        self.variance.update(c.var(correction=min(1, len(c) - 1)), decay)
        share = gaussian_weight(c, self.confidence.value, self.variance.value, self.widths)
        # the label is that of the prediction before its alignment
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            unlabeled=self.weight * (share * cross_entropy(logits_strong, q.argmax(-1))).mean(),
            metrics={"mean_share": share.mean(), "confidence": self.confidence.value.clone()},
        )
