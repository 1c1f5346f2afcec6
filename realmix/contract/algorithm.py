"""The contract between an algorithm and the loop that trains it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from realmix.contract.method import Facts as Facts
from realmix.contract.method import Method as Method
from realmix.contract.method import Recipe as Recipe


class Erasing(NamedTuple):
    """How the view "cutout" erases a rectangle of a copy.

    Attributes:
        probability: of erasing at all, in [0, 1].
        area: range of the rectangle's share of the image.
    """

    probability: float
    area: tuple[float, float]


class Views(NamedTuple):
    """What an algorithm wants to see of each batch, in the order in which it unpacks it.

    Attributes:
        labeled, unlabeled: view names; a data set's preset says what each means.
        copies: how many fixed augmented copies of each unlabeled row there are, or 0 if a copy is
            made afresh at each step. The views of an example are always of one copy.
        rates: (operations, parameters, bins) in [0, 1]: how well the labels survive each strength
            of each operation, for the views that draw by it ("learned" and "uncovered").
        erasing: for the view "cutout".
    """

    labeled: tuple[str, ...] = ("weak",)
    unlabeled: tuple[str, ...] = ()
    copies: int = 0
    rates: Tensor | None = None
    erasing: Erasing | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """One stream of a batch.

    Attributes:
        views: one (B, *shape) tensor per requested view.
        index: (B,) int64 row of each example in its pool.
        label: (B,) int64 class, -1 where unknown; or (B, K) float distributions that a procedure
            has put there.
        weight: (B,) float in [0, 1]; 1 unless a procedure set it.
        drawn: (B, slots, 1 + parameters) int64 operation and bins that the view "probe" drew.
    """

    views: tuple[Tensor, ...]
    index: Tensor
    label: Tensor
    weight: Tensor
    drawn: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    labeled: Examples
    unlabeled: Examples


@dataclass(frozen=True, slots=True)
class Step:
    """Where training is, and the only randomness that a loss may use.

    Attributes:
        index: optimizer steps taken so far.
        total: optimizer steps in the whole run.
        rng: CPU generator seeded by (run seed, index).
    """

    index: int
    total: int
    rng: torch.Generator

    @property
    def progress(self) -> float:
        """Share of training done, in [0, 1)."""
        return self.index / self.total


class Nets(NamedTuple):
    """The networks of a run; both are in train mode while training.

    Each is called with (N, *shape) inputs and gives (N, K) logits; `features(inputs)` gives what
    its last layer sees, (N, D), and `features_and_logits(inputs)` both from one pass.

    Attributes:
        student: being trained.
        ema: its moving average; its parameters have no gradients.
    """

    student: nn.Module
    ema: nn.Module


class Losses:
    """The terms of a loss, by name, and figures to log.

    Args:
        metrics: scalar tensors that are logged and not trained on.
        terms: scalar tensors with gradients; their sum is the loss.
    """

    def __init__(self, metrics: Mapping[str, Tensor] | None = None, **terms: Tensor) -> None:
        self.terms = terms
        self.metrics = dict(metrics or {})

    @property
    def total(self) -> Tensor:
        return torch.stack(list(self.terms.values())).sum()

    @property
    def beside_labels(self) -> Tensor:
        """How much the terms other than "supervised" add, without gradient; 0 if there are none."""
        others = [term.detach().abs() for name, term in self.terms.items() if name != "supervised"]
        return torch.stack(others).sum() if others else torch.zeros_like(self.total.detach())


class Minimizer(Protocol):
    """What an algorithm may ask of an optimizer.

    Attributes:
        apart: the optimizers of the submodules that `Algorithm.trained_apart` names.
    """

    @property
    def apart(self) -> Mapping[str, Minimizer]: ...

    def minimize(self, loss: Tensor, labeled: Tensor | None = None) -> None: ...


@dataclass(eq=False)
class Algorithm(nn.Module, Method):
    """A method that is a rule for one optimizer step. Its buffers and submodules are its state.

    Attributes:
        trained_apart: names of the submodules that have an optimizer of their own, of the same
            recipe, `optimizer.apart[name]`; those of the others' parameters is the student's.
    """

    trained_apart: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *args: Any, **fields: Any) -> Self:
        # nn.Module must be initialized before the dataclass's own __init__ assigns fields.
        algorithm = super().__new__(cls)
        nn.Module.__init__(algorithm)
        return algorithm

    @property
    def views(self) -> Views:
        """What a batch must hold. A plain class attribute where no field changes it."""
        return Views()

    def setup(self, nets: Nets, facts: Facts) -> None:
        """Allocate the state that depends on data or network. Called once, before step 0."""
        self.num_classes = facts.num_classes

    @abstractmethod
    def update(self, nets: Nets, optimizer: Minimizer, batch: Batch, step: Step) -> Losses:
        """Take one optimizer step."""

    def ema_decay(self, step: Step) -> float | None:
        """Decay, in [0, 1), of the average `nets.ema` after that step; None is the recipe's."""
        return None


@dataclass(eq=False)
class Objective(Algorithm):
    """An algorithm that is just a loss."""

    @abstractmethod
    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        """The terms to minimize on this batch."""

    def update(self, nets: Nets, optimizer: Minimizer, batch: Batch, step: Step) -> Losses:
        losses = self.loss(nets, batch, step)
        optimizer.minimize(losses.total, losses.terms.get("supervised"))
        return losses
