"""Wide residual networks (Zagoruyko and Komodakis, 2016), in the form that the SSL papers use."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realmix.models.head import Head


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def skip(values: Tensor, share: float, training: bool) -> Tensor:
    """0 for that share of the examples and v / (1 - share) for the others, in training."""
    if not training or share == 0:
        return values
    kept = torch.rand(len(values), 1, 1, 1, device=values.device) >= share
    return values * kept / (1 - share)


def skipped_shares(last: float, count: int) -> list[float]:
    """How often each of `count` units is skipped: linearly more towards the last.

    >>> skipped_shares(0.5, 2)
    [0.25, 0.5]
    """
    return [last * unit / count for unit in range(1, count + 1)]


class Unit(nn.Module):
    """BN, leaky ReLU, 3x3, BN, leaky ReLU, 3x3, and the input added.

    Where the width changes, the shortcut is a 1x1 convolution. With `activate_first` the shortcut
    too starts from the activated input. In training the sum is left out for a share `skipped` of
    the passes and divided by 1 - skipped for the others (stochastic depth, Huang et al., 2016).
    """

    def __init__(
        self, before: int, after: int, stride: int, activate_first: bool, skipped: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(before), _norm(after)
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.shortcut = (
            nn.Identity() if before == after else nn.Conv2d(before, after, 1, stride, bias=False)
        )
        self.activate_first, self.skipped = activate_first, skipped

    def forward(self, x: Tensor) -> Tensor:
        activated = F.leaky_relu(self.norm1(x), 0.1)
        y = F.leaky_relu(self.norm2(self.conv1(activated)), 0.1)
        kept = self.shortcut(activated if self.activate_first else x)
        return kept + skip(self.conv2(y), self.skipped, self.training)  # type: ignore[no-any-return]


class WideResNet(nn.Module):
    """WRN-depth-width with the initialization of MixMatch's and FixMatch's code and their epsilon.

    Args:
        channels: of the images.
        num_classes: K.
        depth: 6 n + 4 for n units a stage; 28 in the papers.
        width: the factor k; filters are 16 k, 32 k, 64 k. 2 in the papers.
        dropout: of the head's inputs.
        stochastic_depth: how often the last unit is skipped, per example; linearly less before.

    Raises:
        ValueError: if depth is not 6 n + 4.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        depth: int = 28,
        width: int = 2,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        units, rest = divmod(depth - 4, 6)
        if rest or units < 1:
            raise ValueError(f"The depth of a wide ResNet is 6 n + 4 (10, 16, 22, 28), not {depth}")
        layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, padding=1, bias=False)]
        before, skipped = 16, skipped_shares(stochastic_depth, 3 * units)
        for stage, filters in enumerate((16 * width, 32 * width, 64 * width)):
            for unit in range(units):
                stride = 2 if stage and not unit else 1
                first, share = not (stage or unit), skipped[stage * units + unit]
                layers.append(Unit(before, filters, stride, first, share))
                before = filters
        self.body = nn.Sequential(*layers)
        self.norm = _norm(before)
        self.head = Head(before, num_classes, dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.xavier_normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, 64 k)."""
        return torch.mean(F.leaky_relu(self.norm(self.body(images)), 0.1), dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, K) logits."""
        return self.head(self.features(images))  # type: ignore[no-any-return]
