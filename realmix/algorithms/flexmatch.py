"""FlexMatch (Zhang et al., 2021, https://arxiv.org/abs/2110.08263), algorithm 1."""

from __future__ import annotations

from dataclasses import dataclass

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative, Share
from realmix.contract.state import LastClass
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy
from realmix.functional.masks import CURVES, Curve, confident, learning_effect, per_class


@dataclass(eq=False)
class FlexMatch(Objective):
    """FixMatch that keeps u where max q >= threshold * M(beta_c), c = argmax q, q = p(weak u)."""

    threshold: Share = 0.95  # tau
    weight: NonNegative = 1.0  # lambda
    curve: Curve = "convex"  # M, of a class's learning effect beta_c
    warm_up: bool = True  # beta_c relative to the examples of no class too, while they are most

    views = Views(labeled=("weak",), unlabeled=("weak", "strong"))
    idea = "classes learned less pass more easily"
    needs = "pool; a class for each row of it"
    cost = 15.0
    recipe = Recipe(
        unlabeled_ratio=7, optimizer="sgd", learning_rate=0.03, weight_decay=5e-4, schedule="cosine"
    )

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.selected = LastClass(facts.num_unlabeled)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        weak, strong = batch.unlabeled.views
        logits_x, logits_weak, logits_strong = joint(nets.student, x, weak, strong)

        q = logits_weak.detach().softmax(-1)
        # sigma is that before this batch, and only what passes the fixed threshold enters it
        effect = learning_effect(*self.selected.counts(self.num_classes), self.warm_up)
        thresholds = self.threshold * CURVES[self.curve](effect)
        mask = per_class(q, thresholds)
        self.selected.store(batch.unlabeled.index, q.argmax(-1), confident(q, self.threshold))
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            # the mean counts the masked examples too
            unlabeled=self.weight * (mask * cross_entropy(logits_strong, q.argmax(-1))).mean(),
            metrics={"mask_rate": mask.mean(), "mean_threshold": thresholds.mean()},
        )
