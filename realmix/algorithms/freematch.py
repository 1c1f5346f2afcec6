"""FreeMatch (Wang et al., 2022, https://arxiv.org/abs/2205.07246), section 4."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Decay, NonNegative
from realmix.contract.state import RunningMean
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy, fairness
from realmix.functional.masks import per_class
from realmix.functional.schedules import early_decay
from realmix.functional.targets import one_hot


@dataclass(eq=False)
class FreeMatch(Objective):
    """FixMatch that keeps u where max q >= mean confidence * m_c / max m, m mean q; + fairness."""

    weight: NonNegative = 1.0  # w_u
    fairness_weight: NonNegative = 0.001  # w_f
    decay: Decay = 0.999  # lambda, of the three averages

    views = Views(labeled=("weak",), unlabeled=("weak", "strong"))
    idea = "the threshold is the usual confidence"
    cost = 15.0
    recipe = Recipe(
        unlabeled_ratio=7, optimizer="sgd", learning_rate=0.03, weight_decay=5e-4, schedule="cosine"
    )

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        uniform = torch.full((facts.num_classes,), 1 / facts.num_classes)
        self.confidence = RunningMean(uniform[0], self.decay)  # tau_t
        self.prediction = RunningMean(uniform, self.decay)  # p~_t
        self.shares = RunningMean(uniform, self.decay)  # h~_t

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        weak, strong = batch.unlabeled.views
        logits_x, logits_weak, logits_strong = joint(nets.student, x, weak, strong)

        q = logits_weak.detach().softmax(-1)
        label, decay = q.argmax(-1), early_decay(step.index, self.decay)
        self.confidence.update(q.amax(-1).mean(), decay)
        self.prediction.update(q.mean(0), decay)
        self.shares.update(one_hot(label, self.num_classes).mean(0), decay)
        m, shares = self.prediction.value, self.shares.value
        mask = per_class(q, self.confidence.value * m / m.amax())
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            # the mean counts the masked examples too
            unlabeled=self.weight * (mask * cross_entropy(logits_strong, label)).mean(),
            fairness=self.fairness_weight * fairness(logits_strong, mask, m, shares),
            metrics={"mask_rate": mask.mean(), "threshold": self.confidence.value.clone()},
        )
