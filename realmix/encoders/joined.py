"""Several encoders of texts as one: their features side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from realmix.base.errors import UsageError
from realmix.data.encoded import Reference
from realmix.encoders.encoder import TEXTS, TextEncoder, fingerprint, kept
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
        names = [each.reference.name for each in encoders]
        marks = {"joined": [each.reference.fingerprint for each in encoders]}
        dimension = sum(each.reference.dimension for each in encoders)
        mark = fingerprint({}, marks)
        self.reference = Reference(BETWEEN.join(names), None, dimension, mark)

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoders, which compute there and in that precision from now on."""
        for each in self.encoders:
            each.on(device, precision)
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, D) float16 features of length sqrt(D), on the CPU."""
        return side_by_side([each.encode(texts) for each in self.encoders])


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """(B, D_i) features of length sqrt(D_i) to (B, sum D_i) of length sqrt(D), all alike."""
    return kept(torch.cat([part.float() / part.shape[1] ** 0.5 for part in parts], 1))
