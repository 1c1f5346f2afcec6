"""What stands inside the cells of Parquet files: pictures, vectors, names of classes."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from realmix.base.errors import DataError, StorageError
from realmix.data.cells.inside import pictures, pictures_folder, vectors
from realmix.data.cells.read import read_cells
from realmix.data.reading.load import load

NAMES = ["cat", "dog"]
ABOUT = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


def encoded(shade: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (shade, 0, 0)).save(file, kind)
    return file.getvalue()


def write(tmp_path: Path, columns: dict[str, Any], features: Any = None) -> str:
    table = pa.table(columns)
    if features:
        said = json.dumps({"info": {"features": features}}).encode()
        table = table.replace_schema_metadata({b"huggingface": said})
    parquet.write_table(table, tmp_path / "t.parquet")
    return str(tmp_path / "t.parquet")


def pets(tmp_path: Path) -> str:
    """Six pictures as Hugging Face's datasets keep them; -1 is no label."""
    images = [{"bytes": encoded(40 * i), "path": f"{i}.png"} for i in range(6)]
    return write(tmp_path, {"image": images, "label": [0, 1, 0, 1, -1, -1]}, ABOUT)


def test_pictures_of_a_table_are_images_with_the_names_of_their_classes(tmp_path: Path) -> None:
    data = load(pets(tmp_path), image_size=20)
    assert data.is_images
    assert data.inputs[:, 0, 0, 0].tolist() == [0, 40, 80, 120, 160, 200]  # red
    assert data.classes == ("cat", "dog")
    assert data.label.tolist() == [0, 1, 0, 1, -1, -1]
    assert data.names is not None
    assert data.names[4].endswith("t.parquet:5")
    assert any("'image' holds the images" in note for note in data.notes)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_bytes_of_every_format_are_kept_as_files_once(
    tmp_path: Path, kept: Path, kind: str
) -> None:
    data = [encoded(10, kind), encoded(250, kind), encoded(10, kind)]
    column = parquet.read_table(write(tmp_path, {"x": data})).column("x")
    files = pictures(column)
    assert files is not None
    assert [file.read_bytes() for file in files] == data
    assert files[0] == files[2]
    assert {file.suffix for file in files} == {".jpg" if kind == "JPEG" else files[0].suffix}
    assert all(file.is_relative_to(kept) for file in files)
    assert len(list(pictures_folder().rglob("*.*"))) == 2
    files[0].write_bytes(b"half")  # of a process that was killed
    again = pictures(column)
    assert again is not None
    assert again[0].read_bytes() == data[0]


@pytest.mark.parametrize(
    "cells",
    [
        [b"RIFF....WAVEfmt", b"RIFF"],
        [{"bytes": b"RIFF....WAVE", "path": "a.wav"}],
        [[1, 2]],
        [{"width": 1}],
        ["text"],
        [None],
        pa.array([None], pa.binary()),
    ],
)
def test_what_holds_no_pictures(cells: Any) -> None:
    assert pictures(pa.chunked_array([pa.array(cells)])) is None


def test_a_picture_that_is_not_in_the_table_is_looked_for_beside_it(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / f"{i}.png").write_bytes(encoded(60 * i))
    images = [{"bytes": None, "path": f"{i}.png"} for i in range(4)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array(images, kind), "label": ["a", "b", "a", None]}
    data = load(write(tmp_path, columns), image_size=20)
    assert data.inputs[:, 0, 0, 0].tolist() == [0, 60, 120, 180]


def test_an_empty_cell_and_a_damaged_picture_are_named(tmp_path: Path) -> None:
    good = [{"bytes": encoded(i), "path": ""} for i in range(3)]
    missing = write(tmp_path, {"image": [*good, None], "label": ["a", "b", "a", "b"]})
    with pytest.raises(DataError, match="row 4: the cell of column 'image' is empty"):
        load(missing)
    broken = {"bytes": encoded(9, "JPEG")[:30], "path": ""}
    damaged = write(tmp_path, {"image": [*good, broken], "label": ["a", "b", "a", "b"]})
    with pytest.raises(DataError, match=r"t\.parquet:4: "):
        load(damaged)
    assert len(load(damaged, skip_bad=True).label) == 3
    first = write(
        tmp_path, {"image": [{"bytes": b"not one"}, *good], "label": ["a", "b", "a", "b"]}
    )
    with pytest.raises(DataError, match=r"t\.parquet:1: not an image"):
        load(first)


def test_a_disk_without_space_for_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = pets(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match=r"No space left.*REALMIX_CACHE"):
        load(path)


def test_vectors_become_a_column_for_each_place() -> None:
    column = pa.chunked_array([pa.array([[1, 2], None]), pa.array([[3, 4]])])
    found = vectors(column, "v")
    assert found is not None
    assert list(found) == ["v[0]", "v[1]"]
    np.testing.assert_array_equal(found["v[0]"], [1, np.nan, 3])
    np.testing.assert_array_equal(found["v[1]"], [2, np.nan, 4])
    fixed = pa.chunked_array([pa.array([[1.5, 2.5]], pa.list_(pa.float32(), 2))])
    found = vectors(fixed, "v")
    assert found is not None
    assert found["v[1]"].tolist() == [2.5]
    for other in ([[1], [1, 2]], [["a"]], [[]], [1]):
        assert vectors(pa.chunked_array([pa.array(other)]), "v") is None


def test_other_cells_of_several_values_are_left_out_and_named(tmp_path: Path) -> None:
    columns = {"a": [1.0, 2.0, 3.0], "tags": [["x"], [], ["y", "z"]], "raw": [b"1", b"2", b"3"]}
    data = load(write(tmp_path, {**columns, "label": ["p", "q", "p"]}))
    assert data.inputs.tolist() == [[1], [2], [3]]
    assert any("several values are not read: tags, raw." in note for note in data.notes)
    alone = write(tmp_path, {"tags": columns["tags"], "label": ["p", "q", "p"]})
    with pytest.raises(DataError, match=r"no column beside 'label'.*not read: tags"):
        load(alone)


def test_lists_and_objects_of_one_value_are_this_value(tmp_path: Path) -> None:
    columns = {"m": [{"of": {"x": 1.5}}, {"of": {"x": 2.5}}, None], "label": [["p"], ["q"], []]}
    data = load(write(tmp_path, columns))
    assert data.columns == ("m.of.x", "m.of.x is blank")
    assert data.label.tolist() == [0, 1, -1]
    with pytest.raises(DataError, match=r"row 2: 'label' holds several values \('p', 'q'\)"):
        load(write(tmp_path, {"a": [1.0, 2.0], "label": [["p"], ["p", "q"]]}))


@pytest.mark.parametrize("suffix", [".feather", ".arrow", ".stream.arrow"])
def test_files_of_arrow(tmp_path: Path, suffix: str) -> None:
    about = json.dumps({"info": {"features": ABOUT}}).encode()
    table = pa.table({"label": [1, 0, -1], "n": [1.5, 2.5, 3.5]})
    table = table.replace_schema_metadata({b"huggingface": about})
    path = tmp_path / f"t{suffix}"
    with pa.OSFile(str(path), "wb") as file:
        kind = pa.ipc.new_stream if "stream" in suffix else pa.ipc.new_file
        with kind(file, table.schema) as writer:
            writer.write_table(table)
    data = load(str(path))
    assert data.inputs.tolist() == [[1.5], [2.5], [3.5]]
    assert data.classes == ("cat", "dog")
    assert data.label.tolist() == [1, 0, -1]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="is no whole Arrow file"):
        load(str(path))
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is no whole Arrow file"):
        load(str(path))


def test_names_of_classes_are_those_that_the_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, {"label": [1, 0, -1, None, 7], "n": [1, 2, 3, 4, 5]}, ABOUT)
    table = read_cells(Path(path))
    assert table.cells["label"] == ["dog", "cat", None, None, "7"]
    assert table.cells["n"] == [1, 2, 3, 4, 5]
    odd = write(tmp_path, {"label": [1, 0]}, [1])
    assert read_cells(Path(odd)).cells["label"] == [1, 0]
