"""What an encoder made of a data set's pictures or texts: features, as they lie on the disk, or
the token numbers of texts, where it is to be tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Reference:
    """What a model file keeps of the encoder that made its features.

    Attributes:
        name: for `encoders.catalogue`.
        size: side of the pictures that it is given, in pixels; None of texts.
        dimension: D.
        fingerprint: of its weights and how inputs are prepared.
    """

    name: str
    size: int | None
    dimension: int
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Kept:
    """Features in a file, and where each row has its own.

    Attributes:
        features: (M, V, D) float16, memory-mapped; rows of other data sets may be among them. Or
            (M, V, L) integers, token numbers.
        place: (N,) int64 of each row.
    """

    features: np.ndarray
    place: np.ndarray


@dataclass(frozen=True)
class Encoded:
    """The features of all rows of a data set.

    Attributes:
        plain: of the rows, and behind them of the test rows, as they are; V is 1.
        augmented: of the rows, in views: first the weak, then the strong ones; or None.
        reference: of the encoder.
        seconds: that making them took now.
        state: of the encoder, where it was fitted to the data; see `encoders.tfidf`. Of token
            numbers their tokenizer.
        longest: where token numbers are kept, how many of a text an encoder reads at most.
    """

    plain: Kept
    augmented: Kept | None
    reference: Reference
    seconds: float
    state: Mapping[str, Tensor] = field(default_factory=dict)
    longest: int | None = None

    @property
    def num_weak(self) -> int:
        """Of the augmented views the first half is weak, the larger half if they are odd."""
        return num_weak(0 if self.augmented is None else self.augmented.features.shape[1])


def num_weak(views: int) -> int:
    """Weak ones among so many augmented views."""
    return (views + 1) // 2
