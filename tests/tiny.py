"""A tiny network with its NumPy twin, and batches of random rows, for tests of algorithms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from realmix.contract.algorithm import Batch, Examples, Facts, Nets, Objective, Step, Views

FEATURES, HIDDEN, CLASSES = 4, 6, 3


class Network(nn.Sequential):
    """Layers, of which the last is the head."""

    @property
    def head(self) -> nn.Module:
        return self[-1]

    def features(self, x: Tensor) -> Tensor:
        for layer in list(self)[:-1]:
            x = layer(x)
        return x

    def features_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return features, self[-1](features)


def network(seed: int, scale: float = 1.0, num_classes: int = CLASSES) -> Network:
    """float64, without BatchNorm: logits = V tanh(W x + b) + c."""
    net = Network(nn.Linear(FEATURES, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, num_classes))
    rng = np.random.default_rng(seed)
    for parameter in net.double().parameters():
        parameter.data = torch.from_numpy(scale * rng.normal(size=tuple(parameter.shape)))
    return net


def normalizing_network(seed: int, num_classes: int = CLASSES) -> Network:
    """float64, with BatchNorm."""
    net = network(seed, num_classes=num_classes)
    return Network(net[0], nn.BatchNorm1d(HIDDEN), net[1], net[2]).double()


def logits(net: nn.Sequential, x: np.ndarray) -> np.ndarray:
    """What `network` computes, with matrices."""
    w, b, v, c = (p.detach().numpy() for p in net.parameters())
    return np.tanh(x @ w.T + b) @ v.T + c


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def nets(student: int = 0, ema: int = 1, scale: float = 1.0, num_classes: int = CLASSES) -> Nets:
    """Two different networks, so that a swap is seen."""
    return Nets(
        network(student, scale, num_classes),
        network(ema, scale, num_classes).requires_grad_(False),
    )


def facts(
    num_classes: int = CLASSES, num_labeled: int = 12, num_unlabeled: int = 60, **others: Any
) -> Facts:
    """Of feature rows like those of `batch`, equally many of each class."""
    shares = torch.full((num_classes,), 1 / num_classes)
    known = {"shape": (FEATURES,), "class_shares": shares, "preset": "features", **others}
    return Facts(num_classes, num_labeled, num_unlabeled, **known)


def rows(seed: int, count: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, FEATURES)))


def examples(views: Sequence[Tensor], label: Tensor) -> Examples:
    return Examples(tuple(views), torch.arange(len(label)), label, torch.ones(len(label)))


def batch(
    views: Views, labeled: int = 6, unlabeled: int = 6, seed: int = 0, num_classes: int = CLASSES
) -> Batch:
    """Random rows, a view each; the unlabeled views are the same rows with other noise."""
    label = (torch.arange(labeled) + seed) % num_classes
    x = [rows(seed * 100 + i, labeled) for i, _ in enumerate(views.labeled)]
    pool = rows(seed * 100 + 50, unlabeled)
    u = [pool + 0.3 * rows(seed * 100 + 60 + i, unlabeled) for i, _ in enumerate(views.unlabeled)]
    unknown = torch.full((unlabeled if u else 0,), -1)
    return Batch(examples(x, label), examples(u, unknown))


def step(index: int, total: int, seed: int = 0) -> Step:
    return Step(index, total, torch.Generator().manual_seed(1000 * seed + index))


def gradients(loss: Tensor, net: nn.Module) -> list[Tensor]:
    """Of each parameter; zeros where the loss does not depend on it."""
    found = torch.autograd.grad(
        loss, list(net.parameters()), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return list(found)


# --- properties that many algorithms share


def assert_remembered(algorithm: Objective, at: Step, pool: bool = True) -> None:
    """Running statistics have seen one pass: of every view, or of those of the labels alone."""
    net, given = normalizing_network(0), batch(algorithm.views, unlabeled=10)
    views = [*given.labeled.views, *(given.unlabeled.views if pool else ())]
    hidden = net[0](torch.cat(views)).detach()
    algorithm.loss(Nets(net, net), given, at)
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))
    torch.testing.assert_close(net[1].running_var, 0.9 + 0.1 * hidden.var(0))


def assert_labeled_by_student(made: Callable[[], Objective], at: Callable[[], Step]) -> None:
    """The averaged network has no say in the losses."""
    one, two = (made().loss(nets(ema=ema), batch(made().views), at()).total for ema in (1, 2))
    assert torch.equal(one, two)


def assert_weak_view_is_a_target(algorithm: Objective, at: Step) -> None:
    """The strong view of the pool has a gradient, the weak one has none."""
    given = batch(algorithm.views, unlabeled=12)
    weak, strong = (view.requires_grad_() for view in given.unlabeled.views)
    algorithm.loss(nets(), given, at).total.backward()
    assert strong.grad is not None
    assert strong.grad.abs().sum() > 0
    assert weak.grad is None or weak.grad.abs().sum() == 0


# --- references with loops


def cross_entropy(z: np.ndarray, target: np.ndarray) -> list[float]:
    """Per row, for labels or distributions."""
    out = []
    for i in range(len(z)):
        p = softmax(z[i])
        if target.ndim == 1:
            out.append(-math.log(p[target[i]]))
        else:
            out.append(-sum(t * math.log(q) for t, q in zip(target[i], p, strict=True)))
    return out


def squared_error(z: np.ndarray, target: np.ndarray) -> list[float]:
    """Per row, the mean over classes."""
    out = []
    for i in range(len(z)):
        p = softmax(z[i])
        out.append(sum((a - b) ** 2 for a, b in zip(p, target[i], strict=True)) / len(p))
    return out


def sharpened_mean(predictions: Sequence[np.ndarray], temperature: float) -> np.ndarray:
    mean = sum(predictions) / len(predictions)
    out = np.zeros_like(mean)
    for i in range(len(mean)):
        powered = [p ** (1 / temperature) for p in mean[i]]
        out[i] = np.array(powered) / sum(powered)
    return out


def mixmatch_parts(
    net: nn.Sequential, given: Batch, at: Step, temperature: float, alpha: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Mixed inputs, mixed targets, and how many of them are labeled (MixMatch, algorithm 1)."""
    from scipy.special import betaincinv

    x, label = given.labeled.views[0].numpy(), given.labeled.label.numpy()
    views = [view.numpy() for view in given.unlabeled.views]
    q = sharpened_mean([softmax(logits(net, view)) for view in views], temperature)
    y = np.zeros((len(x), q.shape[1]))
    for i, k in enumerate(label):
        y[i, k] = 1
    inputs, targets = np.concatenate([x, *views]), np.concatenate([y, *[q for _ in views]])

    rng = torch.Generator().manual_seed(at.rng.initial_seed())
    uniform = torch.rand(len(inputs), generator=rng, dtype=torch.float64).numpy()
    share = betaincinv(alpha, alpha, uniform).astype(np.float32)
    partner = torch.randperm(len(inputs), generator=rng).numpy()
    mixed, mixed_targets = np.zeros_like(inputs), np.zeros_like(targets)
    for i in range(len(inputs)):
        l = float(max(share[i], np.float32(1) - share[i]))
        mixed[i] = l * inputs[i] + (1 - l) * inputs[partner[i]]
        mixed_targets[i] = l * targets[i] + (1 - l) * targets[partner[i]]
    return mixed, mixed_targets, len(x)


# --- a network that says what it is told


class Spoken(nn.Module):
    """A network whose logits are its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


def said(
    x: Sequence[Any], label: Sequence[int], u: Sequence[Any], index: Sequence[int] | None = None
) -> Batch:
    """A batch on which `Spoken` predicts these distributions.

    Args:
        x: of each labeled view, of each example.
        label: of the labeled examples.
        u: of each unlabeled view, of each example.
        index: of the unlabeled examples in their pool.
    """
    x, u = ([torch.tensor(view, dtype=torch.float64).log() for view in views] for views in (x, u))
    unlabeled = examples(u, torch.full((len(u[0]),), -1))
    if index is not None:
        unlabeled = replace(unlabeled, index=torch.tensor(index))
    return Batch(examples(x, torch.tensor(label)), unlabeled)
