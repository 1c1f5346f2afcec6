"""A small ConvNet that trains in minutes on two cores."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from realmix.models.head import Head


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """3x3 convolution, BatchNorm, leaky ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.1, inplace=True),
    )


class ConvNet(nn.Module):
    """Stages of 3x3 convolutions with a max-pool between them; the mean over space; one layer.

    A stage has twice the channels and half the side of the one before it. There are as many as
    leave 2 pixels or more, at most four. Four stages have one convolution each, fewer have two.

    Args:
        channels: of the images.
        side: smaller side of the images, in pixels, 2 or more.
        num_classes: K.
        width: channels of the first stage.
        dropout: of the head's inputs.
    """

    def __init__(
        self, channels: int, side: int, num_classes: int, width: int = 32, dropout: float = 0.0
    ) -> None:
        super().__init__()
        stages = min(int(math.log2(side)), 4)
        layers: list[nn.Module] = []
        for stage in range(stages):
            if stage:
                layers.append(nn.MaxPool2d(2))
            filters = width * 2**stage
            for _ in range(1 if stages == 4 else 2):
                layers.append(block(channels, filters))
                channels = filters
        self.body = nn.Sequential(*layers)
        self.head = Head(channels, num_classes, dropout)

    def features(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, channels of the last stage)."""
        return torch.mean(self.body(images), dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, K) logits."""
        return self.head(self.features(images))  # type: ignore[no-any-return]
