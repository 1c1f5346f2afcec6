"""`realmix decide` on the terminal, and `realmix fit --answers`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realmix.command.main import main
from realmix.runs.decide import ANSWERS, PAGE, RECORD, TABLE, open_case
from tests.runs.undecided_run import write_undecided

pytestmark = pytest.mark.usefixtures("brief")


class Person:
    """Somebody at the terminal: what is typed, and what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, is_terminal: bool = True) -> None:
        self.asked: list[str] = []
        self.typed: Iterator[str] = iter(())
        monkeypatch.setattr(sys.stdin, "isatty", lambda: is_terminal, raising=False)
        monkeypatch.setattr("builtins.input", self._input)

    def _input(self, prompt: str) -> str:
        self.asked.append(prompt)
        try:
            return next(self.typed)
        except StopIteration:
            raise EOFError from None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a run without models: what would ship is named in a file instead."""
    run = tmp_path / "run"
    monkeypatch.setattr("realmix.runs.run.ship", lambda at, name: (at / "ships").write_text(name))
    monkeypatch.setattr("realmix.report.page.write_report", lambda at: at / "report.html")
    return run


def written(path: Path, truth: dict[str, str], names: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("name", "label"), *((name, truth[name]) for name in names)])
    return path


def test_without_answers_it_says_how_many_it_will_need(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_undecided(folder, images=True)
    assert main(["decide", str(folder)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    case = open_case(folder)
    assert "nothing is asked yet" in out
    assert "100 of 400 pool rows get two different classes" in out
    assert f"about {case.forecast.median} answers; {case.forecast.bound} suffice" in out
    whole = out.replace(" ", "")  # long paths are folded
    assert f"{folder / TABLE}" in whole
    assert f"{folder / PAGE}" in whole


def test_answers_decide(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = write_undecided(folder)
    names = open_case(folder).names
    first = written(tmp_path / "a.csv", truth, names[:4])
    assert main(["decide", str(folder), "--labels", str(first)]) == 0
    assert "Not decided yet after 4 answers" in capsys.readouterr().out
    second = written(tmp_path / "b.csv", truth, names[4:])
    assert main(["decide", str(folder), "--labels", str(second)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    standing = open_case(folder).standing
    assert f"Decided after {standing.answers} answers: the model with mixmatch is better." in out
    assert f"{standing.right_candidate} for mixmatch, {standing.right_baseline} for the" in out
    assert f"{100 * standing.gain:+.1f} points on the pool" in out
    assert f"at most {standing.error_rate:.1%}, 5% was allowed" in out
    whole = out.replace(" ", "")  # long paths are folded
    assert f"thatmodelalone:{folder / 'model.safetensors'}" in whole
    assert f"--answers{folder / ANSWERS}andanother--out" in whole
    assert json.loads((folder / "result.json").read_text())[RECORD]["winner"] == "candidate"


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ((10, 70, 10), "the model trained on the labels alone is better"),
        ((30, 30, 5), "the models differ by less than 1% of the pool"),
        ((0, 0, 0), "About equal, after 0 answers"),
    ],
)
def test_other_endings(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kinds: tuple[int, int, int],
    words: str,
) -> None:
    truth = write_undecided(folder, kinds=kinds)
    names = open_case(folder).names or ("row 1.png",)
    answers = written(tmp_path / "a.csv", truth, names)
    given = ["--labels", str(answers)] if sum(kinds) else []
    assert main(["decide", str(folder), *given]) == 0
    assert words in " ".join(capsys.readouterr().out.split())


def test_bad_answers_are_a_message_and_not_a_traceback(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_undecided(folder)
    (tmp_path / "a.csv").write_text("name,label\nnobody,ant\n")
    assert main(["decide", str(folder), "--labels", str(tmp_path / "a.csv")]) == 3
    err = capsys.readouterr().err
    assert "line 2: 'nobody' is none of the rows to label" in err
    assert "Traceback" not in err


# ---------------------------------------------------------------- row by row


def test_asking_stops_when_it_is_decided(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = write_undecided(folder)
    names = open_case(folder).names
    person = Person(monkeypatch)
    numbers = {"ant": "1", "bee": "2", "cat": "3"}
    person.typed = iter([numbers[truth[name]] for name in names])
    assert main(["decide", str(folder), "--ask"]) == 0
    case = open_case(folder)
    assert case.standing.winner == "candidate"
    assert len(person.asked) == case.standing.answers < len(names)
    assert person.asked[0] == f"1. {names[0]}: "
    assert "Decided after" in capsys.readouterr().out


def test_pictures_that_are_asked_about_can_be_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_undecided(folder, images=True)
    Person(monkeypatch)
    assert main(["decide", str(folder), "--ask", "--count", "3"]) == 0
    assert f"The pictures, in this order: {folder / PAGE}" in capsys.readouterr().out
    page = (folder / PAGE).read_text()
    assert all(name in page for name in open_case(folder).names[:3])


def test_a_folder_that_is_not_there_is_called_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decide", str(folder)]) == 3
    assert "There is no run folder" in capsys.readouterr().err


def test_skip_names_nonsense_and_stop(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_undecided(folder)
    names = open_case(folder).names
    person = Person(monkeypatch)
    person.typed = iter(["s", "0", "4", "cta", "cat", "q"])
    assert main(["decide", str(folder), "--ask"]) == 0
    assert open_case(folder).answers == {names[0]: -1, names[1]: 2}
    out = capsys.readouterr().out
    assert "Give a number from 1 to 3, a class, s or q. Did you mean 'cat'?" in out
    assert "Not decided yet after 2 answers" in out
    person.typed = iter(["1"])  # then the input ends; what was said is kept
    assert main(["decide", str(folder), "--ask"]) == 0
    assert person.asked[-1] == f"4. {names[3]}: "
    assert len(open_case(folder).answers) == 3


def test_each_answer_is_kept_when_the_process_is_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_undecided(folder)
    Person(monkeypatch)
    typed = iter(["1", "2"])

    def told(prompt: str) -> str:
        for word in typed:
            return word
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", told)
    assert main(["decide", str(folder), "--ask"]) == 130
    assert list(open_case(folder).answers.values()) == [0, 1]
    assert (folder / ANSWERS).exists()


def test_nobody_can_be_asked_without_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_undecided(folder)
    Person(monkeypatch, is_terminal=False)
    assert main(["decide", str(folder), "--ask"]) == 2
    assert "--ask needs a terminal" in capsys.readouterr().err
    assert main(["decide", str(folder), "--ask", "--labels", "x.csv"]) == 2
    assert "not both" in capsys.readouterr().err


# ---------------------------------------------------------------- answers join the next fit


def test_answers_join_the_next_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["width,height,label"]
    lines += [f"{i % 2 + i / 50},{i % 5},{'ab'[i % 2] if i < 12 else ''}" for i in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    answers = [f"{tmp_path / 'rows.csv'}:{line},{'ab'[line % 2]}" for line in range(30, 37)]
    (tmp_path / "answers.csv").write_text("\n".join(["name,label", *answers]) + "\n")
    out = tmp_path / "run"
    words = ["fit", str(tmp_path / "rows.csv"), "--answers", str(tmp_path / "answers.csv")]
    assert main([*words, "--steps", "3", "--algorithm", "mixmatch", "--out", str(out)]) == 0
    assert "7 answers join the labels" in " ".join(capsys.readouterr().err.split())
    result = json.loads((out / "result.json").read_text())
    assert result["labels"] == 19
    assert result["unlabeled"] == 41
    assert result["held_out"] == 12


def test_answers_of_rows_that_are_not_in_the_pool_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "answers.csv").write_text("name,label\nelsewhere.png,1\n")
    words = ["fit", "digits@40", "--answers", str(tmp_path / "answers.csv")]
    assert main([*words, "--out", str(tmp_path / "run")]) == 3
    assert "'elsewhere.png' is none of the unlabeled rows" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
