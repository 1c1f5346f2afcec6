"""Labels of unknown quality: read beside the others, and what they are worth."""

from __future__ import annotations

import gzip
import json
import lzma

import numpy as np
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.data.reading.load import from_arrays, load
from realmix.data.weak import as_places, weak_names
from realmix.evaluate.intervals import wilson
from realmix.runs.pool.weak import with_worth

ROWS = [
    ("the team won the match", "sport", "Sport "),
    ("the bank and its shares", "money", "sport"),
    ("a goal of the league", "sport", ""),
    ("market profit of stocks", "money", "money"),
    ("some other words", "", "money"),
    ("and again some words", "", "nonsense"),
    ("yet more of the words", "", None),
]


def tickets(folder, suffix=""):
    lines = [json.dumps(dict(zip(("text", "label", "guess"), row, strict=True))) for row in ROWS]
    path = folder / f"tickets.jsonl{suffix}"
    opener = {"": open, ".xz": lzma.open, ".gz": gzip.open}[suffix]
    with opener(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return str(path)


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz"])
def test_a_column_of_weak_labels_is_read_and_no_text(tmp_path, suffix):
    found = load(tickets(tmp_path, suffix), weak_label_column="guess")
    assert found.columns == ("text",)
    assert found.classes == ("money", "sport")
    assert found.weak.tolist() == [1, 1, -1, 0, 0, -1, -1]
    assert any("'nonsense' 1" in note for note in found.notes)
    assert load(tickets(tmp_path, suffix)).weak is None


def test_what_weak_labels_are_worth_is_said_with_an_interval(tmp_path):
    found = with_worth(load(tickets(tmp_path), weak_label_column="guess"))
    facts = found.origin["weak_labels"]
    assert (facts["pool"], facts["compared"], facts["right"]) == (1, 3, 2)
    assert facts["accuracy"] == pytest.approx(2 / 3)
    assert facts["interval"] == list(wilson(2, 3))
    assert "2 right: 66.7%, 20.8% to 93.9%" in found.notes[-1]
    assert "worth nothing" in found.notes[-1]
    nothing = load(tickets(tmp_path))
    assert with_worth(nothing) is nothing


def test_rows_of_a_table_and_of_arrays_have_them_too(tmp_path):
    lines = [f"{i},{i % 2},{'ab'[i % 2] if i < 6 else ''},{'ab'[i % 2]}" for i in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["x,z,label,rule", *lines]))
    found = load(str(tmp_path / "t.csv"), weak_label_column="rule", feature_columns="x,z")
    assert found.inputs.shape == (12, 2)
    assert found.weak.tolist() == [0, 1] * 6
    given = from_arrays(np.eye(4), ["a", "b", None, None], weak_labels=["a", None, "b", "A"])
    assert given.weak.tolist() == [0, -1, 1, 0]
    with pytest.raises(DataError, match="3 weak labels for 4 rows"):
        from_arrays(np.eye(4), ["a", "b", None, None], weak_labels=["a", None, "b"])


def test_what_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no column 'gues'"):
        load(tickets(tmp_path), weak_label_column="gues")
    with pytest.raises(DataError, match=r"None of the weak labels \(x\) is a class \(a, b\)"):
        as_places(weak_names(["x", ""]), ("a", "b"))


def test_names_that_differ_by_case_alone_are_told_apart_by_it():
    places, notes = as_places(weak_names(["A", "a", " a", "B"]), ("A", "a", "b"))
    assert places.tolist() == [0, 1, 1, 2]
    assert notes == ()
    unsure, notes = as_places(weak_names(["ß", "SS", "b"]), ("ss", "Ss", "b"))
    assert unsure.tolist() == [-1, -1, 2]
    assert len(notes) == 1


@pytest.mark.parametrize(("text", "why"), [("a\0b", "NUL"), ("\ud800 a", "half of a character")])
def test_what_is_no_text_is_left_out_of_the_pool_and_refused_among_labels(tmp_path, text, why):
    rows = [*ROWS[:4], (text, "", ""), ("more words", "", "")]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps({"text": a, "label": b}) for a, b, _ in rows))
    found = load(str(path))
    assert len(found.inputs) == 5
    assert why in found.bad_files[0][1]
    rows[4] = (text, "sport", "")
    path.write_text("\n".join(json.dumps({"text": a, "label": b}) for a, b, _ in rows))
    with pytest.raises(DataError, match=why):
        load(str(path))
