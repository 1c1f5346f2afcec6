"""One training of a run, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

FINAL = "final"
COST = "seconds", "images_seen", "steps"


@dataclass(frozen=True)
class Phase:
    """One training: a method, the labeled rows it learns from, and those it is checked on.

    Attributes:
        part: "final" or "fold-1", "fold-2", ...
        share: of the steps of a run, those that it takes.
        taught: (N, K) what a student of the whole pool learns; None but of the student.
    """

    part: str
    algorithm: str
    train_rows: np.ndarray
    held_rows: np.ndarray
    share: float = 1.0
    taught: np.ndarray | None = None

    @property
    def name(self) -> str:
        return f"{self.part}/{self.algorithm}"


@dataclass(frozen=True)
class Trained:
    """What a finished phase leaves.

    Attributes:
        network, model: the averaged network, and its name for `models.build`.
        held: (n, K) probabilities of the rows that were held out of it.
        seconds, images_seen, steps: what it cost.
        heard: whether any row of the pool counted, for a method that is to learn from it.
    """

    network: nn.Module
    model: str
    held: np.ndarray
    seconds: float
    images_seen: int
    steps: int
    heard: bool
