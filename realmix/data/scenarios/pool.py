"""What the pool holds: fewer rows, near-duplicates, another style."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from realmix.base.errors import DataError, UsageError
from realmix.base.randomness import derive
from realmix.base.wording import suggestion
from realmix.data.pools import Dataset
from realmix.data.scenarios.labels import unchanged
from realmix.data.scenarios.truth import Truth, order, taken, true_labels

STYLES = ("grey", "blur", "contrast", "jpeg")
BLUR = 1 / 12  # of a side, the radius at full strength
LEAST_CONTRAST, BEST, WORST = 0.1, 95, 5  # what is left of it; qualities of JPEG
CLOSE = 0.02  # of a column's deviation, by which a near-duplicate's feature differs
_SIZE, _COPY, _NOISE = 50, 51, 52  # streams of randomness


def pool_of_size(dataset: Dataset, count: int, seed: int) -> tuple[Dataset, Truth]:
    """A pool of so many rows; those of a smaller one are among those of a larger one.

    Raises:
        UsageError: more rows than the pool has, or fewer than 1.
    """
    pool = np.flatnonzero(dataset.label < 0)
    if not 1 <= count <= len(pool):
        raise UsageError(f"A pool of {count:,} rows: it has {len(pool):,}, so 1 to {len(pool):,}.")
    kept = np.append(
        np.flatnonzero(dataset.label >= 0), pool[order(len(pool), seed, _SIZE)[:count]]
    )
    return _taken(dataset, np.sort(kept))


def near_duplicates(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Truth]:
    """Further pool rows that are copies of pool rows, each changed a little.

    Pictures are saved as JPEG once more and moved by a pixel, feature rows get noise of a fiftieth
    of each column's deviation, texts other case and spaces.

    Args:
        dataset: labeled rows and a pool.
        share: of the new pool's rows that are copies, in [0, 1).
        seed: draws the rows and the changes.

    Raises:
        UsageError: a share out of range.
        DataError: there is no pool.
    """
    if not 0 <= share < 1:
        raise UsageError(f"Near-duplicates of {100 * share:g} %: it is 0 or more and below 100 %.")
    pool = _pool(dataset)
    count = round(len(pool) * share / (1 - share))
    if count == 0:
        return unchanged(dataset)
    times = -(-count // len(pool))
    drawn = np.concatenate([pool[order(len(pool), seed, _COPY, i)] for i in range(times)])[:count]
    rng = np.random.default_rng(derive(seed, _NOISE))
    every = np.append(np.arange(len(dataset.label)), drawn)
    found, truth = _taken(dataset, every)
    inputs = np.array(found.inputs)
    inputs[len(dataset.label) :] = _close(dataset.inputs, drawn, rng)
    groups = found.groups
    if groups is not None:  # a copy is a row of its own: nobody would know
        groups = np.array(groups)
        groups[len(dataset.label) :] = groups.max() + 1 + np.arange(count)
    names = found.names and (
        *found.names[: len(dataset.label)],
        *(f"copy {i + 1} of {name}" for i, name in enumerate(found.names[len(dataset.label) :])),
    )
    made = replace(found, inputs=inputs, groups=groups, names=names, files=None, translated=None)
    return made, truth


def styled(dataset: Dataset, style: str, strength: float) -> tuple[Dataset, Truth]:
    """The pool's pictures in another style; labeled and test rows stay.

    Args:
        dataset: pictures.
        style: grey (colors fade), blur, contrast (fades), jpeg (blocks).
        strength: in [0, 1]; 0 changes nothing.

    Raises:
        UsageError: another style, a strength out of range, or data that are no pictures.
    """
    if style not in STYLES:
        raise UsageError(
            f"There is no style '{style}'.{suggestion(style, STYLES)} Known: {', '.join(STYLES)}."
        )
    if not dataset.is_images:
        raise UsageError(f"{style} changes pictures, and these are none.")
    if not 0 <= strength <= 1:
        raise UsageError(f"{style} of {100 * strength:g} %: it is 0 to 100 %.")
    if strength == 0:
        return unchanged(dataset)
    inputs = np.array(dataset.inputs)
    for row in _pool(dataset).tolist():
        inputs[row] = _restyled(inputs[row], style, strength)
    made, truth = unchanged(dataset)
    return replace(made, inputs=inputs, files=None), truth


def noise_rows(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """Rows that show nothing: random pixels; of feature rows each column of another row.

    Raises:
        UsageError: of texts.
    """
    rng = np.random.default_rng(derive(seed, _NOISE, 1))
    if dataset.is_texts:
        raise UsageError("There is no noise among texts: give a file of foreign ones.")
    if dataset.is_images:
        return rng.integers(0, 256, (count, *dataset.inputs.shape[1:]), dtype=np.uint8)
    drawn = dataset.inputs[rng.integers(0, len(dataset.inputs), count)]
    return np.asarray(rng.permuted(drawn, axis=0))


def _pool(dataset: Dataset) -> np.ndarray:
    pool = np.flatnonzero(dataset.label < 0)
    if not len(pool):
        raise DataError("All rows have labels, so there is no pool to change. Give --labels N.")
    return pool


def _taken(dataset: Dataset, rows: np.ndarray) -> tuple[Dataset, Truth]:
    found = taken(dataset, rows)
    return found, Truth(true_labels(dataset)[rows], found.label < 0, rows)


def _close(inputs: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows that differ a little from those drawn."""
    if inputs.ndim == 1:
        return np.array([_retyped(text, rng) for text in inputs[rows]], object)
    if inputs.ndim == 4:
        return np.stack([_moved(inputs[row], rng) for row in rows.tolist()])
    noise = CLOSE * inputs.std(0) * rng.normal(size=(len(rows), inputs.shape[1]))
    found: np.ndarray = (inputs[rows] + noise).astype(inputs.dtype)
    return found


def _retyped(text: str, rng: np.random.Generator) -> str:
    """The same words: other case, a wider space or another end."""
    ways = (text.replace(" ", "  ", 1), f"{text.rstrip('. ')} .", text.upper())
    first = int(rng.integers(3))
    return next((new for new in (*ways[first:], *ways) if new != text), f"{text} .")


def _moved(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One (C, H, W) image, compressed and moved by a pixel."""
    step = rng.integers(-1, 2, 2)
    wide = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    top, left = 1 + int(step[0]), 1 + int(step[1])
    height, width = pixels.shape[1:]
    part = wide[:, top : top + height, left : left + width]
    return _array(_compressed(_picture(part), BEST - int(rng.integers(0, 20))))


def _restyled(pixels: np.ndarray, style: str, strength: float) -> np.ndarray:
    picture = _picture(pixels)
    if style == "grey":
        grey = ImageOps.grayscale(picture).convert(picture.mode)
        return _array(Image.blend(picture, grey, strength))
    if style == "blur":
        radius = strength * BLUR * min(picture.size)
        return _array(picture.filter(ImageFilter.GaussianBlur(radius)))
    if style == "contrast":
        return _array(ImageEnhance.Contrast(picture).enhance(1 - (1 - LEAST_CONTRAST) * strength))
    return _array(_compressed(picture, round(BEST - (BEST - WORST) * strength)))


def _compressed(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


def _picture(pixels: np.ndarray) -> Image.Image:
    """Of (C, H, W) uint8 with one or three channels."""
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0).copy())


def _array(picture: Image.Image) -> np.ndarray:
    pixels = np.asarray(picture, np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
