"""Networks that are made of networks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realmix.models.head import Head


class Pair(nn.Module):
    """Two networks of one form that decide together: their logits are averaged.

    Args:
        first, second: each with `features` and `head`.
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first: Any = first
        self.second: Any = second

    @property
    def head(self) -> nn.Module:
        return PairHead(self.first.head, self.second.head)

    def features(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, 2 D), those of the first network first."""
        return torch.cat([self.first.features(inputs), self.second.features(inputs)], 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, K) logits."""
        logits: Tensor = (self.first(inputs) + self.second(inputs)) / 2
        return logits


class PairHead(nn.Module):
    """The heads of two networks on their features side by side."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, features: Tensor) -> Tensor:
        """(B, 2 D) to (B, K)."""
        own, other = features.chunk(2, 1)
        logits: Tensor = (self.first(own) + self.second(other)) / 2
        return logits


class Blend(nn.Module):
    """Two networks whose calibrated probabilities are averaged, with weights.

    p = (1 - w) softmax(first / T_1) + w softmax(second / T_2); its logits are log p.

    Args:
        first, second: (B, *shape) to (B, K) logits.
        weight: w of the second, in [0, 1].
        temperatures: (T_1, T_2), positive.
    """

    weight: Tensor
    temperatures: Tensor

    def __init__(
        self,
        first: nn.Module,
        second: nn.Module,
        weight: float = 0.5,
        temperatures: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float64))
        self.register_buffer("temperatures", torch.tensor(temperatures, dtype=torch.float64))

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, K) logarithms of probabilities."""
        shares = torch.stack([1 - self.weight, self.weight]).log()
        parts = [
            (network(inputs).double() / self.temperatures[place]).log_softmax(-1) + shares[place]
            for place, network in enumerate((self.first, self.second))
        ]
        return torch.logsumexp(torch.stack(parts), 0)


class UnitFeatures(nn.Module):
    """A network whose features have length 1 before its head.

    Args:
        encoder: with `features` and `head`.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder: Any = encoder

    @property
    def head(self) -> nn.Module:
        head: nn.Module = self.encoder.head
        return head

    def features(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, D) of length 1; features that are all 0 stay so."""
        return F.normalize(self.encoder.features(inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, K) logits."""
        logits: Tensor = self.head(self.features(inputs))
        return logits


class Extended(nn.Module):
    """A network with another hidden layer before a new head; its old head is not used.

    Args:
        encoder: with `features`.
        width: of the features, and of the new layer.
        num_classes: K.
        rng: CPU generator of the new weights.
    """

    def __init__(
        self, encoder: nn.Module, width: int, num_classes: int, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.hidden = hidden_layer(width, width, rng)
        with torch.random.fork_rng(devices=[]):  # a layer draws from torch's own generator
            self.head = Head(width, num_classes)
        nn.init.xavier_normal_(self.head.weight, generator=rng)
        nn.init.zeros_(self.head.bias)

    def features(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, width)."""
        return self.hidden(self.encoder.features(inputs))  # type: ignore[no-any-return]

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, K) logits."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


def hidden_layer(before: int, after: int, rng: torch.Generator, relu: bool = True) -> nn.Sequential:
    """Linear without bias, BatchNorm and, by default, ReLU."""
    with torch.random.fork_rng(devices=[]):  # as above
        linear = nn.Linear(before, after, bias=False)
    nn.init.kaiming_normal_(linear.weight, generator=rng)
    layers: list[nn.Module] = [linear, nn.BatchNorm1d(after), *([nn.ReLU()] if relu else [])]
    return nn.Sequential(*layers)


@torch.no_grad()
def num_features(network: Any, shape: tuple[int, ...]) -> int:
    """D of a network's features; `shape` is of one input."""
    was_training = network.training
    network.eval()
    found: Tensor = network.features(torch.zeros(1, *shape))
    network.train(was_training)
    return found.shape[1]
