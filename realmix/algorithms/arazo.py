"""Pseudo-labels against confirmation bias (Arazo et al., 2019, https://arxiv.org/abs/1908.02983)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import NonNegative, Positive, Share
from realmix.contract.state import PerExample
from realmix.functional.forward import steady
from realmix.functional.losses import cross_entropy, entropy, prior_gap
from realmix.functional.mixing import mix_pairs
from realmix.functional.targets import one_hot


@dataclass(eq=False)
class Arazo(Objective):
    """H(y', p(x')) + lambda_A KL(1/K || mean p(x')) + lambda_H mean H(p(x')); x' mixes x and u."""

    alpha: Positive = 1.0  # of Beta(alpha, alpha), one share for the whole batch
    balance_weight: NonNegative = 0.8  # lambda_A
    entropy_weight: NonNegative = 0.4  # lambda_H
    labeled_weight: Positive = 1.0  # of labels in H; the paper's alternative to a minimum a batch
    warm_up: Share = 0.025  # share of training on the labels alone

    idea = "mixed soft labels of the last visit"
    needs = "pool; a label for each row of it"
    cost = 1.7
    views = Views(labeled=("weak",), unlabeled=("weak", "plain"))
    recipe = Recipe(
        batch_size=48,
        unlabeled_ratio=1,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=0.0001,
        schedule="cosine",
        dropout=0.1,
    )

    def check(self, facts: Facts) -> None:
        facts.require_numbers("arazo mixes inputs")

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.soft_labels = PerExample(facts.num_unlabeled, facts.num_classes)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), y = batch.labeled.views, one_hot(batch.labeled.label, self.num_classes)
        target = self.labeled_weight * y
        if step.progress >= self.warm_up:
            weak, plain = batch.unlabeled.views
            q = steady(nets.student, plain).softmax(-1)
            remembered = self.soft_labels.recall(batch.unlabeled.index, otherwise=q)
            self.soft_labels.store(batch.unlabeled.index, q)
            x, target = torch.cat([x, weak]), torch.cat([target, remembered])
        mixed, target = mix_pairs(x, target, self.alpha, step.rng)
        logits = nets.student(mixed)
        return Losses(
            mixed=cross_entropy(logits, target.to(logits.dtype)).mean(),
            balance=self.balance_weight * prior_gap(logits),
            entropy=self.entropy_weight * entropy(logits).mean(),
            metrics={"confidence": target.amax(-1).mean()},
        )
