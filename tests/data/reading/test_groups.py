"""Groups of rows by their owner's word: columns, paths, arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import different, save

from realmix.base.errors import DataError, UsageError
from realmix.data.reading.load import from_arrays, load
from realmix.data.splits import validation_plan


def table(path: Path, patients: list[str], start: int = 0) -> str:
    rows = [
        f"{patient},{start + i},{(start + i) ** 2 % 7},{'ab'[i % 2]}"
        for i, patient in enumerate(patients)
    ]
    path.write_text("\n".join(["patient,x,y,label", *rows]) + "\n", "utf-8")
    return str(path)


def whole(groups: np.ndarray | None, names: list[str]) -> bool:
    """Whether rows have one group where, and only where, they have one name."""
    assert groups is not None
    same = np.array(names)[:, None] == np.array(names)
    return bool(((groups[:, None] == groups) == same).all())


def test_a_column_tells_the_groups_and_is_no_feature(tmp_path: Path) -> None:
    names = ["ann", "bob", "ann", "cid", "bob", "dan", "eve", "eve"]
    data = load(table(tmp_path / "t.csv", names), group="patient")
    assert data.columns == ("x", "y")
    assert whole(data.groups, names)
    plan = validation_plan(data.label, 0, groups=data.groups)
    for train, held in plan.folds:
        assert not {names[i] for i in train} & {names[i] for i in held}
    assert "groups undivided" in plan.rule


def test_rows_without_a_group_are_their_own(tmp_path: Path) -> None:
    names = ["ann", "", "ann", "", "bob", "bob"]
    groups = load(table(tmp_path / "t.csv", names), group="patient").groups
    assert groups is not None
    assert len(set(groups.tolist())) == 4


def test_the_column_is_no_feature_of_pool_and_test_either(tmp_path: Path) -> None:
    data = load(
        table(tmp_path / "t.csv", ["ann", "ann", "bob", "cid"]),
        unlabeled=table(tmp_path / "p.csv", ["eve", "fay"], 50),
        test=table(tmp_path / "e.csv", ["bob", "gus"], 90),
        group="patient",
    )
    assert data.columns == ("x", "y")
    assert any(
        "1 test rows belong to a group that trains too, such as 'bob'" in n for n in data.notes
    )
    assert not any("not used" in note for note in data.notes)


def test_paths_tell_the_groups_of_files(tmp_path: Path) -> None:
    for i, (name, patient) in enumerate((c, p) for c in ("cat", "dog") for p in "1234"):
        for j in range(2):
            save(tmp_path / name / f"patient{patient}" / f"{j}.png", different(10 * i + j))
            save(tmp_path / "unlabeled" / f"{i}{j}.png", different(500 + 10 * i + j))
    data = load(str(tmp_path), group=r"patient(\d)")
    assert data.names is not None
    assert data.groups is not None
    labeled = [i for i, label in enumerate(data.label) if label >= 0]
    assert whole(data.groups[labeled], [Path(data.names[i]).parent.name for i in labeled])


def test_a_table_of_images_has_groups_too(tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path / f"{i}.png", different(i))
    rows = [f"{i}.png,{'ab'[i % 2]},{'pq'[i // 2]}" for i in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["path,label,who", *rows]), "utf-8")
    data = load(str(tmp_path / "t.csv"), group="who")
    assert whole(data.groups, ["p", "p", "q", "q"])
    assert not any("not used" in note for note in data.notes)


@pytest.mark.parametrize(
    ("pattern", "words"), [("(", "no regular expression"), ("patient", "in no path of a labeled")]
)
def test_patterns_that_find_nothing_are_explained(tmp_path: Path, pattern: str, words: str) -> None:
    for i, name in enumerate(("cat", "dog")):
        save(tmp_path / name / "1.png", different(i))
    with pytest.raises(UsageError, match=words):
        load(str(tmp_path), group=pattern)


def test_a_missing_column_and_other_kinds_are_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no column 'patients'.*Did you mean 'patient'"):
        load(table(tmp_path / "t.csv", ["a", "b"]), group="patients")
    with pytest.raises(UsageError, match="--group is for tables and folders"):
        load("digits@40", group="patient")


def test_arrays_have_groups(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).normal(size=(6, 3)), [0, 1, 0, 1, -1, 0]
    names = ["a", "a", "b", "c", "d", "b"]
    assert whole(from_arrays(X, y, groups=names).groups, names)
    assert from_arrays(X, y).groups is None
    with pytest.raises(DataError, match="one entry a row"):
        from_arrays(X, y, groups=names[:3])


def test_equal_arrays_stay_together() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3)).repeat(3, 0)
    data = from_arrays(X, np.arange(60) // 3 % 2)
    assert whole(data.groups, [str(i // 3) for i in range(60)])
    assert data.copies is not None
    assert data.copies.sum() == 40
    plan = validation_plan(data.label, 0, groups=data.groups, copies=data.copies)
    assert sum(len(held) for _, held in plan.folds) == 20
