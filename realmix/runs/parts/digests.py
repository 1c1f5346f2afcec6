"""Fingerprints of what a run learns from: the same when it goes on, and in all its processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from realmix.bank.lines import mapped
from realmix.base.errors import DataError
from realmix.data.fingerprints import PARTS, fingerprints
from realmix.data.pools import Dataset
from realmix.runs.augmentation import AnyEncoding
from realmix.runs.classifier import MODEL
from realmix.runs.config import Config
from realmix.training import parallel
from realmix.training.devices import choose


def digests(dataset: Dataset, config: Config, encoding: AnyEncoding | None) -> dict[str, str]:
    """Fingerprints of all that a run learns from and is measured on, by what each is of."""
    own: tuple[Any, Any] = (None, None)
    if encoding is not None:
        own = encoding.digest, encoding.encoder.reference.fingerprint
    return fingerprints(dataset, _bytes(config.init), *own, mapped(config.bank))


def check_alike(found: Mapping[str, str], config: Config) -> None:
    """Stop all processes where they have read different data: they would train in vain."""
    numbers = [int(found.get(name, "-1"), 16) for name in PARTS]
    if places := parallel.differing(numbers, choose(config.device)):
        raise DataError(
            "The processes of this run have read different data:"
            f" {', '.join(PARTS[place] for place in places)} differ. All must read the same files"
            f" of {config.data}, by the same options and the same versions."
        )


def _bytes(init: str | None) -> np.ndarray | None:
    path = Path(init or "")
    return np.fromfile(path / MODEL if path.is_dir() else path, np.uint8) if init else None
