"""The features of a bank: made once, a block at a time, kept on the disk and mapped from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from realmix.bank.lines import BLOCK, Lines
from realmix.encoders.encoder import TextEncoder
from realmix.encoders.extract import store_of

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Count = Callable[[str, int, int], None]


class Bank:
    """Sentences and the encoder that reads them.

    Those of an encoder that was fitted to the run's own texts are made anew at each pass, and
    nothing is kept; those of all others are made once.

    Args:
        lines: the sentences.
        encoder: where it computes.
        counting: is told what is done, how many of it, and of how many.
        note: is told what the user should know.
    """

    def __init__(
        self,
        lines: Lines,
        encoder: TextEncoder,
        counting: Count = lambda words, done, of: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.lines, self.encoder, self.counting, self.note = lines, encoder, counting, note
        self.keeps = not encoder.state

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def dimension(self) -> int:
        """D of a sentence's features."""
        return self.encoder.reference.dimension

    def blocks(self) -> Iterator[Floats]:
        """(B, D) float16 features of one block after another, each of length sqrt(D).

        Raises:
            StorageError: they cannot be kept.
        """
        if self.keeps:
            features, place = self.kept()
            for number, row in enumerate(place.tolist()):
                yield features[row, : min(BLOCK, len(self) - number * BLOCK)]
        else:
            self._tell(-1)
            for number, texts in enumerate(self.lines.blocks()):
                yield self.encoder.encode(texts).numpy()
                self._tell(number)

    def kept(self) -> tuple[Floats, np.ndarray]:
        """(M, BLOCK, D) float16, mapped, and (blocks,) the place of each block in it.

        What is not kept yet is made and kept; what a kill leaves is a whole number of blocks.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        digests = self.lines.digests
        store = store_of(self.encoder, {"kind": "bank"}, BLOCK)
        with store.opened():
            if broken := store.check(digests):
                self.note(f"{broken:,} blocks of the bank were damaged and are made again.")
            missing = set(store.missing(digests))
            store.make_room(len(missing))
            if missing:
                self._tell(-1)
            for number, texts in enumerate(self.lines.blocks() if missing else ()):
                if number in missing:
                    made = np.zeros((1, BLOCK, self.dimension), np.float16)
                    made[0, : len(texts)] = self.encoder.encode(texts).numpy()
                    store.append([digests[number]], made)
                    self._tell(number)
            return store.features(), store.rows(digests)

    def _tell(self, number: int) -> None:
        done, name = min((number + 1) * BLOCK, len(self)), self.encoder.reference.name
        self.counting(f"encoding the bank with {name}", done, len(self))
