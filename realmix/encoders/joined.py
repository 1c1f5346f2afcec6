"""Several encoders as one: their features side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from realmix.base.errors import UsageError
from realmix.data.encoded import Reference
from realmix.encoders.encoder import (
    IMAGES,
    TEXTS,
    Encoder,
    PhotoEncoder,
    TextEncoder,
    fingerprint,
    kept,
)
from realmix.encoders.tfidf import TfidfEncoder

BETWEEN = ","  # names


class JoinedEncoder:
    """Features of the same length by each encoder, so that each counts alike in a cosine.

    Args:
        encoders: two or more, none of which was fitted to the data.

    Attributes:
        kind: "texts".
        reference: how it is found again; its fingerprint changes with that of any.

    Raises:
        UsageError: one of them was fitted.
    """

    kind = TEXTS

    def __init__(self, encoders: Sequence[TextEncoder]) -> None:
        if any(isinstance(each, TfidfEncoder) for each in encoders):
            raise UsageError("tfidf is fitted to the data and cannot be one of several encoders.")
        self.encoders = encoders
        self.reference = _reference(encoders, None)

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoders, which compute there and in that precision from now on."""
        for each in self.encoders:
            each.on(device, precision)
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, D) float16 features of length sqrt(D), on the CPU."""
        return side_by_side([each.encode(texts) for each in self.encoders])


class JoinedPhotoEncoder(PhotoEncoder):
    """The same for pictures, which are read at the largest of their sides.

    Args:
        encoders: two or more.

    Attributes:
        weights: of all, the number of the encoder before each name.
    """

    kind = IMAGES

    def __init__(self, encoders: Sequence[PhotoEncoder]) -> None:
        self.encoders = encoders
        self.look = max((each.look for each in encoders), key=lambda look: look.size)
        self.device = encoders[0].device
        self.weights = {
            f"{place}.{name}": value
            for place, each in enumerate(encoders)
            for name, value in each.weights.items()
        }
        self.reference = _reference(encoders, self.look.size)

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """See `PhotoEncoder`."""
        for each in self.encoders:
            each.on(device, precision)
        self.device = device
        return self

    def encode(self, pictures: Tensor) -> Tensor:
        """See `PhotoEncoder`."""
        return side_by_side([each.encode(pictures) for each in self.encoders])


def part_of(state: Mapping[str, Tensor] | None, place: int) -> dict[str, Tensor] | None:
    """The weights of one of several encoders of pictures, of those that a model file holds."""
    start = f"{place}."
    if state is None:
        return None
    return {name.removeprefix(start): t for name, t in state.items() if name.startswith(start)}


def _reference(encoders: Sequence[Encoder], size: int | None) -> Reference:
    names = [each.reference.name for each in encoders]
    marks = {"joined": [each.reference.fingerprint for each in encoders]}
    dimension = sum(each.reference.dimension for each in encoders)
    return Reference(BETWEEN.join(names), size, dimension, fingerprint({}, marks))


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """(B, D_i) features of length sqrt(D_i) to (B, sum D_i) of length sqrt(D), all alike."""
    return kept(torch.cat([part.float() / part.shape[1] ** 0.5 for part in parts], 1))
