"""A `.npz` of features with NaN: a table whose columns are called by their places."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from realmix.base.errors import DataError
from realmix.command.main import main
from realmix.data.reading.load import load

NAN = np.nan
ROWS = np.array([[0, 1.0], [1, 2.0], [NAN, 6.0], [4, 9.0]], np.float32)


def npz(path: Path, x: np.ndarray, **more: object) -> str:
    np.savez(path, x=x, **more)
    return str(path)


def test_blanks_are_the_median_and_a_column_of_their_own(tmp_path: Path) -> None:
    """Of labeled rows and pool together; of test rows alone they would be no column."""
    data = npz(tmp_path / "a.npz", ROWS, y=[0, 1, 0, 1])
    pool = npz(tmp_path / "pool.npz", np.array([[10, NAN], [20, 7.0]]))
    exam = npz(tmp_path / "test.npz", np.array([[NAN, 3.0], [5, NAN]]), y=[0, 1])
    found = load(data, unlabeled=pool, test=exam)
    assert found.columns == ("column 1", "column 1 is blank", "column 2", "column 2 is blank")
    expected = [
        [0, 0, 1, 0],
        [1, 0, 2, 0],
        [4, 1, 6, 0],
        [4, 0, 9, 0],
        [10, 0, 6, 1],
        [20, 0, 7, 0],
    ]
    assert np.array_equal(found.inputs, expected)
    assert np.array_equal(found.test_inputs, [[4, 1, 3, 0], [5, 0, 6, 1]])


def test_blanks_in_the_test_rows_alone_are_filled(tmp_path: Path) -> None:
    whole = npz(tmp_path / "a.npz", np.nan_to_num(ROWS), y=[0, 1, 0, 1])
    exam = npz(tmp_path / "test.npz", np.array([[NAN, 3.0]]), y=[0])
    found = load(whole, test=exam)
    assert np.array_equal(found.test_inputs, [[0.5, 3.0]])  # the median of 0, 1, 0 and 4
    assert any("filled with the training rows' median" in note for note in found.notes)


def test_infinite_numbers_are_no_blanks(tmp_path: Path) -> None:
    for value in (np.inf, -np.inf):
        rows = np.where(ROWS == 4, value, ROWS)
        with pytest.raises(DataError, match="infinite"):
            load(npz(tmp_path / "a.npz", rows.astype(np.float32), y=[0, 1, 0, 1]))


def test_other_numbers_of_columns_are_refused(tmp_path: Path) -> None:
    data = npz(tmp_path / "a.npz", ROWS, y=[0, 1, 0, 1])
    with pytest.raises(DataError, match="pool have 3 features, the data 2"):
        load(data, unlabeled=npz(tmp_path / "pool.npz", np.zeros((2, 3))))


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_model_of_them_takes_new_ones(tmp_path: Path) -> None:
    rng, truth = np.random.default_rng(0), np.arange(80) % 2
    x = truth[:, None] + rng.normal(0, 0.1, (80, 3))
    x[rng.random(x.shape) < 0.1] = NAN
    data = npz(tmp_path / "a.npz", x, y=np.where(np.arange(80) < 16, truth, -1))
    new = npz(tmp_path / "new.npz", np.array([[NAN, 0.0, 0.1], [1, 1.1, NAN]]))
    out, table = tmp_path / "run", tmp_path / "p.csv"
    assert not main(["fit", data, "--out", str(out)])
    assert not main(["predict", str(out), new, "--out", str(table)])
    with table.open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["0", "1"]
