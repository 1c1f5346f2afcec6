"""SentAugment (Du et al., 2020, https://arxiv.org/abs/2010.02194), sections 3.3 and 3.4."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, NonNegative
from realmix.data.pools import Data, Pool
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy, kl
from realmix.functional.rows.linear import logistic
from realmix.functional.selection import confident_of_each_class, quota
from realmix.functional.targets import one_hot
from realmix.procedures.rows.shared import figures_of, labeled_rows, set_linear, strength_of
from realmix.training.stages import Procedure, Stages


@dataclass(eq=False)
class SentAugment(Procedure):
    """H(y, p(x)) + w KL(q, p(u)) for the k surest u of each class c; q is c, or p_T(u)."""

    per_class: Count | None = None  # k, of the pool; null: half of it, shared equally
    soft: bool = False  # q is the teacher's distribution p_T(u), not its class argmax p_T(u)
    weight: NonNegative = 1.0  # w

    idea = "a teacher of the labels filters what was retrieved"
    needs = "feature rows; pool, or --bank"
    cost = 2.0
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    @property
    def trainings(self) -> float:
        return 1.0

    def check(self, facts: Facts) -> None:
        facts.require_rows("sent_augment")

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, label = labeled_rows(stages)
            strength, _ = strength_of(rows, label, stages)
            model = logistic(rows, label, stages.data.num_classes, strength)
            set_linear(network, *model)
            return figures_of(network, stages)

        teacher = stages.compute(fit, "linear", "teacher")
        student = Taught(self.weight if len(stages.data.unlabeled) else 0.0)
        return stages.train(student, "student", data=self.taught(stages, teacher))

    def taught(self, stages: Stages, teacher: nn.Module) -> Data:
        """The surest rows of the pool, of each class as many, with the teacher's labels."""
        data, pool = stages.data, stages.data.unlabeled
        probs = stages.predict(teacher, pool.inputs)
        k = self.per_class or quota(len(pool), 2 * data.num_classes)
        rows = confident_of_each_class(probs, k, 0.0)
        label = probs if self.soft else one_hot(probs.argmax(-1), data.num_classes)
        kept = rows.to(pool.inputs.device)
        told = Pool(pool.inputs[kept], label[rows].to(pool.inputs.device), pool.weight[kept])
        return replace(data, unlabeled=told)


@dataclass(eq=False)
class Taught(Objective):
    """mean H(y, p(x)) + weight * mean KL(q, p(u))."""

    weight: NonNegative  # 0: labels alone

    @property
    def views(self) -> Views:
        return Views(labeled=("weak",), unlabeled=("weak",) if self.weight else ())

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        x, u = batch.labeled, batch.unlabeled
        logits_x, *logits_u = joint(nets.student, *x.views, *u.views)
        terms: dict[str, torch.Tensor] = {"supervised": cross_entropy(logits_x, x.label).mean()}
        for logits in logits_u:
            terms["unlabeled"] = self.weight * kl(logits, u.label.to(logits.dtype)).mean()
        return Losses(None, **terms)
