"""Tables of categories, blanks and dates from the file to the data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.data.reading.load import load

TABLE = "age,work,label\n20,shop,x\n30,farm,y\n,shop,\n40,farm,x\n50,,y\n"


def write(tmp_path: Path, text: str, name: str = "t.csv") -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


def test_pool_rows_have_a_say_and_test_rows_have_none(tmp_path: Path) -> None:
    pool = write(tmp_path, "work,age,extra\nmine,200,1\nmine,300,1\n", "pool.csv")
    test = write(tmp_path, "label,age,work\nx,,mine\ny,9000,moon\n", "test.csv")
    data = load(write(tmp_path, TABLE), unlabeled=pool, test=test)
    names = ("age", "age is blank", "work=farm", "work=mine", "work=shop", "work=(blank)")
    assert data.columns == names
    assert data.test_inputs is not None
    # the median of 20, 30, 40, 50, 200, 300
    assert data.test_inputs.tolist() == [[45, 1, 0, 1, 0, 0], [9000, 0, 0, 0, 0, 0]]
    assert data.inputs[2].tolist() == [45, 1, 0, 0, 1, 0]
    assert data.inputs[5].tolist() == [200, 0, 0, 1, 0, 0]
    assert any("work 'moon' (1 row)" in note for note in data.notes)
    told = "1 number (age), 1 category (work: 3 values), 14.3% of their cells blank; as numbers"
    assert told in data.described


def test_a_pool_whose_numbers_are_words_makes_a_category(tmp_path: Path) -> None:
    main = write(tmp_path, "a,b,label\n1,5,x\n2,6,y\n" + "1,7,\n2,8,\n" * 6)
    pool = write(tmp_path, "a,b\nnone at all,5\nnone at all,6\n2,9\n", "pool.csv")
    data = load(main, unlabeled=pool)
    assert data.columns == ("a=1", "a=2", "a=none at all", "b")
    assert data.inputs[:, 1].tolist() == [0, 1] * 7 + [0, 0, 1]


def test_kinds_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b,label\n1,1,x\n2,?x,y\n1,3,\n2,4,\n")
    data = load(path, categorical="a", numeric=["b"])
    assert data.columns == ("a=1", "a=2", "b", "b is blank")
    with pytest.raises(UsageError, match=r"no column 'c', which --categorical names. .* are a, b"):
        load(path, categorical="c")
    with pytest.raises(UsageError, match="both name the column 'a'"):
        load(path, categorical="a", numeric="a")


def test_a_named_column_is_learned_from_even_if_it_counts_the_rows(tmp_path: Path) -> None:
    lines = "".join(f"{i},{i % 3},{'xy'[i % 2]}\n" for i in range(30))
    path = write(tmp_path, "id,a,label\n" + lines)
    assert load(path).columns == ("a",)
    assert load(path, numeric="id").columns == ("id", "a")


def test_a_table_beside_an_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((4, 2)), y=[0, 1, 0, -1])
    np.savez(tmp_path / "pool.npz", x=np.full((2, 2), 7.0))
    table = write(tmp_path, "a,b,label\n1,2,0\n3,4,1\n5,,\n")
    data = load(str(tmp_path / "a.npz"), test=write(tmp_path, "a,b,label\n1,2,0\n", "u.csv"))
    assert data.test_inputs is not None
    assert data.test_inputs.tolist() == [[1, 2]]
    data = load(table, unlabeled=str(tmp_path / "pool.npz"))
    assert data.inputs.tolist()[2:] == [[5, 5.5, 1], [7, 7, 0], [7, 7, 0]]
    with pytest.raises(DataError, match="have 2 features, the data 1"):
        load(write(tmp_path, "a,label\n1,0\n3,1\n"), unlabeled=str(tmp_path / "pool.npz"))


def test_a_pool_is_written_as_the_data_are(tmp_path: Path) -> None:
    """1.000 alone would be one, and beside 1,5 it is a thousand."""
    (tmp_path / "data.csv").write_text("a;label\n1,5;x\n2.500,5;y\n3;x\n")
    (tmp_path / "pool.csv").write_text("a\n1.000\n2.000\n")
    (tmp_path / "test.csv").write_text("a;label\n4.000;x\n0,5;y\n")
    found = load(
        str(tmp_path / "data.csv"),
        unlabeled=str(tmp_path / "pool.csv"),
        test=str(tmp_path / "test.csv"),
    )
    assert found.inputs.ravel().tolist() == [1.5, 2500.5, 3, 1000, 2000]
    assert found.test_inputs is not None
    assert found.test_inputs.ravel().tolist() == [4000, 0.5]
    assert "Read as numbers: 'a' ('1,5' is 1.5)." in found.notes
