"""Noisy Student (Xie et al., 2020, https://arxiv.org/abs/1911.04252), algorithm 1, section 3."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from realmix.base.randomness import generator
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, Decay, NonNegative, Share
from realmix.data.pools import Data, Pool
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy
from realmix.functional.selection import balanced, quota
from realmix.functional.targets import one_hot, smooth
from realmix.procedures.base import base_class, base_recipe
from realmix.training.stages import Procedure, Stages

BALANCE = 32  # stream of randomness


@dataclass(eq=False)
class NoisyStudent(Procedure):
    """H(y, p(strong x)) + r H(q, p(strong u)), q the teacher's p(u); then the student teaches."""

    rounds: Count = 2  # students; 3 in the paper
    base: str = "supervised"  # algorithm of the first teacher
    threshold: Share = 0.3  # of the teacher's confidence
    per_class: Count | None = None  # pool images of a class; null: all, shared equally
    soft: bool = True  # q is the prediction; else its class
    smoothing: Share = 0.1  # of labels and hard pseudo-labels
    student_dropout: Decay = 0.5  # of its last layer
    student_stochastic_depth: Decay = 0.2  # 1 - survival of its last residual unit
    student: str | None = None  # network of the students; null: the teacher's form

    idea = "a noised student learns from a calm teacher"
    cost = 13.7
    recipe = Recipe(unlabeled_ratio=5, optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        base_class(self.base, self)

    @property
    def trainings(self) -> float:
        return 1.0 + self.rounds

    def final_model(self, model: str) -> str:
        return self.student or model

    def check(self, facts: Facts) -> None:
        base_class(self.base, self)().check(facts)

    def train(self, stages: Stages) -> nn.Module:
        first = base_class(self.base, self)()
        recipe = base_recipe(first.recipe, self, stages.recipe)
        network = stages.train(first, "teacher", recipe=recipe)
        noisy = replace(
            stages.recipe,
            dropout=self.student_dropout,
            stochastic_depth=self.student_stochastic_depth,
        )
        for number in range(1, self.rounds + 1):
            data = self.taught(stages, network, number)
            ratio = stages.recipe.unlabeled_ratio if len(data.unlabeled) else 0
            network = stages.train(
                Noised(float(ratio), self.smoothing),
                f"student-{number}",
                data=data,
                model=self.student,
                recipe=noisy,
            )
        return network

    def taught(self, stages: Stages, teacher: nn.Module, number: int) -> Data:
        """The pool with the teacher's labels: confident rows only, equally many of each class."""
        data, pool = stages.data, stages.data.unlabeled.inputs
        probs = stages.predict(teacher, pool)
        per_class = self.per_class or quota(len(pool), data.num_classes)
        confident = probs.amax(-1) >= self.threshold
        rng = generator(stages.seed, BALANCE, number)
        rows = balanced(probs, confident, per_class, rng)
        hard = smooth(one_hot(probs.argmax(-1), data.num_classes), self.smoothing)
        label = (probs if self.soft else hard)[rows].to(pool.device)
        rows = rows.to(pool.device)
        return replace(data, unlabeled=Pool(pool[rows], label, data.unlabeled.weight[rows]))


@dataclass(eq=False)
class Noised(Objective):
    """mean H(smooth y, p(strong x)) + ratio * mean H(q, p(strong u))."""

    ratio: NonNegative  # r, of pool to labeled images in a batch; 0: labels alone
    smoothing: Share  # of the labels

    @property
    def views(self) -> Views:
        return Views(labeled=("strong",), unlabeled=("strong",) if self.ratio else ())

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        x, u = batch.labeled, batch.unlabeled
        logits_x, *logits_u = joint(nets.student, *x.views, *u.views)
        y = smooth(one_hot(x.label, self.num_classes), self.smoothing).to(logits_x.dtype)
        terms: dict[str, Tensor] = {"supervised": cross_entropy(logits_x, y).mean()}
        for logits in logits_u:
            q = u.label.to(logits.dtype)
            terms["unlabeled"] = self.ratio * cross_entropy(logits, q).mean()
        return Losses(None, **terms)
