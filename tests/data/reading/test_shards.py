"""Folders of tables: training part, test part and pool, each in one file or several."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from pictures import different, save

from realmix.base.errors import DataError
from realmix.data.reading.load import load
from realmix.data.reading.shards import parts_of, tables_at, tables_in

HEAD = "text,label\n"


def texts(*rows: str) -> str:
    return HEAD + "".join(f"a text about {row}\n" for row in rows)


def write(folder: Path, **files: str) -> str:
    folder.mkdir(exist_ok=True, parents=True)
    for name, content in files.items():
        (folder / f"{name.replace('_of_', '-of-').replace('__', '-')}.csv").write_text(content)
    return str(folder)


def test_shards_are_one_table_and_their_names_say_the_part(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "d" / "data",
        train__00000_of_00002=texts("cats,a", "dogs,b"),
        train__00001_of_00002=texts("mice,a", "bees,"),
        test__00000_of_00001=texts("ants,b"),
        unsupervised__00000_of_00001=texts("owls,a"),  # which is not to be known
    )
    for given in (folder, str(Path(folder).parent)):
        data = load(given)
        assert data.inputs.tolist() == [
            f"a text about {n}" for n in ["cats", "dogs", "mice", "bees", "owls"]
        ]
        assert data.label.tolist() == [0, 1, 0, -1, -1]
        assert data.test_label is not None
        assert data.test_label.tolist() == [1]
        assert data.names is not None
        assert [Path(name).name for name in data.names] == [
            "train-00000-of-00002.csv:2", "train-00000-of-00002.csv:3",
            "train-00001-of-00002.csv:2", "train-00001-of-00002.csv:3",
            "unsupervised-00000-of-00001.csv:2",
        ]  # fmt: skip
        told = " ".join(data.notes)
        assert "test-00000-of-00001.csv is the test set, unless" in told
        assert "unsupervised-00000-of-00001.csv joins the pool." in told


def test_folders_may_be_the_parts(tmp_path: Path) -> None:
    """As Hugging Face's `save_to_disk` writes them."""
    for part, rows in {"train": ["cats,a", "dogs,b", "eels,"], "test": ["ants,b"]}.items():
        folder = write(tmp_path / "d" / part, data__00000_of_00001=texts(*rows))
        (Path(folder) / "state.json").write_text("{}")
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    data = load(str(tmp_path / "d"))
    assert data.inputs.tolist() == [f"a text about {n}" for n in ("cats", "dogs", "eels")]
    assert data.label.tolist() == [0, 1, -1]
    assert data.test_label is not None
    assert data.test_label.tolist() == [1]
    assert any(note.startswith("test/data-00000-of-00001.csv is the test") for note in data.notes)
    deeper = write(tmp_path / "d" / "test" / "more")
    assert tables_at(Path(deeper).parents[1]) == []


def test_a_test_set_and_a_pool_given_as_folders(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", train=texts("cats,a", "dogs,b", "eels,a"))
    other = write(tmp_path / "o", train=texts("ants,a"), test=texts("bees,b"))
    data = load(folder, test=other, unlabeled=other)
    assert data.test_inputs is not None
    assert data.test_inputs.tolist() == ["a text about bees"]
    assert data.label.tolist() == [0, 1, 0, -1, -1]


def test_without_names_of_parts_all_files_train(tmp_path: Path) -> None:
    parts = {f"part-{i}.parquet": [2.0 * i, 2.0 * i + 1] for i in range(3)}
    for name, values in parts.items():
        parquet.write_table(pa.table({"a": values, "label": ["x", "y"]}), tmp_path / name)
    assert load(str(tmp_path)).inputs[:, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_unsigned_labels_of_several_files_may_hide_a_minus_one(tmp_path: Path) -> None:
    for i, values in enumerate([[0, 1, 255], [1, 0, 255]]):
        label = pa.array(np.array(values, np.uint8))
        rows = pa.table({"a": [i + 0.1, i + 0.2, i + 0.3], "label": label})
        parquet.write_table(rows, tmp_path / f"part-{i}.parquet")
    assert load(str(tmp_path)).label.tolist() == [0, 1, -1, 1, 0, -1]


def test_a_test_part_without_labels_is_a_pool_and_validation_takes_its_place(
    tmp_path: Path,
) -> None:
    rows = {"train": texts("cats,a", "dogs,b", "eels,a"), "validation": texts("bees,b")}
    data = load(write(tmp_path / "v", **rows))
    assert data.test_label is not None
    assert data.test_label.tolist() == [1]
    for hidden in (texts("ants,", "owls,"), "text\na text about ants\na text about owls\n"):
        both = load(write(tmp_path / "v", test=hidden))
        assert both.test_label is not None
        assert both.test_label.tolist() == [1]
        assert both.label.tolist() == [0, 1, 0, -1, -1]
        assert both.inputs.tolist()[3:] == ["a text about ants", "a text about owls"]
        told = " ".join(both.notes)
        assert "test.csv has no labels and joins the pool." in told
        assert "validation.csv is the test set, unless" in told
    known = load(write(tmp_path / "v", test=texts("ants,a")))
    assert known.test_label is not None
    assert known.test_label.tolist() == [0]
    assert any("validation.csv is not used; --test" in note for note in known.notes)


def test_tables_of_other_columns_beside_the_parts_are_passed_over(tmp_path: Path) -> None:
    rows = {"train": "id,text,label\n1,a cat,x\n2,a dog,y\n3,a cow,x\n"}
    rows |= {"test": "id,text\n4,an owl\n", "sample_submission": "id,label\n4,x\n"}
    data = load(write(tmp_path / "d", **rows, dictionary="column,meaning\nid\n"))
    assert data.label.tolist() == [0, 1, 0, -1]
    assert any(
        note == "Not used, as their names say no part and their columns are others:"
        " dictionary.csv, sample_submission.csv."
        for note in data.notes
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"train": texts("a,x"), "other": texts("b,y")}, "'other.csv', whose name says none"),
        ({"train": texts("a,x"), "other": "text\nb\n"}, "'other.csv', whose name says none"),
        ({"test": texts("a,x"), "other": texts("b,y")}, "none is called as a training part is"),
        ({"test": texts("a,x")}, "none is called as a training part is"),
        ({"a": texts("a,x"), "b": "words,label\nb,y\n"}, "and '.*' has not"),
    ],
)
def test_folders_that_can_be_read_in_two_ways(tmp_path: Path, files: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        load(write(tmp_path, **files))
    assert "In this folder lies a table" not in str(caught.value)


def test_which_folders_hold_tables(tmp_path: Path) -> None:
    write(tmp_path, train=texts("a,x"))
    (tmp_path / "README.md").write_text("about them")
    (tmp_path / ".git").mkdir()
    assert [file.name for file in tables_at(tmp_path)] == ["train.csv"]
    assert tables_at(tmp_path / "train.csv") == [tmp_path / "train.csv"]
    assert tables_at(tmp_path / "README.md") == []
    (tmp_path / "LICENSE.txt").write_text("free")
    assert [file.name for file in tables_at(tmp_path)] == ["train.csv"]
    (tmp_path / "1.png").write_bytes(b"")
    assert tables_at(tmp_path) == []  # pictures beside it: as a pool these are the data
    assert [file.name for file in tables_in(tmp_path, alone=False)] == ["train.csv"]
    (tmp_path / "1.png").rename(tmp_path / "1.npz")
    assert tables_at(tmp_path) == []  # so are arrays
    (tmp_path / "1.npz").unlink()
    (tmp_path / "cat").mkdir()
    assert tables_at(tmp_path) == []  # a class


def test_numbers_behind_a_name_are_no_part_of_it() -> None:
    names = ["train-00000-of-00012.parquet", "train2.csv.gz", "unlabeled_01.jsonl", "TEST.tsv"]
    found = parts_of(Path("d"), [Path("d") / name for name in names])
    assert {part: len(files) for part, files in found.items()} == {"train": 2, "pool": 1, "test": 1}


def test_a_pool_may_lack_columns_that_the_others_have(tmp_path: Path) -> None:
    train = write(tmp_path / "d", train="a,b,label\n1,2,x\n3,4,y\n5,6,x\n")
    pool = write(tmp_path / "p", one="a,b\n7,8\n", two="a,b,label\n9,10,y\n")
    data = load(train, unlabeled=pool)
    assert data.inputs.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert data.oracle is not None
    assert data.oracle[3:].tolist() == [-1, 1]


def test_a_table_among_the_images_that_it_names_labels_them(tmp_path: Path) -> None:
    for row in range(4):
        save(tmp_path / f"{row}.png", different(row))
    write(tmp_path, labels="file,label\n0.png,x\n1.png,y\n2.png,x\n3.png,\n")
    data = load(str(tmp_path))
    assert data.is_images
    assert data.label.tolist() == [0, 1, 0, -1]
    pool = load(str(tmp_path), unlabeled=str(tmp_path))  # there its images are the rows
    assert len(pool.label) == 8
