"""Answers that join a data set. What a table of answers may hold: tests/runs/test_decide.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.data.pools import Dataset
from realmix.data.reading.answers import with_answers
from realmix.data.reading.load import load


def dataset() -> Dataset:
    """Rows a to e; a and b are labeled."""
    label = np.array([0, 1, -1, -1, -1])
    return Dataset(np.zeros((5, 2), np.float32), label, ("cat", "dog"), "features", tuple("abcde"))


def answers(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "answers.csv"
    path.write_text("\n".join(["name,label", *rows]) + "\n")
    return path


def test_answered_rows_are_labeled_and_only_train(tmp_path: Path) -> None:
    found = with_answers(dataset(), answers(tmp_path, "e,dog", "c,cat", "d,?"))
    assert found.label.tolist() == [0, 1, 0, -1, 1]
    assert found.trains_only is not None
    assert found.trains_only.tolist() == [False, False, True, False, True]
    assert found.notes[-1] == "2 answers join the labels; they train and are never held out."


def test_the_data_set_that_was_given_stays_as_it_is(tmp_path: Path) -> None:
    given = dataset()
    with_answers(given, answers(tmp_path, "c,cat"))
    assert given.label.tolist() == [0, 1, -1, -1, -1]
    assert given.trains_only is None


@pytest.mark.parametrize("name", ["a", "z"])
def test_a_labeled_or_unknown_row_takes_no_answer(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"line 2: '{name}' is none of the unlabeled rows"):
        with_answers(dataset(), answers(tmp_path, f"{name},cat"))


def test_load_takes_them(tmp_path: Path) -> None:
    lines = ["width,kind", "1,cat", "2,dog", "3,", "4,"]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    path = answers(tmp_path, f"{tmp_path / 'rows.csv'}:5,dog")
    found = load(str(tmp_path / "rows.csv"), label_column="kind", answers=str(path))
    assert found.label.tolist() == [0, 1, -1, 1]
    with pytest.raises(UsageError, match="no file"):
        load(str(tmp_path / "rows.csv"), label_column="kind", answers=str(tmp_path / "none.csv"))


def test_answers_that_excel_saved(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["name", "label"], ["e", "dog"], ["c", None], ["d", "?"]):
        book.active.append(row)
    book.save(tmp_path / "answers.xlsx")
    found = with_answers(dataset(), tmp_path / "answers.xlsx")
    assert (
        found.label.tolist() == with_answers(dataset(), answers(tmp_path, "e,dog")).label.tolist()
    )
