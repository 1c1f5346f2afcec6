"""From a name or a path to data as a run takes them, with what scenarios need from elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.pools import Dataset
from realmix.data.reading.builtin import data_folder
from realmix.data.reading.load import load
from realmix.data.scenarios.arrange import Places, arranged
from realmix.data.scenarios.truth import Truth

HUMAN, PREFIX = "cifar10_human_labels.npz", "c10n_"
_kept: ContextVar[dict[str, Dataset] | None] = ContextVar("kept", default=None)


@contextlib.contextmanager
def reading_once() -> Iterator[None]:
    """Within it the same data, read in the same way, are read once: for many cells of them."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def _read(data: str, reading: Mapping[str, Any]) -> Dataset:
    kept, key = _kept.get(), repr((data, sorted(reading.items())))
    if kept is None:
        return load(data, **reading)
    if key not in kept:
        kept.clear()  # others are as large
        kept[key] = load(data, **reading)
    return kept[key]


def read_arranged(
    data: str,
    reading: Mapping[str, Any],
    *,
    seed: int = 0,
    labels: int | None = None,
    test_share: float | None = None,
    scenario: Sequence[str] = (),
) -> tuple[Dataset, Truth]:
    """Read data, and make of them what labels and scenarios ask for.

    Args:
        data: see `load`.
        reading: the further arguments of `load`.
        seed: draws labels and what the scenarios draw.
        labels: rows that keep their label; all by default.
        test_share: of the labels, that become test rows.
        scenario: each NAME=VALUE; see `arranged`.

    Raises:
        UsageError, DataError: see `load` and `arranged`.
    """

    dataset, places = places_of(data, reading)
    return arranged(
        dataset,
        seed,
        labels=labels,
        test_share=test_share,
        scenario=scenario,
        places=places,
    )


def places_of(data: str, reading: Mapping[str, Any]) -> tuple[Dataset, Places]:
    """What is read, and where its scenarios find foreign rows and human labels.

    Args:
        data: see `load`.
        reading: the further arguments of `load`.
    """

    def foreign(name: str) -> np.ndarray:
        """Rows that are read as more rows of the pool would be, so that they have its form."""
        alone = {**reading, "unlabeled": None, "answers": None, "allow_leakage": True}
        count = len(load(data, **alone).label)
        found = load(data, **{**alone, "unlabeled": name}).inputs[count:]
        if found.shape[1:] != dataset.inputs.shape[1:]:
            raise DataError(
                f"The foreign rows of '{printable(name)}' have shape {found.shape[1:]}, the data"
                f" {dataset.inputs.shape[1:]}. For pictures give --image-size."
            )
        return found.astype(dataset.inputs.dtype)

    def human(name: str) -> np.ndarray:
        return human_labels(name, reading.get("data_root"))

    dataset = _read(data, reading)
    return dataset, Places(foreign, human)


def human_labels(name: str, data_root: str | None = None) -> np.ndarray:
    """The labels that people gave CIFAR-10's training images (CIFAR-10N, Wei et al., 2022).

    Args:
        name: worst, aggregate, random1, random2 or random3.
        data_root: the folder that holds `HUMAN`, or the environment's REALMIX_DATA.

    Returns:
        (50000,) int64.

    Raises:
        DataError: the file is not there.
        UsageError: it has no labels of that name.
    """
    root = data_folder(data_root)
    path = root / HUMAN if root else None
    if path is None or not path.is_file():
        raise DataError(
            f"label-noise-human needs the file {HUMAN} (arrays c10n_worst, c10n_aggregate, ..., in"
            " CIFAR-10's order) in the folder of --data-root or REALMIX_DATA."
        )
    with np.load(path) as archive:
        names = [key.removeprefix(PREFIX) for key in archive.files if key.startswith(PREFIX)]
        kinds = [kind for kind in names if archive[PREFIX + kind].shape == (50_000,)]
        if name not in kinds:
            raise UsageError(
                f"label-noise-human={printable(name)}: there are {', '.join(kinds)}."
                f"{suggestion(name, kinds)}"
            )
        found: np.ndarray = archive[PREFIX + name].astype(np.int64)
        return found
