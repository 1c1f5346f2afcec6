"""A finished run folder, read back: what the report is made of."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.base.errors import DataError, StorageError
from realmix.base.files import whole_lines
from realmix.base.wording import printable

UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What zipfile and NumPy raise for damaged archives; found by flipping their bytes."""


@dataclass(frozen=True)
class Run:
    """The records of a run folder.

    Attributes:
        folder: where it lies.
        config: what the run was asked for; empty where it was not saved.
        records: the lines of metrics.jsonl.
        result: result.json.
        evidence: the arrays of evidence.npz; every key is optional.
    """

    folder: Path
    config: dict[str, Any]
    records: list[dict[str, Any]]
    result: dict[str, Any]
    evidence: dict[str, NDArray[Any]]

    @property
    def classes(self) -> list[str]:
        return [str(name) for name in self.result["classes"]]

    @property
    def with_pool(self) -> dict[str, Any] | None:
        """Figures by held-out labels and pool; None where these do not allow it."""
        found: dict[str, Any] | None = self.result.get("with_pool")  # older runs have none
        return found if found and found["why_not"] is None else None


def read_run(folder: Path) -> Run:
    """Read the records of `folder`.

    Raises:
        DataError: the folder holds no finished run.
        StorageError: a record is damaged or cannot be read.
    """
    result = _json(folder / "result.json")
    if not folder.is_dir():
        raise DataError(f"There is no run folder '{printable(folder)}'. Check the path.")
    if result is None:
        raise DataError(
            f"{printable(folder)} holds no result.json, so no finished run. "
            "Run its `realmix fit` command again: it continues where it stopped."
        )
    run = Run(
        folder=folder,
        config=_json(folder / "config.json") or {},
        records=whole_lines(folder / "metrics.jsonl"),
        result=result,
        evidence=_arrays(folder / "evidence.npz"),
    )
    _check_shapes(run)
    return run


def _json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None if there is no such file."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"Cannot read {printable(path)}: {printable(error)}.") from error
    if not isinstance(value, dict):
        raise StorageError(f"{printable(path)} is damaged: not a JSON object.")
    return value


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file, or none if there is no such file."""
    try:
        # NumPy would leave a damaged file open, and takes a lone array for a valid file too
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            return {name.removesuffix(".npy"): _array(archive, name) for name in archive.namelist()}
    except FileNotFoundError:
        return {}
    except UNREADABLE as error:
        raise StorageError(f"Cannot read {printable(path)}: {printable(error)}.") from error


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _check_shapes(run: Run) -> None:
    num_classes = len(run.classes)
    parts, models = ("heldout", "test", "pool"), ("baseline", "model", "shipped")
    for name in (f"{part}_{model}" for part in parts for model in models):
        array = run.evidence.get(name)
        if array is not None and (array.ndim != 2 or array.shape[1] != num_classes):
            raise StorageError(
                f"{printable(run.folder / 'evidence.npz')} does not belong to result.json: "
                f"{name} has shape {array.shape}, and there are {num_classes} classes."
            )
