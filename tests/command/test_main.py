"""The command line: its surface, its errors, and runs from end to end."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from realmix.algorithms import MeanTeacher
from realmix.command.console import Progress
from realmix.command.main import main
from realmix.command.options import COMMANDS
from realmix.command.parsing import parse
from realmix.runs import run
from realmix.runs.methods import METHODS
from realmix.training.checkpoint import read

pytestmark = pytest.mark.usefixtures("brief")

# every option of every command; a change here is a change of what users type
SURFACE = {
    "audit": (
        *("unlabeled", "test", "encoder", "image-size", "minutes", "label-column"),
        *("feature-columns", "drop-columns", "categorical", "numeric", "text-column"),
        *("weak-label-column", "group", "unlabeled-marker", "class-value", "follow-links", "out"),
        *("seed", "data-root", "debug"),
    ),
    "fit": (
        *(
            "unlabeled",
            "answers",
            "test",
            "algorithm",
            "encoder",
            "views",
            "embed-encoder",
            "tune",
            "model",
            "init",
            "steps",
            "minutes",
            "seed",
            "device",
        ),
        *(
            "image-size",
            "label-column",
            "unlabeled-marker",
            "class-value",
            "feature-columns",
            "drop-columns",
            "categorical",
            "numeric",
            "text-column",
            "data-root",
            "skip-bad",
            "group",
            "allow-leakage",
            "follow-links",
            "bank",
            "bank-query",
            "bank-rows",
            "bank-search",
            "weak-label-column",
            "gate",
            "no-gate",
        ),
        *("judge", "single", "class-weight", "augment", "set", "out"),
        *("test-share", "labels", "scenario", "protocol"),
        *("resume", "debug"),
    ),
    "compare": (
        *("algorithms", "labels", "seeds", "mismatch", "imbalance", "label-noise", "pool-size"),
        *("sweep", "trials", "validation", "steps", "minutes", "protocol"),
        *("unlabeled", "test", "test-share", "encoder"),
        *("views", "model", "augment", "image-size", "device", "label-column", "text-column"),
        *("feature-columns", "drop-columns", "categorical", "numeric", "weak-label-column"),
        *("unlabeled-marker", "class-value", "data-root", "skip-bad", "group", "allow-leakage"),
        "follow-links",
        *("workers", "scheduler", "out", "debug"),
    ),
    "predict": ("out", "class-shares", "follow-links", "scheduler", "data-root", "debug"),
    "decide": ("labels", "count", "ask", "debug"),
    "distill": ("network", "out", "steps", "minutes", "debug"),
    "report": ("debug",),
    "algorithms": ("debug",),
    "data": (
        *(
            "unlabeled",
            "test",
            "scenario",
            "labels",
            "test-share",
            "seed",
            "image-size",
            "label-column",
            "out",
        ),
        *("feature-columns", "drop-columns", "categorical", "numeric", "text-column"),
        *("unlabeled-marker", "class-value", "data-root", "debug"),
    ),
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Several threads make such small trainings slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of digits@40."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["fit", "digits@40", "--steps", "4", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Shell:
    """Commands and what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: object) -> tuple[int, str, str]:
        """(exit code, standard output, standard error)."""
        self.capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *self.capsys.readouterr()

    def fails(self, code: int, *words: object) -> str:
        """What a command that must fail with `code` says; it must leave no run folder."""
        given, out, err = self(*words)
        assert given == code, err
        assert not out
        assert not Path("runs").exists()
        assert len(err.splitlines()) <= 12
        assert "Traceback" not in err
        return err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def picture(path: Path, seed: int = 0, size: int = 8, grey: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size, size) if grey else (size, size, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def folders(root: Path, classes: tuple[str, ...] = ("cat", "dog"), each: int = 4) -> Path:
    for c, name in enumerate((*classes, "unlabeled")):
        for i in range(each):
            picture(root / name / f"{i}.png", 10 * c + i)
    return root


def table(path: Path, rows: int = 24, columns: str = "width,height", label: str = "kind") -> Path:
    """Two classes of feature rows, every other one labeled."""
    lines = [f"{columns},{label}"]
    for i in range(rows):
        name = ("long", "round")[i // 2 % 2] if i % 2 else ""
        values = [f"{i // 2 % 2 + i / 100 + k:.2f}" for k in range(columns.count(",") + 1)]
        lines.append(",".join([*values, name]))
    path.write_text("\n".join(lines) + "\n")
    return path


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- the surface


@pytest.mark.parametrize("command", COMMANDS)
def test_the_options_are_frozen(command: str, shell: Shell) -> None:
    code, text, _ = shell(command, "--help")
    assert code == 0
    found = re.findall(r"^\W* --([a-z][a-z-]+)", text, re.MULTILINE)
    assert sorted(found) == sorted(SURFACE[command])


def test_what_a_message_advises_of_a_table_is_an_option_of_every_command_that_reads_one() -> None:
    advised = ("feature-columns", "drop-columns", "categorical", "numeric", "text-column")
    for command in ("fit", "audit", "compare", "data"):
        assert {*advised, "unlabeled-marker", "class-value"} <= {*SURFACE[command]}


def test_all_commands_are_listed() -> None:
    assert set(COMMANDS) == set(SURFACE)


def test_data_may_come_behind_set() -> None:
    words = ["fit", "--set", "weight=1", "alpha=2", "digits@40"]
    assert parse(words).config().fields == {"weight": 1, "alpha": 2}


def test_without_a_command_there_is_a_short_help(shell: Shell) -> None:
    code, text, _ = shell()
    assert code == 0
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert len(text.splitlines()) <= 20
    assert max(len(line) for line in text.splitlines()) <= 80
    assert shell("--help") == (0, text, "")


def test_version(shell: Shell) -> None:
    code, text, _ = shell("--version")
    assert code == 0
    assert text.startswith("realmix 0.")


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["fit", "x", "--stps", "1"]])
def test_help_imports_nothing_slow(words: list[str]) -> None:
    """How long it takes is measured by benchmarks/speed.py; what makes it long is not loaded."""
    slow = {"torch", "numpy", "scipy", "sklearn", "matplotlib", "pandas", "pyarrow", "PIL"}
    code = (
        "import sys; from realmix.command.main import main; main(sys.argv[1:]);"
        f"print({slow!r} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("set()\n")
    assert ("usage: realmix" in done.stdout) == ("--help" in words)


STARTS = """
import sys
from realmix.command.main import main
from realmix.command import console
console.tell = lambda *_: print("told before torch:", "torch" not in sys.modules)
def begin(self, until=None):
    print("loaded:", sorted({"matplotlib", "sklearn", "scipy.stats", "pandas", "jinja2",
        "torchvision", "timm", "pyarrow"} & set(sys.modules)))
    sys.exit(0)
def import_trainer():
    import realmix.training.trainer as trainer
    trainer.Trainer.run = begin
class Patch:
    def find_spec(self, name, path=None, target=None):
        if name == "realmix.runs.experiment":  # which imports what trains
            import_trainer()
sys.meta_path.insert(0, Patch())
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_training_starts_before_anything_of_its_report_is_loaded(tmp_path: Path) -> None:
    """Something is said before torch is imported; plots and metrics wait for the end."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", x=rng.normal(size=(20, 3)), y=np.arange(20) % 2)
    words = ["fit", str(tmp_path / "rows.npz"), "--steps", "1", "--out", str(tmp_path / "run")]
    words += ["--algorithm", "supervised"]
    done = subprocess.run(
        [sys.executable, "-c", STARTS, *words], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "told before torch: True"
    assert lines[-1] == "loaded: []"


def test_values_of_set_are_json_where_they_can_be() -> None:
    words = ["fit", "x", "--set", "threshold=0.9", "copies=null", "--set", "extension=simple"]
    command = parse([*words, "compatibility=a=b"])
    assert command.config().fields == {
        "threshold": 0.9,
        "copies": None,
        "extension": "simple",
        "compatibility": "a=b",
    }


def test_every_option_reaches_the_configuration() -> None:
    words = (
        "--unlabeled u --test t --algorithm a --model m --init i --steps 3 --seed 4 --device cpu"
    )
    columns = "--feature-columns f,g --drop-columns h --categorical i,j --numeric k "
    columns += "--text-column t --weak-label-column w "
    columns += "--bank s.txt --bank-query all --bank-rows 9 --bank-search ivf "
    marks = columns + "--unlabeled-marker x --unlabeled-marker=-9 --class-value=-1 --class-value -"
    more = "--image-size 16 --label-column c --data-root r --skip-bad --set b=1"
    gate = "--no-gate --single --judge log_loss --answers a.csv --augment symbols --group p"
    words += " --allow-leakage --follow-links --class-weight a=2"
    encoder = "--encoder e --views 5 --embed-encoder"
    all_words = " ".join((words, gate, more, encoder, marks)).split()
    config = parse(["fit", "d", *all_words]).config()
    assert config.to_json() == {
        "data": "d",
        "unlabeled": "u",
        "test": "t",
        "algorithm": "a",
        "encoder": "e",
        "views": 5,
        "embed_encoder": True,
        "tune": None,
        "model": "m",
        "init": "i",
        "steps": 3,
        "minutes": None,
        "seed": 4,
        "device": "cpu",
        "image_size": 16,
        "label_column": "c",
        "feature_columns": "f,g",
        "drop_columns": "h",
        "categorical": "i,j",
        "numeric": "k",
        "text_column": "t",
        "weak_label_column": "w",
        "bank": "s.txt",
        "bank_query": "all",
        "bank_rows": 9,
        "bank_search": "ivf",
        "unlabeled_marker": ["x", "-9"],
        "class_value": ["-1", "-"],
        "data_root": "r",
        "skip_bad": True,
        "group": "p",
        "allow_leakage": True,
        "follow_links": True,
        "answers": "a.csv",
        "augment": "symbols",
        "gate": "none",
        "judge": "log_loss",
        "single": True,
        "class_weight": "a=2",
        "labels": None,
        "test_share": None,
        "scenario": [],
        "protocol": "last",
        "fields": {"b": 1},
    }
    assert parse(["fit", "d", "--gate", "strict"]).config().gate == "strict"
    assert parse(["fit", "d", "--minutes", "1.5"]).config().minutes == 1.5
    assert parse(["fit", "d", "--encoder", "e", "--tune", "lora-4"]).config().tune == "lora-4"


# ---------------------------------------------------------------- what is mistyped


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        ("fti x", "Did you mean 'fit'?"),
        ("fit digits --stps 3", "--steps"),
        ("fit digits --no-gat", "--no-gate"),
        ("fit digits@40 --algorithm fixmach", "'fixmatch'"),
        ("fit digits@40 --algorithm fixmatch --set treshold=1", "'threshold'"),
        ("fit digits@40 --set lerning_rate=1", "'learning_rate'"),
        ("fit digits@40 --model convnt", "'convnet'"),
        ("fit digts@40", "'digits'"),
        ("fit digits@40 --unlabeled cifar11", "'cifar10'"),
        ("algorithms mixmach", "'mixmatch'"),
        ("data usp", "'usps'"),
        ("fit flower.csv", "'flowers.csv'"),
        ("fit flowers.csv --label-column knd", "'kind'"),
        ("predict mode x", "'model'"),
    ],
)
def test_a_misspelt_word_gets_the_nearest_right_one(
    here: Path, shell: Shell, words: str, nearest: str
) -> None:
    table(here / "flowers.csv")
    (here / "model").mkdir()
    assert nearest in shell.fails(2, *words.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fit", "Missing from realmix fit"),
        ("fit digits --steps x", "--steps"),
        ("fit digits --steps 0", "--steps must be 1 or more"),
        ("fit digits --steps 3 --minutes 1", "not both"),
        ("fit digits@40 --set weight", "field=value"),
        ("fit digits@40 --set weight=-1", "greater than or equal to 0"),
        ("fit digits@40 --set weight=heavy", "'heavy'"),
        ("fit digits@40 --set weight=NaN", "finite"),
        ("fit digits@40 --image-size 4", "--image-size must be 8"),
        ("fit digits@40 --device tpu", "--device auto"),
        ("fit digits@40 --model mlp", "'auto' chooses one"),
        ("fit cifar10 --data-root nowhere", "not a folder"),
        ("fit digits@7", "at least 10"),
        ("fit digits@9999", "at most 1,297"),
        ("fit digits@many", "not a whole number"),
        ("fit nothing.csv", "no file or folder 'nothing.csv'"),
        ("fit digits@40 --resume", "Leave out --resume"),
        ("predict nowhere digits", "'nowhere'"),
        ("predict . digits", "no finished run"),
    ],
)
def test_usage_errors_say_what_is_wrong(here: Path, shell: Shell, words: str, said: str) -> None:
    assert said in " ".join(shell.fails(2, *words.split()).split())


def test_reporting_a_run_that_is_not_there_is_a_data_error(here: Path, shell: Shell) -> None:
    assert "no run folder" in shell.fails(3, "report", "nowhere")


# ---------------------------------------------------------------- what is wrong with data


def test_an_empty_folder(here: Path, shell: Shell) -> None:
    (here / "empty").mkdir()
    message = shell.fails(3, "fit", "empty")
    assert "\nrealmix: There are no images and no texts in 'empty'." in message


def test_one_class_only(here: Path, shell: Shell) -> None:
    folders(here / "pets", classes=("cat",))
    assert "of one class, 'cat'" in shell.fails(3, "fit", "pets")


def test_no_labels(here: Path, shell: Shell) -> None:
    (here / "a.csv").write_text("x,label\n1,\n2,\n")
    assert "None of the 2 rows has a label" in shell.fails(3, "fit", "a.csv")


def test_features_that_are_not_finite(here: Path, shell: Shell) -> None:
    (here / "a.csv").write_text("x,label\n1,a\ninf,b\n3,\n")
    assert "a.csv:3" in shell.fails(3, "fit", "a.csv")


def test_data_that_are_not_here(here: Path, shell: Shell) -> None:
    message = shell.fails(3, "fit", "stl10", "--data-root", here)
    assert "--data-root" in message


def test_an_unreadable_labeled_image_is_an_error_unless_it_may_be_skipped(
    here: Path, shell: Shell
) -> None:
    folders(here / "pets")
    (here / "pets" / "cat" / "bad.png").write_bytes(b"no image")
    message = shell.fails(3, "fit", "pets", "--steps", 1)
    assert "bad.png" in message
    assert "--skip-bad" in message
    fast = ("--steps", 1, "--no-gate", "--skip-bad")
    code, text, _ = shell("fit", "pets", *fast)
    assert code == 0
    assert "bad.png" in text


def test_names_from_data_cannot_steer_the_terminal(here: Path, shell: Shell) -> None:
    folders(here / "pets", classes=("cat", "\x1b[31mred"))
    (here / "pets" / "cat" / "b\x1b[2Jad.png").write_bytes(b"")
    assert "\x1b" not in shell.fails(3, "fit", "pets", "--steps", 1)
    fast = ("--steps", 1, "--no-gate", "--skip-bad", "--out", "out")
    assert not any("\x1b" in text for text in shell("fit", "pets", *fast)[1:])
    assert not any("\x1b" in text for text in shell("predict", "out", "pets")[1:])


# ---------------------------------------------------------------- runs from end to end


@pytest.mark.slow
def test_a_run_says_what_it_came_to(finished: Path, shell: Shell) -> None:
    code, text, log = shell("fit", "digits@40", "--steps", 4, "--out", finished, "--resume")
    assert code == 0
    assert "is finished; this is its result" in log
    lines = text.splitlines()

    def row(name: str) -> str:  # intervals stand below figures where there are three columns
        place = next(i for i, line in enumerate(lines) if line.startswith(f" {name}  "))
        return lines[place] + lines[place + 1]

    result = json.loads((finished / "result.json").read_text())
    for name, key in (("labels alone", "baseline"), ("with mixmatch", "model")):
        for figures in (result[key], result["test"][key]):
            low, high = figures["interval"]
            assert f"{figures['accuracy']:.1%}" in row(name)
            assert f"{low:.1%} to {high:.1%}" in row(name)
    assert f"{100 * result['difference']:+.1f}" in row("added by the pool")
    words = " ".join(text.split())
    assert result["reason"] in words
    assert "oracle" in words
    assert "40 labels, 1,257 unlabeled rows" in words
    assert str(finished / "report.html") in text.replace("\n", "").replace(" ", "")
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_log_tells_of_every_training_in_plain_lines(here: Path, shell: Shell) -> None:
    code, text, log = shell("fit", "digits@10", "--steps", 2, "--algorithm", "fixmatch")
    assert code == 0
    assert "Note: A single labeled example each: 0, 1, 2" in log
    assert "2 trainings of 2 steps, convnet (288,170 weights) on 8 x 8 pixels." in log
    assert "fixmatch: done in" in log
    assert "\x1b" not in text + log
    assert (here / "runs" / "digits-10-fixmatch-0" / "report.html").exists()
    assert "The unlabeled data had no say" in text  # after two steps nothing is confident
    assert "Halfway through final/fixmatch: no row of the pool has counted" in log


def test_a_finished_run_is_found_whatever_its_report_came_to(finished: Path, shell: Shell) -> None:
    (finished / "report.html").unlink()
    code, text, _ = shell("report", finished)
    assert (code, text) == (0, f"{finished / 'report.html'}\n")
    assert (finished / "report.html").exists()


def test_a_finished_run_is_its_data(here: Path, shell: Shell) -> None:
    path = table(here / "a.csv")
    words = ("fit", "a.csv", "--label-column", "kind", "--algorithm", "linear", "--out", "run")
    assert shell(*words)[0] == 0
    assert shell(*words)[0] == 0  # the same data, the same result
    result = (here / "run" / "result.json").read_bytes()
    path.write_text(path.read_text().replace(",long", ",tall", 1))
    code, _, err = shell(*words)
    assert code == 2
    assert "classes, labels. A run is its data" in err
    assert "another --out" in err
    path.unlink()
    code, _, err = shell(*words)
    assert code == 2
    assert "`realmix report run` shows what it came to" in err
    assert (here / "run" / "result.json").read_bytes() == result


def test_changed_test_rows_are_named(here: Path, shell: Shell) -> None:
    table(here / "a.csv")
    exam = table(here / "b.csv", rows=8)
    words = ("fit", "a.csv", "--test", "b.csv", "--label-column", "kind", "--algorithm", "linear")
    words += ("--allow-leakage",)
    assert shell(*words)[0] == 0
    exam.write_text(exam.read_text().replace("0.01", "9.01"))
    code, _, err = shell(*words)
    assert code == 2
    assert ": test rows. A run" in err


@pytest.mark.slow
def test_answers_decide_what_ships(here: Path, finished: Path, shell: Shell) -> None:
    """Answers that agree with the candidate; its file is what predicts from then on."""
    shutil.copytree(finished, here / "run")
    code, text, _ = shell("decide", "run")
    assert code == 0
    assert "to_label.csv" in text
    with np.load(here / "run" / "evidence.npz") as evidence:
        asked = evidence["decide_index"]
        names, said = evidence["pool_names"][asked], evidence["pool_model"][asked].argmax(1)
    answers = [f"{name},{label}" for name, label in zip(names, said, strict=True)]
    (here / "answers.csv").write_text("name,label\n" + "\n".join(answers) + "\n")
    code, text, _ = shell("decide", "run", "--labels", "answers.csv")
    assert code == 0
    result = json.loads((here / "run" / "result.json").read_text())
    assert result["shipped"] == result["decided_by_answers"]["winner"] == "candidate"
    single = here / "run" / "models" / "candidate.safetensors"
    assert (here / "run" / "model.safetensors").read_bytes() == single.read_bytes()
    assert result["test"]["shipped"] == result["test"]["model"]
    assert len(result["network"]) == 1
    assert "answer together" not in result["reason"]  # as one answers now
    assert "answers of yours decided it" in (here / "run" / "report.html").read_text()
    assert shell("fit", "digits@40", "--steps", 4, "--answers", "answers.csv")[0] == 0


def test_predictions_of_class_folders_say_the_accuracy(
    here: Path, finished: Path, shell: Shell
) -> None:
    for number, folder in enumerate(["3", "3", "5", "5", "other", "other"]):
        (here / "new" / folder).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(np.full((8, 8), 40 * number, np.uint8))
        image.save(here / "new" / folder / f"{number}.png")
    code, text, _ = shell("predict", finished, "new")
    assert code == 0
    rows = cells(here / "predictions.csv")
    right = sum(Path(row["input"]).parent.name == row["label"] for row in rows)
    assert f"{right / 4:.1%} (" in text
    assert "of 4 inputs whose class is known" in text
    assert "learned from these rows" not in text
    code, text, _ = shell("predict", finished, "new/other")
    assert "accuracy" not in text


def test_an_accuracy_on_what_a_run_learned_from_is_called_so(here: Path, shell: Shell) -> None:
    folders(here / "pets", classes=("cat", "dog"))
    assert shell("fit", "pets", "--steps", 1, "--no-gate", "--out", "out")[0] == 0
    assert "learned from these rows, so" in " ".join(shell("predict", "out", "pets")[1].split())


def test_predictions_at_other_class_shares(here: Path, finished: Path, shell: Shell) -> None:
    assert shell("predict", finished, "digits", "--out", "a.csv")[0] == 0
    never = ",".join(f"{digit}={int(digit > 4)}" for digit in range(10))
    code, out, _ = shell("predict", finished, "digits", "--out", "b.csv", "--class-shares", never)
    assert code == 0
    assert "not at the class shares that were given" in " ".join(out.split())
    assert {row["label"] for row in cells(here / "b.csv")} <= set("56789")
    assert {row["label"] for row in cells(here / "a.csv")} & set("01234")
    assert "--class-shares" in shell.fails(2, "predict", finished, "digits", "--class-shares", "x")


def test_a_folder_of_another_configuration_is_refused(finished: Path, shell: Shell) -> None:
    before = sorted(finished.rglob("*"))
    code, _, err = shell("fit", "digits@40", "--steps", 5, "--out", finished)
    assert code == 2
    assert "steps: there 4, asked for 5" in err
    assert sorted(finished.rglob("*")) == before


def test_a_run_that_another_process_works_on_is_locked(here: Path, shell: Shell) -> None:
    from realmix.runs.run_folder import locked

    with locked(here / "out"):
        code, _, err = shell("fit", "digits@40", "--steps", 2, "--out", "out")
    assert code == 6
    assert "is in use by process" in err


def test_without_the_gate_everyone_is_warned(here: Path, shell: Shell) -> None:
    code, text, log = shell("fit", "digits@40", "--steps", 1, "--no-gate")
    assert code == 0
    assert log.startswith("WARNING --no-gate: nothing will be held out")
    assert "WARNING: Nothing was held out and nothing compared" in " ".join(text.split())
    assert "labels alone" not in text.split("why")[1]


@pytest.mark.slow
def test_a_folder_with_bad_pool_images_is_fitted_and_says_which(here: Path, shell: Shell) -> None:
    folders(here / "pets")
    (here / "pets" / "unlabeled" / "torn.png").write_bytes(b"\x89PNG")
    code, text, log = shell("fit", "pets", "--steps", 2, "--out", "out")
    assert code == 0
    assert "1 file left out that could not be used: pets/unlabeled/torn.png: a damaged PNG" in log
    assert "torn.png: a damaged PNG file" in " ".join(text.split())
    assert "8 labels, 4 unlabeled rows" in text

    picture(here / "new" / "deep" / "er" / "large.png", 1, size=30)
    picture(here / "new" / "grey.jpg", 2, size=9, grey=True)
    (here / "new" / "text.jpg").write_text("no image")
    code, text, _ = shell("predict", "out", "new")
    assert code == 0
    rows = cells(here / "predictions.csv")
    assert [row["input"] for row in rows] == ["new/deep/er/large.png", "new/grey.jpg"]
    assert "new/text.jpg: " in text
    assert "2, mean confidence" in text
    single = shell("predict", "out/model.safetensors", "new/grey.jpg", "--out", "one.csv")
    assert single[0] == 0
    assert cells(here / "one.csv") == [rows[1]]


def test_a_table_of_features_is_fitted_and_predicted_by_column_name(
    here: Path, shell: Shell
) -> None:
    table(here / "a.csv")
    options = ("--label-column", "kind", "--steps", 60, "--set", "batch_size=8")
    assert shell("fit", "a.csv", *options, "--no-gate", "--out", "out")[0] == 0
    assert shell("predict", "out", "a.csv")[0] == 0
    rows = cells(here / "predictions.csv")
    assert list(rows[0]) == [
        *("input", "label", "confidence", "probability_long", "probability_round")
    ]
    assert rows[0]["input"] == "a.csv:2"
    right = [row["label"] == ("long", "round")[i // 2 % 2] for i, row in enumerate(rows)]
    assert len(right) == 24
    assert sum(right) >= 20

    lines = [line.split(",") for line in (here / "a.csv").read_text().split()]
    swapped = [[b, "7" if i else "extra", a] for i, (a, b, _) in enumerate(lines)]
    (here / "b.csv").write_text("\n".join(map(",".join, swapped)))
    assert shell("predict", "out", "b.csv", "--out", "b_out.csv")[0] == 0
    probs = [row["probability_long"] for row in rows]
    assert [row["probability_long"] for row in cells(here / "b_out.csv")] == probs

    (here / "c.csv").write_text("width,hight\n1,2\n")
    code, _, err = shell("predict", "out", "c.csv")
    assert code == 3
    assert "lacks 1 of the 2 feature columns" in err
    assert "Did you mean 'hight'?" in err
    (here / "d.csv").write_text("width,height\n1,inf\n")
    assert shell("predict", "out", "d.csv")[0] == 3


def test_predictions_of_a_built_in_set_are_those_of_the_run(
    finished: Path, here: Path, shell: Shell
) -> None:
    assert shell("predict", finished, "digits")[0] == 0
    rows = cells(here / "predictions.csv")
    assert rows[0]["input"] == "digits test[0]"
    with np.load(finished / "evidence.npz") as evidence:
        expected = evidence["test_shipped"]
    probs = np.array([[float(row[f"probability_{k}"]) for k in range(10)] for row in rows])
    assert np.abs(probs - expected).max() < 1e-5
    assert [int(row["label"]) for row in rows] == expected.argmax(1).tolist()
    assert [float(row["confidence"]) for row in rows] == probs.max(1).tolist()


def test_arrays_are_predicted_and_fitted_to_the_size_of_the_model(
    finished: Path, here: Path, shell: Shell
) -> None:
    np.savez(here / "a.npz", x=np.zeros((3, 16, 16, 3), np.uint8))
    assert shell("predict", finished, "a.npz")[0] == 0
    assert [row["input"] for row in cells(here / "predictions.csv")] == [
        *("a.npz[0]", "a.npz[1]", "a.npz[2]")
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("a.csv", 3, "holds feature rows, but this model was trained on images"),
        ("nothing", 2, "neither a built-in data set"),
        ("text.png", 3, "No image in 'text.png' can be read"),
        ("empty", 3, "There are no files in"),
        ("text.png --out no/where.csv", 2, "no folder 'no'"),
        ("a.csv --out a.csv", 2, "overwrite"),
    ],
)
def test_inputs_that_cannot_be_predicted(
    finished: Path, here: Path, shell: Shell, words: str, code: int, said: str
) -> None:
    table(here / "a.csv", label="label")
    (here / "text.png").write_text("text")
    (here / "empty").mkdir()
    assert said in shell.fails(code, "predict", finished, *words.split())
    assert not (here / "predictions.csv").exists()


def test_predictions_replace_predictions_and_nothing_else(
    finished: Path, here: Path, shell: Shell
) -> None:
    out = here / "predictions.csv"
    code, text, _ = shell("predict", finished, "digits")
    assert code == 0
    assert "in place of" not in text
    first = out.read_bytes()
    code, text, _ = shell("predict", finished, "digits")
    assert code == 0
    assert "predictions.csv in place of an earlier one" in text
    assert out.read_bytes() == first
    for changed in (
        b"a diary\n",
        b"",
        first.replace(b"input", b"name", 1),
        first + b"mine,3\n",  # a row that was added
        first.replace(b"\n", b",note\n", 1),
        b"\xff\xfe",
    ):
        out.write_bytes(changed)
        assert "is not overwritten" in shell.fails(2, "predict", finished, "digits")
        assert out.read_bytes() == changed
    rows = list(csv.reader(first.decode().splitlines()))
    rows[3][1] = "4" if rows[3][1] != "4" else "5"  # corrected by hand
    out.write_text("\n".join(map(",".join, rows)))
    assert "was changed since" in shell.fails(2, "predict", finished, "digits")
    (here / "folder").mkdir()
    assert "is a folder" in shell.fails(2, "predict", finished, "digits", "--out", "folder")


def test_a_model_file_that_is_damaged_is_refused(finished: Path, here: Path, shell: Shell) -> None:
    data = bytearray((finished / "model.safetensors").read_bytes())
    data[-5] ^= 1
    (here / "model.safetensors").write_bytes(data)
    assert "damaged" in shell.fails(4, "predict", "model.safetensors", "digits")


def test_cells_that_a_spreadsheet_would_compute_are_quoted(here: Path, shell: Shell) -> None:
    folders(here / "pets", classes=("=1+1", "dog"))
    assert shell("fit", "pets", "--steps", 1, "--no-gate", "--out", "out")[0] == 0
    picture(here / "@new" / "=a.png")
    assert shell("predict", "out", "@new")[0] == 0
    row = cells(here / "predictions.csv")[0]
    assert row["input"] == "'@new/=a.png"
    assert row["label"] in ("'=1+1", "dog")
    assert "probability_=1+1" in row


# ---------------------------------------------------------------- how commands end


def interrupt_at(monkeypatch: pytest.MonkeyPatch, count: int, number: int) -> None:
    """Send this process a signal at the `count`-th record of its trainings."""
    plain, seen = Progress.record, [0]

    def record(self: Progress, phase: str, figures: dict[str, float]) -> None:
        plain(self, phase, figures)
        seen[0] += 1
        if seen[0] == count:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Progress, "record", record)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_model(
    finished: Path, here: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("fit", "digits@40", "--steps", 4, "--out", "out")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 11, signal.SIGTERM)
        code, text, log = shell(*words)
    assert (code, text) == (143, "")
    assert log.endswith("realmix: interrupted and saved; the same command continues.\n")
    assert not (here / "out" / "result.json").exists()
    code, _, log = shell(*words)
    assert code == 0
    assert "fold 1 of 2, labels alone: done before" in log
    mine, theirs = (read(run / "model.safetensors") for run in (here / "out", finished))
    assert mine[1] == theirs[1]
    assert all(torch.equal(tensor, theirs[0][name]) for name, tensor in mine[0].items())


@pytest.mark.slow
def test_control_c_in_another_process_is_exit_130(here: Path) -> None:
    words = [sys.executable, "-m", "realmix", "fit", "digits@40", "--steps", "400", "--out", "out"]
    words += ["--set", "batch_size=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        metrics, limit = here / "out" / "metrics.jsonl", time.monotonic() + 60
        while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < limit:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("interrupted and saved; the same command continues.\n")
    assert list((here / "out" / "checkpoints").rglob("*.safetensors"))


def fitting(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(run, "fit", fit)


def test_too_little_memory_names_the_batch_and_a_smaller_one(
    here: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting(monkeypatch, torch.OutOfMemoryError("CUDA out of memory. Tried ..."))
    message = shell.fails(4, "fit", "digits@40", "--set", "batch_size=48")
    assert "A batch holds 48" in message
    assert "--set batch_size=24" in message


def test_a_bug_is_called_one_and_shown_with_debug(
    here: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting(monkeypatch, KeyError("odd"))
    message = shell.fails(1, "fit", "digits@40")
    assert message.endswith(
        "\nrealmix: KeyError: 'odd'\nThis is a bug in realmix; run with --debug to see where.\n"
    )
    code, _, err = shell("fit", "digits@40", "--debug")
    assert code == 1
    assert "Traceback" in err


def test_debug_keeps_the_exit_code_of_an_error(here: Path, shell: Shell) -> None:
    code, _, err = shell("fit", "digts", "--debug")
    assert code == 2
    assert "Traceback" in err
    assert "realmix: 'digts' is neither" in err


def test_an_interrupt_outside_of_a_run_is_quiet(
    here: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("realmix.command.catalogue.data_sets", stop)
    assert shell.fails(130, "data") == "realmix: stopped.\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    code = "import sys, realmix.command.main as c; sys.exit(c.main(['fit', '--help']))"
    words = f'{sys.executable} -c "{code}" | true; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode in (0, 1, 141)  # it can be quicker than the reader


# ---------------------------------------------------------------- what there is


def test_algorithms_are_listed_with_year_idea_needs_and_cost(shell: Shell) -> None:
    code, text, _ = shell("algorithms")
    assert code == 0
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "algorithm year idea needs cost" in lines
    row = next(line for line in lines if line.startswith("mean_teacher"))
    assert row.startswith("mean_teacher 2017 ")
    assert row.endswith(f"pool {MeanTeacher.cost:.1f}")
    assert {name for name in METHODS} <= {line.split(" ")[0] for line in lines}
    assert max(len(line) for line in text.splitlines()) <= 80


def test_an_algorithm_is_described_from_its_file(shell: Shell) -> None:
    code, text, _ = shell("algorithms", "fixmatch")
    assert code == 0
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "threshold 0.95 number >= 0, <= 1 tau" in lines
    assert "weight 1 number >= 0 lambda_u" in lines
    assert "unlabeled_ratio 7" in lines
    assert "Source: FixMatch (Sohn et al., 2020, https://arxiv.org/abs/2001.07685)," in text
    assert "1[max q >= threshold]" in text
    assert "Differences." in text


def test_data_sets_are_listed_with_counts_and_where_they_are(here: Path, shell: Shell) -> None:
    (here / "root" / "stl10_binary").mkdir(parents=True)
    code, text, _ = shell("data", "--data-root", "root")
    assert code == 0
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "digits 10 1,297 500 0 grey 8 x 8 embedded" in lines
    assert "stl10 10 5,000 8,000 100,000 RGB 96 x 96 yes" in lines
    assert "usps 10 7,291 2,007 0 grey 16 x 16 no" in lines
    code, text, _ = shell("data", "stl10", "--data-root", "root")
    assert code == 0
    assert "root/stl10_binary" in text
    assert "torchvision.datasets.STL10" in text


def test_data_of_one_s_own_are_said_to_be_there(here: Path, shell: Shell) -> None:
    (here / "photos").mkdir()
    code, _, said = shell("data", "photos")
    assert code == 2
    assert "realmix audit photos" in said
    assert "realmix fit photos" in said
    assert "nor an existing file or folder" in shell("data", "photo")[2]


def test_a_run_folder_can_be_moved(finished: Path, here: Path, shell: Shell) -> None:
    shutil.copytree(finished, here / "moved")
    code, text, _ = shell("report", "moved")
    assert (code, text) == (0, "moved/report.html\n")


def test_a_table_of_any_columns_is_learned_from_and_predicted(tmp_path: Path, shell: Any) -> None:
    rows = [f"{i if i % 5 else ''},{'red' if i % 2 else 'blue'},{i % 2}" for i in range(1, 61)]
    rows[0] = "1,blue,1"  # or the color would be the label
    lines = [row if i < 20 else row[:-1] for i, row in enumerate(rows)]
    table, new = tmp_path / "t.csv", tmp_path / "new.csv"
    table.write_text("\n".join(["size,color,label", *lines]))
    new.write_text("unknown,color,size\n1,red,3\n2,green,\n3,blue,x\n")
    run, found = tmp_path / "run", tmp_path / "found.csv"
    code, _, err = shell("fit", table, "--steps", 5, "--out", run)
    assert code == 0
    assert "1 number (size), 1 category (color: 2 values), 10.0% of their cells blank;" in err
    assert "(color: 2 values)" in (run / "report.html").read_text()
    code, out, _ = shell("predict", run, new, "--out", found)
    assert code == 0
    assert "color 'green' (1 row)" in " ".join(out.split())
    assert "size 'x' (1 row)" in " ".join(out.split())
    assert [line.split(",")[1] for line in found.read_text().splitlines()[1:4:2]] == ["1", "0"]
    new.write_text("colour,size\nred,3\n")
    code, _, err = shell("predict", run, new, "--out", found)
    assert code == 3
    assert "lacks 1 of the 2 feature columns" in err
    assert "Did you mean 'colour'?" in err
