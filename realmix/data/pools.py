"""The values that travel: what was read (`Dataset`) and what training sees (`Data`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from realmix.base.wording import counted, shortened
from realmix.contract.algorithm import Facts
from realmix.data.class_numbers import rows_by_weight
from realmix.data.encoded import Encoded
from realmix.data.mixed.encoding import Encoding
from realmix.data.pixels.scale import Scale
from realmix.functional.targets import one_hot

MOST_CODES = 10

View = Callable[..., Any]
"""(B, *shape) stored inputs and their random streams to (B, *shape) float32 network inputs.

The views "learned" and "uncovered" are given `Views.rates` too, and "cutout" `Views.erasing`;
"probe" returns with the inputs what `Examples.drawn` holds.
"""


@dataclass(frozen=True)
class Dataset:
    """What was read from a folder, a table, a file or a built-in name; nothing is split yet.

    Attributes:
        inputs: (N, C, H, W) uint8 images; or (N, D) feature rows, finite, of a float type
            that holds them as they were given: they are standardized before they become float32;
            or (N,) texts, as objects.
        label: (N,) int64 class of each row, -1 where it has none.
        classes: the class names, in label order.
        preset: which augmentation suits it: see `realmix.augment.presets.views_of`.
        names: where each row came from (path or row number), for messages and predictions.
        test_inputs, test_label: test rows that came with it, or None. Training never sees them.
        test_names: where each of them came from.
        oracle: (N,) int64 true labels of unlabeled rows where they are known; diagnostics only.
        columns: names of the D features, where they have names; or of the columns of text.
        encoding: what made the features of a table's columns, for further rows.
        notes: what the user should be told (resized, skipped, ...), one sentence each.
        bad_files: (path, reason) of each file that was skipped.
        trains_only: (N,) bool, labeled rows that must not be held out, or None.
        groups: (N,) int64, rows of one number stay together whatever is held out, or None.
        scale: the numbers in images that became 0 and 255, where they were no bytes; or None.
        copies: (N,) bool, labeled rows that equal an earlier one and are not measured, or None.
        files, test_files: the image file of each row and test row, where they are files.
        translated: (N,) texts there and back, "" where there is none, where the data bring them.
        origin: what result.json is to say of where rows came from, by name: the bank.
        weak: (N,) int64 labels of unknown quality, -1 where there is none; or None.
        encoded: the features of all rows, where an encoder made any; they train, not `inputs`.
        beside: the same of an encoder that is to be tuned, as it was; `inputs` train.
    """

    inputs: np.ndarray
    label: np.ndarray
    classes: tuple[str, ...]
    preset: str
    names: tuple[str, ...] | None = None
    test_inputs: np.ndarray | None = None
    test_label: np.ndarray | None = None
    test_names: tuple[str, ...] | None = None
    oracle: np.ndarray | None = None
    columns: tuple[str, ...] | None = None
    encoding: Encoding | None = None
    notes: tuple[str, ...] = ()
    bad_files: tuple[tuple[str, str], ...] = ()
    trains_only: np.ndarray | None = None
    groups: np.ndarray | None = None
    copies: np.ndarray | None = None
    scale: Scale | None = None
    files: tuple[Path, ...] | None = None
    test_files: tuple[Path, ...] | None = None
    translated: np.ndarray | None = None
    weak: np.ndarray | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    encoded: Encoded | None = None
    beside: Encoded | None = None

    @property
    def is_images(self) -> bool:
        return self.inputs.ndim == 4

    @property
    def is_mixed(self) -> bool:
        """Whether the features were made of columns of more than plain numbers."""
        return self.encoding is not None and self.encoding.changes

    @property
    def is_texts(self) -> bool:
        return self.inputs.ndim == 1

    @property
    def described(self) -> str:
        """What there is to learn from, in some sentences: columns, classes, rows of each."""
        what = f"Learns from {self._columns_told}"
        if self.is_images:
            what = f"Images{self._size_told}"
        elif self.is_texts:
            what = "Texts"
        counts = np.bincount(self.label[self.label >= 0], minlength=len(self.classes))
        rows = [
            f"{name} {count:,}" for name, count in zip(self.classes, counts.tolist(), strict=True)
        ]
        classes = counted(len(self.classes), "class", "classes")
        pool = counted(int((self.label < 0).sum()), "row")
        labels = counted(int(counts.sum()), "label")
        return f"{what}. {classes}, {labels}: {shortened(rows)}. Without a label: {pool}."

    @property
    def _size_told(self) -> str:
        if self.encoded is not None:  # an encoder sees the files, not what was read of them
            seen = self.encoded.reference
            return f" as {seen.name} sees them, at {seen.size} x {seen.size} pixels"
        return f" of {' x '.join(map(str, self.inputs.shape[2:]))} pixels"

    @property
    def _columns_told(self) -> str:
        if self.encoding is not None and self.encoding.changes:
            return self.encoding.described
        names = f": {shortened(self.columns)}" if self.columns else ""
        return f"{counted(self.inputs.shape[-1], 'column')}{names}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the D features, made up where they have none."""
        return self.columns or tuple(f"column {i + 1}" for i in range(self.inputs.shape[1]))

    @cached_property
    def code_columns(self) -> tuple[str, ...]:
        """Feature columns that look like codes of categories: 3 to `MOST_CODES` whole numbers."""
        if self.is_images or self.is_texts:
            return ()
        return tuple(
            name
            for name, column in zip(self.column_names, self.inputs.T, strict=True)
            if (self.encoding is None or name in self.encoding.quantities)
            and np.array_equal(column, column.round())
            and 3 <= len(np.unique(column)) <= MOST_CODES
        )


@dataclass(frozen=True)
class Pool:
    """Rows to train on. All tensors on one device.

    Attributes:
        inputs: (N, C, H, W) uint8, (N, D) float32, or (N,) int64 rows of kept features.
        label: (N,) int64, -1 where unknown; or (N, K) float32 distributions.
        weight: (N,) float32 in [0, 1].
        weak: (N,) int64 labels of unknown quality, -1 where there is none; or None.
        encoded: (N, D) float32 standardized features of an encoder that is to be tuned, as it was;
            or None.
    """

    inputs: Tensor
    label: Tensor
    weight: Tensor
    weak: Tensor | None = None
    encoded: Tensor | None = None

    @classmethod
    def of(cls, inputs: np.ndarray | Tensor, label: np.ndarray | Tensor | None = None) -> Pool:
        """A pool with weight 1 everywhere; without `label` every row is unlabeled."""
        rows = torch.as_tensor(inputs)
        known = torch.full((len(rows),), -1) if label is None else torch.as_tensor(label).long()
        return cls(rows, known, torch.ones(len(rows)))

    def to(self, device: torch.device) -> Pool:
        parts = (self.inputs, self.label, self.weight, self.weak, self.encoded)
        return Pool(*(part if part is None else part.to(device) for part in parts))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Data:
    """What a `Trainer` trains on. A new value replaces it; it is never changed in place.

    Attributes:
        labeled, unlabeled: the two pools.
        classes: names, in label order.
        views: what each view name means.
        preset: the name of that meaning.
        code_columns: feature columns that look like codes of categories.
        width: D, where inputs are rows of kept features.
        longest: L, where they are rows of kept token numbers.
        class_weight: (K,) how often batches draw the labeled rows of each class; None is alike.
        moments: (D,) mean and scale of the pools' `encoded` before they were standardized.
    """

    labeled: Pool
    unlabeled: Pool
    classes: tuple[str, ...]
    views: Mapping[str, View] = field(repr=False)
    preset: str = ""
    code_columns: tuple[str, ...] = ()
    width: int | None = None
    longest: int | None = None
    class_weight: np.ndarray | None = None
    moments: tuple[Tensor, Tensor] | None = None

    @cached_property
    def drawn(self) -> Tensor | None:
        """(M,) int64 rows of the labeled pool, each as often as it is drawn; None is once each."""
        if self.class_weight is None or len(self.labeled) == 0:
            return None
        return rows_by_weight(self.labeled.label, self.class_weight)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one network input."""
        if self.longest is not None:
            return 1, self.longest
        return tuple(self.labeled.inputs.shape[1:]) if self.width is None else (self.width,)

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def facts(self) -> Facts:
        """What an algorithm is told before training."""
        label = self.labeled.label
        shares = label.float() if label.ndim > 1 else one_hot(label, self.num_classes)
        return Facts(
            num_classes=self.num_classes,
            num_labeled=len(self.labeled),
            num_unlabeled=len(self.unlabeled),
            shape=self.shape,
            class_shares=shares.mean(0),
            preset=self.preset,
            code_columns=self.code_columns,
            has_features=self.labeled.encoded is not None,
            num_weak=0 if self.unlabeled.weak is None else int((self.unlabeled.weak >= 0).sum()),
        )

    def to(self, device: torch.device) -> Data:
        return replace(self, labeled=self.labeled.to(device), unlabeled=self.unlabeled.to(device))
