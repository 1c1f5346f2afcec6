"""A run as a folder: what it holds, and that killing it changes nothing."""

from __future__ import annotations

import dataclasses
import io
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from realmix.base.errors import Interrupted, LockedError, StorageError, UsageError
from realmix.base.files import whole_lines
from realmix.command.summary import summary
from realmix.runs import budget, phases
from realmix.runs.config import Config
from realmix.runs.run import fit
from realmix.runs.run_folder import locked
from realmix.runs.watch import Silent
from realmix.training import checkpoint
from tests.killed_run import CONFIG, run

TIMES = {"seconds"}


def without_times(record: Any) -> Any:
    if isinstance(record, dict):
        return {key: without_times(value) for key, value in record.items() if key not in TIMES}
    return list(map(without_times, record)) if isinstance(record, list) else record


def contents(folder: Path) -> dict[str, Any]:
    """All that a finished run says, but for the time it took."""
    tensors, header = checkpoint.read(folder / "model.safetensors")
    evidence = np.load(folder / "evidence.npz")
    return {
        "weights": {name: value.numpy().tobytes() for name, value in tensors.items()},
        "header": header,
        "evidence": {name: evidence[name].tobytes() for name in evidence.files},
        "metrics": [without_times(r) for r in whole_lines(folder / "metrics.jsonl")],
        "result": without_times(json.loads((folder / "result.json").read_text())),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    run(folder)
    return folder


@pytest.mark.slow
def test_a_run_folder_holds_what_the_design_names(undisturbed: Path) -> None:
    names = {path.name for path in undisturbed.iterdir()}
    assert names >= {
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "result.json",
        "report.html",
    }
    result = json.loads((undisturbed / "result.json").read_text())
    assert result.keys() >= {
        "algorithm",
        "shipped",
        "reason",
        "baseline",
        "model",
        "p_value",
        "test",
        "labels",
        "unlabeled",
        "steps",
        "seconds",
        "images_seen",
        "seed",
        "versions",
    }
    assert result["labels"] == 20
    assert result["images_seen"] == (2 * 4 + 6) * (4 + 8)  # two folds of three quarters, and all
    phases = [r["phase"] for r in whole_lines(undisturbed / "metrics.jsonl")]
    assert list(dict.fromkeys(phases)) == [
        f"{part}/{name}"
        for part in ("fold-1", "fold-2", "final")
        for name in ("supervised", "mixmatch")
    ]


@pytest.mark.slow
def test_the_same_run_elsewhere_is_the_same(undisturbed: Path, tmp_path: Path) -> None:
    run(tmp_path / "run")
    assert contents(tmp_path / "run") == contents(undisturbed)


@pytest.mark.slow
def test_a_run_killed_at_any_instant_ends_the_same(undisturbed: Path, tmp_path: Path) -> None:
    chance = random.Random(0)
    fork = multiprocessing.get_context("fork")  # a new interpreter a kill would take minutes
    kills = finished = 0
    where: dict[str, float]
    while kills < 20 or not finished:
        folder = tmp_path / str(finished)
        if kills < 10:
            where = {"writes": kills + 1}  # every write of the start
        elif kills % 3:
            where = {"writes": chance.randint(1, 50)}
        else:
            where = {"seconds": chance.random()}
        child = fork.Process(target=run, args=(folder,), kwargs=where)
        child.start()
        child.join()
        if child.exitcode == -signal.SIGKILL:
            kills += 1
        else:
            assert child.exitcode == 0
            assert contents(folder) == contents(undisturbed)
            finished += 1


def test_a_finished_run_is_not_done_again(undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.iterdir()}
    result = fit(CONFIG, undisturbed, Silent())
    assert result == json.loads((undisturbed / "result.json").read_text())
    assert before == {path: path.stat().st_mtime_ns for path in undisturbed.iterdir()}


def test_another_configuration_does_not_get_the_folder(undisturbed: Path) -> None:
    other = dataclasses.replace(CONFIG, seed=5, steps=9)
    with pytest.raises(UsageError, match=r"(?s)another configuration.*steps: there 6, asked for 9"):
        fit(other, undisturbed, Silent())


def test_what_an_older_version_did_not_write_down_has_its_default(
    undisturbed: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(undisturbed, tmp_path / "older"))
    saved = json.loads((folder / "config.json").read_text())
    for option, value in {"bank_rows": 2000, "protocol": "last", "encoder": None}.items():
        assert saved["config"].pop(option) == value
    (folder / "config.json").write_text(json.dumps(saved))
    assert fit(CONFIG, folder, Silent()) == json.loads((folder / "result.json").read_text())
    with pytest.raises(UsageError, match=r"another configuration:\n  bank_rows: there 2000, ask"):
        fit(dataclasses.replace(CONFIG, bank_rows=3000), folder, Silent())


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        fit(CONFIG, tmp_path, Silent())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_run_killed_at_its_start_leaves_is_no_obstacle(tmp_path: Path) -> None:
    for name in ("lock", "lock-owner", ".realmix-0123456789abcdef.tmp"):
        (tmp_path / name).write_text("x")
    with pytest.raises(Interrupted):
        fit(CONFIG, tmp_path, StopsAfter(1))
    assert not list(tmp_path.glob("*.tmp"))


def test_resuming_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        fit(CONFIG, tmp_path / "none", Silent(), resume=True)
    assert not (tmp_path / "none").exists()


def test_bad_settings_leave_no_folder(tmp_path: Path) -> None:
    for config in (
        dataclasses.replace(CONFIG, algorithm="realmx"),
        dataclasses.replace(CONFIG, fields={"weigth": 3}),
        dataclasses.replace(CONFIG, model="wrn-28"),
        dataclasses.replace(CONFIG, data="digits@7"),
    ):
        with pytest.raises(UsageError):
            fit(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def test_the_second_process_on_a_folder_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path):
        fork = multiprocessing.get_context("fork")
        answer = fork.Queue()
        child = fork.Process(target=_try_to_lock, args=(tmp_path, answer))
        child.start()
        assert str(os.getpid()) in answer.get(timeout=30)
        child.join()


def _try_to_lock(folder: Path, answer: Any) -> None:
    try:
        with locked(folder):
            answer.put("got it")
    except LockedError as error:
        answer.put(str(error))


class StopsAfter(Silent):
    def __init__(self, records: int) -> None:
        self.left = records

    def record(self, phase: str, record: dict[str, float]) -> None:
        self.left -= 1

    def stopping(self) -> bool:
        return self.left <= 0


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_end(undisturbed: Path, tmp_path: Path) -> None:
    for records in (1, 4, 9):
        with pytest.raises(Interrupted):
            fit(CONFIG, tmp_path / "run", StopsAfter(records))
    fit(CONFIG, tmp_path / "run", Silent(), resume=True)
    assert contents(tmp_path / "run") == contents(undisturbed)


def test_changed_data_are_noticed_on_resume(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3
    y[20:] = -1
    np.savez(tmp_path / "d.npz", x=x, y=y)
    config = Config(str(tmp_path / "d.npz"), algorithm="mixmatch", steps=3)
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "run", StopsAfter(1))
    np.savez(tmp_path / "d.npz", x=x + 1, y=y)
    with pytest.raises(UsageError, match="changed"):
        fit(config, tmp_path / "run", Silent())


@pytest.mark.slow
def test_minutes_become_steps_once(tmp_path: Path) -> None:
    config = Config("digits@20", minutes=0.05, fields={"batch_size": 4})
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "run", StopsAfter(1))
    steps = json.loads((tmp_path / "run" / "config.json").read_text())["steps"]
    assert steps >= 1
    assert fit(config, tmp_path / "run", Silent())["steps"] == steps


def test_a_vanished_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    class Vandal(Silent):
        def record(self, phase: str, record: dict[str, float]) -> None:
            shutil.rmtree(tmp_path / "run", ignore_errors=True)

    with pytest.raises(StorageError, match="run"):
        fit(CONFIG, tmp_path / "run", Vandal())


@pytest.mark.slow
def test_a_student_and_what_has_converged_go_on_to_the_same_end(
    tmp_path: Path, brief: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of two classes, told apart well but not surely: nothing is proved with so few labels."""
    for module in (phases, budget):
        monkeypatch.setattr(module, "default_steps", lambda shape: 90)
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=150)
    rows = rng.normal(size=(150, 3)) + 1.5 * label[:, None]
    names = [str(label[i]) if i < 16 else "" for i in range(150)]
    lines = [f"{a:.3f},{b:.3f},{c:.3f},{name}" for (a, b, c), name in zip(rows, names, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,c,label", *lines]) + "\n")
    config = Config(str(tmp_path / "rows.csv"), model="mlp", single=True)
    whole = fit(config, tmp_path / "whole", Silent())
    assert whole["shipped"] == "student"
    assert 0 < whole["ended"] < whole["steps"]
    assert (tmp_path / "whole" / "phases" / "final" / "student.safetensors").exists()
    assert "One model that learned from two" in (tmp_path / "whole" / "report.html").read_text()
    console = Console(file=io.StringIO(), width=100)
    console.print(summary(tmp_path / "whole"))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"one that learned from both +learned from them all", shown)
    assert f"ended at step {whole['ended']} of {whole['steps']}: converged" in shown
    half = len(whole_lines(tmp_path / "whole" / "metrics.jsonl")) // 2
    for records in (half, half - 12):  # the second in the student, which has fifty
        with pytest.raises(Interrupted):
            fit(config, tmp_path / "parts", StopsAfter(records))
    begun = tmp_path / "parts" / "checkpoints" / "final" / "student"
    assert list(begun.glob("step-*"))
    fit(config, tmp_path / "parts", Silent())
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    "given",
    [
        {"algorithm": "mixmach"},
        {"algorithm": "mixmatch", "fields": {"alhpa": 0.5}},
        {"judge": "balancd"},
    ],
)
def test_an_unknown_method_field_or_judge_is_refused_before_data_are_read(
    given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realmix.runs.run.read", lambda config: pytest.fail("read"))
    with pytest.raises(UsageError, match="Did you mean"):
        fit(Config("digits@40", **given), tmp_path / "run", Silent())
