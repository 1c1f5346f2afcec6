"""What separates cells, which quotes are text, and files without a line of names."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.base.errors import UsageError
from realmix.data.cells.csv_text import read_csv
from realmix.data.cells.read import read_cells
from realmix.data.reading.tables import read_table

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def cells(path: Path, text: str) -> list[list[str]]:
    path.write_bytes(text.encode())
    return [row for _, row in read_csv(path)[0]]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("ham\tone, two, three", ["spam", "four; five"]),
        ("label;size, weight, height", ["a", "1"]),
        ('label,"a;b;c"', ["a", "1"]),
        ('label\t"a,b,c"', ["a", "1,5"]),
    ],
)
def test_the_rows_tell_what_separates_not_the_header_alone(
    tmp_path: Path, header: str, row: list[str]
) -> None:
    separator = header.lstrip("abcdefghijklm")[0]
    assert cells(tmp_path / "t.csv", f"{header}\n{separator.join(row)}\n")[1] == row


def test_quotes_between_tabs_are_text(tmp_path: Path) -> None:
    """As in the SMS Spam Collection, where a reader of CSV joins what lies between two of them."""
    rows = [
        ["label", "text"],
        ["ham", '"Good morning'],
        ["spam", 'He said "yes" and left'],
        ["ham", '"Yes," she said'],
        ["ham", 'good night"'],
    ]
    assert cells(tmp_path / "t.tsv", "\n".join(map("\t".join, rows)) + "\n") == rows


def test_quotes_that_join_lines_between_tabs(tmp_path: Path) -> None:
    """As pandas writes a text of two lines."""
    text = 'label\ttext\nham\t"two\nlines"\nspam\t"she said ""no"""\n'
    assert cells(tmp_path / "t.tsv", text)[1:] == [["ham", "two\nlines"], ["spam", 'she said "no"']]


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5), st.sampled_from(",;\t"))
def test_what_a_writer_of_csv_wrote_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], separator: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", newline="", encoding="utf8") as file:
        csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(
            [("a", "b", "c"), *rows]
        )
    assert [tuple(row) for _, row in read_csv(path)[0]] == [("a", "b", "c"), *rows]


def test_a_file_without_names_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("39, State-gov, 13, a\n50, Private, 12, b\n28, Private, 11, a\n")
    with pytest.raises(UsageError, match=r"looks like a row \(39, State-gov, 13, ...\)"):
        read_table(read_cells(path), "label", True)
    assert any("looks like a row" in note for note in read_table(read_cells(path), "a", True).notes)
    path.write_text("ham,hello you\nspam,win now\n")
    with pytest.raises(UsageError, match="first line is a row already"):
        read_table(read_cells(path), "label", True)


@pytest.mark.parametrize("names", ["0,1,2,10,label", "2019,2020,label", "-1.5,.5,2e3,label"])
def test_columns_may_be_numbers_that_ascend(tmp_path: Path, names: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{names}\n{','.join('1' * len(names.split(',')))}\n")
    assert not read_cells(path).notes


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("above", "header"),
    [
        ("# made by x, on Monday\n# seed=1\n", "a,b"),
        ("sep=,\n", "a,b"),
        ("#\n\n# two lines below\n\n", "a,b"),
        ("# then a header that begins so:\n", "#a,b"),
    ],
)
def test_comments_above_the_header_are_passed_over(
    tmp_path: Path, above: str, header: str, end: str
) -> None:
    text = f"{above}{header}\n1,#2\n#3,4\n".replace("\n", end)
    (tmp_path / "t.csv").write_bytes(text.encode())
    records, notes = read_csv(tmp_path / "t.csv")
    lines = above.count("\n")
    assert records == [
        (lines + 1, header.split(",")), (lines + 2, ["1", "#2"]), (lines + 3, ["#3", "4"])
    ]  # fmt: skip
    (note,) = notes
    assert note.endswith(f"what is above the header is passed over: {above.splitlines()[0]}")


@pytest.mark.parametrize("text", ["#a,b\n1,2\n", "\n#a,b\n1,2\n", "\n\na,b\n1,2\n", "a,b\n#1,2\n"])
def test_no_comment_no_note(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    records, notes = read_csv(tmp_path / "t.csv")
    assert [cells for _, cells in records] == [line.split(",") for line in text.split()]
    assert notes == ()


def test_a_long_row_below_a_comment(tmp_path: Path) -> None:
    long = "x" * 200_000
    assert cells(tmp_path / "t.csv", f"# of\n#a,b\n{long},2\n")[1] == [long, "2"]


def test_a_comment_that_opens_a_quote(tmp_path: Path) -> None:
    text = '#of,"them\na,b,c\n1,2,3\n'
    assert cells(tmp_path / "t.csv", text) == [["a", "b", "c"], ["1", "2", "3"]]


def test_bars_separate(tmp_path: Path) -> None:
    text = "text|label\nto be, or not|a\nboth; and|b\n"
    assert cells(tmp_path / "t.csv", text)[1:] == [["to be, or not", "a"], ["both; and", "b"]]
