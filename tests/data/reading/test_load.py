"""`load` as a whole, `.npz` files, `from_arrays` and the checks on what was read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import class_folders, different, save

from realmix.base.errors import DataError, UsageError
from realmix.data.pools import Dataset
from realmix.data.reading.check import validate
from realmix.data.reading.load import from_arrays, load

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
FEATURES = np.arange(8.0).reshape(4, 2)
LABELS = [0, 1, -1, 1]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        ([0, 1, -1, 1], ("0", "1")),
        (np.array([0, 1, -1, 1], dtype=np.int8), ("0", "1")),
        (np.array([0, 1, np.nan, 1]), ("0", "1")),
        ([np.int64(0), np.int64(1), np.int64(-1), np.int64(1)], ("0", "1")),
        (torch.tensor([0, 1, -1, 1]), ("0", "1")),
        ([5, 10, -1, 10], ("5", "10")),
        (["a", "b", "", "b"], ("a", "b")),
        (["a", "b", None, "b"], ("a", "b")),
        (["a", "b", float("nan"), "b"], ("a", "b")),
        (["a", "b", -1, "b"], ("a", "b")),
        (np.array(["a", "b", "", "b"]), ("a", "b")),
        (np.array(["a", "b", None, "b"], dtype=object), ("a", "b")),
        ([False, True, None, True], ("False", "True")),
    ],
)
def test_labels_in_every_form(y: Any, classes: tuple[str, ...]) -> None:
    data = from_arrays(FEATURES, y)
    assert data.label.tolist() == LABELS
    assert data.label.dtype == np.int64
    assert data.classes == classes


def test_given_classes_set_the_order() -> None:
    assert from_arrays(FEATURES, ["b", "a", "", "b"], ["b", "a"]).label.tolist() == [0, 1, -1, 0]
    data = from_arrays(FEATURES, [2, 0, -1, 2], ["x", "y", "z"])
    assert data.classes == ("x", "y", "z")
    assert data.label.tolist() == [2, 0, -1, 2]
    assert any("without a labeled example: y" in note for note in data.notes)


@pytest.mark.parametrize(
    ("y", "classes", "words"),
    [
        ([0, 1, -1], None, "3 labels for 4 rows"),
        ([[0], [1], [1], [0]], None, "one label for each row"),
        (np.eye(4), None, "one label for each row"),
        ([0, 1, -2, 1], None, "label -2"),
        ([0.5, 1, 0, 1], None, "number with a fraction"),
        ([0.0, np.inf, 0, 1], None, "number with a fraction"),
        ([0, 5, 0, 1], ["a", "b"], "label 5, but there are 2 classes"),
        (["a", "c", "b", ""], ["a", "b"], "class 'c' is not among"),
        ([-1, -1, -1, -1], None, "None of the 4 rows has a label"),
        ([1, 1, -1, 1], None, "one class, '1'"),
        (["A", "a", "", "b"], None, "differ only in case"),
        ([0, 1, 0, 1], ["a", ""], "empty name"),
    ],
)
def test_bad_labels_are_explained(y: Any, classes: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        from_arrays(FEATURES, y, classes)


@pytest.mark.parametrize(
    "X",
    [
        IMAGES,
        IMAGES.transpose(0, 3, 1, 2),
        IMAGES.astype(np.int64),
        IMAGES / 255,
        (IMAGES / 255).astype(np.float32),
        torch.from_numpy(IMAGES),
    ],
)
def test_images_in_every_form(X: Any) -> None:
    data = from_arrays(X, LABELS)
    assert np.array_equal(data.inputs, IMAGES.transpose(0, 3, 1, 2))
    assert data.inputs.dtype == np.uint8
    assert data.preset == "photos"


def test_grey_images_have_one_channel() -> None:
    expected = IMAGES[:, None, :, :, 0]
    for X in (IMAGES[..., 0], IMAGES[..., :1], expected):
        assert np.array_equal(from_arrays(X, LABELS).inputs, expected)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.zeros(4), r"shape \(4,\)"),
        (np.zeros((4, 2, 2, 2, 2)), "shape"),
        (np.zeros((4, 6, 6, 4), np.uint8), "1 or 3 channels"),
        (np.zeros((4, 0)), "shape"),
        (np.full((4, 6, 6), 200.0), "values from 200 to 200.*Scale them"),
        (np.full((4, 6, 6), -1), "values from -1"),
        (np.full((4, 6, 6), np.nan), "values from nan"),
        (np.array([["a", "b"]] * 4), "type <U1"),
        ([[1, 2], [3], [4, 5], [6, 7]], "no array of numbers"),
        (np.array([["a", 1]] * 4, dtype=object), "no array of numbers"),
        ([[1, 2], [3, np.nan], [4, 5], [np.inf, 7]], "2 of 4 rows of X.*row 1, row 3"),
        (np.full((4, 2), 1e300), "row 0"),
    ],
)
def test_bad_arrays_are_explained(X: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        from_arrays(X, LABELS)


def test_no_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        from_arrays(np.zeros((0, 3)), [])


def npz(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def test_npz_with_its_test_set(tmp_path: Path) -> None:
    file = npz(
        tmp_path / "a.npz",
        x=FEATURES,
        y=np.array([0, 1, -1, 1]),
        classes=np.array(["no", "yes"]),
        x_test=FEATURES[:2] + 0.5,
        y_test=np.array([1, 0]),
    )
    data = load(file)
    assert data.classes == ("no", "yes")
    assert data.label.tolist() == LABELS
    assert data.test_label is not None
    assert data.test_label.tolist() == [1, 0]
    assert data.names is not None
    assert data.names[1] == f"{file}[1]"


def test_npz_pool_and_test(tmp_path: Path) -> None:
    data = load(
        npz(tmp_path / "a.npz", x=FEATURES, y=["p", "q", "", "q"]),
        unlabeled=npz(tmp_path / "pool.npz", x=FEATURES + 1),
        test=npz(tmp_path / "test.npz", x=FEATURES + 0.5, y=["q", "p", "", "q"]),
    )
    assert data.inputs.shape == (8, 2)
    assert data.label.tolist() == [*LABELS, -1, -1, -1, -1]
    assert data.test_label is not None
    assert data.test_label.tolist() == [1, 0, 1]
    assert any("1 test rows without a label" in note for note in data.notes)


def test_bad_npz_files(tmp_path: Path) -> None:
    for arrays, words in [
        ({"X": FEATURES, "y": LABELS}, "no array 'x'; it holds X, y"),
        ({"x": FEATURES, "label": LABELS}, "no array 'y'"),
        ({"x": FEATURES, "y": np.array([0, 1, None, 1], dtype=object)}, "pickle"),
        ({"x": FEATURES, "y": LABELS, "x_test": FEATURES[:, :1], "y_test": LABELS}, "1 features"),
    ]:
        with pytest.raises(DataError, match=words):
            load(npz(tmp_path / "a.npz", **arrays))
    for content in (b"", b"PK\x03\x04 nothing", b"text"):
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"b\.npz"):
            load(str(tmp_path / "b.npz"))
    whole = Path(npz(tmp_path / "c.npz", x=FEATURES, y=LABELS)).read_bytes()
    for end in range(1, len(whole), 37):
        (tmp_path / "c.npz").write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"c\.npz"):
            load(str(tmp_path / "c.npz"))


def test_another_width_or_kind_is_an_error(tmp_path: Path) -> None:
    features = npz(tmp_path / "a.npz", x=FEATURES, y=LABELS)
    images = npz(tmp_path / "b.npz", x=IMAGES, y=LABELS)
    wide = npz(tmp_path / "c.npz", x=np.zeros((2, 3)))
    with pytest.raises(DataError, match="pool have 3 features, the data 2"):
        load(features, unlabeled=wide)
    with pytest.raises(DataError, match="data are feature rows, but the test set holds images"):
        load(features, test=images)
    with pytest.raises(UsageError, match="image_size is for images"):
        load(features, image_size=32)


def test_image_arrays_and_files_come_to_the_shape_of_the_data(tmp_path: Path) -> None:
    file = npz(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    save(tmp_path / "pool" / "1.png", different(0, 40))
    save(tmp_path / "pool" / "2.png", different(0, 40)[..., 0])
    assert load(file, unlabeled=str(tmp_path / "pool")).inputs.shape == (6, 3, 6, 5)
    assert load(file, image_size=10).inputs.shape == (4, 3, 10, 10)
    folder = class_folders(tmp_path / "train", count=1)
    assert load(str(folder), unlabeled=file).inputs.shape == (7, 3, 8, 8)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("digitz@40", "Did you mean 'digits'"),
        ("cifar@250", "Did you mean 'cifar10'"),
        ("nothing-like-it", "neither a built-in data set"),
        ("a\0b", "neither a built-in"),
        ("./tablle.csv", "no file or folder './tablle.csv'.*Did you mean 'table.csv'"),
        ("table.data", "kind that is not read.* rename it .csv"),
        ("digits@40@3", "not a whole number"),
    ],
)
def test_what_is_not_there_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text("a,label\n1,x\n", "utf-8")
    (tmp_path / "table.data").write_text("a,label\n1,x\n", "utf-8")
    with pytest.raises(UsageError, match=words) as error:
        load(given)
    assert error.value.exit_code == 2


def test_what_was_read_can_become_tensors_without_a_warning(tmp_path: Path) -> None:
    for data in (load("digits@40"), load(str(class_folders(tmp_path)))):
        assert torch.as_tensor(data.inputs).shape == data.inputs.shape


def test_test_rows_of_another_shape_are_refused() -> None:
    dataset = Dataset(FEATURES, np.array([0, 1, 0, 1]), ("a", "b"), "features")
    other = Dataset(FEATURES, dataset.label, ("a", "b"), "features", test_inputs=np.zeros((2, 3)))
    assert len(validate(dataset)) == 1
    with pytest.raises(DataError, match="Test rows have shape"):
        validate(other)


@pytest.mark.slow
def test_importing_load_imports_no_extra() -> None:
    code = (
        "import sys, realmix.data.reading.load as _; "
        "print([m for m in ('torchvision', 'pyarrow', 'sklearn', 'timm') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
