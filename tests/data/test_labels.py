"""What label values say: classes, "no label", what is asked about, and quantities."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.base.errors import DataError
from realmix.data.labels import NO_LABEL, Marks, class_name, read_folders, read_labels


def names(values: Any, **said: Any) -> list[str | None]:
    return read_labels(values, Marks.of(**said)).names


@pytest.mark.parametrize("mark", sorted(NO_LABEL))
def test_every_mark_is_no_label_until_it_is_said_to_be_a_class(mark: str) -> None:
    values = ["cat", mark, "dog"]
    assert names(values) == ["cat", None, "dog"]
    if mark:
        assert names(values, classes=mark) == values


@pytest.mark.parametrize(
    "values",
    [
        [0, None, 1],
        [0, float("nan"), 1],
        [0, -1, 1],
        [0, "-1.0", 1],
        [0, -100.0, 1],
        np.array([0, np.nan, 1]),
        np.ma.array([0, 1, 1], mask=[0, 1, 0]),
        pd.Series([0, pd.NA, 1], dtype="Int64"),
        pd.Series(["0", None, "1"], dtype="category"),
        pd.Series([pd.Timestamp(0), pd.NaT, 1], dtype=object).map(
            lambda v: 0 if isinstance(v, pd.Timestamp) and v == pd.Timestamp(0) else v
        ),
        np.array([0, 255, 1], np.uint8),
        np.array([0, 65535, 1], np.uint16),
        np.array([0, 2**64 - 1, 1], np.uint64),
        np.array([b"0", b"", b"1"]),
        ["0 ", "  ", " 1.0"],
    ],
    ids=str,
)
def test_every_form_of_a_missing_label(values: Any) -> None:
    assert names(values) == ["0", None, "1"]


@pytest.mark.parametrize(
    "values",
    [
        [1, -1],
        ["1", "-1", ""],
        [100, -100],
        ["+", "-"],
        [-1, 0, 1, None],
        [-2, -1, 0],
        ["a", "b", "unknown"],
        ["a", "b", "None", "none"],
        ["a", "b", "Unlabelled"],
        ["a", "b", "n.a."],
        ["a", "b", "not labeled"],
        ["a", "b", "--"],
        ["a", "missing", "missing"],
        [0, 1, 255],
        [0, 255],
        [1, 2, 999],
        [0, 1, -99],
        np.array([0, 255], np.uint8),
    ],
    ids=str,
)
def test_what_can_be_read_two_ways_is_asked_about_with_both_ways_out(values: Any) -> None:
    with pytest.raises(DataError, match=r"--unlabeled-marker=.*--class-value=") as error:
        read_labels(values)
    asked = str(error.value).split("'")[1]
    as_class, as_none = names(values, classes=asked), names(values, unlabeled=asked)
    texts = [class_name(value) for value in values]
    assert [n for n in as_class if n == asked] == [asked] * texts.count(asked)
    assert asked not in as_none


@pytest.mark.parametrize(
    "values",
    [
        ["+", "neutral"],
        [0, 128, 255],
        np.repeat(np.arange(256, dtype=np.uint8), 2),
        np.array([3, 254, 255], np.uint8),
        ["a", "a", "missing"],
        [-2, 3],
        [0, 1, 2, 9],
        ["Nantes", "Nice", "nominal"],
        ["other", "other", "a"],
        [True, False],
        ["01", "1"],
    ],
    ids=str,
)
def test_plain_classes_are_not_asked_about(values: Any) -> None:
    assert names(values) == [class_name(value) for value in values]


@pytest.mark.parametrize(
    "values",
    [
        [0.5, 1.0],
        ["0.5", "1.5", ""],
        ["1,5", "2"],
        ["1e-3", "1"],
        [0.0, np.inf],
        list(range(0, 90, 3)),
        [str(v) for v in np.random.default_rng(0).integers(0, 1000, 60)],
        np.random.default_rng(0).integers(0, 1000, 5000),
        np.random.default_rng(0).integers(18, 90, 150),
        list(range(30)),
        [float(v) for v in range(0, 60, 2)],
    ],
    ids=lambda v: str(v)[:20],
)
def test_quantities_are_refused_with_a_count_and_examples(values: Any) -> None:
    distinct = len({class_name(v) for v in values} - {""})
    with pytest.raises(DataError, match=f"quantities, not classes: .*{distinct:,} distinct") as e:
        read_labels(values)
    assert class_name(values[0]) in str(e.value) or "fraction" in str(e.value)


@pytest.mark.parametrize(
    "values",
    [
        [*range(100), ""],  # one label of each of a hundred classes, and a pool
        list(range(30)) * 2,
        [7, 70, 700] * 3,
        np.repeat(np.arange(0, 300, 3), 30),
        ["v1.5", "v2.0"],
    ],
    ids=lambda v: str(v)[:20],
)
def test_whole_numbers_that_are_classes_are_taken(values: Any) -> None:
    assert len({n for n in names(values) if n}) >= 2


def test_a_fraction_that_is_said_to_be_a_class_is_one() -> None:
    assert names(["1.5", "2.5"], classes=["1.5", "2.5"]) == ["1.5", "2.5"]


def test_the_note_counts_what_was_taken() -> None:
    labels = read_labels(["a", "nan", "", "nan", "b", "-"])
    (note,) = labels.notes()
    assert "'nan' (2 rows), '-' (1 row)" in note
    assert labels.marks == {"nan": 2, "": 1, "-": 1}
    assert read_labels(["a", "", "b"]).notes() == ()


def test_settled_marks_read_other_rows_alike() -> None:
    labels = read_labels(np.array([0, 1, 255], np.uint8))
    later = read_labels([255, 1, 255], Marks().settled(labels), asks=False)
    assert later.names == [None, "1", None]


def test_folders_named_like_no_label_are_asked_about() -> None:
    assert read_folders(["cat", None, "dog"]).names == ["cat", None, "dog"]
    for name in ("NA", "unknown", "-1", "none"):
        with pytest.raises(DataError, match="a folder named 'unlabeled'"):
            read_folders(["cat", name])
        assert read_folders(["cat", name], Marks.of(classes=name)).names == ["cat", name]
        assert read_folders(["cat", name], Marks.of(unlabeled=name)).names == ["cat", None]


@given(st.lists(st.one_of(st.text(max_size=4), st.integers(-3, 300), st.none(), st.floats())))
def test_any_labels_are_read_or_explained(values: list[Any]) -> None:
    labels = read_labels(values, asks=False)
    with contextlib.suppress(DataError):
        assert read_labels(values) == labels
    assert len(labels.names) == len(values)
    assert sum(labels.marks.values()) == labels.names.count(None)
