"""Mean Teacher (Tarvainen and Valpola, 2017, https://arxiv.org/abs/1703.01780), section 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Decay, NonNegative, Share
from realmix.functional.forward import frozen_statistics, noisy
from realmix.functional.losses import cross_entropy, scaled_kl, squared_error
from realmix.functional.noise import perturbed
from realmix.functional.schedules import sigmoid_ramp

CONSISTENCY = {"squared_error": squared_error, "kl": scaled_kl}


@dataclass(eq=False)
class MeanTeacher(Objective):
    """H(y, p(weak x)) + weight * ramp * d(p_ema(weak u), p(weak' u)),  d a squared error or KL."""

    weight: NonNegative = 50.0  # the consistency cost (TensorFlow re-implementation, CIFAR-10)
    ramp_end: Share = 0.4  # share of training after which the weight is full
    distance: Literal["squared_error", "kl"] = "squared_error"  # d
    student_noise: NonNegative = 0.0  # eta, on the student's inputs, in deviations (paper: 0.15)
    teacher_noise: NonNegative = 0.0  # eta', on the teacher's
    early_decay: Decay | None = None  # alpha while the weight ramps up (0.99); None: one alpha

    idea = "agree with your own averaged weights"
    cost = 2.3
    views = Views(labeled=("weak",), unlabeled=("weak", "weak"))
    recipe = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    def check(self, facts: Facts) -> None:
        if self.student_noise or self.teacher_noise:
            facts.require_numbers("This noise is added to inputs", "Leave it at 0.")

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        u_teacher, u_student = batch.unlabeled.views
        logits_x = noisy(nets.student, x, self.student_noise, step.rng)
        u_student = perturbed(u_student, self.student_noise, step.rng)
        u_teacher = perturbed(u_teacher, self.teacher_noise, step.rng)
        with frozen_statistics(nets.student), frozen_statistics(nets.ema):
            logits_u = nets.student(u_student)
            with torch.no_grad():
                q = nets.ema(u_teacher).softmax(-1)

        weight = self.weight * sigmoid_ramp(step.progress, self.ramp_end)
        consistency = CONSISTENCY[self.distance](logits_u, q)
        return Losses(
            supervised=cross_entropy(logits_x, y).mean(),
            unlabeled=weight * consistency.mean(),
            metrics={"disagreement": (logits_u.argmax(-1) != q.argmax(-1)).float().mean()},
        )

    def ema_decay(self, step: Step) -> float | None:
        return self.early_decay if step.progress < self.ramp_end else None
