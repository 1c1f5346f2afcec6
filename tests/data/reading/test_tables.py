"""CSV and Parquet tables of features and of image paths."""

from __future__ import annotations

import codecs
import contextlib
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import different, save

from realmix.base.errors import DataError, RealmixError, UsageError
from realmix.data.reading.load import load

GOOD = "a,b,label\n1,2,x\n3,4,y\n5,6.5,\n7,8,x\n"


def write(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> str:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def check_good(data: Any) -> None:
    assert data.inputs.tolist() == [[1, 2], [3, 4], [5, 6.5], [7, 8]]
    assert data.inputs.dtype == np.float64  # until it is standardized
    assert data.label.tolist() == [0, 1, -1, 0]
    assert data.label.dtype == np.int64
    assert data.classes == ("x", "y")
    assert data.preset == "features"


def test_a_feature_table(tmp_path: Path) -> None:
    data = load(write(tmp_path, GOOD))
    check_good(data)
    assert data.names is not None
    assert data.names[2].endswith("t.csv:4")


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + GOOD.encode(),
        GOOD.encode("utf-16"),
        codecs.BOM_UTF16_BE + GOOD.encode("utf-16-be"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        GOOD.replace(",", ", ").encode(),
        ("\n" + GOOD.replace("\n", "\n\n")).encode(),
        GOOD.rstrip().encode(),
        GOOD.replace("x", '"x"').encode(),
    ],
)
def test_encodings_line_ends_and_separators(tmp_path: Path, content: bytes) -> None:
    check_good(load(write(tmp_path, content)))


def test_latin_1_is_read_with_a_note(tmp_path: Path) -> None:
    data = load(write(tmp_path, GOOD.replace("x", "é").encode("latin-1")))
    assert data.classes == ("y", "é")
    assert any("line 2" in note and "Latin-1" in note for note in data.notes)


def test_whole_number_labels_have_one_name(tmp_path: Path) -> None:
    data = load(
        write(tmp_path, "a,label\n1,10.0\n2,9.0\n3,\n"),
        test=write(tmp_path, "a,label\n4,9\n", "test.csv"),
    )
    assert data.classes == ("9", "10")
    assert data.label.tolist() == [1, 0, -1]
    assert data.test_label is not None
    assert data.test_label.tolist() == [0]


BAD = {
    "empty file": (b"", "no rows"),
    "header only": (b"a,label\n", "no rows"),
    "blank lines": (b"\n\n\n", "no rows"),
    "ragged, short": (b"a,b,label\n1,2,x\n1,2\n", "line 3: 2 cells"),
    "ragged, long": (b"a,b,label\n1,2,x\n\n1,2,3,x\n", "line 4: 4 cells"),
    "NUL": (b"a,label\n1,x\n2,\0y\n", "line 3: a NUL byte"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "NUL byte.*UTF-16"),
    "cut UTF-16": (GOOD.encode("utf-16")[:-1], "not utf-16"),
    "bad UTF-8 behind its mark": (codecs.BOM_UTF8 + b"a,label\n1,\xff\n", "line 2: byte"),
    "open quote": (b'a,label\n0,x\n1,"x\n2,y\n', "line 3: a quote is opened and never closed"),
    "text after a quote": (b'a,label\n1,"x"y\n2,y\n', "line 2"),
    "column twice": (b"a,a,label\n1,2,x\n3,4,y\n", "'a' more than once"),
    "unnamed column": (b"a,,label\n0,1,x\n1,2,y\n", "column 2 of 3 has no name"),
    "text alone": (b"city,label\nRome,x\nOslo,y\n", "'city' has 2 values in 2 rows"),
    "text cell": (b"a,label\n1,x\nmany,y\n3,x\n", "t.csv:3: 'many' in column 'a' is not a num"),
    "decimal comma": (b"a;label\n1,5;x\n2.5;y\n3,5;x\n", "t.csv:2: '1,5'"),
    "empty column": (b"a,label\n,x\nnan,y\n,x\n", "'a' is empty"),
    "inf": (b"a,label\n1,x\n-inf,y\n", "t.csv:3"),
    "beyond float32": (b"a,label\n1,x\n1e300,y\n", "t.csv:3"),
    "label only": (b"label\nx\ny\n", "no column beside 'label'"),
    "no labels": (b"a,label\n1,\n2, \n", "None of the 2 rows has a label"),
    "one class": (b"a,label\n1,x\n2,x\n", "one class, 'x'"),
    "twins": (b"a,label\n1,x\n2,X\n", "differ only in case"),
    "class named unlabeled": (b"a,label\n1,x\n2,unlabeled\n", "leave the label cell empty"),
    "escape in a name": (b"a,label,\x1b[31m\n1,x,1\n2,y,w\n", r"\\x1b"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_errors_with_the_place(tmp_path: Path, name: str) -> None:
    content, expected = BAD[name]
    with pytest.raises(DataError, match=expected) as error:
        load(write(tmp_path, content))
    assert len(str(error.value).splitlines()) <= 12
    assert all(line.isprintable() for line in str(error.value).splitlines())
    assert error.value.exit_code == 3


@pytest.mark.slow
@given(st.binary(max_size=60) | st.text("ab,;\t\"'\n\r0.5-xé\0 ", max_size=60).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read_or_explained(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(b"a,label\n" + content)
    with contextlib.suppress(RealmixError):
        load(str(path))


def test_a_cell_may_be_as_long_as_the_file(tmp_path: Path) -> None:
    long, limit = "word " * 2_000_000, csv.field_size_limit()
    content = f'text,label\n"{long}",x\nanother line of words,y\n{long},x\n'
    data = load(write(tmp_path, content.encode()))
    assert list(data.inputs) == [long.strip(), "another line of words", long.strip()]
    assert csv.field_size_limit() == limit


def test_a_missing_label_column_has_a_suggestion(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("label", "labels"))
    with pytest.raises(UsageError, match=r"no label column 'label'.*Did you mean 'labels'"):
        load(path)
    check_good(load(path, label_column="labels"))


def test_marks_of_no_label_are_noted(tmp_path: Path) -> None:
    data = load(write(tmp_path, "a,label\n1,x\n2,nan\n3,y\n4,-1\n5,nan\n6,\n"))
    assert data.classes == ("x", "y")
    assert data.label.tolist() == [0, -1, 1, -1, -1, -1]
    (note,) = [note for note in data.notes if "no label" in note]
    assert "'nan' (2 rows), '-1' (1 row)" in note


def test_pool_and_test_read_labels_as_the_data_do(tmp_path: Path) -> None:
    data = load(
        write(tmp_path, "a,label\n1,-1\n2,1\n3,\n4,x0\n".replace("x0", "7")),
        unlabeled=write(tmp_path, "a,label\n1,-1\n2,unknown\n3,0.5\n", "pool.csv"),
        test=write(tmp_path, "a,label\n1,-1\n2,7\n3,1\n", "test.csv"),
        class_value="-1",
        unlabeled_marker=["7", "unknown"],
    )
    assert data.classes == ("-1", "1")
    assert data.label.tolist() == [0, 1, -1, -1, -1, -1, -1]
    assert data.oracle is not None
    assert data.oracle[4:].tolist() == [0, -1, -1]
    assert data.test_label is not None
    assert data.test_label.tolist() == [0, 1]


def test_minus_one_hidden_in_an_unsigned_parquet_column(tmp_path: Path) -> None:
    labels = pa.array([0, 1, 255, None], pa.uint8())
    columns = {"a": pa.array([1, 2, 3, 4], pa.uint8()), "label": labels}
    data = load(to_parquet(tmp_path, columns))
    assert data.classes == ("0", "1")
    assert data.label.tolist() == [0, 1, -1, -1]
    columns["a"] = pa.array([1, None, 3, 4], pa.uint8())
    filled = load(to_parquet(tmp_path, columns))
    assert filled.inputs.tolist() == [[1, 0], [3, 1], [3, 0], [4, 0]]


def test_pool_and_test_tables_follow_the_columns_of_the_data(tmp_path: Path) -> None:
    data = load(
        write(tmp_path, GOOD),
        unlabeled=write(tmp_path, "b,extra,a\n20,0,10\n", "pool.csv"),
        test=write(tmp_path, "label,b,a\ny,40,30\n", "test.csv"),
    )
    assert data.inputs[4].tolist() == [10, 20]
    assert data.label[4] == -1
    assert data.test_inputs is not None
    assert data.test_inputs.tolist() == [[30, 40]]
    assert any("not used: extra" in note for note in data.notes)


def test_labels_of_a_pool_table_are_only_the_oracle(tmp_path: Path) -> None:
    pool = write(tmp_path, "a,b,label\n0,0,y\n0,0,zebra\n", "pool.csv")
    data = load(write(tmp_path, GOOD), unlabeled=pool)
    assert data.label.tolist() == [0, 1, -1, 0, -1, -1]
    assert data.oracle is not None
    assert data.oracle.tolist() == [-1, -1, -1, -1, 1, -1]


@pytest.mark.parametrize("option", ["unlabeled", "test"])
def test_missing_feature_columns_are_named(tmp_path: Path, option: str) -> None:
    other = write(tmp_path, "a,label\n1,x\n", "other.csv")
    with pytest.raises(DataError, match=r"lacks 1 of the 2 feature columns: b"):
        load(write(tmp_path, GOOD), **{option: other})


def test_a_test_table_needs_labels_of_known_classes(tmp_path: Path) -> None:
    for text, error, words in [
        ("a,b\n1,2\n", UsageError, "no label column"),
        ("a,b,label\n1,2,\n", DataError, "No row of the test set"),
        ("a,b,label\n1,2,z\n", DataError, "class 'z' is not among"),
    ]:
        with pytest.raises(error, match=words):
            load(write(tmp_path, GOOD), test=write(tmp_path, text, "test.csv"))


def test_images_named_in_a_table(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "in" / f"{i}.png", different(i))
    rows = "path,label,who\nin/0.png,cat,me\nin/1.png,dog,me\nin/2.png,,you\nin/gone.png,,you\n"
    data = load(write(tmp_path, rows))
    assert data.label.tolist() == [0, 1, -1]
    assert np.array_equal(data.inputs[2], different(2).transpose(2, 0, 1))
    assert data.bad_files == ((str(tmp_path / "in" / "gone.png"), "No such file or directory"),)
    assert data.preset == "photos"
    assert any("not used beside the images: who" in note for note in data.notes)
    with pytest.raises(DataError, match="1 of the labeled images"):
        load(write(tmp_path, rows.replace("gone.png,", "gone.png,cat")))


@pytest.mark.parametrize("name", ["filename", "Datei", "image_path"])
def test_a_column_of_any_name_may_name_the_images(tmp_path: Path, name: str) -> None:
    for i in range(3):
        save(tmp_path / "in" / f"{i}.PNG", different(i))
    rows = f"day,{name},label\n1,in/0.PNG,cat\n2,in/1.PNG,dog\n3,in/2.PNG,\n"
    data = load(write(tmp_path, rows))
    assert data.preset == "photos"
    assert data.label.tolist() == [0, 1, -1]
    assert np.array_equal(data.inputs[2], different(2).transpose(2, 0, 1))
    assert f"Column '{name}' names the images." in data.notes
    assert (
        "Columns not used beside the images (--feature-columns takes them instead): day."
        in data.notes
    )
    more = write(tmp_path, f"{name}\nin/1.PNG\n", "pool.csv")
    assert len(load(write(tmp_path, rows), unlabeled=more).inputs) == 4
    assert load(write(tmp_path, rows), feature_columns="day").preset == "features"


def test_images_that_are_not_there_are_told_of(tmp_path: Path) -> None:
    told = rf"Column 'file' names image files that are not there, such as '{tmp_path}/a.jpg'"
    with pytest.raises(DataError, match=rf"no column to learn from. {told}"):
        load(write(tmp_path, "file,label\na.jpg,cat\nb.jpg,dog\n"))
    data = load(write(tmp_path, "file,f,label\na.jpg,1,cat\nb.jpg,2,dog\n,3,\n"))
    assert data.columns == ("f",)
    assert any(note.startswith(told) for note in data.notes)


def test_files_outside_are_no_images_of_a_table_that_does_not_call_them_so(tmp_path: Path) -> None:
    outside = save(tmp_path / "outside.png")
    (tmp_path / "data").mkdir()
    rows = f"file,f,label\n{outside},1,cat\n../outside.png,2,dog\n"
    assert load(write(tmp_path / "data", rows)).columns == ("f",)


TRAVERSALS = (
    *("../secret.png", "in/../../secret.png", "/etc/passwd", "//etc/passwd", "link/secret.png"),
    *("./../secret.png", "in/./../../secret.png", "link.png", "in/link/secret.png", ".."),
    *("../data2/x.png", "/", "/proc/self/environ", "../../../../../../etc/shadow", "in/..//.."),
)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_paths_that_lead_outside_are_refused(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    save(root / "in" / "0.png")
    secret = save(tmp_path / "secret.png")
    (root / "link").symlink_to(tmp_path)
    (root / "in" / "link").symlink_to(tmp_path)
    (root / "link.png").symlink_to(secret)
    monkeypatch.setattr(
        "realmix.data.reading.decode.Image.open", lambda *_, **__: pytest.fail("opened")
    )
    with pytest.raises(DataError, match="leads outside the table's folder and the current one"):
        load(write(root, f"path,label\nin/0.png,cat\n{path},dog\n"))


def test_an_empty_path_cell_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3: the cell of column 'path' is empty"):
        load(write(tmp_path, "path,label\na.png,cat\n,dog\n"))


def to_parquet(tmp_path: Path, columns: dict[str, Any], name: str = "t.parquet") -> str:
    parquet.write_table(pa.table(columns), tmp_path / name)
    return str(tmp_path / name)


def test_a_parquet_feature_table(tmp_path: Path) -> None:
    columns = {"a": [1, 3, 5, 7], "b": [2, 4, 6.5, 8], "label": ["x", "y", None, "x"]}
    data = load(to_parquet(tmp_path, columns))
    check_good(data)
    columns["label"] = pa.array(["x", "y", None, "x"]).dictionary_encode()
    check_good(load(to_parquet(tmp_path, columns)))


def test_parquet_number_labels_and_kinds(tmp_path: Path) -> None:
    columns = {
        "a": pa.array([True, False, True]),
        "b": pa.array([1, 2, 3], pa.int8()),
        "label": pa.array([1, None, 0], pa.int32()),
    }
    data = load(to_parquet(tmp_path, columns))
    assert data.inputs.tolist() == [[1, 1], [0, 2], [1, 3]]
    assert data.classes == ("0", "1")
    assert data.label.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1.0, float("inf")], "label": ["x", "y"]}, "t.parquet:2"),
        ({"a": ["p", "q"], "label": ["x", "y"]}, "'a' has 2 values in 2 rows"),
        ({"a": pa.array([], pa.int8()), "label": pa.array([], pa.string())}, "has no rows"),
        ({"a": [1, 2], "label": [0.5, 1.0]}, "number with a fraction"),
        ({"path": ["a\0b.png", "c.png"], "label": ["x", "y"]}, "leads outside"),
    ],
)
def test_bad_parquet_tables(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(to_parquet(tmp_path, columns))


def test_damaged_parquet_is_explained(tmp_path: Path) -> None:
    path = Path(to_parquet(tmp_path, {"a": [1, 2], "label": ["x", "y"]}))
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-20], whole[:60] + bytes(20) + whole[80:]):
        path.write_bytes(content)
        with pytest.raises(DataError):
            load(str(path))


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = to_parquet(tmp_path, {"a": [1, 2], "label": ["x", "y"]})
    monkeypatch.setattr("realmix.data.cells.parquet.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'realmix\[tables\]'"):
        load(path)


def test_a_column_named_as_labels_often_are_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"columns are a, Species\. Is it 'Species'\? Name it"):
        load(write(tmp_path, "a,Species\n1,x\n2,y\n"))
    with pytest.raises(UsageError, match=r"Did you mean 'labl'\? Name it"):
        load(write(tmp_path, "a,labl\n1,x\n2,y\n"))


@pytest.mark.parametrize(("name", "words"), [("t.ods", "Save the sheet as"), ("t.zip", "Unpack")])
def test_a_file_that_could_be_another_says_so(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=rf"kind that is not read.*{words}"):
        load(write(tmp_path, b"PK", name))


def pictures_in(folder: Path, names: list[str]) -> None:
    for row, name in enumerate(names):
        save(folder / name, different(row))


def test_images_in_a_folder_beside_the_table_are_found(tmp_path: Path) -> None:
    """As Kaggle has them: train.csv names the files in train_images, also without endings."""
    names = [f"a{row}" for row in range(6)]
    labels = ["x", "y", "x", "y", "", ""]
    pictures_in(tmp_path / "train_images", [f"{name}.png" for name in names])
    pictures_in(tmp_path / "test_images", [f"{name}.png" for name in names])  # as many there
    rows = [f"{name}.png,{label}" for name, label in zip(names, labels, strict=True)]
    whole = load(write(tmp_path, "\n".join(["file,label", *rows]), "train.csv"))
    bare = [row.replace(".png", "") for row in rows]
    found = load(write(tmp_path, "\n".join(["id,label", *bare]), "train.csv"))
    for data in (whole, found):
        assert data.files is not None
        assert data.files[3] == (tmp_path / "train_images" / "a3.png").resolve()
        assert data.label.tolist() == [0, 1, 0, 1, -1, -1]
    assert any("'id' names the images in 'train_images'." in note for note in found.notes)
    with pytest.raises(DataError, match="names image files that are not there"):
        load(write(tmp_path, "\n".join(["file,label", *rows]), "other.csv"))  # in either folder
    deeper = tmp_path / "archive" / "all"
    pictures_in(deeper, ["b.png", "c.png", "d.png"])
    data = load(write(tmp_path, "file,label\nb.png,x\nc.png,y\nd.png,x\n", "other.csv"))
    assert data.files is not None
    assert data.files[0] == (deeper / "b.png").resolve()


def test_numbers_are_no_names_of_images(tmp_path: Path) -> None:
    pictures_in(tmp_path / "photos", [f"{row}.png" for row in range(4)])
    data = load(write(tmp_path, "n,m,label\n0,5.5,x\n2,4.5,y\n1,2.5,x\n3,7.5,\n"))
    assert not data.is_images


def test_a_folder_that_is_refused_names_the_table_in_it(tmp_path: Path) -> None:
    pictures_in(tmp_path / "images", ["a.png", "b.png", "c.png"])
    table = write(tmp_path, "file,label\na.png,x\nb.png,y\nc.png,x\n", "labels.csv")
    with pytest.raises(DataError, match=r"of one class, 'images'.*\n.*a table.*labels\.csv"):
        load(str(tmp_path))
    assert load(table).classes == ("x", "y")
