"""A data set as training takes it: tensors, standardized rows, views, labeled rows and pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from realmix.augment.corruption import table_views
from realmix.augment.presets import views_of
from realmix.data.levels import lost_levels
from realmix.data.pools import Data, Dataset, Pool, View
from realmix.models.standardizer import Standardizer
from realmix.training.predict import predict
from realmix.training.trainer import Record


class Prepared:
    """What every training of a run shares.

    Attributes:
        dataset: what was read.
        shape: of one input.
        known, pool_rows: the labeled rows, and the others.
        views: what each view name means.
        standardizer: of feature rows; None for images.
        inputs: (N, *shape) all rows, standardized where they are features.
        notes: what the user should be told of that.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.shape: tuple[int, ...] = dataset.inputs.shape[1:]
        self.known = np.flatnonzero(dataset.label >= 0)
        self.pool_rows = np.flatnonzero(dataset.label < 0)
        encoding = dataset.encoding
        flags = None if encoding is None else encoding.flags
        self.standardizer = None if dataset.is_images else Standardizer.of(dataset.inputs, flags)
        self.inputs = self.standard(dataset.inputs)
        if encoding is not None and encoding.changes and dataset.preset == "features":
            self.views: Mapping[str, View] = table_views(self.inputs, encoding.groups)
        else:
            self.views = views_of(dataset.preset, self.shape)
        self.notes = () if dataset.is_images else self._lost()

    def standard(self, rows: np.ndarray) -> Tensor:
        """Rows as they were read, as the networks take them."""
        given = self.standardizer(rows) if self.standardizer else rows
        return torch.from_numpy(np.ascontiguousarray(given))

    def _lost(self) -> tuple[str, ...]:
        """Values that are one to a network: of a column whose largest dwarf all others."""
        advice = "A few huge values hide the others: take them out, or give the column's logarithm."
        names = self.dataset.column_names
        return lost_levels(self.dataset.inputs, self.inputs.numpy(), names, advice)

    def data(self, rows: np.ndarray) -> Data:
        """The pool, and of the labeled rows those given."""
        dataset = self.dataset
        return Data(
            Pool.of(self.inputs[rows], dataset.label[rows]),
            Pool.of(self.inputs[self.pool_rows]),
            dataset.classes,
            self.views,
            dataset.preset,
            dataset.code_columns,
        )

    def probs(self, network: nn.Module, rows: Tensor) -> np.ndarray:
        """(n, K) float32 probabilities of stored inputs; n may be 0."""
        if len(rows) == 0:
            return np.zeros((0, len(self.dataset.classes)), np.float32)
        probs: np.ndarray = predict(network, rows, self.views["plain"]).numpy()
        return probs

    def measure(self, held: np.ndarray) -> Callable[[nn.Module], Record]:
        """What records a network's accuracy on labeled rows that it does not train on."""
        label = self.dataset.label[held]

        def accuracy(network: nn.Module) -> Record:
            probs = self.probs(network, self.inputs[held])
            return {"accuracy": float((probs.argmax(1) == label).mean())}

        return accuracy
