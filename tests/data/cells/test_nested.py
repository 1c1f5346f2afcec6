"""Cells that hold other cells: what becomes of objects, lists and numbers in them."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.base.errors import DataError
from realmix.data.cells.nested import DEEPEST, columns_of, listed, not_read


def read(*objects: dict[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[int, str]]]:
    return columns_of(objects, [f"line {place}" for place, _ in enumerate(objects, 1)])


def test_objects_in_objects_are_columns_by_their_path() -> None:
    cells, several = read({"text": "a", "meta": {"from": {"id": 7}, "by": None}}, {"text": "b"})
    assert cells == {"text": ["a", "b"], "meta.from.id": [7, None], "meta.by": [None, None]}
    assert several == {}


def test_an_object_that_is_missing_has_no_column_of_its_own() -> None:
    assert read({"m": {"x": 1}}, {"m": None})[0] == {"m.x": [1, None]}
    assert read({"m": {"x": 1}}, {"m": 2})[0] == {"m.x": [1, None], "m": [None, 2]}
    assert read({"m": None, "mx": 1})[0] == {"m": [None], "mx": [1]}


def test_an_object_deeper_than_is_read_is_said() -> None:
    inside: Any = 1
    for depth in range(DEEPEST, 0, -1):
        inside = {str(depth): inside}
    assert list(read(inside)[0].values()) == [[1]]
    cells, several = read({"x": 1}, {"x": 2, "0": inside})
    assert cells == {"x": [1, 2]}
    assert several == {"0.1.2.3.4": (1, "'5'")}


def test_a_list_of_one_is_what_is_in_it_and_an_empty_one_is_missing() -> None:
    cells, several = read({"label": ["a"]}, {"label": []}, {"label": "b"}, {"label": [[True]]})
    assert cells == {"label": ["a", None, "b", "True"]}
    assert several == {}


def test_a_cell_of_several_values_is_named_by_its_row() -> None:
    cells, several = read({"x": 1}, {"x": 2, "tags": ["a", "b", "c", "d"]}, {"tags": ["e"]})
    assert cells == {"x": [1, 2, None]}
    assert several == {"tags": (1, "'a', 'b', 'c', ...")}
    assert not_read(several) == ("Columns whose cells hold several values are not read: tags.",)
    assert not_read({}) == ()
    assert not_read(dict.fromkeys(map(str, range(11))))[0].endswith(" 8, 9, ....")


def test_lists_of_as_many_numbers_are_columns() -> None:
    cells, several = read({"v": [1, 2.5]}, {"v": None}, {"v": [3, 4]})
    assert several == {}
    assert list(cells) == ["v[0]", "v[1]"]
    np.testing.assert_array_equal(cells["v[0]"], [1, np.nan, 3])
    np.testing.assert_array_equal(cells["v[1]"], [2.5, np.nan, 4])


@pytest.mark.parametrize("other", [[1, 2, 3], [1, "2"], [1, True], "12", [1]])
def test_other_lists_are_no_vectors(other: Any) -> None:
    assert list(read({"v": [1, 2]}, {"v": other})[1]) == ["v"]


def test_what_is_no_number_is_text() -> None:
    day = datetime.date(2026, 1, 2)
    cells, several = read({"day": day, "yes": True, "n": 1, "f": 0.5, "raw": b"x"})
    assert cells == {"day": ["2026-01-02"], "yes": ["True"], "n": [1], "f": [0.5]}
    assert several == {"raw": (0, "'bytes'")}
    assert listed({"a": 1, "b": 2}) == "'a', 'b'"


@pytest.mark.parametrize("one", [{"a.b": 1, "a": {"b": 2}}, {"a ": 1, "a": 2}])
def test_two_values_of_one_name_are_refused(one: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="line 2: two values are named"):
        read({"x": 1}, one)


values = st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
trees = st.recursive(
    values,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=2), inside, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from("xyz"), trees), min_size=1, max_size=4))
def test_every_cell_is_one_value_and_every_column_as_long_as_the_rows(objects: list[Any]) -> None:
    cells, several = read(*objects)
    assert not set(cells) & set(several)
    for column in cells.values():
        assert len(column) == len(objects)
        assert all(cell is None or np.isscalar(cell) for cell in column)
