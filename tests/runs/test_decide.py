"""Answers of a run: what is asked, what is taken, what is refused, and what is recorded."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from realmix.base.errors import DataError, LockedError, UsageError
from realmix.evaluate.dispute import ABOUT_EQUAL, ALONE, CANDIDATE
from realmix.runs.decide import ANSWERS, PAGE, RECORD, TABLE, decide, open_case
from realmix.runs.run_folder import locked
from tests.runs.undecided_run import CLASSES, write_undecided


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def answered(
    path: Path, truth: dict[str, str], names: list[str], start: str = "name,label"
) -> Path:
    path.write_text("\n".join([start, *(f"{name},{truth[name]}" for name in names)]) + "\n")
    return path


def result_of(folder: Path) -> dict[str, object]:
    result: dict[str, object] = json.loads((folder / "result.json").read_text())
    return result


# ---------------------------------------------------------------- what is asked


def test_what_to_label_is_listed_in_the_drawn_order_without_predictions(folder: Path) -> None:
    write_undecided(folder)
    case = decide(folder, count=12)
    rows = table(folder / TABLE)
    assert list(rows[0]) == ["name", "label", "width", "height"]
    assert [row["name"].removeprefix("'") for row in rows] == list(case.names[:12])
    assert {row["label"] for row in rows} == {""}
    assert float(rows[0]["height"]) == 16 * float(rows[0]["width"])
    assert not (folder / PAGE).exists()
    assert case.standing.answers == 0
    assert RECORD not in result_of(folder)


def test_so_many_rows_are_listed_that_they_suffice_in_nine_of_ten_cases(folder: Path) -> None:
    write_undecided(folder)
    case = decide(folder)
    assert len(table(folder / TABLE)) == min(case.forecast.bound, 100)


def test_images_have_a_page_that_says_nothing_of_the_models(folder: Path) -> None:
    write_undecided(folder, images=True)
    case = decide(folder, count=5)
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == 5
    assert re.findall(r"<bdi>(=?row \d+\.png)</bdi>", page) == list(case.names[:5])
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    for name in CLASSES:
        assert page.count(f">{name}<") == 1  # among the classes, beside no picture
    assert "mixmatch" not in page


def test_the_forecast_knows_what_held_out_labels_said(tmp_path: Path) -> None:
    for name, held_out in {"clear": (30, 2, 0), "close": (12, 11, 0)}.items():
        write_undecided(tmp_path / name, held_out=held_out)
    clear, close = (decide(tmp_path / name).forecast for name in ("clear", "close"))
    assert clear.bound < close.median


# ---------------------------------------------------------------- what is taken


def test_answers_decide_for_the_better_model_and_are_recorded(folder: Path, tmp_path: Path) -> None:
    truth = write_undecided(folder)
    names = list(open_case(folder).names)
    shipped: list[str] = []
    case = decide(folder, answered(tmp_path / "a.csv", truth, names), ship=shipped.append)
    assert case.standing.winner == CANDIDATE
    assert shipped == [CANDIDATE]
    assert case.standing.answers < 60
    assert result_of(folder)[RECORD] == {
        "answers": case.standing.answers,
        "right_candidate": case.standing.right_candidate,
        "right_baseline": case.standing.right_baseline,
        "error_rate": pytest.approx(case.standing.error_rate),
        "winner": CANDIDATE,
        "gain": pytest.approx(case.standing.gain),
        "interval": pytest.approx(list(case.standing.interval)),
    }
    assert result_of(folder)["algorithm"] == "mixmatch"
    # what the held-out labels said is no reason any more
    assert str(result_of(folder)["reason"]).startswith(f"Of {case.standing.answers} answers")
    assert result_of(folder)["labels_needed"] is None
    decide(folder, ship=shipped.append)
    assert shipped == [CANDIDATE]  # once


def test_the_labels_alone_can_win(folder: Path, tmp_path: Path) -> None:
    truth = write_undecided(folder, kinds=(10, 70, 10))
    shipped: list[str] = []
    answers = answered(tmp_path / "a.csv", truth, list(open_case(folder).names))
    assert decide(folder, answers, ship=shipped.append).standing.winner == ALONE
    assert shipped == [ALONE]


def test_about_equal_is_recorded_and_ships_nothing(folder: Path, tmp_path: Path) -> None:
    truth = write_undecided(folder, kinds=(30, 30, 5))
    shipped: list[str] = []
    answers = answered(tmp_path / "a.csv", truth, list(open_case(folder).names))
    assert decide(folder, answers, ship=shipped.append).standing.winner == ABOUT_EQUAL
    assert shipped == []
    assert result_of(folder)[RECORD]["winner"] == ABOUT_EQUAL  # type: ignore[index]


def test_models_that_agree_everywhere_are_equal_without_a_question(folder: Path) -> None:
    write_undecided(folder, kinds=(0, 0, 0))
    assert decide(folder).standing.winner == ABOUT_EQUAL
    assert not (folder / TABLE).exists()


def test_what_ship_writes_into_the_result_stays(folder: Path, tmp_path: Path) -> None:
    truth = write_undecided(folder)

    def ship(winner: str) -> None:
        result = {**result_of(folder), "shipped": winner}
        (folder / "result.json").write_text(json.dumps(result))

    decide(folder, answered(tmp_path / "a.csv", truth, list(open_case(folder).names)), ship=ship)
    assert result_of(folder)["shipped"] == CANDIDATE
    assert RECORD in result_of(folder)


def test_a_ship_that_fails_is_called_again(folder: Path, tmp_path: Path) -> None:
    truth = write_undecided(folder)
    answers = answered(tmp_path / "a.csv", truth, list(open_case(folder).names))

    def broken(winner: str) -> None:
        raise OSError(winner)

    with pytest.raises(OSError, match=CANDIDATE):
        decide(folder, answers, ship=broken)
    shipped: list[str] = []
    decide(folder, ship=shipped.append)
    assert shipped == [CANDIDATE]


def test_a_few_at_a_time_come_to_the_same_as_all_at_once(tmp_path: Path) -> None:
    for name in ("few", "all"):
        truth = write_undecided(tmp_path / name)
    names = list(open_case(tmp_path / "few").names)
    whole = decide(tmp_path / "all", answered(tmp_path / "a.csv", truth, names))
    for start in range(0, len(names), 7):
        case = decide(
            tmp_path / "few", answered(tmp_path / "a.csv", truth, names[start : start + 7])
        )
        if case.standing.winner:
            break
    assert case.standing == whole.standing
    assert start > 0


def test_the_filled_table_itself_is_taken_and_the_next_rows_follow(folder: Path) -> None:
    truth = write_undecided(folder)
    names = decide(folder, count=5).names
    text = (folder / TABLE).read_text().splitlines()
    filled = [text[0]] + [
        line.replace(",,", f",{truth[line.split(',')[0].removeprefix(chr(39))]},")
        for line in text[1:]
    ]
    (folder / TABLE).write_text("\n".join(filled))
    case = decide(folder, folder / TABLE, count=4)
    assert set(case.answers) == set(names[:5])
    assert [row["name"].removeprefix("'") for row in table(folder / TABLE)] == list(names[5:9])


def test_labels_that_were_filled_in_and_not_handed_over_are_kept(folder: Path) -> None:
    truth = write_undecided(folder)
    name = decide(folder).names[0]
    answered(folder / TABLE, truth, [name])
    with pytest.raises(UsageError, match=r"1 label not taken yet.*--labels"):
        decide(folder)
    assert truth[name] in (folder / TABLE).read_text()


def test_only_answers_before_the_first_gap_count(folder: Path, tmp_path: Path) -> None:
    truth = write_undecided(folder)
    names = list(open_case(folder).names)
    case = decide(folder, answered(tmp_path / "a.csv", truth, names[:3] + names[4:80]))
    assert (case.standing.answers, len(case.answers)) == (3, 79)
    assert table(folder / TABLE)[0]["name"].removeprefix("'") == names[3]
    case = decide(folder, answered(tmp_path / "a.csv", truth, [names[3]]))
    assert case.standing.winner == CANDIDATE


def test_a_row_of_no_class_is_an_answer_for_neither(folder: Path, tmp_path: Path) -> None:
    write_undecided(folder)
    names = open_case(folder).names
    (tmp_path / "a.csv").write_text(f'name,label\n"{names[0]}",?\n"{names[1]}", \n')
    case = decide(folder, tmp_path / "a.csv")
    assert case.answers == {names[0]: -1}
    assert case.standing.right_neither == 1
    assert decide(folder).answers == {names[0]: -1}  # as answers.csv has it


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_encodings_and_separators(
    folder: Path, tmp_path: Path, encoding: str, mark: str
) -> None:
    truth = write_undecided(folder)
    name = open_case(folder).names[0]
    lines = [mark.join(["étage", "label", "name"]), mark.join(["é", truth[name], name])]
    (tmp_path / "a.csv").write_bytes("\r\n".join(lines).encode(encoding))
    case = decide(folder, tmp_path / "a.csv")
    assert case.answers == {name: CLASSES.index(truth[name])}


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,label\nrow 9999.png,ant\n", "line 2.*'row 9999.png' is none of the rows to label"),
        ("name,label\n{0},aunt\n", "line 2: class 'aunt'.*Did you mean 'ant'"),
        ("name,label\n{0},ant\n{0},bee\n", "line 3.*answered twice, and differently"),
        ("file,label\n{0},ant\n", "needs one column 'name'; its columns are file, label"),
        ("name,label,label\n{0},ant,ant\n", "needs one column 'label'"),
        ("name,label\n", "has no rows"),
        ("name,label\n{0},1.5.2,x\n", "line 2: 3 cells"),
        ("", "has no rows"),
        ("name,label\n\0,ant\n", "NUL byte"),
    ],
)
def test_bad_answers_are_explained_and_nothing_is_written(
    folder: Path, tmp_path: Path, text: str, words: str
) -> None:
    write_undecided(folder)
    name = next(name for name in open_case(folder).names if not name.startswith("="))
    (tmp_path / "a.csv").write_text(text.format(name))
    with pytest.raises((DataError, UsageError), match=words):
        decide(folder, tmp_path / "a.csv")
    assert not (folder / ANSWERS).exists()


def test_an_answer_that_contradicts_an_earlier_one_is_refused(folder: Path, tmp_path: Path) -> None:
    write_undecided(folder)
    name = open_case(folder).names[0]
    for label in ("ant", "ant"):
        (tmp_path / "a.csv").write_text(f'name,label\n"{name}",{label}\n')
        decide(folder, tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(f'name,label\n"{name}",bee\n')
    with pytest.raises(UsageError, match=r"answered before, and differently.*answers\.csv"):
        decide(folder, tmp_path / "a.csv")
    assert open_case(folder).answers == {name: 0}


def test_no_such_file_or_run(folder: Path, tmp_path: Path) -> None:
    write_undecided(folder)
    with pytest.raises(UsageError, match=r"no file .*gone\.csv"):
        decide(folder, tmp_path / "gone.csv")
    with pytest.raises(DataError, match="no run folder"):
        decide(tmp_path / "other")


def test_a_count_below_one(folder: Path) -> None:
    write_undecided(folder)
    with pytest.raises(UsageError, match="--count must be 1 or more, not 0"):
        decide(folder, count=0)


@pytest.mark.parametrize("result", [{"gated": False}, {"outcome": "alone"}])
def test_a_run_with_one_model_has_nothing_to_decide(
    folder: Path, result: dict[str, object]
) -> None:
    write_undecided(folder, result=result)
    with pytest.raises(UsageError, match="trained one model only"):
        decide(folder)


def test_an_older_run_has_no_predictions_to_compare(folder: Path) -> None:
    write_undecided(folder)
    np.savez(folder / "evidence.npz", labeled_counts=np.zeros(3))
    with pytest.raises(UsageError, match="older realmix"):
        decide(folder)


def test_one_process_at_a_time(folder: Path) -> None:
    write_undecided(folder)
    with locked(folder), pytest.raises(LockedError):
        decide(folder)
