"""Virtual Adversarial Training (Miyato et al., 2018, https://arxiv.org/abs/1704.03976), alg. 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from realmix.base.errors import UsageError
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, NonNegative, Positive, Share
from realmix.functional.adversarial import codes_refused, usual_radius, vat_direction
from realmix.functional.forward import frozen_statistics, without_dropout
from realmix.functional.losses import cross_entropy, entropy, kl
from realmix.functional.schedules import ramp_up


@dataclass(eq=False)
class VAT(Objective):
    """H(y, p(x)) + weight ramp(t) KL(p(v) || p(v + r)), r the worst of length epsilon."""

    epsilon: Positive | None = None  # length of r; None: 6 on CIFAR-10, by sqrt(values) on others
    weight: NonNegative = 0.3  # lambda
    ramp_end: Share = 0.4  # share of training after which the weight is full
    entropy_weight: NonNegative = 0.06  # of the mean entropy of p(v); 1 in VAT + EntMin
    iterations: Count = 1  # K, of the power method
    xi: Positive = 0.1  # xi, as a share of epsilon
    code_columns: bool = False  # take columns that look like codes of categories as quantities

    views = Views(labeled=("weak",), unlabeled=("weak",))
    idea = "predict the same after the worst step"
    cost = 7.2
    recipe = Recipe(
        batch_size=32, unlabeled_ratio=4, optimizer="adam", learning_rate=0.002, weight_decay=0.02
    )

    def check(self, facts: Facts) -> None:
        facts.require_numbers("vat moves inputs a little")
        if facts.code_columns and not self.code_columns:
            raise UsageError(codes_refused("vat", facts.code_columns))

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.radius = self.epsilon or usual_radius(facts.shape)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, batch.labeled.label
        (u,) = batch.unlabeled.views
        net, inputs = nets.student, torch.cat([x, u])
        logits_x = net(x)
        with frozen_statistics(net), without_dropout(net):
            with torch.set_grad_enabled(self.entropy_weight > 0):
                logits = net(inputs)
            q = logits.detach().softmax(-1)
            xi = self.xi * self.radius
            worst = vat_direction(net, inputs, q, xi, self.iterations, step.rng)
            divergence = kl(net(inputs + self.radius * worst), q)

        weight = self.weight * ramp_up(step.progress, self.ramp_end)
        terms = {"supervised": cross_entropy(logits_x, y), "unlabeled": weight * divergence}
        if self.entropy_weight:
            terms["entropy"] = self.entropy_weight * entropy(logits)
        return Losses({"confidence": q.amax(-1).mean()}, **{k: v.mean() for k, v in terms.items()})
