"""Processes of one run that have read different data stop, and say what differs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import realmix
from realmix.command.main import main
from realmix.data.reading.load import load
from tests.forked import together

ROOT = Path(realmix.__file__).parents[1]
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
SCRIPT = """
import os, sys
os.chdir(sys.argv[1] + os.environ["RANK"])
from realmix.command.main import main
words = ["fit", "t.csv", "--out", sys.argv[2], "--steps", "2", "--algorithm", "supervised"]
sys.exit(main([*words, "--no-gate"]))
"""


def rows(classes: tuple[str, str], offset: float = 0.0) -> str:
    lines = [f"{i % 4},{i * i % 7 + offset},{classes[i % 2]}" for i in range(12)]
    return "\n".join(["a,b,label", *lines, ""])


def tables(folder: Path, *texts: str) -> None:
    """A table for each process."""
    for rank, text in enumerate(texts):
        (folder / f"at{rank}").mkdir()
        (folder / f"at{rank}" / "t.csv").write_text(text, "utf-8")


@pytest.mark.slow
def test_processes_with_the_same_data_train(tmp_path: Path) -> None:
    tables(tmp_path, rows(("x", "y")), rows(("x", "y")))
    (tmp_path / "script.py").write_text(SCRIPT, "utf-8")
    words = [tmp_path / "script.py", tmp_path / "at", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, *TWO, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "result.json").exists()


def fit(folder: Path) -> int:
    os.chdir(folder / f"at{os.environ['RANK']}")
    words = ["fit", "t.csv", "--out", str(folder / "run"), "--steps", "2", "--no-gate"]
    return int(main([*words, "--algorithm", "supervised"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("other", "differ"),
    [
        (rows(("x", "z")), "classes differ"),
        (rows(("x", "y"), 0.5), "rows differ"),
        (rows(("y", "x")), "labels differ"),
    ],
)
def test_processes_agree_on_the_data_before_they_train(
    tmp_path: Path, other: str, differ: str
) -> None:
    tables(tmp_path, rows(("x", "y")), other)
    ended = together(2, tmp_path, fit, tmp_path)
    assert all(one.status for one in ended), ended
    assert f"have read different data: {differ}" in ended[0].said + ended[1].said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seed", ["0", "1", "2", "3"])
def test_class_order_never_comes_from_a_set(seed: str) -> None:
    code = (
        "from realmix.data.reading.source import class_order as order;"
        "print(order({'2', '02', '1', '001', '01'}), order(dict.fromkeys(['b', 'a', '1'])))"
    )
    env = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == "('001', '01', '1', '02', '2') ('1', 'a', 'b')"


def test_one_number_written_in_two_ways_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,label\n1,1\n3,01\n4,2\n7,\n", "utf-8")
    notes = load(str(path)).notes
    assert any("'01' and '1' are one number but two classes" in note for note in notes)
