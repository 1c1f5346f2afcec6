"""Token numbers of texts: what a network that reads texts is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from realmix.base.errors import UsageError

CHARACTERS = 64  # of a text that are looked at, for each token that is
NOTHING = -1  # behind the last token of a text
TOKENIZER = "tokenizer"  # the name of its state


class Tokenizing:
    """Texts to token numbers, at most so many of each.

    Args:
        tokenizer: of the package tokenizers, which cuts as it is told.
        special: whether tokens begin and end a text.
    """

    def __init__(self, tokenizer: Any, special: bool = True) -> None:
        self.tokenizer, self.special = tokenizer, special
        self.tokenizer.no_padding()
        cut = tokenizer.truncation
        self.longest: int = cut["max_length"]
        self.last: bool = cut["direction"] == "left"

    @classmethod
    def of(cls, words: str, longest: int, last: bool, special: bool, name: str) -> Self:
        """From a file tokenizer.json.

        Args:
            words: its content.
            longest: tokens of a text; what is behind them is cut off.
            last: what is before them is cut off instead (UDA, section 4).
            special: as above.
            name: of the encoder, for messages.

        Raises:
            UsageError: the package tokenizers is not installed.
        """
        tokenizer = _read(words, name)
        tokenizer.enable_truncation(longest, direction="left" if last else "right")
        return cls(tokenizer, special)

    @property
    def state(self) -> dict[str, Tensor]:
        """What `restore` takes."""
        words = self.tokenizer.to_str().encode()
        return {TOKENIZER: torch.frombuffer(bytearray(words), dtype=torch.uint8)}

    @classmethod
    def restore(cls, state: Mapping[str, Tensor], name: str) -> Self:
        """As it was kept, of a network that knows the tokens that begin and end a text."""
        return cls(_read(bytes(state[TOKENIZER].numpy()).decode(), name))

    def numbers(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of the tokens of each text."""
        most = self.longest * CHARACTERS
        cut = [text[-most:] if self.last else text[:most] for text in texts]
        found = self.tokenizer.encode_batch(cut, add_special_tokens=self.special)
        return [one.ids for one in found]

    def pieces(self, texts: Sequence[str]) -> float:
        """Tokens for each word between spaces, signs aside: 1 where all words are known whole."""
        found = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        known = ("".join(filter(str.isalnum, token)) for one in found for token in one.tokens)
        return sum(map(bool, known)) / max(sum(len(text.split()) for text in texts), 1)

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """Itself: it computes nothing there."""
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, 1, longest) int64, `NOTHING` behind the last token."""
        rows = padded(self.numbers(texts), self.longest)
        return torch.from_numpy(rows[:, None].astype(np.int64))


def padded(numbers: Sequence[Sequence[int]], length: int = 1) -> np.ndarray:
    """B lists of token numbers to (B, L), `NOTHING` behind the last, L at least `length`.

    They are int16 where they fit, as those of English BERTs do, else int32: a pool has many.

    >>> padded([[5, 7], [], [9]]).tolist()
    [[5, 7], [-1, -1], [9, -1]]
    """
    length = max([length, *map(len, numbers)])
    largest = max((max(row, default=NOTHING) for row in numbers), default=NOTHING)
    fitting = np.int16 if largest <= np.iinfo(np.int16).max else np.int32
    rows = np.full((len(numbers), length), NOTHING, fitting)
    for row, own in zip(rows, numbers, strict=True):
        row[: len(own)] = own
    return rows


def _read(words: str, name: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UsageError(f"{name} needs tokenizers: pip install 'realmix[text]'.") from None
    return Tokenizer.from_str(words)
