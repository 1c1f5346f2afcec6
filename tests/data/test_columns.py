"""Columns that are no features, and numbers that conversions lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.data.columns import no_features
from realmix.data.labels import read_labels
from realmix.data.levels import lost_levels
from realmix.data.reading.load import from_arrays, load

N = 60
RNG = np.random.default_rng(0)
TRUTH = np.arange(N) % 3


def reason(name: str, values: Any) -> str | None:
    labels = read_labels([str(t) if i < 40 else "" for i, t in enumerate(TRUTH)]).names
    try:
        numbers = np.array([np.nan if v is None else v for v in values], float)
    except (TypeError, ValueError):
        numbers = None
    return no_features({name: (list(values), numbers)}, labels).get(name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("__index_level_0__", RNG.permutation(N * 3)[:N]),
        ("Unnamed: 0", RNG.normal(size=N)),
        ("a", np.arange(N)),
        ("a", np.arange(1, N + 1)),
        ("a", np.arange(1000, 1000 + N)[::-1]),
        ("a", RNG.permutation(N)),
        ("a", np.tile(np.arange(N // 3), 3)),  # three tables joined, each with its index
        ("a", 5 * TRUTH + 2),
        ("a", ["xyz"[t] for t in TRUTH]),
        ("a", [None if i >= 40 else t for i, t in enumerate(TRUTH)]),
        ("id", RNG.permutation(100 * N)[:N]),
        ("patient_id", RNG.permutation(100 * N)[:N]),
        ("userId", RNG.permutation(100 * N)[:N]),
        ("UUID", [f"{i:x}-{i * 7:x}" for i in range(N)]),
        ("row number", RNG.permutation(2 * N)[:N]),
    ],
)
def test_what_is_no_feature(name: str, values: Any) -> None:
    assert reason(name, values)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a", RNG.normal(size=N)),
        ("id", RNG.normal(size=N)),  # a name is not enough
        ("a", np.arange(N) * 2),
        ("a", np.arange(N) % 31 + 1),  # days of a month
        ("a", RNG.permutation(100 * N)[:N]),
        ("a", TRUTH // 2),
        ("a", np.where(np.arange(N) == 5, 9, TRUTH)),
        ("width", RNG.integers(0, 9, N)),
        ("humid", RNG.permutation(100 * N)[:N]),
        ("store_id", RNG.integers(0, 5, N)),
        ("valid", TRUTH > 0),
    ],
)
def test_what_is_a_feature(name: str, values: Any) -> None:
    assert reason(name, values) is None


def test_few_rows_prove_nothing() -> None:
    labels = read_labels(["a", "b", "a", ""]).names
    assert not no_features({"x": ([0, 1, 2, 3], np.arange(4.0))}, labels)
    assert not no_features({"x": ([0, 1, 0, 3], np.array([0.0, 1, 0, 3]))}, labels)


def frame() -> pd.DataFrame:
    a, b = RNG.normal(size=(2, N))
    label = [f"c{t}" if i < 40 else None for i, t in enumerate(TRUTH)]
    return pd.DataFrame({"a": a, "b": b, "label": label})


def test_the_index_that_pandas_writes_into_a_csv_is_left_out_with_a_note(tmp_path: Path) -> None:
    table, path = frame(), tmp_path / "t.csv"
    table.to_csv(path)
    data = load(str(path))
    assert data.columns == ("a", "b")
    assert any("'Unnamed: 0' is pandas' index" in note for note in data.notes)


def test_an_index_named_by_pandas_is_left_out_with_a_note(tmp_path: Path) -> None:
    path = str(tmp_path / "t.parquet")
    frame().set_index(pd.Index(RNG.integers(0, 9, N), name="sensor")).to_parquet(path)
    data = load(path)
    assert data.columns == ("a", "b")
    assert any("'sensor' is pandas' index" in note for note in data.notes)
    assert load(path, feature_columns=["sensor", "a"]).columns == ("sensor", "a")


def test_features_that_are_named_are_taken_and_others_are_not(tmp_path: Path) -> None:
    table = frame()
    table["id"], table["city"] = np.arange(N), ["Rome", "Oslo"] * (N // 2)
    path, new = str(tmp_path / "t.csv"), str(tmp_path / "new.csv")
    table.to_csv(path, index=False)
    table[["b", "a"]].to_csv(new, index=False)
    assert load(path).columns == ("a", "b", "city=Oslo", "city=Rome")
    assert load(path, drop_columns="city", unlabeled=new).columns == ("a", "b")
    assert load(path, feature_columns="b, id").columns == ("b", "id")
    with pytest.raises(UsageError, match="Did you mean 'city'"):
        load(path, drop_columns="cty")
    with pytest.raises(UsageError, match="not two"):
        load(path, drop_columns="city", feature_columns="a")
    with pytest.raises(DataError, match="no column to learn from"):
        load(path, drop_columns=["a", "b", "city"])


def test_arrays_are_taken_as_they_are_with_a_note() -> None:
    X = np.stack([RNG.normal(size=N), np.arange(N), 2.0 * TRUTH], axis=1)
    notes = from_arrays(X, TRUTH).notes
    (note,) = [note for note in notes if "hardly a feature" in note]
    assert "column 2 of X counts the rows" in note
    assert "column 3 of X equals the label" in note
    assert "column 1" not in note


def test_dates_keep_their_seconds_until_they_are_standardized(tmp_path: Path) -> None:
    seconds = 1_700_000_000 + 40 * (np.arange(N) % 18)
    table = frame().assign(time=seconds)
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet", index=False)
    for data in (load(str(tmp_path / "t.csv")), load(str(tmp_path / "t.parquet"))):
        assert data.inputs.dtype == np.float64
        assert np.array_equal(data.inputs[:, 2], seconds)
    assert len(np.unique(from_arrays(seconds[:, None], TRUTH).inputs)) == 18


def test_numbers_beyond_float64_are_said(tmp_path: Path) -> None:
    long = 2**60 + (np.arange(N) % 20)
    (note,) = [n for n in from_arrays(long[:, None], TRUTH).notes if "tells their rows" in n]
    assert "1 of 20 distinct" in note
    table = frame().assign(long=long)
    table.to_csv(tmp_path / "t.csv", index=False)
    assert any("'long' (1 of 20 distinct" in n for n in load(str(tmp_path / "t.csv")).notes)


def test_lost_levels_by_hand() -> None:
    before = np.arange(100.0)[:, None] * np.ones(3)
    after = np.stack([before[:, 0], before[:, 1] // 2, before[:, 2] // 4], axis=1)
    (note,) = lost_levels(before, after, ["a", "b", "c"], "Do this.")
    assert "'c' (25 of 100 distinct values are left). Do this." in note
    assert "'a'" not in note
    assert "'b'" not in note
    assert lost_levels(before[:0], after[:0], ["a", "b", "c"], "") == ()
