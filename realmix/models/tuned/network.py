"""A pretrained encoder as the body of a network: raw pictures to logits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realmix.base.memory import fastest_order, has_depthwise
from realmix.encoders.bodies import Body, body, layers
from realmix.encoders.weights import take_body
from realmix.models.head import Head

TUNED = "tuned:"
ROWS = 64  # a pass of evaluation, which hands over hundreds, as suits small pictures


def tuned_name(encoder: str, size: int) -> str:
    """The name of a network whose body is that encoder at that side; `models.build` takes it.

    >>> tuned_name("timm:resnet18=weights.pth", 64)
    'tuned:timm:resnet18@64'
    """
    return f"{TUNED}{encoder.partition('=')[0]}@{size}"


class Tuned(nn.Module):
    """An encoder's network with a new last layer.

    Its features are those of `--encoder` alone: of length sqrt(D), as only their direction counts.

    Args:
        body: the encoder's network.
        dimension: D.
        num_classes: K.
        dropout: of the head's inputs.

    Attributes:
        still: whether the body passes as in evaluation while the head trains: BatchNorm by the
            statistics of the pretraining, no dropout.
    """

    def __init__(
        self, body: nn.Module, dimension: int, num_classes: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.body = body
        self.layers = layers(body)
        self.still = False
        self.head = Head(dimension, num_classes, dropout)
        self.train()

    def take(self, state: Mapping[str, Tensor], where: str) -> None:
        """Begin with an encoder's weights; see `take_body`."""
        take_body(self.body, state, where)

    def train(self, mode: bool = True) -> Self:
        """As torch has it; a body that is still stays in evaluation mode."""
        super().train(mode)
        if self.still:
            self.body.eval()
        return self

    def features(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, D) of length sqrt(D)."""
        parts = [inputs] if self.training else torch.split(inputs, ROWS)
        found = torch.cat([self.answers(part) for part in parts])
        return F.normalize(found, dim=1).mul(found.shape[1] ** 0.5)

    def answers(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, D) float32, what the body says."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, K) logits."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]

    def depths(self) -> Iterator[tuple[nn.Parameter, int]]:
        """Each parameter that is trained, and how many layers it is below the head, which is 0.

        What is added to a layer, such as an adapter, is at the depth of the head.
        """
        for depth, names in enumerate(reversed(self.layers), 1):
            for name in names:
                parent, _, own = name.rpartition(".")
                value = getattr(self.body.get_submodule(parent), own)
                if isinstance(value, nn.Parameter):
                    yield value, depth


class TunedPhotos(Tuned):
    """(B, 1 or 3, H, W) pictures in [-1, 1], of any size, to (B, K) logits.

    Args:
        made: the encoder's network and how it wants its pictures.
        num_classes, dropout: see `Tuned`.
    """

    def __init__(self, made: Body, num_classes: int, dropout: float = 0.0) -> None:
        network, look = made
        with torch.no_grad():
            blank = torch.zeros(1, 3, look.size, look.size)
            dimension = network.eval()(blank).flatten(1).shape[1]
        super().__init__(network, dimension, num_classes, dropout)
        self.look = look
        self.depthwise = has_depthwise(network)

    @classmethod
    def named(cls, name: str, num_classes: int, dropout: float = 0.0) -> Self:
        """The network of a `tuned_name`, whose body's weights are still to be given.

        Raises:
            UsageError: there is no such encoder, or it is no network of torch.
        """
        encoder, _, size = name.removeprefix(TUNED).rpartition("@")
        return cls(body(encoder, int(size)), num_classes, dropout)

    def answers(self, inputs: Tensor) -> Tensor:
        seen = self.look(inputs.expand(-1, 3, -1, -1))
        trains = torch.is_grad_enabled() and any(True for _ in self.body.parameters())
        order = fastest_order(self.depthwise, inputs.device)
        # CPUs take the gradient of a depthwise convolution in bfloat16 several times as slowly
        exact = self.depthwise and trains and inputs.device.type == "cpu"
        with torch.autocast("cpu", enabled=False) if exact else nullcontext():
            answers: Tensor = self.body(seen.contiguous(memory_format=order))
        return answers.flatten(1).float()
