"""All texts of a data set and the encoder that reads them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from itertools import chain
from typing import Self

import numpy as np

from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import Dataset
from realmix.data.texts.tokens import Tokenizing, padded
from realmix.encoders.encoder import TextEncoder
from realmix.encoders.extract import PLAIN, keep, key_of, least_seconds, store_of
from realmix.encoders.joined import JoinedEncoder, all_side_by_side
from realmix.encoders.pictures import DIGEST
from realmix.encoders.store import Store
from realmix.encoders.texts.token_encoder import TokenEncoder, trains

FEW = 8  # texts, to learn what one costs
BATCH = 128  # texts between two looks at the clock
AS_A_PICTURE = (1, 128, 384)  # tokens by their width: as much work

Views = Callable[[str, int], list[str]]
"""A text and its key to its views."""


class TextEncoding:
    """Texts that are to be encoded, and by what.

    Args:
        dataset: of texts.
        encoder: where it computes.
        make_views: from a number and a seed to so many views of a text, and what else they follow
            from.
        keeps: whether features are kept on the disk, each encoder's apart; those of one that was
            fitted never are.
        counting: is told what is done, how many of it, and of how many.
        note: is told what the user should know.

    Attributes:
        digests: of each row, then of each test row.
        spent: seconds that this encoder took before, for a part of them.
    """

    def __init__(
        self,
        dataset: Dataset,
        encoder: TextEncoder,
        make_views: Callable[[int, int], tuple[Views, str]],
        keeps: bool = True,
        counting: Callable[[str, int, int], None] = lambda words, done, of: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.encoder, self.make_views = encoder, make_views
        self.counting, self.note = counting, note
        self.keeps = keeps
        self.count = len(dataset.inputs)
        self.texts = [
            *dataset.inputs,
            *(() if dataset.test_inputs is None else dataset.test_inputs),
        ]
        self.digests = [digest_of(text) for text in self.texts]
        self.spent = 0.0

    @property
    def digest(self) -> np.ndarray:
        """uint8 that change with any text."""
        return np.frombuffer(b"".join(self.digests), np.uint8)

    def features(self, views: int, seed: int) -> Encoded:
        """The features of all texts, from the cache or made now.

        Args:
            views: of each text, the plain one among them; of test texts it is the only one.
            seed: of the augmented ones.

        Raises:
            StorageError: they cannot be kept.
        """
        started = time.monotonic()
        plain = self._kept("texts", len(self.texts), lambda text, key: [text], PLAIN, 1)
        augmented, more = None, views - 1
        if more:
            made, mark = self.make_views(more, seed)
            what = f"texts in {more} more view{'' if more == 1 else 's'}"
            facts: dict[str, object] = {"view": mark, "count": more, "seed": seed}
            augmented = self._kept(what, self.count, made, facts, more)
        seconds = self.spent + time.monotonic() - started
        return Encoded(plain, augmented, self.encoder.reference, seconds, self.encoder.state)

    @property
    def parts(self) -> list[Self]:
        """Of several encoders what each of them reads; of one none."""
        several = self.encoder.encoders if isinstance(self.encoder, JoinedEncoder) else ()
        found = [copy(self) for _ in several]
        for part, encoder in zip(found, several, strict=True):
            part.encoder = encoder
        return found

    def missing(self) -> list[int]:
        """Places of what has no plain features yet, test rows behind the others.

        Where there are several encoders, those count whose features are kept, if there are any.
        """
        if parts := self.parts:
            lasting = [part for part in parts if not part.encoder.state]
            return sorted({place for part in lasting or parts for place in part.missing()})
        with self._store(PLAIN, 1).opened() as store:
            return store.missing(self.digests)

    def only(self, places: Sequence[int]) -> Self:
        """The same of these alone, numbered as in `missing` and ascending."""
        part = copy(self)
        part.count = sum(place < self.count for place in places)
        part.texts = [self.texts[place] for place in places]
        part.digests = [self.digests[place] for place in places]
        return part

    @property
    def trains(self) -> bool:
        """Whether torch can train the encoder, or one of several."""
        return trains(self.encoder) or any(part.trains for part in self.parts)

    def seconds_each(self) -> float:
        """What the encoder takes for a text, by a few of them."""
        seen = self.texts[:: max(len(self.texts) // FEW, 1)][:FEW]
        return least_seconds(lambda: self.encoder.encode(seen)) / len(seen)

    def tokens(self, views: int, seed: int, beside: bool = False) -> tuple[Encoded, Encoded | None]:
        """The token numbers of all texts, for a network whose body the encoder is.

        Args:
            views: of each text, the plain one among them; 2 or more.
            seed: of the augmented ones.
            beside: whether what the encoder makes of the texts before it is tuned is wanted too.

        Raises:
            StorageError: features cannot be kept.
        """
        assert isinstance(self.encoder, TokenEncoder)
        started, features = time.monotonic(), self.features(1, seed) if beside else None
        cut, more = self.encoder.tokenizing, views - 1
        plain, augmented = cut.numbers(self.texts), self._numbers(cut, more, seed)
        longest = max(map(len, (*plain, *augmented)))
        seen = padded(plain, longest)[:, None], padded(augmented, longest)
        kept = Encoded(
            Kept(seen[0], np.arange(len(self.texts))),
            Kept(seen[1].reshape(self.count, more, longest), np.arange(self.count)),
            self.encoder.reference,
            time.monotonic() - started,
            cut.state,
            cut.longest,
        )
        return kept, features

    def _numbers(self, cut: Tokenizing, count: int, seed: int) -> list[list[int]]:
        """Of each row one view after another."""
        made, found = self.make_views(count, seed)[0], list[list[int]]()
        what = f"making {count} more views of texts"
        for start in range(0, self.count, BATCH):
            self.counting(what, start, self.count)
            rows = range(start, min(start + BATCH, self.count))
            texts = [made(self.texts[row], key_of(self.digests[row])) for row in rows]
            found += cut.numbers(list(chain.from_iterable(texts)))
        self.counting(what, self.count, self.count)
        return found

    def _kept(
        self, what: str, rows: int, views: Views, facts: dict[str, object], count: int
    ) -> Kept:
        if parts := self.parts:
            return all_side_by_side([part._kept(what, rows, views, facts, count) for part in parts])
        inputs = partial(self._inputs, views, count)
        tell = partial(self.counting, f"encoding {what} with {self.encoder.reference.name}")
        store, encode = self._store(facts, count), self.encoder.encode
        kept, broken = keep(encode, self.digests[:rows], store, inputs, BATCH, tell)
        if broken:
            self.note(f"{broken:,} kept features were damaged on the disk and are made again.")
        return kept

    def _store(self, facts: dict[str, object], count: int) -> Store:
        keeps = self.keeps and not self.encoder.state
        return store_of(self.encoder, {"kind": "texts", **facts}, count, keeps, self.note)

    def _inputs(
        self, views: Views, count: int, batches: Sequence[Sequence[int]]
    ) -> Iterator[list[str]]:
        """Batch by batch and view by view, what the encoder is given."""
        for batch in batches:
            made = [views(self.texts[row], key_of(self.digests[row])) for row in batch]
            yield from ([row[number] for row in made] for number in range(count))


def digest_of(text: str) -> bytes:
    """`DIGEST` bytes of its content."""
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def encoded_texts(encoder: TextEncoder | Tokenizing, texts: Sequence[str]) -> Iterator[np.ndarray]:
    """(B, D) float32 features, or (B, 1, L) int64 token numbers, of one batch of texts after
    another; nothing is kept."""
    for start in range(0, len(texts), BATCH):
        found = encoder.encode(texts[start : start + BATCH])
        rows: np.ndarray = (found.float() if found.is_floating_point() else found).numpy()
        yield rows
