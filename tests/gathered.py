"""What networks give and learn in one process or several; `tests/test_parallel.py` compares.

    python -m torch.distributed.run --nproc-per-node 2 -m tests.gathered FOLDER

writes a file for each process.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from realmix import models
from realmix.augment.presets import PRESETS
from realmix.contract.algorithm import (
    Batch,
    Facts,
    Losses,
    Minimizer,
    Nets,
    Objective,
    Recipe,
    Step,
    Views,
)
from realmix.data.pools import Data, Pool
from realmix.training import parallel
from realmix.training.trainer import Trainer

ROWS = 7  # shares of 3 and 4
WIDTH = 128  # of the network's features
RECIPE = Recipe(
    batch_size=ROWS, unlabeled_ratio=2, optimizer="sgd", learning_rate=0.05, weight_decay=0.001
)


@dataclass(eq=False)
class WithHead(Objective):
    """Predicts the labels, and by a head of its own on the features the mean of the inputs."""

    trained_apart = ("other",)
    views = Views(labeled=("weak",), unlabeled=("weak",))

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.other = copy.deepcopy(nets.student)
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.head = nn.Linear(WIDTH, 1)

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        (x,), (u,) = batch.labeled.views, batch.unlabeled.views
        features, logits = nets.student.features_and_logits(torch.cat([x, u]))
        logits_x = logits[: len(x)]
        guess = self.head(features).squeeze(1)
        return Losses(
            supervised=nn.functional.cross_entropy(logits_x, batch.labeled.label),
            mean=(guess - torch.cat([x, u]).flatten(1).mean(1)).square().mean(),
        )

    def update(self, nets: Nets, optimizer: Minimizer, batch: Batch, step: Step) -> Losses:
        own = nn.functional.cross_entropy(self.other(batch.labeled.views[0]), batch.labeled.label)
        optimizer.apart["other"].minimize(own)
        return super().update(nets, optimizer, batch, step)


def network() -> parallel.Divided:
    net = models.build("convnet", (1, 4, 4), 3, seed=0)
    return parallel.Divided(parallel.share_moments(net)).train()


def gradients(name: str, module: nn.Module) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": p.grad.clone()
        for key, p in module.named_parameters()
        if p.grad is not None
    }


def passes() -> dict[str, Tensor]:
    """Outputs of a network and what a loss says of inputs before it."""
    net, rng = network(), torch.Generator().manual_seed(1)
    stored = torch.randn(ROWS, 1, 4, 4, generator=rng)
    found = {"features": net.features(stored), "logits": net(stored)}
    found["both features"], found["both logits"] = net.features_and_logits(stored)
    weight = torch.randn(ROWS, 3, generator=rng)

    inputs = stored.clone().requires_grad_()
    features, logits = net.features_and_logits(3 * inputs)  # of a tensor that is no leaf
    loss = (logits * weight).sin().sum() + features.square().mean()
    found["through"] = torch.autograd.grad(loss, inputs)[0]

    leaf = stored.clone().requires_grad_()
    rest = torch.flip(leaf, [0]).square().mean()  # also depends on the inputs elsewhere
    found["leaf"] = torch.autograd.grad((net(leaf) * weight).sum() + rest, leaf)[0]

    before = nn.Linear(4, 4)  # a part of the loss that comes before the network
    nn.init.eye_(before.weight)
    nn.init.zeros_(before.bias)
    ((net(before(stored)) * weight).tanh().sum()).backward()
    return {**found, **gradients("before", before)}


def data() -> Data:
    rng, label = np.random.default_rng(0), np.arange(60) % 3
    x = rng.integers(0, 256, (60, 1, 8, 8)).astype(np.uint8)
    views = PRESETS["digits"]((1, 8, 8))
    return Data(Pool.of(x[:20], label[:20]), Pool.of(x[20:]), ("a", "b", "c"), views)


def training() -> dict[str, Tensor]:
    """Gradients of one step, and the weights after three."""
    given = data()
    net = models.build("auto", (1, 8, 8), 3, seed=0)
    algorithm = WithHead()
    trainer = Trainer(net, algorithm, given, steps=3, recipe=RECIPE, precision=torch.float32)
    trainer.run(until=1)
    found = gradients("student", trainer.student)
    found |= gradients("head", algorithm.head) | gradients("other", algorithm.other)
    trainer.run()
    for name, module in (("student", trainer.student), ("algorithm", algorithm)):
        found |= {f"end {name}.{key}": p.detach() for key, p in module.named_parameters()}
    found |= {f"end ema.{key}": value for key, value in trainer.nets.ema.named_buffers()}
    return found


def results() -> dict[str, Tensor]:
    return {name: value.detach() for name, value in {**passes(), **training()}.items()}


def write(folder: Path) -> None:
    """Leave the results of this process, one of several, in `folder`."""
    torch.set_num_threads(1)
    parallel.join(torch.device("cpu"))
    torch.save(results(), folder / f"{parallel.rank()}.pt")
    parallel.wait_for_all()
    parallel.leave()
