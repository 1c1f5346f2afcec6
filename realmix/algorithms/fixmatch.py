"""FixMatch (Sohn et al., 2020, https://arxiv.org/abs/2001.07685), eqs. 3 and 4."""

from __future__ import annotations

from dataclasses import dataclass

from realmix.algorithm import Batch, Losses, Nets, Objective, Recipe, Step, Views
from realmix.fields import NonNegative, Share
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy
from realmix.functional.masks import confident


@dataclass(eq=False)
class FixMatch(Objective):
    """H(y, p(weak x)) + weight * 1[max q >= threshold] H(argmax q, p(strong u)), q = p(weak u)."""

    threshold: Share = 0.95  # tau
    weight: NonNegative = 1.0  # lambda_u

    views = Views(labeled=("weak",), unlabeled=("weak", "strong"))
    recipe = Recipe(
        unlabeled_ratio=7,
        optimizer="sgd",
        learning_rate=0.03,
        weight_decay=0.0005,
        schedule="cosine",
    )

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        weak, strong = batch.unlabeled.views
        logits_x, logits_weak, logits_strong = joint(nets.student, x, weak, strong)

        q = logits_weak.detach().softmax(-1)
        mask = confident(q, self.threshold)
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            # the mean counts the masked examples too: the paper divides by mu B
            unlabeled=self.weight * (mask * cross_entropy(logits_strong, q.argmax(-1))).mean(),
            metrics={"mask_rate": mask.mean()},
        )
