"""Arrays from Python or a `.npz` file: the shapes and types taken, and how labels are told."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable, suggestion
from realmix.data.reading.check import check_finite
from realmix.data.reading.source import Source, class_name, encode

_EXPECTED = (
    "Expected features (N, D) of numbers, or images (N, H, W), (N, H, W, C) or (N, C, H, W) with "
    "1 or 3 channels: uint8 in 0..255 or floats in [0, 1]."
)


def _channels_first(images: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) to (N, C, H, W)."""
    if images.ndim == 3:
        return images[:, None]
    if images.shape[1] in (1, 3):  # also where the last axis would do: channels-first is torch's
        return images
    if images.shape[3] in (1, 3):
        return images.transpose(0, 3, 1, 2)
    raise DataError(f"{name} has shape {images.shape}. {_EXPECTED}")


def _pixels(images: np.ndarray, name: str) -> np.ndarray:
    """Numbers of any type as uint8; see `_EXPECTED`."""
    if images.dtype == np.uint8 or not images.size:
        return images.astype(np.uint8, copy=False)
    low, high = float(images.min()), float(images.max())
    top = 1.0 if images.dtype.kind == "f" else 255.0
    if not (low >= 0 and high <= top):  # also refuses NaN
        raise DataError(
            f"{name} ({images.dtype}) holds images with values from {low:g} to {high:g}. "
            f"{_EXPECTED} Scale them first."
        )
    return np.round(images * (255 / top)).astype(np.uint8)


def as_inputs(X: Any, name: str = "X") -> np.ndarray:
    """Features or images as a `Dataset` holds them.

    Args:
        X: anything `numpy.asarray` takes: (N, D) numbers; (N, H, W), (N, H, W, C) or (N, C, H, W)
            uint8 or integers in 0..255, or floats in [0, 1].
        name: what to call it in a message.

    Returns:
        (N, D) float32 or (N, C, H, W) uint8.

    Raises:
        DataError: no numbers, another shape, values out of range, NaN or infinite features.
    """
    try:
        array = np.asarray(X)
        array = array.astype(np.float64) if array.dtype == object else array
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is no array of numbers ({error}). {_EXPECTED}") from None
    if array.dtype.kind not in "fiu" or array.ndim not in (2, 3, 4) or 0 in array.shape[1:]:
        raise DataError(f"{name} has shape {array.shape} and type {array.dtype}. {_EXPECTED}")
    if array.ndim > 2:
        return np.ascontiguousarray(_pixels(_channels_first(array, name), name))
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        features = array.astype(np.float32)
    check_finite(features, None, f"rows of {name}")
    return features


def as_labels(
    y: Any, count: int, classes: Sequence[str] | None = None, name: str = "y"
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as a `Dataset` holds them: ((N,) int64 with -1 for none, class names).

    Args:
        y: N integers or names; -1, "", None and NaN mark unlabeled rows.
        count: N, the number of rows they belong to.
        classes: the class names in order; whole-number labels are then places in it. Without it
            the labels that occur, sorted.
        name: what to call it in a message.

    Raises:
        DataError: another number of labels, or a label that is no class.
    """
    values = y.tolist() if hasattr(y, "tolist") else list(y)
    if not isinstance(values, list) or any(np.ndim(v) for v in values[:1]):
        raise DataError(f"{name} must hold one label for each row: shape ({count},).")
    if len(values) != count:
        raise DataError(f"{name} has {len(values):,} labels for {count:,} rows.")
    values = [v.item() if isinstance(v, np.generic) else v for v in values]
    names = [None if type(v) in (int, float) and v == -1 else class_name(v) for v in values]
    numbers = {int(n) for n, v in zip(names, values, strict=True) if n and type(v) in (int, float)}
    if numbers and min(numbers) < 0:
        raise DataError(
            f"{name} has the label {min(numbers)}. Labels are whole numbers from 0, or -1 for "
            "unlabeled rows."
        )
    if classes is None or len(numbers) < len(set(names) - {None}):
        return encode(names, classes, name)
    if numbers and max(numbers) >= len(classes):
        raise DataError(
            f"{name} has the label {max(numbers)}, but there are {len(classes)} classes (0 to "
            f"{len(classes) - 1})."
        )
    return encode([None if n is None else classes[int(n)] for n in names], classes, name)


def as_groups(groups: Any, count: int) -> np.ndarray:
    """What rows belong to, as numbers: (N,) int64.

    Args:
        groups: N numbers or names.
        count: N.

    Raises:
        DataError: another number of them, or more than one a row.
    """
    values = np.asarray(groups)
    if values.shape != (count,):
        raise DataError(
            f"groups has shape {values.shape}; it must have one entry a row: ({count},)."
        )
    if values.dtype == object:
        values = values.astype(str)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _open_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        # opened here, as numpy leaves a file that it cannot read open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except ValueError as error:
        if "allow_pickle" in str(error) or "pickle" in str(error).lower():
            raise DataError(
                f"'{printable(path)}' holds Python objects (a pickle), which can run code when "
                "read and are refused. Save numbers or strings: y = y.astype(str), say."
            ) from None
        raise DataError(f"'{printable(path)}' cannot be read: {error}.") from None
    except (OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"'{printable(path)}' is no whole .npz file ({error}).") from None


def _part(
    path: Path, arrays: dict[str, np.ndarray], suffix: str, classes: Sequence[str] | None
) -> Source:
    inputs = as_inputs(arrays["x" + suffix], f"'x{suffix}' of {printable(path)}")
    names = tuple(f"{printable(path)}[{i}]" for i in range(len(inputs)))
    preset = "photos" if inputs.ndim == 4 else "features"
    label = np.full(len(inputs), -1, dtype=np.int64)
    order = tuple(classes or ())
    if "y" + suffix in arrays:
        where = f"'y{suffix}' of {printable(path)}"
        label, order = as_labels(arrays["y" + suffix], len(inputs), classes, where)
    return Source(names, label, order, inputs=inputs, preset=preset)


def read_npz(path: Path, needs_labels: bool) -> Source:
    """The arrays x, y (-1 = unlabeled), and if present classes, x_test and y_test of a `.npz`.

    Raises:
        DataError: no such arrays, or arrays that do not fit each other.
    """
    arrays = _open_npz(path)
    for key in ("x", "y") if needs_labels else ("x",):
        if key not in arrays:
            found = ", ".join(printable(k) for k in list(arrays)[:10]) or "nothing"
            hint = suggestion(key, [k.lower() for k in arrays])
            raise DataError(
                f"'{printable(path)}' has no array '{key}'; it holds {found}.{hint} Save it with "
                "numpy.savez(file, x=..., y=...), with -1 in y for unlabeled rows."
            )
    classes = None
    if "classes" in arrays:
        classes = tuple(str(name) for name in arrays["classes"].ravel().tolist())
    source = _part(path, arrays, "", classes)
    if not {"x_test", "y_test"} <= set(arrays):
        return source
    test = _part(path, arrays, "_test", classes)
    return replace(source, test=test)
