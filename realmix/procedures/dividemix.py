"""DivideMix (Li et al., 2020, https://arxiv.org/abs/2002.07394), algorithm 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.base.randomness import derive
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, NonNegative, Positive, Share
from realmix.contract.state import PerExample
from realmix.data.pools import Data, Pool
from realmix.functional.losses import cross_entropy, entropy, prior_gap, squared_error
from realmix.functional.mixing import beta, larger_share, mixup, partners
from realmix.functional.noise import clean_probability
from realmix.functional.schedules import ramp_up
from realmix.functional.targets import average, one_hot, sharpen
from realmix.models.composed import Pair
from realmix.training.parallel import Divided
from realmix.training.stages import Procedure, Stages

FEW, FEW_OF_A_CLASS = 100, 10  # labels
MIXTURE = 30  # stream of randomness

Guess = Callable[[Tensor], Tensor]
"""(B, *shape) inputs to (B, K) probabilities."""


@dataclass(eq=False)
class DivideMix(Procedure):
    """MixMatch by two networks; each trusts the labels on which the other's loss is low."""

    threshold: Share = 0.5  # tau: labels that are more likely right are kept
    temperature: Positive = 0.5  # T
    alpha: Positive = 4.0  # of Beta(alpha, alpha), one share a batch
    weight: NonNegative = 25.0  # lambda_u
    prior_weight: NonNegative = 1.0  # lambda_r
    warm_up: Share = 0.1  # share of training on all labels as they are
    ramp_steps: Count = 12500  # after the warm-up until the weight is full; the rest, if shorter
    unsure: bool = False  # warm-up with a reward for entropy, against asymmetric noise
    least_steps: Count = 20  # between two divisions; an epoch of the labels, if that is longer
    few_labels: bool = False  # train although the labels are too few to tell wrong from hard

    pool_optional = True
    idea = "two networks find each other's wrong labels"
    needs = "some hundred labels; a second network"
    cost = 11.4
    recipe = Recipe(optimizer="sgd", learning_rate=0.02, weight_decay=0.0005)

    @property
    def trainings(self) -> float:
        return 2.0

    def final_model(self, model: str) -> str:
        return f"pair:{model}"

    def check(self, facts: Facts) -> None:
        facts.require_numbers("dividemix mixes inputs")
        rarest = round(facts.num_labeled * facts.class_shares.min().item())
        if not self.few_labels and (facts.num_labeled < FEW or rarest < FEW_OF_A_CLASS):
            raise UsageError(
                f"dividemix looks for wrong labels among many. {facts.num_labeled} labels, {rarest}"
                f" of the rarest class, are too few to tell wrong from hard: it takes {FEW}, and"
                f" {FEW_OF_A_CLASS} of each class. If they are right use mixmatch or fixmatch;"
                " --set few_labels=true trains nevertheless."
            )

    def train(self, stages: Stages) -> nn.Module:
        end, wait = stages.steps, math.ceil(self.warm_up * stages.steps)
        every = max(
            math.ceil(len(stages.data.labeled) / stages.recipe.batch_size), self.least_steps
        )
        rules = [CoDivided(self, wait, guesses(stages, 1 - number)) for number in (0, 1)]
        one, two = (stages.trainer(rule, f"network-{k}") for k, rule in enumerate(rules, 1))
        for trainer in (one, two):
            stages.finish(trainer, until=wait)
        for start in range(wait + (two.step - wait) // every * every, end, every):
            if one.step == start:  # else the checkpoints hold this division
                for rule, other in zip(rules, (two, one), strict=True):
                    rule.clean.value[:, 0] = clean_labels(stages, other.nets.student, start)
                two.save()  # when its turn comes, the other network will have moved on
            for trainer, rule in zip((one, two), rules, strict=True):
                trainer.data = divided(stages.data, rule.clean.value[:, 0], self.threshold)
                stages.finish(trainer, until=min(start + every, end))
        first, second = (cast(Divided, stages.finish(trainer)) for trainer in (one, two))
        return Divided(Pair(first.network, second.network), first.precision)


def guesses(stages: Stages, number: int) -> Guess:
    """What a stage's network, as it is by then, predicts in evaluation mode."""

    def guess(inputs: Tensor) -> Tensor:
        probs: Tensor = stages.trainers[number].nets.student.eval()(inputs).softmax(-1)
        return probs

    return guess


def clean_labels(stages: Stages, network: nn.Module, start: int) -> Tensor:
    """(N,) how likely each label is right, by a network's losses without augmentation."""
    labeled = stages.data.labeled
    probs = stages.predict(network, labeled.inputs).gather(1, labeled.label[:, None].cpu())[:, 0]
    losses = -probs.clamp(min=torch.finfo(probs.dtype).tiny).log()
    return clean_probability(losses, derive(stages.seed, MIXTURE, start) % 2**32)


def divided(data: Data, clean: Tensor, threshold: float) -> Data:
    """Rows whose label is likely right, weighted by how likely; all others without a label.

    The likeliest label is always kept; if there is no pool, the least likely one is not.
    """
    labeled, pool = data.labeled, data.unlabeled
    kept = clean > threshold
    kept[clean.argmax()] = True
    if kept.all() and len(pool) == 0:
        kept[clean.argmin()] = False
    trusted = Pool(labeled.inputs[kept], labeled.label[kept], clean[kept])
    others = torch.cat([labeled.inputs[~kept], pool.inputs])
    return replace(data, labeled=trusted, unlabeled=Pool.of(others).to(others.device))


@dataclass(eq=False)
class CoDivided(Objective):
    """H(y', p(x')) + weight ramp ||q' - p(u')||^2 / K + KL(1/K || mean p), x', u' mixed."""

    method: Any  # the DivideMix whose fields count
    wait: int  # steps of the warm-up
    peer: Guess  # the other network

    views = Views(labeled=("weak", "weak"), unlabeled=("weak", "weak"))

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.clean = PerExample(facts.num_labeled, 1, fill=1.0)  # probability

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        method, x, label = self.method, batch.labeled.views, batch.labeled.label
        if step.index < self.wait:
            logits = nets.student(x[0])
            terms = {"supervised": cross_entropy(logits, label).mean()}
            if method.unsure:
                terms["entropy"] = -entropy(logits).mean()
            return Losses(None, **terms)

        u, w = batch.unlabeled.views, batch.labeled.weight.unsqueeze(1)
        y = one_hot(label, self.num_classes)
        with torch.no_grad():
            guess_x = average(*(nets.student(view).softmax(-1) for view in x))
            guess_u = average(
                *(nets.student(view).softmax(-1) for view in u), *(self.peer(view) for view in u)
            )
        target_x = sharpen(w * y + (1 - w) * guess_x, method.temperature)
        target_u = sharpen(guess_u, method.temperature)

        rows, target = torch.cat([*x, *u]), torch.cat([target_x, target_x, target_u, target_u])
        share = larger_share(beta(method.alpha, 1, step.rng)).expand(len(rows))
        share = share.to(rows.device, non_blocking=True)
        partner = partners(len(rows), step.rng).to(rows.device, non_blocking=True)
        logits, target = nets.student(mixup(rows, partner, share)), mixup(target, partner, share)
        count = 2 * len(label)
        ramp = min(method.ramp_steps, step.total - self.wait)
        weight = method.weight * ramp_up(step.index - self.wait, ramp)
        return Losses(
            supervised=cross_entropy(logits[:count], target[:count]).mean(),
            unlabeled=weight * squared_error(logits[count:], target[count:]).mean(),
            prior=method.prior_weight * prior_gap(logits),
            metrics={"clean_rate": (self.clean.value > method.threshold).float().mean()},
        )
