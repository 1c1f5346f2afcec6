"""A small ConvNet that trains in minutes on two cores."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """3x3 convolution, BatchNorm, leaky ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.1, inplace=True),
    )


class ConvNet(nn.Module):
    """Stages of 3x3 convolutions with a max-pool between them; the mean over space; one layer.

    Args:
        channels: of the images.
        num_classes: K.
        widths: channels of each stage; images must be at least 2 ** (stages - 1) pixels wide.
        depth: convolutions a stage.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        widths: tuple[int, ...] = (32, 64, 128),
        depth: int = 2,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = channels
        for stage, width in enumerate(widths):
            if stage:
                layers.append(nn.MaxPool2d(2))
            layers += [block(previous, width)]
            layers += [block(width, width) for _ in range(depth - 1)]
            previous = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(previous, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, widths[-1])."""
        return torch.mean(self.body(images), dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, K) logits."""
        return self.head(self.features(images))  # type: ignore[no-any-return]
