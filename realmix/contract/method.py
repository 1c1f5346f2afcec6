"""What every method has, of any tier: fields, a recipe, and the data it can learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.contract.fields import (
    Count,
    Decay,
    NonNegative,
    Positive,
    Share,
    field_types,
    validated,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the data before training.

    Attributes:
        num_classes: K.
        num_labeled, num_unlabeled: rows of the two pools.
        shape: of one network input: (C, H, W) of images, (D,) of features, (1, L) of the token
            numbers of a text.
        class_shares: (K,) share of each class among the labels; sums to one.
        preset: name of the views' meaning ("digits", "features", ...); "" where it has none.
        code_columns: feature columns that look like codes of categories: few whole numbers.
        num_weak: pool rows with a label of unknown quality.
        has_features: whether images or texts have the features of an encoder beside them.
    """

    num_classes: int
    num_labeled: int
    num_unlabeled: int
    shape: tuple[int, ...]
    class_shares: Tensor
    preset: str = ""
    code_columns: tuple[str, ...] = ()
    num_weak: int = 0
    has_features: bool = False

    @property
    def is_images(self) -> bool:
        return len(self.shape) == 3

    @property
    def is_tokens(self) -> bool:
        return len(self.shape) == 2

    def require_numbers(self, what: str, instead: str = "") -> None:
        """Refuse token numbers for what calculates with inputs.

        Raises:
            UsageError: what that is, and what to do instead.
        """
        if self.is_tokens:
            raise UsageError(
                f"{what}, and an encoder of texts that is tuned takes the numbers of words, between"
                f" which there is nothing. {instead or 'Leave out --tune: features can be mixed.'}"
                " Of the algorithms fixmatch, adamatch, softmatch, flexmatch, freematch, uda,"
                " pseudo_label and mean_teacher run with it."
            )

    def require_images(self, what: str, instead: str) -> None:
        """Refuse feature rows for what works on images alone.

        Raises:
            UsageError: what that is, and what to do instead.
        """
        if not self.is_images:
            these = "texts" if self.is_tokens else "feature rows"
            raise UsageError(f"{what} changes images, and these are {these}. {instead}")

    def require_rows(self, what: str) -> None:
        """Refuse images and token numbers for what compares inputs column by column.

        Raises:
            UsageError: what that is, and what to do instead.
        """
        if self.is_images:
            raise UsageError(
                f"{what} learns from feature rows, and these are images. Use --encoder auto,"
                " whose features it learns from, or another --algorithm."
            )
        if self.is_tokens:
            raise UsageError(
                f"{what} learns from feature rows, and these are texts whose encoder is tuned."
                " Leave out --tune, or take another --algorithm."
            )


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
        rate_warm_up: share of training in which the learning rate rises linearly from 0.
        layer_decay: of an encoder that is tuned, the learning rate of each layer relative to the
            one above it; its head has the whole (Clark et al., 2020, section 3.2).
        pool_gradient: of the terms beside the labels' own: "always" added to theirs, or "agreeing":
            left out of a step in which their product is negative (Fix-A-Step, Huang et al., 2022,
            https://arxiv.org/abs/2208.11870, section 3.2).
        mixed_labels: before each step mix labeled rows with labeled and pool rows and their guessed
            targets, as MixMatch does (Fix-A-Step, section 3.1); for methods that do not themselves.
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
    rate_warm_up: Share = 0.0
    layer_decay: Share = 1.0
    pool_gradient: Literal["always", "agreeing"] = "always"
    mixed_labels: bool = False

    def check(self, facts: Facts) -> None:
        """Refuse data that it does not go together with, before anything is trained.

        Raises:
            UsageError: what does not, and what to do instead.
        """
        if self.mixed_labels:
            facts.require_numbers("mixed_labels mixes inputs", "Leave it out.")

    def check_network(self, network: nn.Module) -> None:
        """Refuse batches of one row for a network that normalizes rows by their batch.

        Raises:
            UsageError: what to do instead.
        """
        if self.batch_size == 1 and any(isinstance(m, nn.BatchNorm1d) for m in network.modules()):
            raise UsageError(
                "This network normalizes rows by the batch that they are in, and one row has no"
                " variance: batch_size must be 2 or more, not 1. --model linear has no such layer."
            )

    def require_equal_parts(self, what: str) -> None:
        """Refuse batches that hold more pool rows than labeled ones for what swaps their pieces.

        Raises:
            UsageError: the ratio, and what to do instead.
        """
        if self.unlabeled_ratio != 1:
            raise UsageError(
                f"{what} interleaves labeled and pool rows, so a batch must hold as many of the one"
                f" as of the other; unlabeled_ratio is {self.unlabeled_ratio}. Use --set"
                " unlabeled_ratio=1, or leave compatibility at 'paper'."
            )


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

    def check_recipe(self, recipe: Recipe) -> None:
        """Refuse a recipe that its fields do not go together with, before anything is trained.

        Raises:
            UsageError: what does not, and what to do instead.
        """

    def notes(self, facts: Facts) -> tuple[str, ...]:
        """What the user should be told before it costs anything, one sentence each."""
        return ()

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
