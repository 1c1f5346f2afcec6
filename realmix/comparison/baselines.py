"""A cell whose contender is an estimator of scikit-learn's form, on the rows of all others."""

from __future__ import annotations

import dataclasses
import time
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from realmix.base.errors import DataError
from realmix.comparison.contenders import Contender, built, estimator_class, takes_pool
from realmix.evaluate.intervals import wilson
from realmix.evaluate.metrics import balanced_accuracy
from realmix.functional.targets import one_hot
from realmix.runs.augmentation import encoding_of, num_views, with_encoder
from realmix.runs.config import Config
from realmix.runs.prepared import Prepared
from realmix.runs.run import read
from realmix.training.predict import seen

BLOCK = 4096  # rows that are looked at together


def measured(config: Config, contender: Contender) -> dict[str, Any]:
    """Fit an estimator to a cell's rows, and measure it on the test rows.

    It sees what a network sees: an encoder's features, standardized columns, or the plain pixels
    in one row. With a pool it is given the rows of the pool too, labeled -1.

    Args:
        config: of the cell; its data, labels, scenario, seed and encoder.
        contender: an estimator.

    Returns:
        The figures of a run's result.json that a comparison uses.

    Raises:
        DataError: there are no test rows.
    """
    dataset = read(config)
    seen_by, _ = with_encoder(dataset, config)
    if encoding := encoding_of(dataset, seen_by):
        kept = encoding.features(num_views(seen_by), config.seed)
        dataset = dataclasses.replace(dataset, encoded=kept)
    rows, exam = Prepared(dataset), dataset.test_label
    if rows.test_inputs is None or exam is None:
        raise DataError("There are no test rows to measure on.")
    uses_pool = takes_pool(estimator_class(contender.name), contender.fields)
    chosen = np.arange(len(dataset.label)) if uses_pool else rows.known
    estimator, started = built(contender, config.seed), time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge shows in its accuracy
        estimator.fit(_numbers(rows, rows.inputs[chosen]), dataset.label[chosen])
        guess = np.asarray(estimator.predict(_numbers(rows, rows.test_inputs)), np.int64)
    seconds, right = time.monotonic() - started, guess == exam
    probs = one_hot(torch.from_numpy(guess), len(dataset.classes)).numpy()
    figures = {
        "accuracy": float(right.mean()),
        "interval": wilson(int(right.sum()), len(right)),
        "balanced_accuracy": balanced_accuracy(probs, exam),
    }
    return {
        "test": {"count": len(exam), "model": figures},
        "seconds": round(seconds, 2),
        "steps": None,
        "labels": len(rows.known),
        "unlabeled": len(rows.pool_rows),
        "classes": list(dataset.classes),
        "encoder": None if dataset.encoded is None else dataset.encoded.reference.to_json(),
    }


def _numbers(rows: Prepared, inputs: Tensor) -> np.ndarray:
    """(n, D) float32 of stored inputs."""
    parts = [seen(block, rows.views["plain"]).flatten(1) for block in torch.split(inputs, BLOCK)]
    return torch.cat(parts).float().numpy()
