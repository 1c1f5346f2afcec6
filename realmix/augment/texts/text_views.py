"""Views of texts: what "weak" and "strong" mean for them.

weak    a tenth of the words left out, or swapped, or replaced by synonyms, where there are any
strong  seven tenths of the words replaced by others that tell as little (UDA); or a translation
        there and back, further views of which are weak views of it
"""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from realmix.augment.texts.words import Corpus, deleted, replaced, swapped, with_synonyms, words_of
from realmix.base.errors import DataError
from realmix.base.randomness import derive
from realmix.base.wording import printable
from realmix.data.encoded import num_weak

VIEWS = 42  # stream of randomness
WEAK, STRONG = 0.1, 0.7  # share of the words that change
SYNONYMS = "wordnet_synonyms.jsonl.xz"
LONGEST = 20_000  # characters that are changed; of more the two ends are kept

Translated = Mapping[str, Sequence[str]]
"""Of texts, their translations there and back."""


@dataclass(frozen=True)
class TextViews:
    """What is made of a text.

    Attributes:
        corpus: of the texts that are learned from.
        count: of views, of which the first half is weak and the rest is strong.
        seed: of the run.
        synonyms: of lower-case words.
        translated: instead of replaced words, these.
    """

    corpus: Corpus
    count: int
    seed: int
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    translated: Translated = field(default_factory=dict)

    def __call__(self, text: str, key: int) -> list[str]:
        """All views of a text; they follow from the seed, its key and the number of the view."""
        weak = num_weak(self.count)
        return [
            self._weak(text, self._rng(number, key))
            if number < weak
            else self._strong(text, number - weak, self._rng(number, key))
            for number in range(self.count)
        ]

    def _rng(self, number: int, key: int) -> np.random.Generator:
        return np.random.default_rng((derive(self.seed, VIEWS, number), key % 2**64))

    def _weak(self, text: str, rng: np.random.Generator) -> str:
        words = words_of(_ends(text))
        kind = int(rng.integers(3 if self.synonyms else 2))
        if kind == 2:
            return " ".join(with_synonyms(words, self.synonyms, 2 * WEAK, rng)) or text
        return " ".join((deleted, swapped)[kind](words, WEAK, rng)) or text

    def _strong(self, text: str, number: int, rng: np.random.Generator) -> str:
        found = self.translated.get(text, ())
        if found:
            copy = found[number % len(found)]
            return copy if number < len(found) else self._weak(copy, rng)
        return " ".join(replaced(words_of(_ends(text)), self.corpus, STRONG, rng)) or text


def text_views(
    texts: Sequence[str],
    count: int,
    seed: int,
    synonyms: Mapping[str, Sequence[str]],
    translated: Translated | None = None,
) -> TextViews:
    """The views of texts, whose words are counted for it."""
    corpus = Corpus.of([words_of(_ends(text)) for text in texts])
    return TextViews(corpus, count, seed, synonyms, translated or {})


def same_views(count: int) -> Callable[[str, int], list[str]]:
    """No augmentation: every view is the text."""
    return lambda text, key: [text] * count


def _ends(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} {text[-half:]}"


def known_synonyms(data_root: str | None) -> Mapping[str, tuple[str, ...]]:
    """Those of the file `SYNONYMS` in the folder of data sets; none where it is not there.

    Args:
        data_root: the folder; by default the variable REALMIX_DATA.
    """
    root = data_root or os.environ.get("REALMIX_DATA")
    file = Path(root) / SYNONYMS if root else None
    return _unchanged(file, file.stat().st_mtime_ns) if file and file.is_file() else {}


@lru_cache(maxsize=1)
def _unchanged(path: Path, changed: int) -> Mapping[str, tuple[str, ...]]:
    """Read once, for it takes half a second and each training of a run asks."""
    return read_synonyms(path)


def read_synonyms(path: Path) -> dict[str, tuple[str, ...]]:
    """Synonyms of single words, those of their commonest sense.

    Args:
        path: JSON lines with the keys word, synonyms and n_first (how many of them are of the
            commonest sense), compressed where the name ends in .xz.

    Raises:
        DataError: it is no such file.
    """
    found: dict[str, tuple[str, ...]] = {}
    try:
        opener = lzma.open if path.suffix == ".xz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                first = tuple(entry["synonyms"][: entry["n_first"]])
                if first and " " not in entry["word"]:
                    found.setdefault(entry["word"], first)
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        raise DataError(
            f"'{printable(path)}' is no file of synonyms: {printable(error)}."
        ) from None
    return found
