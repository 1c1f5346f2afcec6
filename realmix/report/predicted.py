"""The table of predictions: written, known again, and never put over anything else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from realmix.base.errors import UsageError
from realmix.base.files import write_atomically
from realmix.base.wording import harmless, printable

FIRST = ["input", "label", "confidence"]
EACH = "probability_"  # begins the names of the columns of classes


def write_predictions(
    path: Path, names: Iterable[str], classes: Sequence[str], probs: np.ndarray
) -> None:
    """Write of each input its likeliest class, how likely that is, and all probabilities, as CSV.

    Args:
        path: of the table.
        names: of N inputs.
        classes: K names.
        probs: (N, K).

    Raises:
        StorageError: it cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*FIRST, *(EACH + name for name in classes)])
    for name, row in zip(names, probs, strict=True):
        numbers = [f"{value:.6f}" for value in (row.max(), *row)]
        table.writerow([harmless(name), harmless(classes[row.argmax()]), *numbers])
    write_atomically(path, text.getvalue())


def replaces(path: Path, given: str) -> bool:
    """Whether a table would take the place of an earlier one; asked before anything is predicted.

    Predictions can be made again, other files cannot: these are never written over.

    Args:
        path: of the table that is to be written.
        given: what is to be classified.

    Raises:
        UsageError: there is no such folder, or what is there is no table of predictions as it was
            written.
    """
    if not path.parent.is_dir():
        raise UsageError(f"--out: there is no folder '{printable(path.parent)}'.")
    if path.is_dir():
        raise UsageError(f"--out '{printable(path)}' is a folder. Name a file, such as a.csv.")
    if not path.exists():
        return False
    if path.resolve() == Path(given).resolve():
        raise UsageError("--out would overwrite the input. Choose another --out.")
    if not _is_as_written(path):
        raise UsageError(
            f"'{printable(path)}' is there, and is no table of predictions, or was changed since it"
            " was written. It is not overwritten: choose another --out."
        )
    return True


def _is_as_written(path: Path) -> bool:
    """Whether a file is a table of predictions in which each label is the likeliest class."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            classes = [harmless(name.removeprefix(EACH)) for name in header[3:]]
            if header[:3] != FIRST or not all(name.startswith(EACH) for name in header[3:]):
                return False
            return all(_fits(row, classes) for row in rows)
    except (OSError, ValueError, csv.Error):
        return False


def _fits(row: Sequence[str], classes: Sequence[str]) -> bool:
    probs = dict(zip(classes, row[3:], strict=True))
    return row[2] == max(probs.values()) == probs.get(row[1])
