"""Excel files as tables."""

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.data.cells.read import read_cells
from realmix.data.reading.load import load

ROWS = [
    ["size", "when", "sold", "label"],
    [1, datetime.datetime(2024, 5, 1), True, "a"],
    [None, None, None, None],
    [2.5, datetime.datetime(2024, 5, 2, 10, 30), False, "b"],
    [None, "soon", " ", None],
]


def write(tmp_path: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"sheet {number}")
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


def test_cells_are_numbers_texts_and_blanks_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    table = read_cells(write(tmp_path, ROWS))
    assert table.cells == {
        "size": [1, 2.5, None],
        "when": ["2024-05-01", "2024-05-02 10:30:00", "soon"],
        "sold": ["True", "False", None],
        "label": ["a", "b", None],
    }
    assert list(table.places) == [2, 4, 5]
    assert not table.notes


def test_the_first_sheet_with_rows_is_read_and_others_are_told_of(tmp_path: Path) -> None:
    table = read_cells(write(tmp_path, [], ROWS, [["x"], [1]]))
    assert list(table.cells) == ["size", "when", "sold", "label"]
    assert "the sheet 'sheet 1' is read alone" in table.notes[0]


def test_an_excel_file_trains(tmp_path: Path) -> None:
    values = ([i * i % 23, i % 7, "xy"[i % 2] if i < 12 else None] for i in range(30))
    rows = [["a", "b", "label"], *values]
    data = load(str(write(tmp_path, rows)))
    assert data.inputs.shape == (30, 2)
    assert data.classes == ("x", "y")
    assert (data.label < 0).sum() == 18


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no rows below"),
        ([["a", "label"]], "no rows below"),
        ([["a", None, "label"], [1, 2, "x"]], "column 2 of 3 has no name"),
        ([["a", "a"], [1, 2]], "'a' more than once"),
    ],
)
def test_sheets_that_are_no_tables(tmp_path: Path, rows: list[list[Any]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_cells(write(tmp_path, rows))


def test_a_column_without_a_name_and_cells_is_passed_over(tmp_path: Path) -> None:
    table = read_cells(write(tmp_path, [["a", None, "label"], [1, None, "x"]]))
    assert table.cells == {"a": [1], "label": ["x"]}


def test_a_damaged_file_and_a_missing_package_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, ROWS)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match=r"no whole Excel file.*password"):
        read_cells(path)
    monkeypatch.setattr("realmix.data.cells.sheets.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"realmix\[tables\]"):
        read_cells(path)
