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
from realmix.data.columns import suspicious
from realmix.data.label_doubts import WHOLE_NUMBER
from realmix.data.labels import NOTHING_SAID, Labels, Marks, read_labels
from realmix.data.levels import NOT_IN_FLOAT64, lost_levels
from realmix.data.pixels.arrays import EXPECTED, one_array, to_bytes
from realmix.data.pixels.scale import Scale
from realmix.data.reading.check import check_finite
from realmix.data.reading.source import Source, encode

Notes = tuple[str, ...]
_EXACT = dict.fromkeys(("float16", "float32", "int8", "uint8", "int16", "uint16"), np.float32)
"""The types whose numbers float32 holds without loss."""


def _channels_first(images: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) to (N, C, H, W)."""
    if images.ndim == 3:
        return images[:, None]
    if images.shape[1] in (1, 3):  # also where the last axis would do: channels-first is torch's
        return images
    if images.shape[3] in (1, 3):
        return images.transpose(0, 3, 1, 2)
    raise DataError(f"{name} has shape {images.shape}. {EXPECTED}")


def as_inputs(X: Any, name: str = "X", scale: Scale | None = None) -> np.ndarray:
    """Features or images as a `Dataset` holds them.

    Args:
        X: see `as_rows`.
        name: what to call it in a message.
        scale: of the images of the data set, where they have one.

    Returns:
        (N, D) float64, or float32 where it holds them exactly; or (N, C, H, W) uint8.

    Raises:
        DataError: see `as_rows` and `to_bytes`.
    """
    rows = as_rows(X, name)
    return to_bytes(rows, scale, name) if rows.ndim == 4 else rows


def as_rows(X: Any, name: str = "X", blanks: bool = False) -> np.ndarray:
    """Features as a `Dataset` holds them, or images of any numbers.

    Args:
        X: anything `numpy.asarray` takes: (N, D) numbers; (N, H, W), (N, H, W, C) or (N, C, H, W)
            numbers.
        name: what to call it in a message.
        blanks: let features be NaN.

    Returns:
        (N, D) float64, or float32 where it holds them exactly; or (N, C, H, W) as they are.

    Raises:
        DataError: no numbers, another shape, infinite features, or NaN without `blanks`.
    """
    try:
        array = one_array(X, name)
        array = array.astype(np.float64) if array.dtype == object else array
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is no array of numbers ({error}). {EXPECTED}") from None
    if array.dtype.kind not in "fiu" or array.ndim not in (2, 3, 4) or 0 in array.shape[1:]:
        raise DataError(f"{name} has shape {array.shape} and type {array.dtype}. {EXPECTED}")
    if array.ndim > 2:
        return np.ascontiguousarray(_channels_first(array, name))
    features = array.astype(_EXACT.get(array.dtype.name, np.float64), copy=False)
    blank = np.isnan(features) if blanks else np.False_
    check_finite(np.where(blank, 0, features) if blank.any() else features, None, f"rows of {name}")
    return features


def feature_notes(X: Any, inputs: np.ndarray, label: np.ndarray, name: str = "X") -> Notes:
    """What to tell of features as they were given and as they are used.

    Args:
        X: see `as_inputs`.
        inputs: what that made of it.
        label: (N,) classes, -1 where there is none.
        name: what to call it.
    """
    if inputs.ndim != 2 or not len(inputs):
        return ()
    names = [f"column {i + 1} of {name}" for i in range(inputs.shape[1])]
    given = np.asarray(X)
    wide = given.dtype.kind in "iuf" and given.dtype.itemsize >= 8
    notes = lost_levels(given, inputs, names, NOT_IN_FLOAT64) if wide else ()
    if found := list(suspicious(inputs, label, names)):
        listed = "; ".join(found[:5]) + ("; ..." if len(found) > 5 else "")
        notes += (f"Learned from, but hardly a feature: {listed}. Take it out if it is none.",)
    return notes


def as_labels(
    y: Any,
    count: int,
    classes: Sequence[str] | None = None,
    name: str = "y",
    marks: Marks = NOTHING_SAID,
    asks: bool = True,
) -> tuple[np.ndarray, tuple[str, ...], Labels]:
    """Labels as a `Dataset` holds them: (N,) int64 with -1 for none, and class names.

    Args:
        y: N integers or names; what marks unlabeled rows: `realmix.data.labels`.
        count: N, the number of rows they belong to.
        classes: the class names in order; whole-number labels are then places in it. Without it
            the labels that occur, sorted.
        name: what to call it in a message.
        marks: what the user says of values in y.
        asks: see `read_labels`.

    Returns:
        Those two, and what was read.

    Raises:
        DataError: another number of labels, or a label that is no class.
    """
    given = y if hasattr(y, "tolist") else list(y)
    values = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(values, list) or any(np.ndim(v) for v in values[:1]):
        raise DataError(f"{name} must hold one label for each row: shape ({count},).")
    if len(values) != count:
        raise DataError(f"{name} has {len(values):,} labels for {count:,} rows.")
    if classes is None:
        labels = read_labels(given, marks, name, asks)
        _refuse_negative(values, labels, marks, name)
        return *encode(labels.names, None, name), labels
    if not all(type(value) in (int, float) for value in values if value is not None):
        settled = replace(marks, classes=(*marks.classes, *classes))
        labels = read_labels(given, settled, name, asks)
        return *encode(labels.names, classes, name), labels
    labels = read_labels(given, marks, name, asks=False)
    return _places(labels, classes, name), tuple(classes), labels


def _refuse_negative(values: list[Any], labels: Labels, marks: Marks, name: str) -> None:
    for value, known in zip(values, labels.names, strict=True):
        if known and type(value) in (int, float) and value < 0 and known not in marks.classes:
            raise DataError(
                f"{name} has the label {known}. Labels are whole numbers from 0, or -1 for "
                f"unlabeled rows. Where it is a class: --class-value={known}."
            )


def _places(labels: Labels, classes: Sequence[str], name: str) -> np.ndarray:
    """(N,) int64 places in `classes`, as they were given, -1 for none."""
    if broken := [n for n in labels.names if n is not None and not WHOLE_NUMBER.fullmatch(n)]:
        raise DataError(f"{name} has the label {broken[0]}, a number with a fraction.")
    places = np.array([-1 if n is None else int(n) for n in labels.names], dtype=np.int64)
    for wrong in places[(places < -1) | (places >= len(classes))][:1]:
        raise DataError(
            f"{name} has the label {wrong}, but there are {len(classes)} classes (0 to "
            f"{len(classes) - 1})."
        )
    return places


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
    path: Path,
    arrays: dict[str, np.ndarray],
    suffix: str,
    classes: Sequence[str] | None,
    marks: Marks,
    asks: bool,
) -> Source:
    inputs = as_rows(arrays["x" + suffix], f"'x{suffix}' of {printable(path)}", blanks=True)
    names = tuple(f"{printable(path)}[{i}]" for i in range(len(inputs)))
    preset = "photos" if inputs.ndim == 4 else "features"
    label = np.full(len(inputs), -1, dtype=np.int64)
    order, settled = tuple(classes or ()), marks
    notes: tuple[str, ...] = ()
    if "y" + suffix in arrays:
        where = f"'y{suffix}' of {printable(path)}"
        y = arrays["y" + suffix]
        label, order, labels = as_labels(y, len(inputs), classes, where, marks, asks)
        if asks:
            notes = labels.notes(f" in {where}")
            notes += feature_notes(arrays["x" + suffix], inputs, label, f"'x{suffix}'")
        settled = marks.settled(labels) if classes is None else marks
    return Source(names, label, order, inputs=inputs, preset=preset, marks=settled, notes=notes)


def read_npz(path: Path, needs_labels: bool, marks: Marks = NOTHING_SAID) -> Source:
    """The arrays x, y (-1 = unlabeled), and if present classes, x_test and y_test of a `.npz`.

    Args:
        path: the file.
        needs_labels: whether y must be there, and hold classes.
        marks: what the user says of values in y.

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
    source = _part(path, arrays, "", classes, marks, needs_labels)
    if not {"x_test", "y_test"} <= set(arrays):
        return source
    test = _part(path, arrays, "_test", classes, source.marks, False)
    return replace(source, test=test)
