"""Texts from tables, JSON lines, folders, files and Python: what is taken, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays, load
from realmix.data.texts.files import read_lines
from realmix.data.texts.given import given_texts


def table(file: Path, header: str, cells: str, labels: str = "ab", rows: int = 8) -> Path:
    """`cells` with the row's number in it; the last two rows have no label."""
    lines = [f"{cells.format(i=i)},{labels[i % 2] if i < rows - 2 else ''}" for i in range(rows)]
    file.write_text("\n".join([f"{header},label", *lines]) + "\n", encoding="utf-8")
    return file


def jsonl(file: Path, *objects: object) -> Path:
    file.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("header", "cells", "columns"),
    [
        ("text", "some words {i}", ("text",)),
        ("id,Review", "{i},some words {i}", ("Review",)),
        ("title,body", "Title {i},the words {i}", ("title", "body")),
        ("stars,text", "{i},word", ("text",)),  # a name that says it wins over numbers
        ("id,opinion", "{i},they liked it {i}", ("opinion",)),  # the only one with words
    ],
)
def test_columns_of_texts_are_found(
    tmp_path: Path, header: str, cells: str, columns: tuple[str, ...]
) -> None:
    dataset = load(str(table(tmp_path / "t.csv", header, cells)))
    assert dataset.is_texts
    assert dataset.columns == columns
    assert dataset.preset == "words"
    assert (dataset.label < 0).sum() == 2
    assert any("Texts are column" in note for note in dataset.notes)


def test_a_column_that_begins_with_a_number_is_text_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\n42,a\nsome words,b\nmore of them,a\nand,b\n")
    assert load(str(tmp_path / "t.csv")).inputs[0] == "42"


def test_several_columns_are_joined_and_said(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", "id,a,b", "{i},first {i},")
    dataset = load(str(file), text_column="b,a")
    assert dataset.inputs[3] == "first 3"  # an empty cell leaves no gap
    assert "Texts are columns 'b' and 'a', joined" in dataset.notes[0]
    assert "not used beside the texts: id" in dataset.notes[1]
    both = load(str(table(tmp_path / "u.csv", "a,b", "first {i},second {i}")), text_column="b,a")
    assert both.inputs[3] == "second 3\nfirst 3"


def test_what_is_called_a_text_and_holds_codes_does_not_hide_the_other_columns(
    tmp_path: Path,
) -> None:
    file = table(tmp_path / "t.csv", "size,comment", "{i}.5,id-{i}", rows=30)
    dataset = load(str(file))
    assert dataset.columns == ("size",)
    assert any("'comment' has 30 values in 30 rows" in note for note in dataset.notes)
    file = table(tmp_path / "t.csv", "size,comment", "{i}.5,very good {i}")
    dataset = load(str(file))
    assert dataset.columns == ("comment",)
    assert any("instead: --drop-columns 'comment'" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("name,age", "Mr. Owen {i} Harris,{i}.5"),  # words beside numbers: which are meant?
    ],
)
def test_what_could_be_something_else_is_asked(tmp_path: Path, header: str, cells: str) -> None:
    file = table(tmp_path / "t.csv", header, cells)
    with pytest.raises(DataError, match=r"alone \(--text-column 'name'\), leave it out"):
        load(str(file))
    assert load(str(file), text_column=header.split(",")[0]).is_texts


def test_a_few_values_of_several_words_are_categories(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", "colour,size", "dark red thing,very large thing")
    assert not load(str(file)).is_texts
    assert load(str(file), text_column="colour").is_texts


def test_wishes_that_do_not_fit(tmp_path: Path) -> None:
    file = str(table(tmp_path / "t.csv", "text", "some words {i}"))
    with pytest.raises(UsageError, match=r"no column 'txt'.*Did you mean 'text'"):
        load(file, text_column="txt")
    with pytest.raises(UsageError, match="not two"):
        load(file, text_column="text", drop_columns="id")


def test_json_lines(tmp_path: Path) -> None:
    rows = [{"text": f"words\u2028of {i}", "label": i % 2 if i < 6 else None} for i in range(8)]
    dataset = load(str(jsonl(tmp_path / "t.jsonl", *rows)))
    assert dataset.inputs.tolist() == [row["text"] for row in rows]
    assert dataset.label.tolist() == [0, 1, 0, 1, 0, 1, -1, -1]
    assert dataset.names is not None
    assert dataset.names[7].endswith("t.jsonl:8")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a", "label": 1}\n{"text": \n', r"line 2: no JSON"),
        ('["a"]\n', r"line 1: .* is no object"),
        ('{"text": "a", "label": [1, "b"]}\n', r"line 1: 'label' holds several values"),
        ('{"a": {"b": 1}, "a.b": 2}\n', r"line 1: two values are named 'a.b'"),
        ("\n\n", "has no rows"),
        ("[" * 100_000 + "\n", r"line 1: (no JSON|JSON in JSON)"),
    ],
)
def test_broken_json_is_named_by_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises(DataError, match=said):
        load(str(tmp_path / "t.jsonl"))


def test_other_encodings_are_said_by_line(tmp_path: Path) -> None:
    rows = [f'{{"text": "caf\u00e9 {i}", "label": "{"ab"[i % 2]}"}}' for i in range(6)]
    file = tmp_path / "t.jsonl"
    file.write_bytes("\n".join(["", *rows]).encode("latin-1"))
    dataset = load(str(file))
    assert dataset.inputs[0] == "caf\u00e9 0"
    assert any("not UTF-8 (see line 2)" in note for note in dataset.notes)
    file.write_bytes("\n".join(rows).encode("utf-16"))
    assert load(str(file)).inputs[5] == "caf\u00e9 5"


def folder(place: Path) -> Path:
    for i in range(9):
        inner = place / ("good", "bad", "unlabeled")[i % 3]
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"{i}.txt").write_text(f"a {inner.name} text, number {i}\n")
    return place


def test_folders_of_texts(tmp_path: Path) -> None:
    dataset = load(str(folder(tmp_path / "f")))
    assert dataset.is_texts
    assert dataset.classes == ("bad", "good")
    assert dataset.inputs[0] == "a bad text, number 1"
    assert (dataset.label < 0).sum() == 3


@pytest.mark.parametrize(
    "name", ["49960", "00001.7c53336b37003a9286aba55d2945844c", "12.", "7.123", "a.md", "a.TEXT"]
)
def test_messages_whose_names_say_no_kind_are_texts(tmp_path: Path, name: str) -> None:
    """As 20 newsgroups, SpamAssassin's and Enron's are."""
    for i, inner in enumerate(["good", "bad", "unlabeled"] * 2):
        place = tmp_path / inner / str(i)
        place.mkdir(parents=True)
        (place / name).write_bytes(f"From: caf\u00e9 {i}\n\x1a".encode("latin-1") + b"words " * 30)
    data = load(str(tmp_path))
    assert data.is_texts
    assert data.classes == ("bad", "good")
    assert len(data.inputs) == 6


@pytest.mark.parametrize("content", [b"", b" \n", b"RIFF\0\0words", bytes(range(1, 32)) * 9])
def test_other_files_without_a_kind_are_no_texts(tmp_path: Path, content: bytes) -> None:
    for i, inner in enumerate(["good", "bad"]):
        (tmp_path / inner).mkdir()
        (tmp_path / inner / f"{i}").write_bytes(content)
    with pytest.raises(DataError, match="no images and no texts"):
        load(str(tmp_path))


def test_files_of_another_kind_are_named(tmp_path: Path) -> None:
    for inner in ("good", "bad"):
        (tmp_path / inner).mkdir()
        (tmp_path / inner / "1.pdf").write_bytes(b"%PDF")
    with pytest.raises(DataError, match=r"no texts in '.*', but 2 files that end in '.pdf'. Exp"):
        load(str(tmp_path))


def test_broken_texts_of_the_pool_are_left_out_and_labeled_ones_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "f")
    (place / "unlabeled" / "nul.txt").write_bytes(b"a\0b")
    (place / "unlabeled" / "empty.txt").write_text(" \n")
    (place / "unlabeled" / "picture.png").write_bytes(b"\x89PNG")
    dataset = load(str(place))
    reasons = dict(dataset.bad_files)
    assert {Path(name).name: why for name, why in reasons.items()} == {
        "nul.txt": "a NUL byte, so no text",
        "empty.txt": "an empty text",
        "picture.png": "no text file",
    }
    (place / "good" / "nul.txt").write_bytes(b"a\0b")
    with pytest.raises(DataError, match=r"1 of the labeled texts cannot be read:\n.*nul\.txt"):
        load(str(place))
    assert len(load(str(place), skip_bad=True).inputs) == len(dataset.inputs)


def test_pool_and_test_may_be_of_another_form(tmp_path: Path) -> None:
    main = table(tmp_path / "t.csv", "text", "some words {i}")
    (tmp_path / "pool.txt").write_text("one line\n\nanother line\n")
    exam = jsonl(tmp_path / "test.jsonl", {"text": "a test", "label": "b"})
    dataset = load(str(main), unlabeled=str(tmp_path / "pool.txt"), test=str(exam))
    assert dataset.inputs[-2:].tolist() == ["one line", "another line"]
    assert dataset.test_inputs is not None
    assert dataset.test_inputs.tolist() == ["a test"]
    numbers = table(tmp_path / "n.csv", "x", "{i}")
    with pytest.raises(DataError, match="The data are feature rows, but the pool holds texts"):
        load(str(numbers), unlabeled=str(tmp_path / "pool.txt"))
    with pytest.raises(UsageError, match="no column 'text'"):
        load(str(main), unlabeled=str(numbers))


def test_translations_come_along(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", "text,backtranslated", "some words {i},other words {i}")
    dataset = load(str(file))
    assert dataset.columns == ("text",)
    assert dataset.translated is not None
    assert dataset.translated[2] == "other words 2"
    (tmp_path / "pool.txt").write_text("one line\n")
    more = load(str(file), unlabeled=str(tmp_path / "pool.txt"))
    assert more.translated is not None
    assert more.translated[-1] == ""


def test_twins_among_labels_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"only in case.*'Good'.*'good'"):
        load(str(table(tmp_path / "t.csv", "text", "words {i}", labels=("Good", "good"))))  # type: ignore[arg-type]


def test_lines_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_text("one\n  \n three \n")
    assert read_lines(file).names == (f"{file}:1", f"{file}:3")
    file.write_text("one\ntw\0o\n")
    with pytest.raises(DataError, match="line 2: a NUL byte"):
        read_lines(file)
    file.write_text(" \n")
    with pytest.raises(DataError, match="no text in it"):
        read_lines(file)


def test_lines_with_labels_as_fasttext_has_them(tmp_path: Path) -> None:
    file, pool = tmp_path / "train.txt", tmp_path / "pool.txt"
    file.write_text(
        "__label__b one two\n__label__a\tthree\n\n__label__a four __label__c\n__label__b 5\nsix\n"
    )
    pool.write_text("__label__a seven\neight\n")
    data = load(str(file), unlabeled=str(pool))
    assert texts_of(data) == ["one two", "three", "four __label__c", "5", "six", "seven", "eight"]
    assert data.classes == ("a", "b")
    assert data.label.tolist() == [1, 0, 0, 1, -1, -1, -1]
    assert data.names is not None
    assert data.names[2] == f"{file}:4"
    for line in ("__label__a __label__b both", "__label__a", "__label__"):
        file.write_text(f"__label__a one\n{line}\n")
        with pytest.raises(DataError, match=r"line 2: '__label__.*Expected one __label__NAME"):
            load(str(file))
    file.write_text("one\ntwo\n")
    with pytest.raises(DataError, match=r"No line .* begins with __label__NAME.*--unlabeled"):
        load(str(file))


@pytest.mark.parametrize("orient", ["columns", "split", "records", "index"])
@pytest.mark.parametrize("count", [3, 12])
def test_json_as_pandas_writes_it(tmp_path: Path, orient: str, count: int) -> None:
    pandas = pytest.importorskip("pandas")
    labels = ["x", "y", *[None] * (count - 2)]
    numbers = {"a": [i + 0.5 for i in range(count)], "b": [(i * i) % 7 for i in range(count)]}
    frame = pandas.DataFrame({**numbers, "label": labels})
    frame.to_json(tmp_path / "t.json", orient=orient)
    if orient == "index" and count == 3:  # as many rows as columns: they are taken for columns
        with pytest.raises(UsageError, match="no label column 'label'; its columns are 0, 1, 2"):
            load(str(tmp_path / "t.json"))
        return
    data = load(str(tmp_path / "t.json"))
    assert data.inputs.T.tolist() == list(numbers.values())
    assert data.label.tolist() == [0, 1, *[-1] * (count - 2)]


def test_rows_by_their_names_may_lack_cells(tmp_path: Path) -> None:
    rows = {f"-N{i}x": {"text": f"words of {i}", "label": "ab"[i % 2]} for i in range(4)}
    del rows["-N3x"]["label"]
    (tmp_path / "t.json").write_text(json.dumps(rows, indent=1))
    data = load(str(tmp_path / "t.json"))
    assert data.inputs[3] == "words of 3"
    assert data.label.tolist() == [0, 1, 0, -1]


def test_the_rows_may_be_a_list_in_an_object(tmp_path: Path) -> None:
    rows = [{"text": f"words of {i}", "label": "ab"[i % 2]} for i in range(4)]
    (tmp_path / "t.json").write_text(json.dumps({"version": 1, "data": rows}, indent=1))
    assert load(str(tmp_path / "t.json")).label.tolist() == [0, 1, 0, 1]
    (tmp_path / "t.json").write_text(json.dumps({"data": rows, "more": rows}))
    with pytest.raises(UsageError, match="no label column"):
        load(str(tmp_path / "t.json"))


def texts_of(dataset: Dataset) -> list[str]:
    return list(dataset.inputs)


def test_texts_from_python() -> None:
    words = [f"words {i}" for i in range(4)]
    y = ["a", "b", "a", ""]
    assert texts_of(from_arrays(words, y)) == words
    assert texts_of(from_arrays(np.array(words), y)) == words
    assert texts_of(from_arrays(np.array(words, object), y)) == words
    assert given_texts([[1.0], [2.0]]) is None
    assert given_texts(np.array([1.0, 2.0])) is None
    with pytest.raises(DataError, match=r"X\[1\] is None"):
        from_arrays(["words", None, "more", "still"], y)
    with pytest.raises(DataError, match=r"1 of 4 texts hold .* row 2 \(an empty text\)"):
        from_arrays(["words", "more", " ", "still"], y)


def test_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": [1, 2], "title": ["T", None], "text": ["a b", "c d"]})
    found = given_texts(frame)
    assert found is not None
    assert found.texts.tolist() == ["T\na b", "c d"]
    assert found.columns == ("title", "text")
    assert given_texts(pandas.DataFrame({"x": [1.0, 2.0]})) is None
    series = given_texts(frame["text"])
    assert series is not None
    assert series.texts.tolist() == ["a b", "c d"]
    with pytest.raises(DataError, match="no column 'body'"):
        given_texts(frame, ("body",))


def test_texts_from_python_that_hold_nothing_are_named_with_the_reason() -> None:
    texts, y = ["words", "a\0b", chr(0xD800), "still"], ["a", "b", "a", ""]
    with pytest.raises(DataError, match=r"2 of 4 .* row 1 \(a NUL byte.*\), row 2 \(half of a"):
        from_arrays(texts, y)


def test_a_list_of_objects_is_a_table_as_lines_of_them_are(tmp_path: Path) -> None:
    rows = '{"text": "cats are here", "label": "a"}', '{"text": "dogs are there", "label": "b"}'
    (tmp_path / "t.json").write_text(f"[{rows[0]},\n {rows[1]}]")
    data = load(str(tmp_path / "t.json"))
    assert data.inputs.tolist() == ["cats are here", "dogs are there"]
    assert data.names is not None
    assert data.names[1].endswith("t.json:2")
    with gzip.open(tmp_path / "t.json.gz", "wt") as file:
        file.write(f"[{rows[0]}, {rows[1]}]")
    assert load(str(tmp_path / "t.json.gz")).label.tolist() == [0, 1]
    (tmp_path / "t.json").write_text("\n".join(rows))
    assert load(str(tmp_path / "t.json")).label.tolist() == [0, 1]
    for content, words in (
        ("[1]", "row 1: 1 is no object"),
        ("[]", "has no rows"),
        ("[{", "no JSON"),
        ('{"a": 1,\n "b": 2}', "line 1: no JSON"),
    ):
        (tmp_path / "t.json").write_text(content)
        with pytest.raises(DataError, match=words):
            load(str(tmp_path / "t.json"))
