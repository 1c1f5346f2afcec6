"""TF-IDF features against a dense computation of their definition."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter

import numpy as np
import pytest
import torch

from realmix.base.errors import DataError
from realmix.encoders.catalogue import recall_text, text_encoder
from realmix.encoders.texts.tfidf import LEAST, TfidfEncoder

SPORT = ["goal", "match", "team", "coach", "league", "striker"]
MONEY = ["bank", "shares", "market", "profit", "stocks", "trade"]


def texts(count: int = 80, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice((SPORT, MONEY)[i % 2], 5)) for i in range(count)]


def terms(text: str, form: str) -> Counter[str]:
    words = re.findall(r"\w+", text.lower())
    if form == "words":
        return Counter([*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))])
    padded = [f" {word} " for word in words]
    found = Counter[str]()
    for word in padded:
        for n in (3, 4, 5):
            found.update(word[i : i + n] for i in range(len(word) - n + 1))
            if len(word) <= n:  # shorter words count once
                break
    return found


def test_features_are_their_definition() -> None:
    given = texts()
    encoder, columns = TfidfEncoder.fit(given), []
    for form in ("words", "characters"):
        counts = [terms(text, form) for text in given]
        documents = Counter(term for count in counts for term in count)
        known = sorted(term for term, number in documents.items() if number >= 2)
        assert known == encoder.vectorizers[form].get_feature_names_out().tolist()
        idf = {term: math.log((1 + len(given)) / (1 + documents[term])) + 1 for term in known}
        rows = np.array(
            [[(1 + math.log(c[t])) * idf[t] if c[t] else 0 for t in known] for c in counts]
        )
        columns.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    projected = np.concatenate(columns, 1) @ encoder.projection.double().numpy()
    expected = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    found = encoder.encode(given).double().numpy()
    np.testing.assert_allclose(found, expected * math.sqrt(found.shape[1]), atol=3e-3)


def test_topics_are_told_apart() -> None:
    encoder = TfidfEncoder.fit(texts())
    features = encoder.encode(texts(40, seed=1)).float().numpy()
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike = features @ features.T
    same = np.equal.outer(np.arange(40) % 2, np.arange(40) % 2)
    assert alike[same].mean() > alike[~same].mean() + 0.3


def test_it_is_restored_whole() -> None:
    encoder = TfidfEncoder.fit(texts())
    again = recall_text(encoder.reference, encoder.state, "This model")
    assert again.reference == encoder.reference
    assert torch.equal(again.encode(texts(9, 2)), encoder.encode(texts(9, 2)))


def test_the_fingerprint_is_of_the_texts() -> None:
    first, again = (TfidfEncoder.fit(texts()).reference for _ in range(2))
    assert first == again
    assert TfidfEncoder.fit(texts(seed=5)).reference.fingerprint != first.fingerprint
    assert first.dimension == max(LEAST, 80 // 8)


def test_what_has_no_known_word_is_zero() -> None:
    features = TfidfEncoder.fit(texts()).encode(["", "ξξξ", "goal"])
    assert not features[:2].any()
    assert features[2].float().norm() == pytest.approx(math.sqrt(features.shape[1]), rel=1e-3)


@pytest.mark.parametrize("given", [["!", "?"], ["", ""], ["abc", "xyz"]])
def test_texts_without_a_common_word_are_refused(given: list[str]) -> None:
    with pytest.raises(DataError, match="--encoder minilm"):
        text_encoder("tfidf", given)


def test_words_that_no_space_parts_have_characters_in_common() -> None:
    chinese = ["今天股市大幅上涨", "昨天股市大幅下跌", "球队赢得比赛冠军", "球队输掉比赛决赛"]
    encoder = TfidfEncoder.fit(chinese)
    again = recall_text(encoder.reference, encoder.state, "This model")
    found = again.encode(chinese).float()
    alike = found @ found.T
    assert min(alike[0, 1], alike[2, 3]) > max(alike[0, 2], alike[1, 3]) + 0.5


def test_one_long_word_does_not_stop_it() -> None:
    features = TfidfEncoder.fit([*texts(), "a" * 10_000_000]).encode(["b" * 10_000_000])
    assert not features.any()
