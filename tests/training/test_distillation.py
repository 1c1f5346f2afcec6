"""One network that learns what several say together."""

import numpy as np
import torch
from torch import nn

from realmix.augment.presets import PRESETS
from realmix.contract.algorithm import Batch, Examples, Nets, Recipe, Step
from realmix.data.pools import Data, Pool
from realmix.models.linear import Linear
from realmix.training.distillation import RATIO, Distillation, distil
from realmix.training.stages import Stages


class Table(nn.Module):
    """Logits that are the inputs."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows


def test_its_loss_is_that_of_labels_and_of_what_is_taught() -> None:
    """A hand-computed batch: log softmax of (0, log 3) is log of (1 / 4, 3 / 4)."""
    logits, one = torch.tensor([[0.0, np.log(3.0)]]).float(), torch.ones(1)
    x = Examples((logits,), torch.zeros(1).long(), torch.tensor([1]), one)
    u = Examples((logits,), torch.zeros(1).long(), torch.tensor([[0.5, 0.5]]), one)
    step = Step(0, 10, torch.Generator())
    terms = Distillation().loss(Nets(Table(), Table()), Batch(x, u), step).terms
    assert np.isclose(terms["supervised"].item(), -np.log(3 / 4))
    taught = -(np.log(1 / 4) + np.log(3 / 4)) / 2
    assert np.isclose(terms["unlabeled"].item(), RATIO * taught)


def stages(folder=None, **options) -> Stages:
    """Six labels that say nothing; of the pool the sign decides."""
    rng = torch.Generator().manual_seed(0)
    labeled = Pool.of(torch.zeros(6, 1), torch.arange(6) % 2)
    pool = Pool.of(torch.randn(200, 1, generator=rng))
    data = Data(labeled, pool, ("a", "b"), PRESETS["features"]((1,)))

    def build(number: int, model: str | None, recipe: Recipe | None = None) -> nn.Module:
        torch.manual_seed(number)
        return Linear(1, 2)

    recipe = Recipe(batch_size=8, learning_rate=0.05, ema_decay=0.9)
    return Stages(data, build, steps=150, seed=0, recipe=recipe, folder=folder, **options)


def test_the_student_says_what_it_was_taught() -> None:
    own = stages()
    share = torch.sigmoid(2 * own.data.unlabeled.inputs)
    taught = torch.cat([1 - share, share], 1)
    network = distil(own, taught)
    assert (own.predict(network, own.data.unlabeled.inputs) - taught).abs().mean() < 0.05
    assert own.heard
    flat = stages()
    same = flat.predict(distil(flat, torch.full((200, 2), 0.5)), flat.data.unlabeled.inputs)
    assert (same - 0.5).abs().mean() < 0.05
