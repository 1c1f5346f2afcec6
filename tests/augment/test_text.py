"""UDA's TF-IDF replacement against its worked example and loops; deletion, swaps, synonyms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.augment.texts.words import (
    Corpus,
    deleted,
    replaced,
    replacement_probabilities,
    swapped,
    with_synonyms,
    words_of,
)

TEXTS = [
    ["the", "cat", "sat", "on", "the", "mat"],
    ["The", "dog", "sat"],
    ["a", "dog", "and", "the", "cat"],
    ["zebras"],
]
WORDS = st.lists(st.sampled_from(["the", "cat", "dog", "sat", "mat", "unseen"]), max_size=12)


def test_the_worked_example() -> None:
    chances = replacement_probabilities(np.array([0.9, 0.1, 0.4, 0.1]), 0.7)
    # 0.7 * 4 / 2.1 of [0, 0.8, 0.5, 0.8], the second and fourth above 1
    np.testing.assert_allclose(chances, [0, 1, 2 / 3, 1], rtol=1e-12)
    small = replacement_probabilities(np.array([0.9, 0.1, 0.4, 0.1]), 0.3)
    np.testing.assert_allclose(small, np.array([0, 0.8, 0.5, 0.8]) * 0.3 * 4 / 2.1, rtol=1e-12)


@given(st.lists(st.floats(0, 5), min_size=2, max_size=20), st.floats(0, 1))
def test_chances_sum_to_p_n_where_none_is_cut(scores: list[float], p: float) -> None:
    chances = replacement_probabilities(np.array(scores), p)
    assert chances.min() >= 0
    assert chances.max() <= 1
    assert chances[int(np.argmax(scores))] == 0  # the most informative word stays
    if chances.max() < 1 and chances.any():
        assert chances.sum() == pytest.approx(p * len(scores))


def test_equal_scores_change_nothing() -> None:
    assert replacement_probabilities(np.array([0.2, 0.2]), 1.0).tolist() == [0, 0]
    assert replacement_probabilities(np.array([0.2]), 1.0).tolist() == [0]
    assert replacement_probabilities(np.zeros(0), 1.0).tolist() == []


def test_counts_are_those_of_loops() -> None:
    corpus = Corpus.of(TEXTS)
    lower = [[word.lower() for word in text] for text in TEXTS]
    idf, sums = {}, dict[str, float]()
    for word in {word for text in lower for word in text}:
        idf[word] = math.log(4 / sum(word in text for text in lower))
    for text in lower:
        for word in text:
            sums[word] = sums.get(word, 0) + idf[word] / len(text)
    assert corpus.idf == pytest.approx(idf)
    weight = {word: max(sums.values()) - value for word, value in sums.items()}
    total = sum(weight.values())
    chances = np.diff(corpus.shares, prepend=0)
    for word, chance in zip(corpus.words, chances, strict=True):
        assert chance == pytest.approx(weight[word] / total)
    scores = corpus.scores(["The", "the", "cat", "unseen"])
    expected = [2 / 4 * math.log(4 / 3)] * 2 + [1 / 4 * math.log(2), 0]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_words_are_drawn_by_their_chances() -> None:
    corpus, count = Corpus.of(TEXTS), 20_000
    drawn = corpus.draw(np.random.default_rng(0), count)
    shares = dict(zip(corpus.words, np.diff(corpus.shares, prepend=0), strict=True))
    for word in corpus.words:
        tolerance = 4 * math.sqrt(shares[word] * (1 - shares[word]) / count) + 1e-9
        assert abs(drawn.count(word) / count - shares[word]) < tolerance
    assert drawn.count("zebras") == 0  # the word that tells most is never drawn


def test_words_are_replaced_as_often_as_their_chances_say() -> None:
    corpus, text = Corpus.of(TEXTS), ["the", "zebras", "sat"]
    chances = replacement_probabilities(corpus.scores(text), 0.5)
    rng = np.random.default_rng(1)
    # a drawn word can be the same, so what is counted is a word that no text has
    fresh = Corpus(corpus.idf, np.array(["new"], object), np.array([1.0]))
    changed = np.array([[w == "new" for w in replaced(text, fresh, 0.5, rng)] for _ in range(4000)])
    np.testing.assert_allclose(changed.mean(0), chances, atol=0.03)


def test_one_kind_of_word_is_a_corpus_too() -> None:
    corpus = Corpus.of([["a"], ["a"]])
    assert corpus.draw(np.random.default_rng(0), 3) == ["a", "a", "a"]
    assert replaced([], corpus, 0.7, np.random.default_rng(0)) == []


@given(WORDS, st.integers(0, 99))
def test_deletion_keeps_order_and_one_word(words: list[str], seed: int) -> None:
    left = deleted(words, 0.9, np.random.default_rng(seed))
    assert bool(left) == bool(words)
    rest = iter(words)
    assert all(word in rest for word in left)


def test_deletion_leaves_out_the_share_that_is_asked_for() -> None:
    words = ["w"] * 10_000
    assert len(deleted(words, 0.1, np.random.default_rng(0))) == pytest.approx(9000, abs=120)
    assert deleted(words, 0.0, np.random.default_rng(0)) == words


@given(WORDS, st.integers(0, 99))
def test_swaps_keep_the_words(words: list[str], seed: int) -> None:
    assert sorted(swapped(words, 0.5, np.random.default_rng(seed))) == sorted(words)


def test_one_swap_moves_two_words() -> None:
    words = [str(i) for i in range(10)]
    changed = swapped(words, 0.1, np.random.default_rng(0))
    assert sum(a != b for a, b in zip(words, changed, strict=True)) == 2


def test_synonyms_are_written_as_the_word_was() -> None:
    table = {"big": ("large",), "dog": ()}
    rng = np.random.default_rng(0)
    assert with_synonyms(["Big", "big", "dog"], table, 1.0, rng) == ["Large", "large", "dog"]
    assert with_synonyms(["big"], table, 0.0, rng) == ["big"]


def test_words_in_scripts_and_marks() -> None:
    assert words_of("Ça va? Да-да, 3.5%") == ["Ça", "va", "?", "Да-да", ",", "3", ".", "5", "%"]
    assert words_of(" \n ") == []
