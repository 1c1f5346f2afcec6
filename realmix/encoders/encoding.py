"""All pictures of a data set and the encoder that sees them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from realmix.augment.presets import views_of
from realmix.augment.views import network_input
from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import Dataset
from realmix.encoders.encoder import PhotoEncoder
from realmix.encoders.extract import (
    PLAIN,
    Views,
    augmented_views,
    extract,
    least_seconds,
    plain_view,
    store_of,
)
from realmix.encoders.pictures import Arrays, Files, Pictures

BLOCK = 256  # pictures that are read together
FEW = 8  # pictures, to learn what one costs
LEAST = 1_000  # of those that may wait, which are seen whatever time there is
OVER = 0.1  # of the time, which is taken on top rather than leave some out


class Encoding:
    """What is to be encoded, by what.

    Args:
        dataset: of pictures, with the augmentation that it has.
        encoder: where it computes.
        counting: is told what is done, how many of it, and of how many.
        note: is told what the user should know.
        keeps: whether features are kept on the disk.

    Attributes:
        digests: of each row, then of each test row.
        spent: seconds that this encoder took before, for a part of them.
    """

    def __init__(
        self,
        dataset: Dataset,
        encoder: PhotoEncoder,
        counting: Callable[[str, int, int], None] = lambda words, done, of: None,
        note: Callable[[str], None] = lambda text: None,
        keeps: bool = True,
    ) -> None:
        self.dataset, self.encoder, self.keeps = dataset, encoder, keeps
        self.counting, self.note = counting, note
        files = partial(Files, scale=dataset.scale)
        self.rows: Pictures = files(dataset.files) if dataset.files else Arrays(dataset.inputs)
        self.tests: Pictures = Arrays(dataset.inputs[:0])
        if dataset.test_files:
            self.tests = files(dataset.test_files)
        elif dataset.test_inputs is not None:
            self.tests = Arrays(dataset.test_inputs)
        self.spent = 0.0

    @cached_property
    def digests(self) -> list[bytes]:
        """See the class."""
        return self.rows.digests() + self.tests.digests()

    @property
    def digest(self) -> np.ndarray:
        """uint8 that change with any picture's content."""
        return np.frombuffer(b"".join(self.digests), np.uint8)

    def features(self, views: int, seed: int) -> Encoded:
        """The features of all pictures, from the cache or made now.

        Args:
            views: of each picture, the plain one among them.
            seed: of the augmented ones.

        Raises:
            StorageError: they cannot be kept.
            DataError: a picture can no longer be read.
        """
        started, count = time.monotonic(), len(self.rows)
        mine, theirs = self.digests[:count], self.digests[count:]
        plain = self._kept("pictures", self.rows, mine, PLAIN, 1, plain_view)
        if theirs:
            exam = self._kept("test pictures", self.tests, theirs, PLAIN, 1, plain_view)
            plain = Kept(exam.features, np.concatenate([plain.place, exam.place]))
        augmented = self._augmented(mine, views - 1, seed) if views > 1 else None
        seconds = self.spent + time.monotonic() - started
        return Encoded(plain, augmented, self.encoder.reference, seconds)

    def missing(self) -> list[int]:
        """Places of what has no plain features yet, test rows behind the others."""
        with store_of(self.encoder, PLAIN, 1, self.keeps, self.note).opened() as store:
            return store.missing(self.digests)

    def only(self, places: Sequence[int]) -> Self:
        """The same of these alone, numbered as in `missing` and ascending."""
        part, count = copy(self), len(self.rows)
        part.rows = self.rows.only([place for place in places if place < count])
        part.tests = self.tests.only([place - count for place in places if place >= count])
        part.digests = [self.digests[place] for place in places]
        return part

    def seconds_each(self) -> float:
        """What the encoder takes for one, by the first few of them."""
        count = min(FEW, len(self.rows))
        seen = network_input(self.rows.read(range(count), self.encoder.look.size))
        return least_seconds(lambda: self.encoder.encode(seen)) / count

    def pictures(self, features: bool = False) -> Dataset:
        """The data set for a network whose body the encoder is: image files at the encoder's side.

        Arrays stay as they are; the network resizes them.

        Args:
            features: whether what the encoder makes of them before it is tuned is wanted beside.

        Raises:
            DataError: a picture can no longer be read.
            StorageError: features cannot be kept.
        """
        beside = self.features(1, 0) if features else None
        inputs, exam = self.dataset.inputs, self.dataset.test_inputs
        if self.dataset.files:
            inputs = self._at_size("pictures", self.rows)
        if self.dataset.test_files:
            exam = self._at_size("test pictures", self.tests)
        return replace(self.dataset, inputs=inputs, test_inputs=exam, beside=beside)

    def _at_size(self, what: str, pictures: Pictures) -> np.ndarray:
        """(N, 3, size, size) uint8."""
        side, count = self.encoder.look.size, len(pictures)
        read = np.empty((count, 3, side, side), np.uint8)
        for start in range(0, count, BLOCK):
            rows = range(start, min(start + BLOCK, count))
            read[rows.start : rows.stop] = pictures.read(rows, side).numpy()
            self.counting(f"reading {what} of {side} x {side} pixels", rows.stop, count)
        return read

    def _augmented(self, digests: list[bytes], count: int, seed: int) -> Kept:
        preset = self.dataset.preset
        views = augmented_views(partial(views_of, preset), count, seed)
        what = f"pictures in {count} more view{'' if count == 1 else 's'}"
        facts = {"view": preset, "count": count, "seed": seed}
        return self._kept(what, self.rows, digests, facts, count, views)

    def _kept(
        self,
        what: str,
        pictures: Pictures,
        digests: list[bytes],
        facts: dict[str, object],
        count: int,
        views: Views,
    ) -> Kept:
        store = store_of(self.encoder, facts, count, self.keeps, self.note)
        tell = partial(self.counting, f"encoding {what} with {self.encoder.reference.name}")
        kept, broken = extract(self.encoder, pictures, digests, store, views, tell)
        if broken:
            self.note(f"{broken:,} kept features were damaged on the disk and are made again.")
        return kept


class Seen(Protocol):
    """Rows and test rows and the encoder that sees them: an `Encoding`, or that of texts."""

    spent: float

    @property
    def digests(self) -> list[bytes]: ...
    def missing(self) -> list[int]: ...
    def only(self, places: Sequence[int]) -> Seen: ...
    def features(self, views: int, seed: int) -> Encoded: ...


def affordable(encoding: Seen, waiting: NDArray[np.int64], seconds: float) -> tuple[int, float]:
    """How many of the rows that may wait an encoder sees in a time, besides all that may not.

    What it has seen before takes no time. What a row takes is found out on those that are seen in
    any case, which are encoded here.

    Args:
        encoding: of N rows and T test rows.
        waiting: (W,) places of the rows that may wait, those that should be seen first in front;
            a test row's is N and more.
        seconds: about, for all that are seen.

    Returns:
        How many of them, from the first on; and about how many seconds the others take.
    """
    new = np.zeros(len(encoding.digests), bool)
    new[encoding.missing()] = True
    if not new[waiting].any() or not math.isfinite(seconds):
        return len(waiting), 0.0
    place = np.cumsum(new[waiting])  # among those that take time
    first = np.ones(len(new), bool)
    first[waiting[place > LEAST]] = False
    started = time.monotonic()
    encoding.only(np.flatnonzero(first).tolist()).features(1, 0)
    encoding.spent += (took := time.monotonic() - started)
    each = took / new[first].sum()
    new_ones = max(seconds / each - np.delete(new, waiting).sum(), LEAST)
    seen = int((place <= new_ones).sum())
    left = float(each * new[waiting[seen:]].sum())
    return (len(waiting), 0.0) if left <= OVER * seconds else (seen, left)
