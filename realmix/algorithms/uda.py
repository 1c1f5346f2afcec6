"""UDA (Xie et al., 2020, https://arxiv.org/abs/1904.12848), section 2."""

from __future__ import annotations

from dataclasses import dataclass

from realmix.contract.algorithm import Batch, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative, Positive, Share
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy, entropy, kl, masked_mean
from realmix.functional.masks import above
from realmix.functional.schedules import Annealing, signal_annealing
from realmix.functional.targets import sharpen


@dataclass(eq=False)
class UDA(Objective):
    """1[p_y <= eta] H(y, p(x)) + weight * 1[max q > threshold] KL(sharpen q || p(strong u))."""

    threshold: Share = 0.8  # beta
    temperature: Positive = 0.4  # tau
    weight: NonNegative = 1.0  # lambda
    annealing: Annealing = "off"  # eta_t; the paper takes exp where labels are very few
    entropy_weight: NonNegative = 0.0  # of the mean entropy of p(weak u)

    views = Views(labeled=("weak",), unlabeled=("weak", "strong"))
    idea = "a strong view keeps the prediction"
    cost = 15.0
    recipe = Recipe(
        unlabeled_ratio=7,
        optimizer="sgd",
        learning_rate=0.03,
        weight_decay=0.0005,
        schedule="cosine",
        ema_decay=0.9999,
    )

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        weak, strong = batch.unlabeled.views
        logits_x, logits_weak, logits_strong = joint(nets.student, x, weak, strong)

        loss_x = cross_entropy(logits_x, y)
        eta = signal_annealing(step.progress, self.num_classes, self.annealing)
        unlearned = 1 - above((-loss_x).exp(), eta)

        q = logits_weak.detach().softmax(-1)
        mask = above(q.amax(-1), self.threshold)  # of the prediction before it is sharpened
        divergence = kl(logits_strong, sharpen(q, self.temperature))
        terms = {
            "supervised": masked_mean(loss_x, unlearned),
            # the mean counts the masked examples too
            "unlabeled": self.weight * (mask * divergence).mean(),
        }
        if self.entropy_weight:
            terms["entropy"] = self.entropy_weight * entropy(logits_weak).mean()
        metrics = {"mask_rate": mask.mean(), "unlearned_rate": unlearned.mean()}
        return Losses(metrics, **terms)
