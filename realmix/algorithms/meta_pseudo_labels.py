"""Meta Pseudo Labels (Pham et al., 2021, https://arxiv.org/abs/2003.10580), sections 2 and 3."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch

from realmix.contract.algorithm import Algorithm, Batch, Losses, Minimizer, Nets, Step, Views
from realmix.contract.fields import Count, NonNegative, Positive, Share
from realmix.contract.method import Facts, Recipe
from realmix.contract.state import RunningMean
from realmix.functional.forward import joint, steady
from realmix.functional.losses import cross_entropy
from realmix.functional.masks import confident
from realmix.functional.schedules import ramp_up
from realmix.functional.targets import one_hot, smooth


@dataclass(eq=False)
class MetaPseudoLabels(Algorithm):
    """Student H(t, p(strong u)), t = argmax p_T(strong u); teacher UDA + h H(t, p_T(strong u))."""

    temperature: Positive = 0.7  # T of the teacher's UDA term
    threshold: Share = 0.6  # of its targets, after sharpening
    weight: NonNegative = 8.0  # lambda of its UDA term
    ramp_steps: Count = 5000  # after which that weight is full; the whole run if that is shorter
    smoothing: Share = 0.15  # of labels and pseudo-labels
    wait: Share = 0.01  # share of training before the student begins
    finetune: Share = 0.02  # last share of training: the student on the labels alone
    compatibility: Literal["paper", "released"] = "paper"  # released: soft t, other gain

    trained_apart = ("teacher",)
    idea = "reward the teacher for its student's progress"
    needs = "pool; a second network"
    cost = 47.0
    views = Views(labeled=("weak",), unlabeled=("weak", "strong"))
    recipe = Recipe(
        batch_size=128,
        unlabeled_ratio=7,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=0.0005,
        schedule="cosine",
        ema_decay=0.995,
        dropout=0.2,
    )

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.teacher = copy.deepcopy(nets.student)
        self.usual_rise = RunningMean(torch.zeros(()), 0.99)

    def update(self, nets: Nets, optimizer: Minimizer, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        if step.progress >= 1 - self.finetune:
            losses = Losses(student=cross_entropy(nets.student(x), y).mean())
            optimizer.minimize(losses.total)
            return losses

        weak, strong = batch.unlabeled.views
        logits_x, logits_weak, logits_strong = joint(self.teacher, x, weak, strong)
        target = logits_strong.detach().softmax(-1)
        if self.compatibility == "paper":  # a soft target would have no gradient in the feedback
            target = one_hot(target.argmax(-1), self.num_classes).to(target.dtype)

        before = cross_entropy(steady(nets.student, x), y).mean()
        logits_student, _ = joint(nets.student, strong, x)
        student = cross_entropy(logits_student, smooth(target, self.smoothing)).mean()
        if step.progress >= self.wait:
            optimizer.minimize(student)
        gain = before - cross_entropy(steady(nets.student, x), y).mean()
        h = gain
        if self.compatibility == "released":
            self.usual_rise.update(-gain)
            h = -gain - self.usual_rise.value

        y_smooth = smooth(one_hot(y, self.num_classes).to(target.dtype), self.smoothing)
        q = (logits_weak.detach() / self.temperature).softmax(-1)
        mask = confident(q, self.threshold)
        weight = self.weight * ramp_up(step.index, min(self.ramp_steps, step.total))
        teacher = Losses(
            supervised=cross_entropy(logits_x, y_smooth).mean(),
            unlabeled=weight * (mask * cross_entropy(logits_strong, q)).mean(),
            feedback=h * cross_entropy(logits_strong, target).mean(),
        )
        optimizer.apart["teacher"].minimize(teacher.total)
        metrics = {"gain": gain, "mask_rate": mask.mean()}
        return Losses(metrics, student=student, **teacher.terms)
