"""SimCLRv2 (Chen et al., 2020, https://arxiv.org/abs/2006.10029), section 2, eqs. 1 to 3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from realmix.algorithms.supervised import Supervised
from realmix.base.randomness import generator
from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Count, Positive, Share
from realmix.data.pools import Data, Pool
from realmix.functional.forward import joint
from realmix.functional.losses import contrastive, cross_entropy
from realmix.models.composed import Extended, hidden_layer, num_features
from realmix.training.stages import Procedure, Stages, trainable_copy
from realmix.training.trainer import Record

HEAD = 31  # stream of randomness


@dataclass(eq=False)
class SimCLRv2(Procedure):
    """NT-Xent(two views of all); H(y, p(x)); then (1-a) H(y, p(x)) + a H(p_T(u), p(u)) anew."""

    temperature: Positive = 0.5  # tau of the pre-training
    projection: Count = 128  # width of the projections
    pretrain_rate: Positive = 0.002  # learning rate of the pre-training
    finetune_rate: Positive = 0.0005  # learning rate of the fine-tuning
    alpha: Share = 1.0  # share of the teacher in the distillation; 1 leaves the labels out
    softness: Positive = 1.0  # tau of the distillation
    student: str | None = None  # network that is distilled to; the run's own by default

    idea = "learn to see, fine-tune, then distil"
    needs = "pool; two networks, one after the other"
    cost = 14.3
    recipe = Recipe(unlabeled_ratio=4, optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    @property
    def trainings(self) -> float:
        return 3.0

    def final_model(self, model: str) -> str:
        return self.student or model

    def train(self, stages: Stages) -> nn.Module:
        everything = without_labels(stages.data)
        encoder, rng = stages.build(0, None), generator(stages.seed, HEAD)
        width = num_features(encoder, stages.data.facts.shape)
        pretraining = stages.trainer(
            Contrast(self.temperature, width, self.projection, stages.seed),
            "pretrain",
            data=everything,
            network=Extended(encoder, width, stages.data.num_classes, rng),
            recipe=replace(stages.recipe, learning_rate=self.pretrain_rate),
            classifies=False,
        )
        if stages.evaluate:
            pretraining.evaluate = lambda network: linear_figures(network, stages)
        pretrained = stages.finish(pretraining)
        teacher = stages.train(
            Supervised(),
            "finetune",
            network=trainable_copy(pretrained),
            recipe=replace(stages.recipe, learning_rate=self.finetune_rate, weight_decay=0.0),
        ).eval()
        distillation = Distillation(lambda rows: teacher(rows), self.alpha, self.softness)
        return stages.train(distillation, "distill", data=everything, model=self.student)


def without_labels(data: Data) -> Data:
    """All inputs are in the pool; the labeled rows stay what they are."""
    inputs = torch.cat([data.labeled.inputs, data.unlabeled.inputs])
    return replace(data, unlabeled=Pool.of(inputs).to(inputs.device))


def linear_figures(network: nn.Module, stages: Stages) -> Record:
    """Of a linear classifier of the features, trained on the labels to the end."""
    labeled = stages.data.labeled
    rows = stages.features(network, labeled.inputs).double()
    probe = Probe(network, rows.shape[1], stages.data.num_classes)
    probe.fit(rows, labeled.label.cpu())
    found = stages.evaluate(probe.to(stages.device)) if stages.evaluate else {}
    return {f"linear_{name}": value for name, value in found.items()}


class Probe(nn.Module):
    """A network's features and a linear classifier of them."""

    def __init__(self, network: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.network: Any = network
        self.weight = nn.Parameter(torch.zeros(num_classes, width))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def fit(self, features: Tensor, label: Tensor) -> None:
        """Logistic regression by L-BFGS, with a little weight decay so that it ends."""
        weights = [p.detach().double().requires_grad_() for p in (self.weight, self.bias)]
        optimizer = torch.optim.LBFGS(weights, max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> float:
            optimizer.zero_grad()
            logits = features @ weights[0].T + weights[1]
            value = cross_entropy(logits, label).mean() + 1e-4 * weights[0].square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            return float(value.detach())

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        self.load_state_dict({**self.state_dict(), "weight": weights[0], "bias": weights[1]})

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, K) logits."""
        logits: Tensor = self.network.features(inputs) @ self.weight.T + self.bias
        return logits


@dataclass(eq=False)
class Contrast(Objective):
    """NT-Xent(g(u), g(u')) with a projection head g, whose first layer is the network's last."""

    temperature: Positive  # tau
    width: Count  # of the features
    projection: Count  # of the projections
    seed: int

    views = Views(labeled=(), unlabeled=("strong", "strong"))

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        rng = generator(self.seed, HEAD, 1)
        self.head = nn.Sequential(
            hidden_layer(self.width, self.width, rng),
            hidden_layer(self.width, self.projection, rng, relu=False),
        )

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        features = nets.student.features(torch.cat(batch.unlabeled.views))  # type: ignore[operator]
        a, b = self.head(features).chunk(2)
        return Losses(contrastive=contrastive(a, b, self.temperature).mean())


@dataclass(eq=False)
class Distillation(Objective):
    """(1 - alpha) H(y, p(x)) + alpha tau^2 H(softmax(t(u) / tau), softmax(z(u) / tau))."""

    teacher: Callable[[Tensor], Tensor]  # inputs to logits, without gradient
    alpha: Share  # of the teacher
    softness: Positive  # tau

    @property
    def views(self) -> Views:
        return Views(labeled=("weak",) if self.alpha < 1 else (), unlabeled=("weak",))

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (u,) = batch.unlabeled.views
        with torch.no_grad():
            target = (self.teacher(u) / self.softness).softmax(-1)
        *labeled, logits_u = joint(nets.student, *batch.labeled.views, u)
        soft = cross_entropy(logits_u / self.softness, target).mean()
        terms = {"distilled": self.alpha * self.softness**2 * soft}
        for logits_x in labeled:
            supervised = cross_entropy(logits_x, batch.labeled.label).mean()
            terms["supervised"] = (1 - self.alpha) * supervised
        return Losses(None, **terms)
