"""A whole comparison: what is done, what is not done again, what fails and what is refused."""

import io
import json
import math
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from realmix.base.errors import Interrupted, UsageError
from realmix.command.several.comparing import summary
from realmix.comparison.cells import Cell
from realmix.comparison.engines.local import outcomes
from realmix.comparison.engines.work import DONE, do, task_of
from realmix.comparison.face import compare
from realmix.comparison.page import _accuracy, headline, words_of_setting
from realmix.comparison.progress import Progress
from realmix.comparison.results import Results
from realmix.comparison.tables import read_results
from realmix.runs.run import read

pytestmark = pytest.mark.usefixtures("brief")


def here(tasks, workers, stopping):
    """In this process: quicker than processes for tiny cells."""
    for task in tasks:
        if stopping():
            return
        yield do(task, stopping, threads=None)


class Told:
    """Remembers, and asks to stop after so many cells."""

    def __init__(self, most=99):
        self.notes, self.most = [], most

    def note(self, text):
        self.notes.append(text)

    def stopping(self):
        return sum(note.startswith("[") for note in self.notes) >= self.most


def written(folder):
    """A table of three classes of rows far apart."""
    rng = np.random.default_rng(0)
    label = np.arange(120) % 3
    points = rng.normal(size=(120, 2)) + 4 * np.stack([label == 0, label == 1], 1)
    path = folder / "rows.csv"
    lines = [f"{x:.4f},{y:.4f},{'abc'[c]}" for (x, y), c in zip(points, label, strict=True)]
    path.write_text("\n".join(["x,y,label", *lines]) + "\n")
    return str(path)


@pytest.fixture
def table(tmp_path):
    return written(tmp_path)


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr("realmix.comparison.compare.outcomes", here)


def small(table, folder, watch=None, **changes):
    asked = {
        "algorithms": ["linear", "label_spreading", "sklearn:GaussianNB"],
        "labels": [6, 12],
        "seeds": 2,
        "workers": 1,
        "out": folder,
        "watch": watch,
    }
    return compare(table, **{**asked, **changes})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A comparison that is done: its table, folder, results, and what was told."""
    folder, told = tmp_path_factory.mktemp("whole"), Told()
    table = written(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("realmix.comparison.compare.outcomes", here)
        return table, folder / "c", small(table, folder / "c", told), told.notes


@pytest.mark.slow
def test_all_cells_are_done_once_and_measured_on_the_same_rows(whole, in_this_process):
    (table, folder, first, notes), again = whole, Told()
    assert len(first.done) == 12
    assert {out["test_rows"] for out in first.done.values()} == {36}
    assert {out["labels"] for out in first.done.values()} == {6, 12}
    assert first.alone == "linear"
    assert "30% of the labels are" in notes[0]
    assert notes[1].startswith("[1 of 12] linear, labels 6, seed 0: ")
    second = small(table, folder, again)
    assert second.done == first.done
    assert again.notes[1:] == ["12 cells of 12 were done before."]


def test_the_tables_tell_every_cell_with_its_command(whole):
    folder = whole[1]
    lines = (folder / "results.csv").read_text().splitlines()
    assert len(lines) == 13
    assert lines[0].startswith("algorithm,labels,seed,status,accuracy")
    found = json.loads((folder / "results.json").read_text())
    assert found["labels_alone"] == "linear"
    assert len(found["cells"]) == 12
    assert all("realmix " in cell["command"] for cell in found["cells"])
    assert {lead["of"] for lead in found["added_to_labels_alone"]} == {
        "label_spreading",
        "sklearn:GaussianNB",
    }
    assert found["ranks"]["draws"] == 4
    page = (folder / "compare.html").read_text()
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "<script" not in page
    assert "What each adds to the labels alone" in page


@pytest.mark.slow
def test_further_cells_extend_it_and_other_options_are_refused(
    whole, table, tmp_path, in_this_process
):
    told = Told()
    shutil.copytree(whole[1], tmp_path / "c")
    shutil.copy2(whole[0], table)
    for file in tmp_path.rglob("*.json"):  # the comparison of the copied table
        file.write_text(file.read_text().replace(whole[0], table))
    more = small(table, tmp_path / "c", told, seeds=3, labels=[12], algorithms=["linear", "forest"])
    # linear and forest at 12 labels: seed 2 of the one and all of the other are new
    assert len(more.done) == 12 + 4
    assert any("extended by 4 cells" in note for note in told.notes)
    with pytest.raises(UsageError, match="steps: there None, asked for 7"):
        small(table, tmp_path / "c", steps=7)
    with open(table, "a") as file:
        file.write("1.0,2.0,a\n")
    with pytest.raises(UsageError, match="data are not what they were"):
        small(table, tmp_path / "c")


def test_a_folder_of_something_else_is_refused(table, tmp_path, in_this_process):
    (tmp_path / "c").mkdir()
    (tmp_path / "c/mine.txt").write_text("x")
    with pytest.raises(UsageError, match="holds no comparison"):
        small(table, tmp_path / "c")


def test_the_labels_alone_are_added_where_they_are_missing(table, tmp_path, in_this_process):
    told = Told()
    found = small(
        table, tmp_path / "c", told, algorithms=["label_spreading"], labels=[6], seeds=1, steps=3
    )
    assert found.algorithms == ("supervised", "label_spreading")
    assert told.notes[0].startswith("supervised is added")


def test_a_cell_that_fails_is_told_and_the_others_go_on(table, tmp_path, in_this_process):
    told = Told()
    names = ["supervised", "supervised:learning_rate=1e30", "sklearn:GaussianNB"]
    found = small(table, tmp_path / "c", told, algorithms=names, labels=[6], seeds=1, steps=20)
    assert len(found.done) == 2
    (cell,) = found.failed
    assert cell.algorithm == "supervised:learning_rate=1e30"
    assert any("FAILED. The loss became NaN" in note for note in told.notes)
    assert "The loss became NaN" in (tmp_path / "c/compare.html").read_text()


def test_it_stops_and_goes_on(table, tmp_path, in_this_process):
    told = Told(most=2)
    with pytest.raises(Interrupted):
        small(table, tmp_path / "c", told, labels=[6])
    lines = (tmp_path / "c/results.csv").read_text().splitlines()
    assert sum(",done," in line for line in lines) == 2
    assert sum(",missing," in line for line in lines) == 4
    rest = Told()
    assert len(small(table, tmp_path / "c", rest, labels=[6]).done) == 6
    assert "2 cells of 6 were done before." in rest.notes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": [2]}, "from 3 .one a class. to 84"),
        ({"labels": [500]}, "to 84"),
        ({"sweep": {"mismatch": [40]}}, "Mismatch of 40 %"),
        ({"sweep": {"imbalance": [500]}}, "no row in the pool"),
        ({"sweep": {"pool-size": [9, 999]}}, "^labels=12, pool-size=999: A pool of 999 rows"),
        ({"algorithms": ["realmix:copies=-1"]}, "copies"),
        ({"algorithms": ["auto:weight=1"]}, "auto takes no fields"),
        ({"workers": 0}, "1 or more"),
        ({"step": 3}, "Did you mean 'steps'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(table, tmp_path, changes, said):
    with pytest.raises(ValueError, match=said):
        small(table, tmp_path / "c", **changes)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("data", "names", "said"),
    [
        ("digits", ["supervised", "linear"], "linear: linear learns from feature rows, and these"),
        ("digits", ["label_spreading"], "label_spreading learns from feature rows"),
        (None, ["remixmatch"], "--algorithms remixmatch: CTAugment changes images"),
    ],
)
def test_a_method_that_these_data_do_not_suit_is_refused_at_once(
    table, tmp_path, data, names, said
):
    with pytest.raises(UsageError, match=said):
        compare(data or table, names, out=tmp_path / "c", labels=[12], seeds=1)
    assert not (tmp_path / "c").exists()


def test_mismatch_of_two_classes_is_refused(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(
        "x,label\n" + "\n".join(f"{i * 7 % 40 / 3},{'ab'[i % 2]}" for i in range(40)) + "\n"
    )
    with pytest.raises(UsageError, match="Two classes have none to spare"):
        small(str(path), tmp_path / "c", sweep={"mismatch": [50]})


def test_the_same_labels_for_all_and_other_ones_for_another_seed():
    common = {"data": "digits"}
    drawn = [
        read(Cell(name, 20, seed).config(common)).label
        for name, seed in (("supervised", 0), ("mixmatch", 0), ("supervised", 1))
    ]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.slow
def test_processes_do_cells_and_one_that_dies_takes_one_cell_along(table, tmp_path):
    common = {"data": table, "test_share": 0.3}
    cells = [Cell("sklearn:GaussianNB", 6, seed) for seed in range(3)]
    bomb = tmp_path / "bomb.py"
    bomb.write_text(
        "import os, signal\n"
        "class Bomb:\n"
        "    def fit(self, X, y): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    def predict(self, X): pass\n"
    )
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), os.getcwd(), before])
    try:
        sys.path.insert(0, str(tmp_path))
        cells.insert(0, Cell("bomb.bomb:Bomb", 6, 0))
        (tmp_path / "bomb").mkdir()
        bomb.rename(tmp_path / "bomb" / "bomb.py")
        tasks = [task_of(cell, common, tmp_path / "c", tmp_path) for cell in cells]
        found = list(outcomes(tasks, 1, lambda: False))
    finally:
        os.environ["PYTHONPATH"] = before
        sys.path.remove(str(tmp_path))
    assert [one["status"] for one in found] == ["failed", DONE, DONE, DONE]
    assert "killed" in found[0]["error"]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers")
def test_what_runs_is_saved_where_it_is_to_stop_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("realmix.comparison.engines.local.PATIENCE", 0.02)

    class Soon(Told):
        def stopping(self):
            return any((tmp_path / "c/runs").glob("*/config.json"))

    asked = {"labels": [20], "seeds": 1, "steps": 80, "out": tmp_path / "c", "workers": 1}
    with pytest.raises(Interrupted):
        compare("digits", ["supervised"], watch=Soon(), **asked)
    (folder,) = (tmp_path / "c/runs").iterdir()
    assert not (folder / "result.json").exists()
    assert len(compare("digits", ["supervised"], **asked).done) == 1


@pytest.mark.slow
def test_the_median_of_the_last_checkpoints_counts(tmp_path, in_this_process):
    asked = {"labels": [20], "seeds": 1, "steps": 30, "workers": 1, "protocol": "median20"}
    found = compare("digits", ["supervised"], out=tmp_path / "c", **asked)
    ((cell, outcome),) = found.done.items()
    lines = (tmp_path / "c/runs" / cell.name / "metrics.jsonl").read_text().splitlines()
    seen = [json.loads(line) for line in lines]
    accuracies = [line["accuracy"] for line in seen if "accuracy" in line]
    assert len(accuracies) == 30
    assert np.median(accuracies) != np.median(accuracies[-20:])
    assert outcome["accuracy"] == np.median(accuracies[-20:])
    assert outcome["last_accuracy"] == accuracies[-1]


def results(accuracy, tmp_path):
    """Of made-up figures by (algorithm, labels, mismatch): one of each seed."""
    outcomes_of = {}
    for (name, labels, mismatch), values in accuracy.items():
        for seed, value in enumerate(values):
            cell = Cell(name, labels, seed, (("mismatch", str(mismatch)),))
            outcomes_of[cell] = {"status": DONE, "accuracy": value, "seconds": 1.0, "test_rows": 9}
    return Results(tmp_path, {"data": "digits"}, outcomes_of)


@pytest.mark.parametrize(
    ("undone", "said"),
    [
        ({"mixmatch"}, "Only supervised has been done so far. 1 cell failed."),
        (
            {"supervised"},
            "Of supervised, the labels alone, nothing is done to compare with. 1 cell",
        ),
        ({"supervised", "mixmatch"}, "Nothing has been done so far. 2 cells failed."),
    ],
)
def test_it_is_said_what_of_a_comparison_is_missing(tmp_path, undone, said):
    found = results({(name, 40, 0): [0.5] for name in ("supervised", "mixmatch")}, tmp_path)
    for cell in found.outcomes:
        if cell.algorithm in undone:
            found.outcomes[cell] = {"status": "failed", "error": "no"}
    assert headline(found).startswith(said)


@pytest.mark.slow
def test_seeds_that_draw_nothing_prove_nothing(tmp_path, in_this_process):
    folder, watch = tmp_path / "some", Told()
    rows = written(tmp_path)
    some = tmp_path / "labeled.csv"
    lines = Path(rows).read_text().splitlines()
    some.write_text("\n".join([*lines[:61], *(line[:-1] for line in lines[61:])]) + "\n")
    exam = tmp_path / "exam.csv"
    exam.write_text("\n".join([lines[0], *(f"1{line}" for line in lines[40:])]) + "\n")
    small(str(some), folder, watch, labels=[12, 60], seeds=3, test=str(exam))
    told = [note for note in watch.notes if "the same for each seed" in note]
    assert told == [
        "All 60 labels are taken, the same for each seed: ± is that of training anew, and no lead"
        " is proved."
    ]
    found = read_results(folder)
    assert found.undrawn == {(("labels", "60"),)}
    leads = [one.difference.p for one in found.added if ("labels", "60") in one.setting]
    unproved = [math.isnan(p) for p in leads]
    assert unproved == [True, True]
    assert found.ranks is not None
    assert found.ranks.draws == 4, "three of 12 labels, one of 60"


def test_a_lead_on_one_draw_of_labels_is_not_proved(tmp_path):
    made = results({("linear", 40, 0): [0.5, 0.51, 0.5, 0.5],
                    ("mixmatch", 40, 0): [0.61, 0.6, 0.6, 0.6]}, tmp_path)  # fmt: skip
    assert headline(made).startswith("mixmatch: proved better than linear")
    same = replace(made, undrawn=frozenset(made.settings))
    assert headline(same) == (
        "Nothing is proved better or worse than linear, the labels alone. All labels are taken, the"
        " same for each seed."
    )


def test_what_the_figures_say(tmp_path):
    made = {}
    for mismatch, loss in ((0, 0.0), (50, 0.05), (100, 0.2)):
        for labels, base in ((40, 0.6), (160, 0.8)):
            made["supervised", labels, mismatch] = [base, base + 0.01, base - 0.01, base]
            lead = 0.1 - loss
            made["mixmatch", labels, mismatch] = [base + lead + d for d in (0, 0.012, -0.012, 0)]
    found = results(made, tmp_path)
    assert found.axes == ("labels", "mismatch")
    leads = {lead.setting: lead.difference for lead in found.added}
    assert leads[("labels", "40"), ("mismatch", "0")].mean.value == pytest.approx(0.1)
    assert leads[("labels", "40"), ("mismatch", "100")].mean.value == pytest.approx(-0.1)
    assert all(one.corrected >= one.p for one in leads.values())
    assert headline(found) == (
        "mixmatch: proved better than supervised in 4 of 6 comparisons. "
        "mixmatch: proved worse than supervised in 2 of 6 comparisons."
    )
    needed = {(setting, name): str(need) for setting, name, _, need in found.needed}
    # 0.7 lies halfway between 0.6 at 40 labels and 0.8 at 160
    assert needed[(("labels", "40"), ("mismatch", "0")), "mixmatch"] == "about 80"
    assert needed[(("labels", "160"), ("mismatch", "0")), "mixmatch"] == "more than 160"
    shifts = {(rest, name): shift for _, rest, name, shift in found.shifts}
    alone = shifts[(("labels", "40"),), "supervised"]
    assert alone.area == pytest.approx(0.6)
    assert alone.variation == pytest.approx(0)
    mixed = shifts[(("labels", "40"),), "mixmatch"]
    assert mixed.area == pytest.approx((0.7 + 2 * 0.65 + 0.5) / 4)
    assert mixed.worst == pytest.approx(0.5)
    assert mixed.correlation < -0.95
    assert found.ranks is None  # of two algorithms there are no ranks


def test_settings_in_words():
    assert words_of_setting(()) == "the labels as they are"
    assert words_of_setting((("imbalance", "10"),)) == "imbalance 10"


def test_the_time_left_is_by_what_each_algorithm_took():
    cells = [Cell(name, 20, seed) for seed in (0, 1) for name in ("fast", "slow")]
    now = iter([0.0, 1.0, 11.0])
    progress = Progress(cells, Told(), clock=lambda: next(now))
    outcome = {"status": DONE, "accuracy": 0.5}
    progress.seconds = {"fast": [1.0]}
    progress.left.remove(cells[0])
    progress.tell({**outcome, "cell": cells[1].to_json(), "seconds": 10.0})
    # 11 seconds were worked in 11 seconds, and 1 + 10 are ahead
    assert progress.watch.notes[-1].endswith("; about 11 s left")


def test_the_time_left_of_short_cells_counts_what_is_around_them_and_not_the_start():
    cells = [Cell("fast", 20, seed) for seed in range(10)]
    now = [0.0]
    progress = Progress(cells, Told(), clock=lambda: now[0])
    for count, cell in enumerate(cells[:5]):
        now[0] = 20.0 + 2 * count  # 20 seconds until the processes work, then 2 for each cell
        outcome = {"status": DONE, "accuracy": 0.5, "seconds": 0.0}
        progress.tell({**outcome, "cell": cell.to_json()})
    first, *_, fourth, fifth = progress.watch.notes
    assert "left" not in first
    assert fourth.endswith("; about 12 s left")
    assert fifth.endswith("; about 10 s left")


def test_what_is_not_done_yet_is_not_said_to_have_failed(tmp_path):
    made = {(name, 40, m): [0.5, 0.6] for name in ("supervised", "mixmatch") for m in (0, 50)}
    found = results(made, tmp_path)
    for cell in found.outcomes:
        if cell.scenario == (("mismatch", "50"),):
            found.outcomes[cell] = None
        elif cell.algorithm == "mixmatch":
            found.outcomes[cell] = None if cell.seed else {"status": "failed", "error": "no"}
    out = Console(file=io.StringIO(), width=100)
    out.print(summary(tmp_path, found))
    said = out.file.getvalue()
    assert said.count("failed") == 3  # its cell, the headline, and how many
    assert "5 cells of earlier commands" in said
    assert "mismatch 50%" not in said
    assert not found.axes  # one point is no curve
    assert [row["setting"] for row in _accuracy(found)] == ["40 labels, mismatch 0%"]


def test_the_page_gives_what_all_cells_share_and_no_algorithm(whole):
    page = (whole[1] / "compare.html").read_text()
    (shared,) = re.findall(r"All cells share: <bdi>(.*?)</bdi>", page)
    assert "--algorithm" not in shared
    assert "--gate" not in shared
