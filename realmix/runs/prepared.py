"""A data set as training takes it: tensors, standardized rows, views, labeled rows and pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from realmix.augment.corruption import table_views
from realmix.augment.encoded import encoded_views
from realmix.augment.presets import views_of
from realmix.data.class_numbers import class_weights
from realmix.data.encoded import Encoded, Kept
from realmix.data.levels import lost_levels
from realmix.data.pools import Data, Dataset, Pool, View
from realmix.data.splits import Plan, validation_plan
from realmix.models.standardizer import Standardizer
from realmix.training.predict import predict
from realmix.training.trainer import Record

ENCODED = "encoded"  # the preset of an encoder's features
TOKENS = "tokens"  # that of the numbers of words, for an encoder of texts that is tuned
BLOCK = 8192  # rows that are looked at together
LEAST = 1e-6  # variance; equal rows have less, by rounding

ALIKE = (
    "--class-weight counts where a network is trained by steps; linear, committee,"
    " label_spreading, balanced_self_training and gaussian_mixture take all labels alike."
)


def standardizer_of(kept: Kept, count: int) -> Standardizer:
    """Of the first `count` rows' plain features, a block at a time; one scale for all columns.

    A column's deviation is part of what it says: on CIFAR-10 a deviation of 1 for each column cost
    up to 3 points (docs/encoders.md). All rows have length sqrt(D), so of the squares no sum is
    needed: their mean is 1, and the mean of the variances 1 - |mean|^2 / D.
    """
    blocks = (kept.place[i : min(i + BLOCK, count)] for i in range(0, count, BLOCK))
    sums = [kept.features[block, 0].sum(0, dtype=np.float32) for block in blocks]
    mean = np.stack(sums).astype(np.float64).sum(0) / count
    scale = np.sqrt(max(1 - np.mean(mean**2), LEAST))
    return Standardizer(
        torch.from_numpy(mean), torch.full((len(mean),), float(scale), dtype=torch.float64)
    )


class Prepared:
    """What every training of a run shares.

    Attributes:
        dataset: what was read.
        shape: of one network input.
        known, pool_rows: the labeled rows, and the others.
        views: what each view name means.
        standardizer: of feature rows, or of an encoder's features; None for images.
        preset: the name of what the views mean.
        width: D of an encoder's features, whose rows are numbers; else None.
        longest: L of token numbers, whose rows are numbers; else None.
        inputs: (N, *shape) all rows, standardized where they are features, or (N,) row numbers.
        test_inputs: of the test rows, likewise, where there are any.
        encoded, moments: features beside pictures; see `Pool` and `Data`.
        notes: what the user should be told of that.

    Args:
        dataset: what was read.
        class_weight: how much each class counts; see `class_numbers.class_weights`.
    """

    def __init__(self, dataset: Dataset, class_weight: str | None = None) -> None:
        self.dataset, self.class_weight = dataset, class_weight
        self.known = np.flatnonzero(dataset.label >= 0)
        self.pool_rows = np.flatnonzero(dataset.label < 0)
        self.test_inputs: Tensor | None = None
        self.notes: tuple[str, ...] = ()
        self.encoded: Tensor | None = None
        self.moments: tuple[Tensor, Tensor] | None = None
        self.width: int | None = None
        self.longest: int | None = None
        if dataset.encoded is None:
            self._take(dataset)
        else:
            self._take_encoded(dataset, dataset.encoded)
        if dataset.beside is not None:
            self._take_beside(dataset.beside.plain, len(dataset.label))
        if class_weight is not None and len(self.shape) == 1:
            self.notes = (*self.notes, ALIKE)

    def _take(self, dataset: Dataset) -> None:
        """Pictures or feature rows, as they were read."""
        self.shape: tuple[int, ...] = dataset.inputs.shape[1:]
        self.preset = dataset.preset
        encoding = dataset.encoding
        flags = None if encoding is None else encoding.flags
        self.standardizer = None if dataset.is_images else Standardizer.of(dataset.inputs, flags)
        self.inputs = self.standard(dataset.inputs)
        if encoding is not None and encoding.changes and dataset.preset == "features":
            self.views: Mapping[str, View] = table_views(self.inputs, encoding.groups)
        else:
            self.views = views_of(dataset.preset, self.shape)
        self.notes = () if dataset.is_images else self._lost()
        if dataset.test_inputs is not None:
            self.test_inputs = self.standard(dataset.test_inputs)

    def _take_beside(self, kept: Kept, count: int) -> None:
        """Features of an encoder that is tuned, for methods of rows that label the pool for it."""
        seen = standardizer_of(kept, count)
        rows = torch.from_numpy(kept.features[kept.place[:count], 0]).float()
        self.encoded, self.moments = seen.standard(rows), (seen.mean, seen.scale)

    def _take_encoded(self, dataset: Dataset, kept: Encoded) -> None:
        """Row numbers, by which views find what the encoder made, or is to be given, of each."""
        count = len(dataset.label)
        if kept.longest is not None:
            self.longest, self.preset, self.standardizer = kept.longest, TOKENS, None
            self.shape = (1, kept.longest)
            self.views = encoded_views(kept, lambda tokens: tokens[:, None])
        else:
            self.width, self.preset = kept.reference.dimension, ENCODED
            self.shape = (kept.reference.dimension,)
            self.standardizer = standardizer_of(kept.plain, count)
            self.views = encoded_views(kept, self.standardizer.standard)
        self.inputs = torch.arange(count)
        self.notes = ()
        if dataset.test_label is not None:
            self.test_inputs = count + torch.arange(len(dataset.test_label))

    def standard(self, rows: np.ndarray) -> Tensor:
        """Rows as they were read, as the networks take them."""
        given = self.standardizer(rows) if self.standardizer else rows
        return torch.from_numpy(np.ascontiguousarray(given))

    def _lost(self) -> tuple[str, ...]:
        """Values that are one to a network: of a column whose largest dwarf all others."""
        advice = "A few huge values hide the others: take them out, or give the column's logarithm."
        names = self.dataset.column_names
        return lost_levels(self.dataset.inputs, self.inputs.numpy(), names, advice)

    @property
    def shown(self) -> Mapping[str, View]:
        """The views of pictures as they were read: what an encoder saw, not what it made of it."""
        if self.dataset.encoded is None or not self.dataset.is_images:
            return self.views
        return views_of(self.dataset.preset, self.dataset.inputs.shape[1:])

    def plan(self, seed: int, quick: bool, by_steps: bool = True) -> Plan:
        """How models are compared on labeled rows; see `validation_plan`."""
        rows = self.dataset
        apart = rows.trains_only, rows.groups, rows.copies
        return validation_plan(rows.label, seed, quick, *apart, by_steps)

    def data(self, rows: np.ndarray) -> Data:
        """The pool, and of the labeled rows those given."""
        dataset, pool = self.dataset, self.pool_rows
        return Data(
            self._pool(rows, dataset.label[rows]),
            self._pool(pool, dataset.label[pool]),
            dataset.classes,
            self.views,
            self.preset,
            () if dataset.encoded else dataset.code_columns,
            self.width,
            self.longest,
            self._weights(dataset.label[rows]),
            self.moments,
        )

    def _weights(self, label: np.ndarray) -> np.ndarray | None:
        """(K,) of the classes, where they are to count differently."""
        asked = self.class_weight
        return None if asked is None else class_weights(asked, label, self.dataset.classes)

    def _pool(self, rows: np.ndarray, label: np.ndarray) -> Pool:
        """Rows, and what is known of them beside their inputs."""
        weak, encoded = self.dataset.weak, self.encoded
        return replace(
            Pool.of(self.inputs[rows], label),
            weak=None if weak is None else torch.from_numpy(weak[rows]),
            encoded=None if encoded is None else encoded[torch.from_numpy(rows)],
        )

    def probs(self, network: nn.Module, rows: Tensor) -> np.ndarray:
        """(n, K) float32 probabilities of stored inputs; n may be 0."""
        if len(rows) == 0:
            return np.zeros((0, len(self.dataset.classes)), np.float32)
        probs: np.ndarray = predict(network, rows, self.views["plain"]).numpy()
        return probs

    def checks(self, held: np.ndarray, protocol: str) -> Callable[[nn.Module], Record] | None:
        """What is recorded of a network in training: of the rows held out of it, if there are any.

        Where none are and the protocol is the median of the last checkpoints, of the test rows:
        they are recorded, and nothing is chosen by them.
        """
        if len(held):
            return self.measure(held)
        exam, rows = self.dataset.test_label, self.test_inputs
        if protocol == "last" or exam is None or rows is None:
            return None
        return lambda network: {
            "accuracy": float((self.probs(network, rows).argmax(1) == exam).mean())
        }

    def measure(self, held: np.ndarray) -> Callable[[nn.Module], Record]:
        """What records a network's accuracy on labeled rows that it does not train on."""
        label = self.dataset.label[held]

        def accuracy(network: nn.Module) -> Record:
            probs = self.probs(network, self.inputs[held])
            return {"accuracy": float((probs.argmax(1) == label).mean())}

        return accuracy
