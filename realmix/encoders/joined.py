"""Several encoders as one: their features side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from realmix.data.encoded import Kept, Reference
from realmix.encoders.encoder import (
    IMAGES,
    TEXTS,
    Encoder,
    PhotoEncoder,
    TextEncoder,
    fingerprint,
    kept,
)

BETWEEN = ","  # names
BLOCK = 4096  # rows whose features are put together at once


class JoinedEncoder:
    """Features of the same length by each encoder, so that each counts alike in a cosine.

    Args:
        encoders: two or more.

    Attributes:
        kind: "texts".
        reference: how it is found again; its fingerprint changes with that of any.
    """

    kind = TEXTS

    def __init__(self, encoders: Sequence[TextEncoder]) -> None:
        self.encoders = encoders
        self.reference = _reference(encoders, None)

    @property
    def state(self) -> dict[str, Tensor]:
        """Of those that were fitted to the data, the number of the encoder before each name."""
        return _numbered([each.state for each in self.encoders])

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoders, which compute there and in that precision from now on."""
        for each in self.encoders:
            each.on(device, precision)
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, D) float16 features of length sqrt(D), on the CPU."""
        return side_by_side([each.encode(texts) for each in self.encoders])


def unfitted(encoder: TextEncoder) -> TextEncoder:
    """Of several encoders those that were not fitted to the data, if there are any: what they make
    of a text is the same in all runs."""
    if not isinstance(encoder, JoinedEncoder):
        return encoder
    free = [each for each in encoder.encoders if not each.state]
    if not free or len(free) == len(encoder.encoders):
        return encoder
    return free[0] if len(free) == 1 else JoinedEncoder(free)


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
        self.weights = _numbered([each.weights for each in encoders])
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


def _numbered(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {
        f"{place}.{name}": value
        for place, state in enumerate(states)
        for name, value in state.items()
    }


def part_of(state: Mapping[str, Tensor], place: int) -> dict[str, Tensor]:
    """What a model file holds of one of several encoders."""
    start = f"{place}."
    return {name.removeprefix(start): t for name, t in state.items() if name.startswith(start)}


def _reference(encoders: Sequence[Encoder], size: int | None) -> Reference:
    names = [each.reference.name for each in encoders]
    marks = {"joined": [each.reference.fingerprint for each in encoders]}
    dimension = sum(each.reference.dimension for each in encoders)
    return Reference(BETWEEN.join(names), size, dimension, fingerprint({}, marks))


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """(B, D_i) features of length sqrt(D_i) to (B, sum D_i) of length sqrt(D), all alike."""
    return kept(torch.cat([part.float() / part.shape[1] ** 0.5 for part in parts], 1))


def all_side_by_side(parts: Sequence[Kept]) -> Kept:
    """The same of all rows and views, in memory: encoders keep their features apart."""
    rows, views = len(parts[0].place), parts[0].features.shape[1]
    width = sum(part.features.shape[2] for part in parts)
    found = np.empty((rows, views, width), np.float16)
    for start in range(0, rows, BLOCK):
        seen = slice(start, start + BLOCK)
        block = [torch.from_numpy(part.features[part.place[seen]]) for part in parts]
        joined = side_by_side([one.flatten(0, 1) for one in block])
        found[seen] = joined.view(-1, views, width).numpy()
    return Kept(found, np.arange(rows))
