"""Views of texts: functions of seed, text and number; translations where there are any."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path

import pytest

from realmix.augment.texts.text_views import (
    LONGEST,
    SYNONYMS,
    known_synonyms,
    read_synonyms,
    same_views,
    text_views,
)
from realmix.augment.texts.words import words_of
from realmix.base.errors import DataError

TEXTS = [f"the story of number {i} tells of the {i} wonders of the world" for i in range(30)]


def test_views_follow_from_seed_key_and_number() -> None:
    first, again = (text_views(TEXTS, 5, 3, {}) for _ in range(2))
    other = text_views(TEXTS, 5, 4, {})
    assert first(TEXTS[0], -7) == again(TEXTS[0], -7)
    assert first(TEXTS[0], -7) != other(TEXTS[0], -7)
    assert first(TEXTS[0], -7) != first(TEXTS[0], 8)
    assert len(set(first(TEXTS[0], 1))) > 3
    # the first of two views is drawn as the first of five is
    assert text_views(TEXTS, 2, 3, {})(TEXTS[0], 1)[0] == first(TEXTS[0], 1)[0]


def test_weak_views_change_little_and_strong_ones_much() -> None:
    views = text_views(TEXTS, 4, 0, {})
    lost = [0.0] * 4
    for key, text in enumerate(TEXTS):
        words = words_of(text)
        for number, view in enumerate(views(text, key)):
            kept = sum(word in words_of(view) for word in words)
            lost[number] += 1 - kept / len(words)
    assert max(lost[:2]) < 0.2 * len(TEXTS)
    assert min(lost[2:]) > max(lost[:2])


def test_translations_are_the_strong_views_and_then_their_weak_ones() -> None:
    there = {TEXTS[0]: ["first copy of it", "second copy of it"]}
    made = text_views(TEXTS, 6, 0, {}, there)(TEXTS[0], 5)
    assert made[3:5] == there[TEXTS[0]]
    assert set(words_of(made[5])) <= {"first", "copy", "of", "it"}  # a weak view of the first
    untranslated = text_views(TEXTS, 6, 0, {}, there)(TEXTS[1], 5)
    assert untranslated == text_views(TEXTS, 6, 0, {})(TEXTS[1], 5)


def test_a_view_is_never_empty() -> None:
    views = text_views(["word", "!", "a b"], 8, 0, {})
    for text in ("word", "!", "a b", "\u200b"):
        assert all(views(text, 1))
    assert same_views(3)("a text", 0) == ["a text"] * 3


def test_huge_texts_keep_their_ends() -> None:
    views = text_views(TEXTS, 2, 0, {})
    text = "start " + "x" * 10_000_000 + " finish"
    assert all(len(view) < 2 * LONGEST for view in views(text, 0))


def test_synonyms_of_the_commonest_sense(tmp_path: Path) -> None:
    entries = [
        {"word": "big", "pos": "a", "synonyms": ["large", "grown"], "n_first": 1},
        {"word": "big", "pos": "r", "synonyms": ["boastfully"], "n_first": 1},
        {"word": "rare", "pos": "a", "synonyms": ["uncommon"], "n_first": 0},
        {"word": "hot dog", "pos": "n", "synonyms": ["frank"], "n_first": 1},
    ]
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    plain, packed = tmp_path / "s.jsonl", tmp_path / "s.jsonl.xz"
    plain.write_text(lines)
    packed.write_bytes(lzma.compress(lines.encode()))
    assert read_synonyms(plain) == read_synonyms(packed) == {"big": ("large",)}
    packed.write_bytes(b"no archive")
    with pytest.raises(DataError, match="no file of synonyms"):
        read_synonyms(packed)


def test_a_file_of_synonyms_is_read_once_until_it_changes(tmp_path: Path) -> None:
    def write(other: str, changed: int) -> None:
        entry = {"word": "big", "synonyms": [other], "n_first": 1}
        file.write_bytes(lzma.compress(json.dumps(entry).encode()))
        os.utime(file, ns=(changed, changed))

    file = tmp_path / SYNONYMS
    assert known_synonyms(str(tmp_path)) == {}
    write("large", 1)
    first = known_synonyms(str(tmp_path))
    assert first == {"big": ("large",)}
    assert known_synonyms(str(tmp_path)) is first
    write("grown", 2)
    assert known_synonyms(str(tmp_path)) == {"big": ("grown",)}
