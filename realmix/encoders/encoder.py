"""What an encoder is: a frozen network with its own size and normalization, known by fingerprint.

Features are rounded to float16 where they are made, so those that were kept on disk and those that
are computed anew are the same numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realmix.base.errors import DataError
from realmix.base.memory import fastest_order, has_depthwise
from realmix.data.encoded import Reference

IMAGES, TEXTS = "images", "texts"


class Encoder(Protocol):
    """What turns inputs of a kind into features.

    Attributes:
        kind: "images" or "texts".
        reference: how it is found again.
    """

    kind: str
    reference: Reference


class TextEncoder(Encoder, Protocol):
    """An encoder of texts.

    Attributes:
        state: what a model's file must hold of it: all of one that was fitted to the data, else
            nothing.
    """

    @property
    def state(self) -> Mapping[str, Tensor]: ...

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoder, which computes there and in that precision from now on."""
        ...

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, D) float16 features of length sqrt(D), on the CPU."""
        ...


@dataclass(frozen=True)
class Look:
    """How an encoder wants its pictures.

    Attributes:
        size: side in pixels.
        mean, std: of each of the three channels, for pixels in [0, 1].
        interpolation: "bicubic" or "bilinear".
    """

    size: int
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)  # ImageNet's
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"

    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 1 or 3, H, W) float32 in [-1, 1] to (B, 3, size, size), resized and normalized."""
        if pictures.shape[2:] != (self.size, self.size):
            side = (self.size, self.size)
            smaller = min(pictures.shape[2:]) > self.size
            pictures = F.interpolate(
                pictures, side, mode=self.interpolation, align_corners=False, antialias=smaller
            ).clamp_(-1, 1)  # bicubic overshoots
        mean, std = (
            torch.tensor(values, device=pictures.device).view(1, 3, 1, 1)
            for values in (self.mean, self.std)
        )
        return pictures.mul(0.5 / std).sub_((mean - 0.5) / std)


class PhotoEncoder:
    """A frozen network for pictures.

    Args:
        name: how it is found again.
        network: (B, 3, size, size) to (B, D), without its classifier.
        look: how it wants its pictures.
        weights: what its fingerprint is taken of; by default the network's own.

    Attributes:
        kind: "images".
        reference: how it is found again.
        weights: tensors by name, with which it is made again.
    """

    kind = IMAGES

    def __init__(
        self,
        name: str,
        network: Callable[[Tensor], Tensor],
        look: Look,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.network, self.look = network, look
        self.device, self.precision = torch.device("cpu"), torch.float32
        self.order = torch.channels_last
        if isinstance(network, nn.Module):
            network.eval().requires_grad_(False).to(memory_format=self.order)
            weights = network.state_dict() if weights is None else weights
        assert weights is not None
        self.weights = weights
        mark = fingerprint(weights, {"look": asdict(look)})
        blank = torch.zeros(2, 3, look.size, look.size)
        dimension = self.encode(blank).shape[1]
        self.reference = Reference(name, look.size, dimension, mark)

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoder, which computes there and in that precision from now on.

        What is no network of torch stays on the CPU, in float32.
        """
        if isinstance(self.network, nn.Module):
            self.device, self.precision = device, precision
            self.order = fastest_order(has_depthwise(self.network), device)
            self.network.to(device).to(memory_format=self.order)
        return self

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 1 or 3, H, W) float32 pictures in [-1, 1], of any size, to (B, D) float16 features.

        What a row gets does not depend on the others of its batch, on a CPU to the last bit.

        Raises:
            DataError: the features are not finite.
        """
        # a batch of one takes other routines, which round otherwise
        twins = pictures.repeat(2, 1, 1, 1) if len(pictures) == 1 else pictures
        inputs = self.look(twins.to(self.device).expand(-1, 3, -1, -1))
        reduced = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=reduced):
            found = self.network(inputs.to(self.precision, memory_format=self.order))
        return kept(found[: len(pictures)])


def kept(features: Tensor) -> Tensor:
    """(B, D) features as they are kept: of length sqrt(D), float16, on the CPU.

    Only their direction counts: how strongly a network answers says little of what it sees.

    Raises:
        DataError: they are not finite.
    """
    rows = features.float().flatten(1)
    if not rows.isfinite().all():
        raise DataError(
            "The encoder gives values that are not finite. Its weights or its normalization are not"
            " what its name says; take another encoder."
        )
    direction: Tensor = F.normalize(rows, dim=1)
    return direction.mul(rows.shape[1] ** 0.5).half().cpu()


def fingerprint(weights: Mapping[str, Tensor], preparation: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that change with any weight, its place, or the preparation."""
    digest = hashlib.sha256(json.dumps(preparation, sort_keys=True).encode())
    for name in sorted(weights):
        rows = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}{rows.dtype}{tuple(rows.shape)}".encode())
        digest.update(rows.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
