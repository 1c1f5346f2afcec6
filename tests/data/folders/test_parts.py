"""Folders that hold the parts of a data set: used as such, or refused, never taken as classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from realmix.base.errors import DataError
from realmix.data.folders.names import role, says_nothing
from realmix.data.folders.parts import find_parts
from realmix.data.folders.walk import survey
from realmix.data.reading.load import load


def lay(root: Path, *folders: str) -> Path:
    """Two images in each of these folders; in one that ends in ".txt", a text."""
    for folder in folders:
        place = root / folder.removesuffix(".txt")
        place.mkdir(parents=True, exist_ok=True)
        if folder.endswith(".txt"):
            (place / "notes.txt").write_text("no image", "utf-8")
        for i in range(0 if folder.endswith(".txt") else 2):
            pixels = np.random.default_rng([*str(place).encode(), i]).integers(
                0, 256, (8, 8), np.uint8
            )
            Image.fromarray(pixels).save(place / f"{i}.png")
    return root


def both(*parts: str) -> list[str]:
    return [f"{part}/{name}" for part in parts for name in ("cat", "dog")]


USED = {  # folders: (labeled, pool, test) images of the classes cat and dog
    "plain": (["cat", "dog", "unlabeled"], (4, 2, 0)),
    "labeled and unlabeled": ([*both("labeled"), "unlabeled"], (4, 2, 0)),
    "British": ([*both("labelled"), "unlabelled"], (4, 2, 0)),
    "plain and another name of the pool": (["cat", "dog", "Unlabelled_Data"], (4, 2, 0)),
    "plain and an underscore": (["cat", "dog", "no_label"], (4, 2, 0)),
    "training and testing": (both("training", "testing"), (4, 0, 4)),
    "capitals": ([*both("Train", "Test"), "Unlabeled"], (4, 2, 4)),
    "sets": ([*both("train_set", "test_set"), "unlabeled_set"], (4, 2, 4)),
    "years": ([*both("train2017", "val2017"), "unlabeled2017"], (4, 2, 4)),
    "short": ([*both("trn", "tst"), "unsup"], (4, 2, 4)),
    "validation is the test set": ([*both("train", "val")], (4, 0, 4)),
    "validation beside a test set": ([*both("train", "valid", "test"), "pool"], (4, 2, 4)),
    "dev and holdout": ([*both("train", "dev", "test")], (4, 0, 4)),
    "documents": ([*both("train", "test"), "docs.txt"], (4, 0, 4)),
    "pictures in the documents": ([*both("train", "test"), "docs"], (4, 0, 4)),
    "documents beside classes": (["cat", "dog", "docs.txt"], (4, 0, 0)),
    "wrapped": ([*both("dataset/train", "dataset/test"), "dataset/pool"], (4, 2, 4)),
    "wrapped beside pictures": ([*both("animals/train", "animals/test"), "docs"], (4, 0, 4)),
    "wrapped twice": (both("a/images/train", "a/images/test"), (4, 0, 4)),
    "wrapped classes": (both("images"), (4, 0, 0)),
    "wrapped classes and a pool": ([*both("images"), "unlabeled"], (4, 2, 0)),
    "wrapped classes and a test set": ([*both("images", "test")], (4, 0, 4)),
    "wrapped inside the parts": (both("train/images", "test/images"), (4, 0, 4)),
    "two levels": ([*both("train/labeled", "test"), "train/unlabeled"], (4, 2, 4)),
    "two levels, the labeled first": ([*both("labeled/train", "labeled/test"), "pool"], (4, 2, 4)),
    "the pool among the classes": ([*both("train", "test"), "train/unlabeled"], (4, 2, 4)),
    "classes beside their test set": (["cat", "dog", *both("test")], (4, 0, 4)),
    "all beside": (["cat", "dog", "unlabeled", *both("test", "val")], (4, 2, 4)),
    "class first": (["cat/train", "cat/test", "dog/train", "dog/test"], (4, 0, 4)),
    "class first, one without": (["cat/train", "cat/test", "dog/train"], (4, 0, 2)),
    "class first and a pool": (
        ["cat/train", "cat/val", "dog/train", "dog/val", "unlabeled"],
        (4, 2, 4),
    ),
    "class first, pools inside": (
        ["cat/labeled", "cat/unlabeled", "dog/labeled", "dog/unlabeled"],
        (4, 4, 0),
    ),
    "test images without labels": ([*both("train"), "test"], (4, 0, 0)),
    "a test set beside the classes of the training part": (both("train", "train/test"), (4, 0, 4)),
    "only the training part": (both("train"), (4, 0, 0)),
    "units of a class": (
        ["cat/subject1", "cat/subject2", "dog/subject1", "dog/subject2"],
        (8, 0, 0),
    ),
    "deep": (["cat/a/b", "dog/c"], (4, 0, 0)),
    "sites": (both("site_a/train", "site_b/train", "site_a/test"), (8, 0, 4)),
}
REFUSED = {
    "no classes": (["train", "test"], "holds no class folders"),
    "no classes, validation": (["training", "validation"], "holds no class folders"),
    "no classes in the labeled part": (["labeled", "unlabeled"], "holds no class folders"),
    "only a test part": (both("test"), "has not these classes"),
    "only test and validation": (both("test", "val"), "has not these classes"),
    "test images beside classes": (["cat", "dog", "test"], "has not these classes"),
    "other classes in the test set": (["cat", "dog", "test/cow"], "has not these classes"),
    "classes or a pool": (["garden", "kitchen", "pool"], "may be a class or the pool"),
    "vehicles or a part": (["bus", "train/steam", "train/electric"], "may be a class or the train"),
    "another language": (both("entrenamiento", "prueba"), "Which of them are the classes"),
    "no names at all": (both("a", "b", "c"), "Which of them are the classes"),
    "a test set inside a class": (["cat", "cat/test", "dog"], "lies in a class folder"),
    "a test set inside the training part": (
        [*both("train", "train/test", "val")],
        "lies among class",
    ),
    "class first without training": (["cat/test", "dog/test"], "no training images"),
}


@pytest.mark.parametrize("name", USED)
def test_parts_are_used_as_such(tmp_path: Path, name: str) -> None:
    folders, (labeled, pool, test) = USED[name]
    data = load(str(lay(tmp_path, *folders)))
    assert data.classes == ("cat", "dog")
    assert np.bincount(data.label[data.label >= 0]).tolist() == [labeled / 2] * 2
    assert (data.label < 0).sum() == pool
    assert (0 if data.test_label is None else len(data.test_label)) == test
    assert data.names is not None
    for path, label in zip(data.names, data.label, strict=True):
        assert label < 0 or data.classes[label] in Path(path).parts
        inside = Path(path).relative_to(tmp_path)
        assert not {"test", "testing", "docs", "valid", "dev"} & set(inside.parts)
    for path, label in zip(
        data.test_names or (), (() if data.test_label is None else data.test_label), strict=True
    ):
        assert data.classes[label] in Path(path).parts


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path: Path, name: str) -> None:
    folders, words = REFUSED[name]
    with pytest.raises(DataError, match=words) as error:
        load(str(lay(tmp_path, *folders)))
    for folder in folders:
        assert folder.split("/")[0] in str(error.value)  # what was seen
    assert "--test" in str(error.value)  # and what to give


VEHICLES = ["bus", "car", "train"]


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (VEHICLES, VEHICLES),
        ([f"{part}/{name}" for part in ("train", "test") for name in VEHICLES], VEHICLES),
        ([*VEHICLES, *(f"test/{name}" for name in VEHICLES)], VEHICLES),
        (["invalid", "valid"], ["invalid", "valid"]),
        (["hotel/lobby", "hotel/pool", "house/hall"], ["hotel", "house"]),
        (["left/ear", "right/eye"], ["left", "right"]),
        (["2019/a", "2020/b"], ["2019", "2020"]),
    ],
)
def test_classes_stay_classes(tmp_path: Path, folders: list[str], classes: list[str]) -> None:
    assert list(load(str(lay(tmp_path, *folders))).classes) == classes


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    lay(tmp_path, *both("train", "test", "val"), "docs", "notes.txt", "train/more.txt")
    told = " ".join(load(str(tmp_path)).notes)
    assert "'train' as the data, 'test' as the test set" in told
    assert "validation part 'val' is not used" in told
    assert "docs' is none of the parts and is not used" in told
    assert "notes' holds no images and is left out" in told
    assert "more' holds no images and is left out" in told


def test_the_usual_folders_need_no_words(tmp_path: Path) -> None:
    assert not [n for n in load(str(lay(tmp_path, "cat", "dog", "unlabeled"))).notes if "part" in n]


@pytest.mark.parametrize(
    "folders", [both("train", "test"), both("test"), both("data/test"), both("val"), ["cat", "dog"]]
)
def test_a_test_folder_may_hold_the_parts_too(tmp_path: Path, folders: list[str]) -> None:
    lay(tmp_path / "data", "cat", "dog")
    exam = lay(tmp_path / "exam", "spare.txt", *folders)
    data = load(str(tmp_path / "data"), test=str(exam))
    assert data.test_label is not None
    assert data.test_label.tolist() == [0, 0, 1, 1]
    assert not any("train" in name for name in data.test_names or ())


def test_one_class_of_a_test_set_is_a_class(tmp_path: Path) -> None:
    lay(tmp_path / "data", "cat", "dog")
    lay(tmp_path / "exam", "dog/big", "dog/small")
    data = load(str(tmp_path / "data"), test=str(tmp_path / "exam"))
    assert data.test_label is not None
    assert data.test_label.tolist() == [1] * 4


def test_a_given_test_set_is_taken_instead_of_the_part(tmp_path: Path) -> None:
    lay(tmp_path / "data", *both("train", "test"))
    lay(tmp_path / "exam", "cat", "dog", "dog/more")
    data = load(str(tmp_path / "data"), test=str(tmp_path / "exam"))
    assert data.test_label is not None
    assert data.test_label.tolist() == [0, 0, 1, 1, 1, 1]


def test_a_test_set_in_the_pool_is_told(tmp_path: Path) -> None:
    lay(tmp_path / "data", "cat", "dog")
    pool = lay(tmp_path / "more", "train", "test")
    notes = load(str(tmp_path / "data"), unlabeled=str(pool)).notes
    assert [note for note in notes if "test' in the pool has the name of a test set" in note]


def test_links_between_parts_are_read_once(tmp_path: Path) -> None:
    lay(tmp_path, *both("train", "test"))
    (tmp_path / "train" / "cat" / "all").symlink_to(tmp_path)
    (tmp_path / "testing").symlink_to(tmp_path / "test")
    data = load(str(tmp_path))
    assert data.label.tolist() == [0, 0, 1, 1]
    assert data.test_label is not None
    assert len(data.test_label) == 4


def test_folders_as_deep_as_a_path_may_be(tmp_path: Path) -> None:
    lay(tmp_path, "cat", "dog/" + "/".join("d" * 900))
    assert load(str(tmp_path)).label.tolist() == [0, 0, 1, 1]


@given(st.text(max_size=30))
def test_any_name_has_a_role_or_none(name: str) -> None:
    assert role(name) in ("train", "test", "validation", "pool", None)
    assert not (says_nothing(name) and role(name))


@pytest.mark.parametrize(
    "name",
    [
        "cat",
        "contest",
        "Testarossa",
        "valley",
        "trainer",
        "device",
        "pooled",
        "0",
        "",
        "猫test",
        "un",
    ],
)
def test_names_of_classes_have_no_role(name: str) -> None:
    assert role(name) is None
    assert not says_nothing(name)


@given(st.lists(st.sampled_from(
    ["train", "test", "unlabeled", "cat", "dog", "images", "docs", "val", "train/cat", "train/dog",
     "test/cat", "test/dog", "cat/train", "cat/test", "dog/train", "dog/test", "images/train/cat",
     "images/train/dog", "images/test/cat", "unlabeled/cat", "labeled/cat", "labeled/dog", "pool"]
), min_size=1, max_size=8, unique=True))  # fmt: skip
def test_a_part_never_becomes_a_class(folders: list[str]) -> None:
    """Whatever lies there: test folders are no class, and no image has two uses."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for folder in folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / "1.png").touch()
        try:
            parts = find_parts(survey(root, lambda _: False))
        except DataError:
            return
        assert not {name for name, _ in parts.classes} & {"test", "val", "unlabeled", "labeled"}
        used = [path for _, path in (*parts.classes, *parts.test)] + list(parts.pool)
        assert len(set(used)) == len(used)
        assert not any(a in b.parents for a in used for b in used)
