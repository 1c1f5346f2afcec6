"""Predictions of many files: a table each, kept where it is done, and errors that name the file."""

import numpy as np
import pytest

from realmix.base.errors import UsageError
from realmix.command.main import main
from realmix.command.several.many import matches


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder with a model of two columns, and three files to classify."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{y:.3f},{'ab'[i % 2]}" for i, (x, y) in enumerate(rng.normal(size=(30, 2)))]
    (tmp_path / "rows.csv").write_text("x,y,label\n" + "\n".join(rows) + "\n")
    words = ["fit", "rows.csv", "--algorithm", "linear", "--no-gate", "--out", "run"]
    assert main(words) == 0
    for part in range(3):
        lines = "".join(f"{x:.3f},{y:.3f}\n" for x, y in rng.normal(size=(4 + part, 2)))
        (tmp_path / f"part-{part}.csv").write_text("x,y\n" + lines)
    return tmp_path


def test_each_file_has_a_table_that_is_not_made_again(run, capsys):
    assert main(["predict", "run", "part-*.csv", "--out", "out"]) == 0
    tables = sorted((run / "out").glob("*.csv"))
    assert [len(t.read_text().splitlines()) for t in tables] == [5, 6, 7]
    assert main(["predict", "run", "part-1.csv", "--out", "one.csv"]) == 0
    assert tables[1].read_text() == (run / "one.csv").read_text()
    before = tables[0].stat().st_mtime_ns
    tables[1].unlink()
    capsys.readouterr()
    assert main(["predict", "run", "part-*.csv", "--out", "out"]) == 0
    assert tables[1].exists()
    assert tables[0].stat().st_mtime_ns == before
    assert "2 files of 3 were done before" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_done(run, capsys):
    (run / "part-1.csv").write_text("nothing")
    assert main(["predict", "run", "part-*.csv", "--out", "out"]) == 3
    assert "part-1.csv" in capsys.readouterr().err
    assert {t.name for t in (run / "out").glob("*.csv")} == {"part-0.csv", "part-2.csv"}


def test_predictions_of_another_model_are_not_mixed(run, capsys):
    assert main(["predict", "run", "part-*.csv", "--out", "out"]) == 0
    words = ["predict", "run", "part-*.csv", "--out", "out", "--class-shares", "equal"]
    assert main(words) == 2
    assert "another model or other class shares" in capsys.readouterr().err


def test_patterns_that_match_nothing_and_schedulers_of_one_file_are_refused(run, capsys):
    assert matches("part-1.csv") is None
    assert [p.name for p in matches("part-[01].csv")] == ["part-0.csv", "part-1.csv"]
    with pytest.raises(UsageError, match="No file matches"):
        matches("no-*.csv")
    assert main(["predict", "run", "part-1.csv", "--scheduler", "tcp://x:1"]) == 2
    assert "for many files" in capsys.readouterr().err
    (run / "more").mkdir()
    (run / "more/part-1.csv").write_text("x,y\n1,2\n")
    assert main(["predict", "run", "**/part-*.csv", "--out", "out"]) == 2
    assert "have one name" in capsys.readouterr().err
