"""Folders of images: classes, the pool, links, bad files and names."""

from __future__ import annotations

import os
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from pictures import BASE, bad_files, class_folders, different, fifo, save, write_all

from realmix.base.errors import DataError, UsageError
from realmix.data.reading.folders import read_class_folders, read_pool_folder
from realmix.data.reading.load import load


def test_class_folders_become_labels_and_the_pool(tmp_path: Path) -> None:
    data = load(str(class_folders(tmp_path, classes=("dog", "cat"))))
    assert data.classes == ("cat", "dog")
    assert data.label.tolist() == [0, 0, 0, 1, 1, 1, -1, -1, -1]
    assert data.inputs.shape == (9, 3, 8, 8)
    assert data.inputs.dtype == np.uint8
    assert data.names is not None
    assert data.names[0] == str(tmp_path / "cat" / "0.png")
    assert np.array_equal(data.inputs[0], different(10).transpose(2, 0, 1))
    assert np.array_equal(data.inputs[8], different(22).transpose(2, 0, 1))
    assert data.preset == "photos"
    assert data.oracle is None
    assert data.bad_files == ()


def test_nested_folders_and_unicode_names(tmp_path: Path) -> None:
    for i, name in enumerate(("猫/a/b", "chien été", "plain")):
        save(tmp_path / name / "ü 1.png", different(i))
        save(tmp_path / name / "deeper" / "2.png", different(i + 5))
    data = load(str(tmp_path))
    assert data.classes == ("chien été", "plain", "猫")
    assert data.label.tolist() == [0, 0, 1, 1, 2, 2]


def test_names_are_safe_to_print(tmp_path: Path) -> None:
    class_folders(tmp_path)
    save(tmp_path / "cat" / "a\x1b[31m.png")
    os.rename(save(tmp_path / "cat" / "b.png"), os.fsencode(tmp_path / "cat") + b"/\xff.png")
    names = load(str(tmp_path)).names
    assert names is not None
    assert all(name.isprintable() for name in names)


def test_hidden_files_and_litter_are_passed_over(tmp_path: Path) -> None:
    class_folders(tmp_path)
    for name in (".DS_Store", "Thumbs.db", ".hidden.png"):
        (tmp_path / "cat" / name).write_bytes(b"x")
    (tmp_path / "README.md").write_text("about", "utf-8")
    data = load(str(tmp_path))
    assert len(data.inputs) == 9
    assert any("1 file beside the class folders not used." in note for note in data.notes)


def test_bad_files_of_the_pool_are_skipped_and_listed(tmp_path: Path) -> None:
    class_folders(tmp_path)
    write_all(tmp_path / "unlabeled", bad_files())
    data = load(str(tmp_path))
    assert len(data.inputs) == 9
    assert {Path(path).name for path, _ in data.bad_files} == set(bad_files())
    assert all(reason for _, reason in data.bad_files)
    told = f"{len(bad_files())} files left out that could not be used; the first is "
    assert any(told in note for note in data.notes)


def test_bad_labeled_files_are_an_error_unless_skipped(tmp_path: Path) -> None:
    class_folders(tmp_path)
    write_all(tmp_path / "cat", bad_files())
    with pytest.raises(DataError, match=r"--skip-bad") as error:
        load(str(tmp_path))
    assert str(error.value).count(str(tmp_path)) == 5
    assert len(str(error.value).splitlines()) <= 12
    data = load(str(tmp_path), skip_bad=True)
    assert data.label.tolist() == [0, 0, 0, 1, 1, 1, -1, -1, -1]
    assert len(data.bad_files) == len(bad_files())


def test_bad_test_files_are_an_error_unless_skipped(tmp_path: Path) -> None:
    class_folders(tmp_path / "train")
    save(tmp_path / "exam" / "cat" / "1.png", different(99))
    write_all(tmp_path / "exam" / "cat", {"2.png": b"no"})
    with pytest.raises(DataError, match=r"1 of the test images"):
        load(str(tmp_path / "train"), test=str(tmp_path / "exam"))
    data = load(str(tmp_path / "train"), test=str(tmp_path / "exam"), skip_bad=True)
    assert data.test_label is not None
    assert data.test_label.tolist() == [0]


def test_a_class_without_a_usable_image_is_left_out(tmp_path: Path) -> None:
    train = class_folders(tmp_path / "train", classes=("bird", "cat", "dog"))
    for i in range(3):
        (train / "bird" / f"{i}.png").write_bytes(b"")
    save(tmp_path / "pool" / "dog" / "1.png")
    data = load(str(train), unlabeled=str(tmp_path / "pool"), skip_bad=True)
    assert data.classes == ("cat", "dog")
    assert data.label.tolist() == [0, 0, 0, 1, 1, 1, -1, -1, -1, -1]
    assert data.oracle is not None
    assert data.oracle.tolist() == [-1] * 9 + [1]
    assert any("left out: bird" in note for note in data.notes)
    save(tmp_path / "exam" / "bird" / "1.png")
    with pytest.raises(DataError, match="without a training row"):
        load(str(train), test=str(tmp_path / "exam"), skip_bad=True)


def test_links_in_a_circle_are_read_once(tmp_path: Path) -> None:
    save(tmp_path / "data" / "cat" / "1.png")
    save(tmp_path / "data" / "dog" / "1.png")
    (tmp_path / "data" / "cat" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "cat" / "dogs").symlink_to(tmp_path / "data" / "dog")
    (tmp_path / "data" / "kitty").symlink_to(tmp_path / "data" / "cat")
    start = time.perf_counter()
    data = load(str(tmp_path / "data"))
    assert time.perf_counter() - start < 5
    assert data.classes == ("cat", "dog")
    assert data.label.tolist() == [0, 1]
    assert len(data.bad_files) == 3


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    class_folders(tmp_path / "data")
    outside = save(tmp_path / "elsewhere" / "secret.png")
    (tmp_path / "data" / "unlabeled" / "folder").symlink_to(outside.parent)
    (tmp_path / "data" / "unlabeled" / "file.png").symlink_to(outside)
    (tmp_path / "data" / "unlabeled" / "self").symlink_to("self")
    data = load(str(tmp_path / "data"))
    assert len(data.inputs) == 9
    assert len(data.bad_files) == 3
    (tmp_path / "data" / "cat" / "file.png").symlink_to(outside)
    with pytest.raises(DataError, match="leads outside"):
        load(str(tmp_path / "data"))


def test_links_out_of_the_folder_are_followed_where_that_is_asked_for(tmp_path: Path) -> None:
    class_folders(tmp_path / "data")
    outside = save(tmp_path / "elsewhere" / "one.png")
    (tmp_path / "data" / "unlabeled" / "folder").symlink_to(outside.parent)
    (tmp_path / "data" / "cat" / "file.png").symlink_to(outside)
    (tmp_path / "data" / "bird").symlink_to(outside.parent)  # a whole class, and that folder again
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path)  # in a circle
    (tmp_path / "data" / "unlabeled" / "self").symlink_to("self")
    data = load(str(tmp_path / "data"), follow_links=True)
    assert data.classes == ("bird", "cat", "dog")
    assert len(data.inputs) == 9 + 2
    reasons = sorted(reason for _, reason in data.bad_files)
    assert reasons[0] == "a link that is broken"
    assert all("read already" in reason for reason in reasons[1:])


def test_a_linked_root_and_links_inside_it_are_followed(tmp_path: Path) -> None:
    class_folders(tmp_path / "data")
    (tmp_path / "data" / "cat" / "same.png").symlink_to(tmp_path / "data" / "cat" / "0.png")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert len(load(str(tmp_path / "link")).inputs) == 10


def test_pipes_and_unreadable_folders_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folders(tmp_path)
    fifo(tmp_path / "unlabeled" / "pipe.png")
    locked = tmp_path / "unlabeled" / "locked"
    locked.mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> object:  # tests may run as root, whom no permission stops
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("realmix.data.folders.walk.os.scandir", refuse)
    reasons = {Path(path).name: reason for path, reason in load(str(tmp_path)).bad_files}
    assert reasons == {
        "pipe.png": "not a regular file",
        "locked": "cannot be read: Permission denied",
    }


def test_a_separate_pool_may_be_nested_and_its_folders_are_no_labels(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", count=2)
    save(tmp_path / "pool" / "1.png", different(90, 20))
    save(tmp_path / "pool" / "cat" / "x" / "2.png", different(91, 20))
    save(tmp_path / "pool" / "zebra" / "3.png", different(92, 20))
    data = load(str(tmp_path / "train"), unlabeled=str(tmp_path / "pool"))
    assert data.label.tolist() == [0, 0, 1, 1, -1, -1, -1, -1, -1]
    assert data.oracle is not None
    assert data.oracle.tolist() == [-1] * 7 + [0, -1]
    assert data.inputs.shape == (9, 3, 32, 32)


def test_a_test_folder_is_read_in_the_same_shape(tmp_path: Path) -> None:
    class_folders(tmp_path / "train")
    save(tmp_path / "exam" / "dog" / "1.png", different(1, 30)[..., 0])
    data = load(str(tmp_path / "train"), test=str(tmp_path / "exam"))
    assert data.test_inputs is not None
    assert data.test_inputs.shape == (1, 3, 8, 8)
    assert data.test_label is not None
    assert data.test_label.tolist() == [1]


def test_the_test_set_has_no_say_in_the_shape(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        save(tmp_path / "train" / name / "1.png", BASE[..., 0])
        save(tmp_path / "exam" / name / "1.png", different(1, 100))
    data = load(str(tmp_path / "train"), test=str(tmp_path / "exam"))
    assert data.inputs.shape[1:] == (1, 8, 8)
    assert data.test_inputs is not None
    assert data.test_inputs.shape[1:] == (1, 8, 8)


def test_image_size_is_taken_and_checked(tmp_path: Path) -> None:
    folder = str(class_folders(tmp_path))
    assert load(folder, image_size=12).inputs.shape == (9, 3, 12, 12)
    for size in (0, -3, 5000):
        with pytest.raises(UsageError, match="image_size"):
            load(folder, image_size=size)


def test_an_unknown_test_class_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    class_folders(tmp_path / "train")
    save(tmp_path / "exam" / "dogs" / "1.png")
    with pytest.raises(DataError, match=r"class 'dogs' is not among.*Did you mean 'dog'"):
        load(str(tmp_path / "train"), test=str(tmp_path / "exam"))


@pytest.mark.parametrize(
    "pair",
    [
        ("Cat", "cat"),
        (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
        ("cat", "cat "),
        ("STRASSE", "straße"),
    ],
)
def test_class_twins_are_explained(tmp_path: Path, pair: tuple[str, str]) -> None:
    for name in pair:
        save(tmp_path / name / "1.png")
    with pytest.raises(DataError, match="differ only in case, spaces or Unicode"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["Unlabeled", "UNLABELED", "unlabelled", "_unlabeled", "unlabeled "]
)
def test_the_pool_by_another_name_is_the_pool_and_said_to_be(tmp_path: Path, name: str) -> None:
    for i, folder in enumerate(("cat", "dog", name)):
        save(tmp_path / folder / "1.png", different(i))
    data = load(str(tmp_path))
    assert data.label.tolist() == [0, 1, -1]
    assert any("as the pool" in note for note in data.notes)


def test_an_empty_class_name_is_refused(tmp_path: Path) -> None:
    for folder in ("cat", "dog", " "):
        save(tmp_path / folder / "1.png")
    with pytest.raises(DataError, match="empty name"):
        load(str(tmp_path))


@pytest.mark.parametrize("make", ["nothing", "images only", "empty classes"])
def test_a_folder_without_classes_is_an_error(tmp_path: Path, make: str) -> None:
    if make == "images only":
        save(tmp_path / "1.png")
    if make == "empty classes":
        (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="Expected class folders"):
        load(str(tmp_path))


def test_an_empty_pool_folder_is_an_error(tmp_path: Path) -> None:
    class_folders(tmp_path / "train")
    (tmp_path / "pool").mkdir()
    with pytest.raises(DataError, match="There are no files in"):
        load(str(tmp_path / "train"), unlabeled=str(tmp_path / "pool"))


def test_an_empty_class_folder_is_noted(tmp_path: Path) -> None:
    class_folders(tmp_path)
    (tmp_path / "bird").mkdir()
    data = load(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert any("bird' holds no files" in note for note in data.notes)


def test_one_class_or_no_labels_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "unlabeled" / "1.png")
    with pytest.raises(DataError, match="None of the 1 rows has a label"):
        load(str(tmp_path))
    save(tmp_path / "cat" / "1.png")
    with pytest.raises(DataError, match="one class, 'cat'"):
        load(str(tmp_path))


def test_single_examples_and_full_labels_are_noted(tmp_path: Path) -> None:
    class_folders(tmp_path)
    save(tmp_path / "bird" / "1.png")
    notes = load(str(tmp_path)).notes
    assert any("single labeled example each: bird." in note for note in notes)
    assert not any("supervised" in note for note in notes)
    for path in (tmp_path / "unlabeled").iterdir():
        path.unlink()
    assert any("plain supervised" in note for note in load(str(tmp_path)).notes)


def test_a_folder_of_links_that_lead_outside_says_what_follows_them(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "cat").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"no files in .*\n  .*cat: a link .*--follow-links"):
        read_pool_folder(tmp_path / "given")


def test_what_phones_write_beside_photos_is_named_and_refuses_nothing(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png", "unlabeled/3.png"):
        (tmp_path / name).parent.mkdir()
        save(tmp_path / name, different(len(name), 8))
    for name in ("a/1.MOV", "b/2.AAE", "unlabeled/3.mov"):
        (tmp_path / name).write_bytes(b"no picture")
    found = read_class_folders(tmp_path)
    assert [path.name for path in found.files or ()] == ["1.png", "2.png", "3.png"]
    assert found.refused == ()
    assert sorted(Path(path).name for path, _ in found.bad_files) == ["1.MOV", "2.AAE", "3.mov"]
    assert {reason for _, reason in found.bad_files} == {"written beside photos, and none itself"}
