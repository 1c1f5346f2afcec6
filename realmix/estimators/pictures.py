"""Image files as estimators take them: their paths in a list, a column or a data frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.folders.walk import IMAGE_ENDINGS
from realmix.data.pixels.scale import Scale
from realmix.data.reading.images import choose_scale, choose_shape, read_headers, read_images
from realmix.encoders.pictures import Files
from realmix.runs.classifier import Classifier

PATHS = "path"  # the column of a data frame, as of a table
FEW = 5  # bad files that a message lists


class Pictures(NamedTuple):
    """Image files, read: (N, C, H, W) uint8, their scale, and notes on that; see `Dataset`."""

    files: tuple[Path, ...]
    inputs: np.ndarray
    scale: Scale | None
    notes: tuple[str, ...]


def given_files(X: Any) -> tuple[Path, ...] | None:
    """The (N,) image files that X names; None where it holds something else.

    Args:
        X: a list or column of paths: `Path`s, or strings that all end as image files do; or a data
            frame with nothing but such a column, or with one that is called "path".
    """
    if hasattr(X, "columns") and hasattr(X, "to_dict"):
        names = list(X.columns)
        if PATHS not in names and len(names) != 1:
            return None
        X = X[PATHS if PATHS in names else names[0]]
    values = X.tolist() if hasattr(X, "tolist") and np.ndim(X) == 1 else X
    if not isinstance(values, (list, tuple)) or not values:
        return None
    return tuple(map(Path, values)) if all(map(_names_image, values)) else None


def _names_image(value: object) -> bool:
    written = isinstance(value, str) and value.lower().endswith(IMAGE_ENDINGS)
    return written or isinstance(value, os.PathLike)


def pictures_of(files: Sequence[Path]) -> Pictures:
    """What the files hold, brought to one size; an encoder sees the files themselves.

    Raises:
        DataError: some cannot be read. As X and y go together, none is left out.
    """
    headers = read_headers(files)
    shape, _ = choose_shape(headers, None)
    scale, notes = choose_scale(files, headers)
    images, reasons = read_images(files, shape or (3, 1, 1), scale)
    _refuse(files, reasons)
    return Pictures(tuple(files), images, scale, notes)


def files_proba(classifier: Classifier, files: Sequence[Path]) -> np.ndarray:
    """(N, K) float32 probabilities of image files.

    Raises:
        DataError: some cannot be read, or the model does not take pictures.
        UsageError: the encoder is not here, or is not the one that it was trained with.
    """
    if classifier.takes != "images":
        raise DataError(f"The model was fitted to {classifier.takes}, and X names image files.")
    reasons: dict[int, str] = {}
    if classifier.encoder is not None:
        probs = classifier.predict_pictures(Files(tuple(files), reasons, classifier.scale))
        _refuse(files, reasons)
        return probs
    channels, height, width = classifier.shape
    images, reasons = read_images(files, (channels, height, width), classifier.scale)
    _refuse(files, reasons)
    return classifier.predict_proba(images)


def _refuse(files: Sequence[Path], reasons: dict[int, str]) -> None:
    if not reasons:
        return
    listed = [f"\n  X[{row}], {printable(files[row])}: {why}" for row, why in reasons.items()]
    more = f"\n  ... and {len(listed) - FEW:,} more" if len(listed) > FEW else ""
    raise DataError(
        f"{len(listed):,} of the {len(files):,} image files cannot be read:"
        f"{''.join(listed[:FEW])}{more}\nMend them, or take their rows out of X and y."
    )
