"""Pictures as estimators take them: paths of files in a list or a column, or pictures in a list."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.folders.walk import IMAGE_ENDINGS
from realmix.data.pixels.formats import ending_of, formats
from realmix.data.pixels.scale import Scale
from realmix.data.reading.decode import Shape, fit, flatten, is_deep, is_grey, upright
from realmix.data.reading.images import choose_scale, choose_shape, read_headers, read_images
from realmix.encoders.pictures import Files
from realmix.runs.classifier import Classifier

PATHS = "path"  # the column of a data frame, as of a table
SIDE = 224  # pixels, of pictures of several sizes at most
FEW = 5  # bad files that a message lists


class Pictures(NamedTuple):
    """Image files, read: (N, C, H, W) uint8, their scale, and notes on that; see `Dataset`."""

    files: tuple[Path, ...]
    inputs: np.ndarray
    scale: Scale | None
    notes: tuple[str, ...]


def given_pictures(X: Any, shape: Shape | None = None) -> np.ndarray | None:
    """The (N, C, H, W) uint8 pictures that a list holds; None where it holds something else.

    Pillow's images are laid over white and turned as their EXIF data say, and grey only where all
    are. Of several sizes all are resized by the shorter side to the usual one, at most `SIDE`, and
    cropped at the centre.

    Args:
        X: a list or column of Pillow's images; of the bytes of image files, also as the field
            `bytes` of Hugging Face's datasets; or of uint8 arrays, (H, W) or (H, W, 3), of several
            sizes (those of one size are an array like any other).
        shape: (C, H, W) that all get, or None.

    Raises:
        DataError: pictures of more than 8 bits.
    """
    column = getattr(getattr(X, "dtype", None), "kind", "") == "O" and np.ndim(X) == 1
    values = X.tolist() if column else X
    if not isinstance(values, (list, tuple)) or not values:
        return None
    values = [_opened(row, one) for row, one in enumerate(values)]
    if not all(isinstance(one, Image.Image) for one in values):
        if not (all(map(_is_picture, values)) and len({one.shape for one in values}) > 1):
            return None
        values = list(map(Image.fromarray, values))
    sizes = {one.size for one in values}
    side = min(SIDE, int(np.median([min(one.size) for one in values])))
    width, height = sizes.pop() if len(sizes) == 1 else (side, side)
    wanted = shape or (1 if all(map(is_grey, values)) else 3, height, width)
    return np.stack([_fitted(row, one, wanted) for row, one in enumerate(values)])


def _opened(row: int, value: Any) -> Any:
    """Pillow's image where these are the bytes of one, else what was given."""
    data = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(data, bytes) and ending_of(data):
        try:
            return Image.open(io.BytesIO(data), formats=formats())
        except Exception as error:  # a damaged file can make Pillow raise anything
            raise _unreadable(row, error) from None
    return value


def _unreadable(row: int, error: Exception) -> DataError:
    return DataError(f"X[{row}] is a picture that cannot be read ({error}).")


def _is_picture(value: Any) -> bool:
    known = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.size > 0
    return known and (value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 3))


def _fitted(row: int, image: Image.Image, shape: Shape) -> np.ndarray:
    if is_deep(image):
        raise DataError(
            f"X[{row}] is a picture of more than 8 bits (mode {image.mode}). Give such pictures as"
            " paths of their files, or as arrays of one size: they must be scaled alike."
        )
    try:
        return fit(upright(flatten(image, "L" if shape[0] == 1 else "RGB")), shape)
    except MemoryError:
        raise
    except Exception as error:  # of a file that was opened, and not read to its end
        raise _unreadable(row, error) from None


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
