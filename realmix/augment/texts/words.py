"""Changes of a text's words: replacement by TF-IDF, deletion, swaps, synonyms.

Replacement of uninformative words is that of Unsupervised Data Augmentation (Xie et al., 2020,
appendix B). With s_i = tf(w_i) idf(w_i) in a text of n words, idf(w) = ln(N / df(w)):

    P(word i is replaced) = min(1, p n (max_j s_j - s_i) / sum_j (max s - s_j))
    P(by word w)          proportional to max_v S(v) - S(w),  S(w) = sum over texts of tf(w) idf(w)

so uninformative words take the place of uninformative words. Deletion, swaps and synonyms are those
of EDA (Wei and Zou, 2019).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")
Words = list[str]


def words_of(text: str) -> Words:
    """Words and single marks; what joins them by spaces is nearly the text.

    >>> words_of("Don't panic, it's a well-known trick.")
    ["Don't", 'panic', ',', "it's", 'a', 'well-known', 'trick', '.']
    """
    return _WORD.findall(text)


@dataclass(frozen=True)
class Corpus:
    """How informative words are, from many texts. Words are taken without case.

    Attributes:
        idf: ln(N / df) of each word.
        words: (V,) all of them.
        shares: (V,) float64, the cumulative chances with which they are drawn.
    """

    idf: Mapping[str, float]
    words: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[Words]) -> Self:
        """Count the words of N texts."""
        lower = [[word.lower() for word in text] for text in texts]
        documents = Counter(word for text in lower for word in set(text))
        idf = {word: math.log(len(lower) / count) for word, count in documents.items()}
        sums = dict.fromkeys(idf, 0.0)
        for text in lower:
            for word in text:
                sums[word] += idf[word] / len(text)
        weights = np.array(list(sums.values()))
        weights = weights.max(initial=0.0) - weights
        if not weights.sum() > 0:  # all words tell as much
            weights = np.ones_like(weights)
        words = np.array(list(sums), object)
        return cls(
            idf, words, np.cumsum(weights / max(weights.sum(), 1)) if len(words) else weights
        )

    def scores(self, words: Words) -> np.ndarray:
        """(n,) s_i = tf idf of each word of a text; a word of no text has idf 0."""
        lower = [word.lower() for word in words]
        count = Counter(lower)
        found: np.ndarray = np.array([count[w] / len(lower) * self.idf.get(w, 0.0) for w in lower])
        return found

    def draw(self, rng: np.random.Generator, count: int) -> Words:
        """So many words, uninformative ones more often."""
        place = np.searchsorted(self.shares, rng.random(count) * self.shares[-1], "right")
        return list(self.words[np.minimum(place, len(self.words) - 1)])


def replacement_probabilities(scores: np.ndarray, p: float) -> np.ndarray:
    """UDA's chance that each word is replaced.

    Args:
        scores: (n,) TF-IDF of the words of a text.
        p: share of the words that are replaced on average, in [0, 1].

    Returns:
        (n,) in [0, 1]; 0 where all scores are equal, as the published code has it.

    Example:
        >>> replacement_probabilities(np.array([.9, .1, .4, .1]), .7).round(4).tolist()
        [0.0, 1.0, 0.6667, 1.0]
    """
    behind = scores.max(initial=-np.inf) - scores
    total = behind.sum()
    if not total > 0:
        return np.zeros(len(scores))
    chances: np.ndarray = np.minimum(1.0, p * len(scores) * behind / total)
    return chances


def replaced(words: Words, corpus: Corpus, p: float, rng: np.random.Generator) -> Words:
    """UDA's TF-IDF replacement; see the module."""
    chosen = rng.random(len(words)) < replacement_probabilities(corpus.scores(words), p)
    drawn = iter(corpus.draw(rng, int(chosen.sum()))) if chosen.any() else iter(())
    return [next(drawn) if chosen[i] else word for i, word in enumerate(words)]


def deleted(words: Words, p: float, rng: np.random.Generator) -> Words:
    """Each word left out with chance p; one is always kept."""
    kept = rng.random(len(words)) >= p
    left = [word for word, stays in zip(words, kept, strict=True) if stays]
    return left or ([words[int(rng.integers(len(words)))]] if words else [])


def swapped(words: Words, p: float, rng: np.random.Generator) -> Words:
    """round(p n) times, two words change places."""
    changed = list(words)
    for _ in range(round(p * len(words)) if len(words) > 1 else 0):
        i, j = rng.choice(len(words), 2, replace=False)
        changed[i], changed[j] = changed[j], changed[i]
    return changed


def with_synonyms(
    words: Words, synonyms: Mapping[str, Sequence[str]], p: float, rng: np.random.Generator
) -> Words:
    """Each word that has synonyms replaced with chance p by one of them, written as it was."""
    chosen = rng.random(len(words)) < p
    return [
        _like(word, synonyms[word.lower()], rng)
        if chosen[i] and synonyms.get(word.lower())
        else word
        for i, word in enumerate(words)
    ]


def _like(word: str, others: Sequence[str], rng: np.random.Generator) -> str:
    other = others[int(rng.integers(len(others)))]
    return other.capitalize() if word[:1].isupper() else other
