"""The contract between an algorithm and the loop that trains it."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from realmix.errors import UsageError
from realmix.fields import Count, Decay, NonNegative, Positive, field_types, validated
from realmix.wording import suggestion


class Views(NamedTuple):
    """What an algorithm wants to see of each batch, in the order in which it unpacks it.

    Attributes:
        labeled, unlabeled: view names; a data set's preset says what each means.
        copies: how many fixed augmented copies of each unlabeled row there are, or 0 if what
            belongs to a copy is drawn afresh each time.
        rates: (operations, parameters, bins) in [0, 1]: how well the labels survive each strength
            of each operation, for the views that draw by it ("probe" and "learned").
    """

    labeled: tuple[str, ...] = ("weak",)
    unlabeled: tuple[str, ...] = ()
    copies: int = 0
    rates: Tensor | None = None


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


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the data before training.

    Attributes:
        num_classes: K.
        num_labeled, num_unlabeled: rows of the two pools.
        shape: of one stored input: (C, H, W) of images, (D,) of feature rows.
        class_shares: (K,) share of each class among the labels; sums to one.
        preset: name of the views' meaning ("digits", "features", ...); "" where it has none.
        code_columns: feature columns that look like codes of categories: few whole numbers.
    """

    num_classes: int
    num_labeled: int
    num_unlabeled: int
    shape: tuple[int, ...]
    class_shares: Tensor
    preset: str = ""
    code_columns: tuple[str, ...] = ()

    @property
    def is_images(self) -> bool:
        return len(self.shape) == 3

    def require_images(self, what: str, instead: str) -> None:
        """Refuse feature rows for what works on images alone.

        Raises:
            UsageError: what that is, and what to do instead.
        """
        if not self.is_images:
            raise UsageError(f"{what} changes images, and these are feature rows. {instead}")


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


class Minimizer(Protocol):
    """What an algorithm may ask of an optimizer.

    Attributes:
        apart: the optimizers of the submodules that `Algorithm.trained_apart` names.
    """

    @property
    def apart(self) -> Mapping[str, Minimizer]: ...

    def minimize(self, loss: Tensor) -> None: ...


@dataclass(frozen=True)
class Recipe:
    """How a paper trains: everything around its loss.

    Attributes:
        batch_size: labeled examples a step, B.
        unlabeled_ratio: unlabeled examples per labeled one, mu.
        optimizer: "adam" with weight decay times the learning rate, or Nesterov "sgd" with an
            L2 term; neither decays biases and normalization.
        learning_rate: at the start.
        weight_decay: as the optimizer applies it.
        schedule: of the learning rate: "constant", or "cosine" to 0.195 of it.
        ema_decay: of the network that is evaluated.
        dropout: share of the last layer's inputs that is set to 0 in training.
        stochastic_depth: share of the passes in which the last residual unit is skipped in
            training, falling linearly to 0 at the input; networks without such units have none.
    """

    batch_size: Count = 64
    unlabeled_ratio: Count = 1
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Positive = 0.002
    weight_decay: NonNegative = 0.02
    schedule: Literal["constant", "cosine"] = "constant"
    ema_decay: Decay = 0.999
    dropout: Decay = 0.0
    stochastic_depth: Decay = 0.0


@dataclass(eq=False)
class Method:
    """A way to learn, of any tier. Its fields are the hyperparameters.

    Raises:
        UsageError: at construction, for a field whose value does not fit its type and range.
    """

    recipe: ClassVar[Recipe] = Recipe()
    idea: ClassVar[str] = ""  # in some six words
    needs: ClassVar[str] = "pool"  # what it learns from besides labels, and what it remembers
    pool_optional: ClassVar[bool] = False  # whether it is more than the labels alone without one
    cost: ClassVar[float] = 1.0  # arithmetic of a training, relative to the labels alone's

    def __post_init__(self) -> None:
        for name, value in validated(type(self), self.fields()).items():
            setattr(self, name, value)

    def final_model(self, model: str) -> str:
        """The name of the network that it leaves, where `model` is the run's."""
        return model

    def check(self, facts: Facts) -> None:
        """Refuse data that it cannot learn from, before anything is trained.

        Raises:
            UsageError: what is wrong, and what to do instead.
        """

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Construct from a mapping (of JSON values or command-line text).

        Raises:
            UsageError: for a name that is not a field, with the nearest one that is.
        """
        known = field_types(cls)
        for name in fields.keys() - known.keys():
            raise UsageError(
                f"{cls.__name__} has no field '{name}'.{suggestion(name, known)}"
                f" Its fields: {', '.join(known) or 'none'}."
            )
        return cls(**fields)

    def fields(self) -> dict[str, Any]:
        """The hyperparameters by name; `from_fields` takes them back."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}


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
        optimizer.minimize(losses.total)
        return losses
