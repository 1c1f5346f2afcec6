"""The values that travel: what was read (`Dataset`) and what training sees (`Data`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from realmix.randomness import Draws

View = Callable[[Tensor, Draws], Tensor]
"""(B, *shape) stored inputs and their random streams to (B, *shape) float32 network inputs."""


@dataclass(frozen=True)
class Dataset:
    """What was read from a folder, a table, a file or a built-in name; nothing is split yet.

    Attributes:
        inputs: (N, C, H, W) uint8 images, or (N, D) float32 feature rows; finite.
        label: (N,) int64 class of each row, -1 where it has none.
        classes: the class names, in label order.
        preset: which augmentation suits it: a key of `realmix.augment.presets.PRESETS`.
        names: where each row came from (path or row number), for messages and predictions.
        test_inputs, test_label: test rows that came with it, or None. Training never sees them.
        oracle: (N,) int64 true labels of unlabeled rows where they are known; diagnostics only.
        columns: names of the D features, where they have names.
        notes: what the user should be told (resized, skipped, ...), one sentence each.
        bad_files: (path, reason) of each file that was skipped.
    """

    inputs: np.ndarray
    label: np.ndarray
    classes: tuple[str, ...]
    preset: str
    names: tuple[str, ...] | None = None
    test_inputs: np.ndarray | None = None
    test_label: np.ndarray | None = None
    oracle: np.ndarray | None = None
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    bad_files: tuple[tuple[str, str], ...] = ()

    @property
    def is_images(self) -> bool:
        return self.inputs.ndim == 4


@dataclass(frozen=True)
class Pool:
    """Rows to train on. All tensors on one device.

    Attributes:
        inputs: (N, C, H, W) uint8 or (N, D) float32.
        label: (N,) int64, -1 where unknown.
        weight: (N,) float32 in [0, 1].
    """

    inputs: Tensor
    label: Tensor
    weight: Tensor

    @classmethod
    def of(cls, inputs: np.ndarray | Tensor, label: np.ndarray | Tensor | None = None) -> Pool:
        """A pool with weight 1 everywhere; without `label` every row is unlabeled."""
        rows = torch.as_tensor(inputs)
        known = torch.full((len(rows),), -1) if label is None else torch.as_tensor(label).long()
        return cls(rows, known, torch.ones(len(rows)))

    def to(self, device: torch.device) -> Pool:
        return Pool(self.inputs.to(device), self.label.to(device), self.weight.to(device))

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Data:
    """What a `Trainer` trains on. A new value replaces it; it is never changed in place."""

    labeled: Pool
    unlabeled: Pool
    classes: tuple[str, ...]
    views: Mapping[str, View] = field(repr=False)

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    def to(self, device: torch.device) -> Data:
        return replace(self, labeled=self.labeled.to(device), unlabeled=self.unlabeled.to(device))
