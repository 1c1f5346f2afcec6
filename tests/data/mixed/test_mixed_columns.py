"""Kinds of columns, and what each becomes as numbers, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from realmix.base.errors import DataError
from realmix.data.columns import Wanted
from realmix.data.mixed.cells import column_of
from realmix.data.mixed.dates import forms_of
from realmix.data.mixed.encoding import Encoding
from realmix.data.mixed.kinds import Fitted, fitted
from realmix.data.pools import Dataset
from realmix.data.reading.load import load


def fit(wanted: Wanted | None = None, **columns: list[Any]) -> Fitted:
    wanted = wanted or Wanted()
    table = {name: column_of(cells, name in wanted.categorical) for name, cells in columns.items()}
    count = len(next(iter(table.values())))
    return fitted(table, [f"row {i}" for i in range(count)], wanted)


def rows(encoding: Encoding, **columns: list[Any]) -> list[list[float]]:
    table = {name: column_of(columns[name], text) for name, text in encoding.as_text.items()}
    return encoding(table, "The table").tolist()


def test_blank_numbers_are_the_median_and_say_so() -> None:
    encoding = fit(a=["1", "", "10", "NA", "3"]).encoding
    assert encoding.names == ("a", "a is blank")
    assert rows(encoding, a=["7", "?", "x"]) == [[7, 0], [3, 1], [3, 1]]
    assert encoding.blank == 0.4
    assert list(encoding.flags) == [False, True]


def test_numbers_without_blanks_stay_as_they_are() -> None:
    encoding = fit(a=["1", "2e3", "-0.5"], b=[0, 1, 1]).encoding
    assert not encoding.changes
    assert rows(encoding, a=["4", ""], b=[1, 0]) == [[4, 1], [1, 0]]


def test_categories_have_a_column_each_rare_ones_share_one_and_new_ones_have_none() -> None:
    cells = ["red"] * 3 + ["blue"] * 4 + ["", "lime", "teal"]
    encoding = fit(c=cells).encoding
    assert encoding.names == ("c=blue", "c=red", "c=(blank)", "c=(rare)")
    assert rows(encoding, c=["red", None, "teal", "lime", "pink"]) == [
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
    ]
    assert encoding.flags.all()
    assert encoding.groups == (0, 0, 0, 0)


def test_booleans_in_any_words() -> None:
    for yes, no in (("yes", "no"), ("TRUE", "False"), ("Y", "n")):
        encoding = fit(b=[yes, no, yes, ""]).encoding
        assert encoding.columns[0].kind == "boolean"
        assert rows(encoding, b=[no, yes, "", "maybe"]) == [[0, 0], [1, 0], [1, 1], [1, 1]]


def test_dates_become_year_month_weekday_and_days() -> None:
    encoding = fit(d=["2024-03-01", "2024-02-28", "2023-12-31"]).encoding
    assert encoding.names == ("d: year", "d: month", "d: day of week", "d: days")
    # 2024-02-29 was a Thursday, 60 days after 2023-12-31; the median day is 59
    assert rows(encoding, d=["2024-02-29"]) == [[2024, 2, 3, 60]]
    assert rows(encoding, d=[""]) == [[2024, 3, 4, 59]]
    timed = fit(d=["2024-01-01 12:00", "2024-01-02 18:30:00+01:00"]).encoding
    assert timed.names[-1] == "d: hour"
    (found,) = rows(timed, d=["2024-01-03T06:30"])
    assert found == pytest.approx([2024, 1, 2, 1 + 18.5 / 24, 6.5])


def test_dates_whose_day_and_month_may_change_places_are_asked_about() -> None:
    with pytest.raises(DataError, match=r"row 0: '3/4/2024' in column 'd' can be a day and a m"):
        fit(d=["3/4/2024", "5/6/2024"])
    assert forms_of({"3/4/2024", "13/6/2024"}) == ["%d/%m/%Y"]
    assert forms_of({"03.04.2024 10:00"}) == ["%d.%m.%Y %H:%M"]
    assert forms_of({"2024-01-01", "soon"}) == []


def test_what_has_too_many_values_is_left_out_and_can_be_wanted() -> None:
    names = [f"n{i // 4}" if i < 8 else f"x{i}" for i in range(30)]
    found = fit(a=list(range(30)), who=names)
    assert found.encoding.columns_read == ("a",)
    assert "'who' has 24 values in 30 rows. To learn" in found.notes[0]
    found = fit(Wanted(categorical=("who",)), a=list(range(30)), who=names)
    assert found.encoding.names == ("a", "who=n0", "who=n1", "who=(rare)")
    with pytest.raises(DataError, match="--categorical who: no value"):
        fit(Wanted(categorical=("who",)), who=[f"x{i}" for i in range(30)])


def test_free_text_is_refused_by_name() -> None:
    told = [f"this is opinion number {i} of many" for i in range(20)]
    with pytest.raises(DataError, match=r"Column 'review' holds free text \('this is"):
        fit(a=list(range(20)), review=told)
    assert fit(a=list(range(20)), review=told[:2] * 10).encoding.columns[1].kind == "category"


def test_codes_are_categories_only_if_that_is_said() -> None:
    codes = ["01", "02", "1", "02", "01", "1"]
    assert fit(z=codes).encoding.names == ("z",)
    encoding = fit(Wanted(categorical=("z",)), z=codes).encoding
    assert encoding.names == ("z=01", "z=02", "z=1")
    assert rows(encoding, z=["1", "01"]) == [[0, 0, 1], [1, 0, 0]]


def test_a_column_of_numbers_with_a_few_words_is_asked_about() -> None:
    cells = [*map(str, range(20)), "many", "few"]
    with pytest.raises(DataError, match=r"row 20: 'many' in column 'a'.* 1 more .*--numeric 'a'"):
        fit(a=cells)
    assert rows(fit(Wanted(numeric=("a",)), a=cells).encoding, a=["few", "4"]) == [[9.5, 1], [4, 0]]
    grades = ["0", "1", "2", "3+"] * 10
    assert fit(g=grades).encoding.names == ("g=0", "g=1", "g=2", "g=3+")
    with pytest.raises(DataError, match=r"'1,5' in column 'a' is not a number"):
        fit(a=["1,5", "2,5", "4,0", "many"])


def test_what_is_unlike_the_training_rows_is_said() -> None:
    encoding = fit(a=[1, 2, 3, 4], c=["x", "y", "x", "y"]).encoding
    table = {"a": column_of(["1", "b", ""]), "c": column_of(["z", "z", "x"])}
    unseen, wrong, blanks = encoding.notes(table, "'new.csv'")
    assert "c 'z' (2 rows)." in unseen
    assert "a 'b' (1 row)." in wrong
    assert "'a' (1 row)." in blanks


def test_a_missing_column_is_named_and_others_are_not_looked_at() -> None:
    encoding = fit(age=[1, 2], c=["x", "x"]).encoding
    with pytest.raises(DataError, match=r"lacks 1 of the 2 feature columns.*: age\. Did you"):
        encoding({"c": column_of(["x"]), "agee": column_of([1])}, "'new.csv'")


CELLS = st.sampled_from(["", "1", "2.5", "x", "y", "z", "2024-01-05", "2023-07-09", "yes", "no"])


@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=2, max_size=12),
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_the_model_s_file_gives_the_same_numbers(
    train: list[tuple[str, str]], new: list[tuple[str, str]]
) -> None:
    try:
        encoding = fit(a=[row[0] for row in train], b=[row[1] for row in train]).encoding
    except DataError:
        return
    kept = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert kept == encoding
    columns = {"a": [row[0] for row in new], "b": [row[1] for row in new]}
    numbers = np.array(rows(kept, **columns))
    assert np.array_equal(numbers, rows(encoding, **columns))
    assert np.isfinite(numbers).all()
    assert numbers.shape == (len(new), len(encoding.names))
    assert len(encoding.flags) == len(encoding.names) == len(encoding.groups)


def test_the_same_matrix_as_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    numbers = np.where(rng.random(300) < 0.1, np.nan, rng.normal(size=300))
    words = rng.choice(["a", "b", "c", "d"], 300, p=[0.5, 0.3, 0.198, 0.002]).astype(object)
    table = np.stack([numbers.astype(object), words], axis=1)
    theirs = make_column_transformer(
        (SimpleImputer(strategy="median", add_indicator=True), [0]),
        (OneHotEncoder(min_frequency=2, sparse_output=False, handle_unknown="ignore"), [1]),
    ).fit_transform(table)
    encoding = fit(x=numbers.tolist(), c=words.tolist()).encoding
    ours = encoding({"x": column_of(numbers), "c": column_of(words)}, "")
    assert np.array_equal(ours, theirs.astype(float))


def test_numbers_are_shown_as_the_cells_that_they_were() -> None:
    columns = {
        "a": ["1.5", "", "-20"],
        "b": ["yes", "no", ""],
        "c": ["x", "x", "rare"],
        "d": ["2024-03-01", "", "2023-12-31"],
        "e": ["2024-03-01 12:30", "2024-03-01 00:00", ""],
    }
    encoding = fit(**columns).encoding
    numbers = np.array(rows(encoding, **columns))
    assert encoding.shown(numbers) == [
        ["1.5", "1", "x", "2024-03-01", "2024-03-01 12:30:00"],
        ["", "0", "x", "", "2024-03-01 00:00:00"],
        ["-20", "", "(rare)", "2023-12-31", ""],
    ]
    new = {name: cells[:1] for name, cells in columns.items()} | {"c": ["unseen"]}
    assert encoding.shown(np.array(rows(encoding, **new)))[0][2] == "(new)"
    assert encoding.shown(numbers[:0]) == []


def numeric(*cells: Any) -> list[float]:
    return [row[0] for row in rows(fit(Wanted(numeric=("a",)), a=list(cells)).encoding, a=cells)]


def test_numbers_are_read_as_people_write_them_where_the_user_says_so() -> None:
    assert numeric("$5,130.96", "$-7", "-$1,000") == [5130.96, -7, -1000]
    assert numeric("57.0%", "3 %", "1.000%") == [57, 3, 1]
    assert numeric("1.234,50 €", "1.000", "0,5", "7") == [1234.5, 1000, 0.5, 7]
    assert numeric("1,234", "1,234,567", "2.5") == [1234, 1234567, 2.5]
    assert numeric("1'234.5", "1e3", "1.5") == [1234.5, 1000, 1.5]


def test_what_two_writings_or_units_leave_open_is_asked_about() -> None:
    for cells, said in (
        (("1,5", "2.25", "1,25"), r"'1,5' in column 'a' and '2.25' are written in two ways"),
        (("$5", "€6", "$7.5"), r"'\$5' in column 'a' and '€6' are written in two ways"),
    ):
        with pytest.raises(DataError, match=said):
            numeric(*cells)


@pytest.mark.parametrize(
    ("beside", "mark", "first"),
    [
        (["0.5", "7", "2.25"], ".", 67091),
        (["1,234.5", "7", "2"], ".", 67091),
        (["0,5", "7", "2,25"], ",", 67.091),
        (["1,234.5", "3", "2"], ".", 67091),
    ],
)
def test_other_columns_tell_what_a_comma_marks(beside: list[str], mark: str, first: float) -> None:
    found = fit(a=["67,091", "1,234", "5,678"], b=beside)
    column = found.encoding.columns[0]
    assert column.mark == mark
    assert rows(found.encoding, a=["67,091"], b=beside[:1])[0][0] == first
    assert f"'a' ('67,091' is {first:g})" in found.notes[0]


def test_points_mark_thousands_where_commas_mark_decimals(tmp_path: Path) -> None:
    def read(beside: str, more: str = "1.500") -> Dataset:
        rows = [f"{i}.{i}00;{i}{beside}5;{'ab'[i % 2]}" for i in range(1, 9)]
        (tmp_path / "t.csv").write_text("\n".join(["n;m;label", *rows, f"{more};1;"]))
        (tmp_path / "pool.csv").write_text("n;m\n67.000;9\n")
        return load(str(tmp_path / "t.csv"), unlabeled=str(tmp_path / "pool.csv"))

    german = read(",")
    assert german.inputs[:2].tolist() == [[1100, 1.5], [2200, 2.5]]
    assert german.inputs[-2:].tolist() == [[1500, 1], [67000, 9]]
    assert "'n' ('1.100' is 1100), 'm' ('1,5' is 1.5)" in german.notes[0]
    assert german.encoding is not None
    cells = {name: column_of(["2.000"], how) for name, how in german.encoding.as_text.items()}
    assert german.encoding(cells, "new").tolist() == [[2000, 2000]]
    english = read(".")
    assert english.inputs[:2].tolist() == [[1.1, 1.5], [2.2, 2.5]]
    assert english.inputs[-1].tolist() == [67, 9]
    both = read(",", more="0.25")  # the column is of decimals
    assert both.inputs[:2].tolist() == [[1.1, 1.5], [2.2, 2.5]]


@pytest.mark.parametrize("beside", [["5", "7", "2"], ["$5", "$7", "$2"], ["x", "y", "x"]])
def test_columns_without_decimals_tell_nothing(beside: list[str]) -> None:
    with pytest.raises(DataError, match="'67,091' in column 'a' is not a number"):
        fit(a=["67,091", "1,234", "5,678"], b=beside)


def test_columns_of_both_writings_tell_nothing() -> None:
    with pytest.raises(DataError, match="'67,091' in column 'a' is not a number"):
        fit(a=["67,091", "1,234", "5,678"], b=["0,5", "7", "2,25"], c=["0.5", "7", "2.25"])


def test_a_comma_marks_thousands_where_nothing_tells_and_the_user_says_numbers() -> None:
    found = fit(Wanted(numeric=("a",)), a=["1,234", "5,678"])
    assert rows(found.encoding, a=["1,234", "5,678"]) == [[1234], [5678]]
    assert found.notes == ("Read as numbers: 'a' ('1,234' is 1234).",)
    assert fit(Wanted(numeric=("a",)), a=["1,234.5", "5,678"]).notes == ()


def test_new_rows_are_read_with_the_marks_of_the_training_rows() -> None:
    encoding = fit(Wanted(numeric=("a",)), a=["1,5", "2,5", "soon"]).encoding
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert rows(again, a=["1.000", "3,25", "7", "2.5"]) == [[1000, 0], [3.25, 0], [7, 0], [2, 1]]
    plain = fit(Wanted(numeric=("a",)), a=["1", "2.5", "x"]).encoding
    assert rows(plain, a=["1.500", "1,5"]) == [[1.5, 0], [1.75, 1]]


def test_all_columns_that_are_asked_about_are_named_at_once() -> None:
    cells = {"a": ["1,5", "2,5", "4,1", "x"], "b": ["$1", "$2", "5", "7"], "c": ["1.2.2024"] * 4}
    with pytest.raises(DataError, match=r"The same is true of b\. .*--numeric 'a,b'"):
        fit(**cells)


def test_numbers_that_can_be_read_in_one_way_are_read_and_told() -> None:
    cells = {"a": ["1,5", "1.000", "", "4,1"], "b": ["$1", "$2", "$5", "$1,000.50"]}
    found = fit(**cells)
    assert found.encoding.names == ("a", "a is blank", "b")
    assert rows(found.encoding, **cells) == [
        *([1.5, 0, 1], [1000, 0, 2], [4.1, 1, 5], [4.1, 0, 1000.5]),
    ]
    assert found.notes == ("Read as numbers: 'a' ('1,5' is 1.5), 'b' ('$1' is 1).",)
    assert rows(found.encoding, a=["2.500"], b=["$3"]) == [[2500, 0, 3]]


def test_a_unit_is_remembered_and_another_one_is_blank() -> None:
    encoding = fit(a=["1.5 kg", "2 kg", "4 kg"], t=["20 °C", "21 °C", "23.5 °C"]).encoding
    assert rows(encoding, a=["3 kg", "500 g", "7"], t=["1 °C", "2 °F", "3 °C"]) == [
        *([3, 1], [2, 21], [7, 3]),
    ]
    table = {"a": column_of(["500 g", "1 kg"], True), "t": column_of(["2 °F", "2 °C"], True)}
    assert "a '500 g' (1 row), t '2 °F' (1 row)" in " ".join(encoding.notes(table, "new.csv"))
    kept = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert kept == encoding
    assert fit(a=["1st", "2nd", "3rd"] * 4).encoding.names == ("a=1st", "a=2nd", "a=3rd")


@pytest.mark.parametrize(
    "cells",
    [
        ["1,5", "2.5", "3,5"],  # two marks
        ["$1", "€2", "$5"],
        ["5%", "7", "9%"],
        ["1,234", "5,678", "9,012"],  # thousands, or a little more than one
        ["1.234 €", "5.678 €", "9.012 €"],
        ["030 123 456", "030 123 457", "030 123 458"],  # telephones
        ["1,5", "2,5", "many"],
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_not_read_unasked(cells: list[str]) -> None:
    with pytest.raises(DataError, match="most of the column looks like numbers"):
        fit(a=cells)


def test_cells_that_are_blank_because_the_user_says_numbers_are_told_of() -> None:
    cells = [*map(str, range(20)), "many", "few", ""]
    found = fit(Wanted(numeric=("a",)), a=cells)
    assert found.notes == ("What is no number is taken as blank: 'a' 2 cells, as 'few'.",)
