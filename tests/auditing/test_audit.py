"""`realmix audit` from data to the files it writes, and that `fit` takes them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import realmix
from realmix.auditing import words
from realmix.auditing.audit import audit
from realmix.base.errors import DataError, UsageError
from realmix.command.main import main
from realmix.data.reading.load import load


def kept_json():
    return json.loads(Path("found/audit.json").read_text())


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """Six digits, 20 labels each; a pool with 30 % of the other four; copies between all parts."""
    monkeypatch.chdir(tmp_path)
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))  # writers come one after the other
    rows = [order[y[order] == c] for c in range(10)]
    labeled = [(i, f"d{c}") for c in range(6) for i in rows[c][:20]]
    inside = [i for c in range(6) for i in rows[c][20:90]]
    far = [i for c in range(6, 10) for i in rows[c][:45]]
    header = [f"x{i}" for i in range(64)]
    labels = [(labeled[0][0], "d5")]  # equal to a d0
    write("labels.csv", [*header, "label"], [[*x[i], name] for i, name in [*labeled, *labels]])
    pool = [*inside, *far, labeled[3][0], inside[0]]
    write("pool.csv", header, [x[i] for i in pool])
    tests = [(i, f"d{c}") for c in range(6) for i in rows[c][100:120]] + [labeled[7]]
    write("tests.csv", [*header, "label"], [[*x[i], name] for i, name in tests])
    return len(inside), len(far)


def test_a_table_its_pool_and_its_tests(digits):
    inside, far = digits
    found = audit("labels.csv", "pool.csv", "tests.csv", out="found")
    kept = kept_json()
    share = far / (inside + far)
    assert kept["foreign"]["interval"][0] <= share <= kept["foreign"]["interval"][1]
    assert kept["foreign"]["share"] == pytest.approx(share, abs=0.12)
    assert kept["contradicting_labels"] == [["labels.csv:122", "labels.csv:2"]]
    copies = {name: value["pairs"] for name, value in kept["copies"].items() if value["pairs"]}
    assert copies == {
        "labeled in labeled": [["labels.csv:122", "labels.csv:2"]],
        "pool in pool": [[f"pool.csv:{inside + far + 3}", "pool.csv:2"]],
        "pool in labeled": [[f"pool.csv:{inside + far + 2}", "labels.csv:5"]],
        "test in labeled": [["tests.csv:122", "labels.csv:9"]],
    }
    for share in kept["class_shares"].values():
        assert share["interval"][0] <= share["pool"] <= share["interval"][1]
        assert share["pool"] == pytest.approx(1 / 6, abs=0.06)
    assert kept["next"] == (
        "realmix fit labels.csv --unlabeled found/pool.csv --test found/test.csv"
    )
    left, all_rows, some = read("found/left_out.csv"), read("pool.csv"), read("found/pool.csv")
    assert len(left) - 2 == kept["left_out"] == len(all_rows) - len(some)  # and a test row
    gone = {int(name.rpartition(":")[2]) - 1 for name, _ in left[1:-1]}
    assert some == [row for line, row in enumerate(all_rows) if line not in gone]
    places = set(range(inside + 1, inside + far + 1))
    assert len(places & gone) > 0.8 * far  # most foreign rows are gone
    assert len(gone - places) < 0.15 * inside
    assert found.doubted == []
    again = load("labels.csv", unlabeled="found/pool.csv")
    assert (again.label < 0).sum() == len(some) - 1


def test_wrong_labels_are_named_and_hardly_a_right_one(digits):
    header, *rows = read("labels.csv")
    rows[10][-1], rows[70][-1] = "d4", "d1"
    write("labels.csv", header, rows)
    found = audit("labels.csv", "pool.csv")
    doubted = {found.name(d.row): found.classes[d.likely] for d in found.doubted}
    assert (doubted["labels.csv:12"], doubted["labels.csv:72"]) == ("d0", "d3")
    assert len(doubted) <= 4


@pytest.mark.parametrize("foreign", [0.0, 0.5])
def test_a_pool_of_two_of_six_classes_is_not_called_foreign(tmp_path, monkeypatch, foreign):
    """The pool of RealMix's and Oliver's experiments holds some of the classes alone."""
    monkeypatch.chdir(tmp_path)
    x, y = load_digits(return_X_y=True)
    rows = [np.random.default_rng(2).permutation(np.flatnonzero(y == c)) for c in range(10)]
    names = [*(f"x{i}" for i in range(64)), "label"]
    write("labels.csv", names, [[*x[i], f"d{c}"] for c in range(6) for i in rows[c][:10]])
    pool = [i for c in (4, 5) for i in rows[c][10:130]]
    far = [i for c in (7, 8) for i in rows[c][: round(120 * foreign / (1 - foreign))]]
    write("pool.csv", names[:-1], [x[i] for i in pool + far])
    found = audit("labels.csv", "pool.csv")
    assert found.foreign.share.low - 0.05 <= foreign <= found.foreign.share.high
    assert found.foreign.share.share < foreign + 0.25
    assert found.shares.em[4:].sum() > 0.8


def test_of_a_pool_that_is_all_foreign_no_class_shares_are_told():
    x, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(3).permutation(len(y))
    known = np.concatenate([rows[y[rows] == c][:20] for c in (0, 4, 6)])
    foreign = rows[np.isin(y[rows], (1, 2, 3))][:400]
    chosen = np.random.default_rng(4).permutation(np.r_[known, foreign])  # labels at any place
    found = audit((x[chosen], np.where(np.isin(chosen, known), y[chosen], -1)))
    assert found.foreign.share.low > words.SPENT
    assert sum(found.shares.em) == pytest.approx(1)
    assert "other shares in the pool" not in " ".join(words.harm(found))


def test_the_same_seed_finds_the_same(digits):
    first, second = (audit("labels.csv", "pool.csv").to_json() for _ in range(2))
    first.pop("seconds"), second.pop("seconds")
    assert first == second


def test_a_pool_inside_the_data_is_cleaned_there(digits):
    labeled, pool = read("labels.csv"), read("pool.csv")
    write("all.csv", labeled[0], labeled[1:] + [[*row, ""] for row in pool[1:]])
    found = audit("all.csv", out="found")
    kept = read("found/data.csv")
    assert len(kept) == len(labeled) + len(pool) - 1 - len(found.left_out)
    assert kept[: len(labeled)] == labeled
    assert kept_json()["next"] == "realmix fit found/data.csv"


@pytest.mark.slow
def test_the_command_that_trains_takes_tests_that_no_label_has_seen(digits):
    audit("labels.csv", "pool.csv", "tests.csv", out="found")
    assert read("found/test.csv") == read("tests.csv")[:-1]  # the last one is a labeled row
    assert read("found/left_out.csv")[-1] == ["tests.csv:122", "is labels.csv:9"]
    words = kept_json()["next"].split()[1:]
    alone = ["--algorithm", "linear", "--gate", "none", "--out", "run"]
    assert main([*words, *alone]) == 0
    assert main(["tests.csv" if word == "found/test.csv" else word for word in words]) != 0


def test_test_rows_inside_cleaned_data_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "photos/train", {"red": (190, 0, 0), "blue": (0, 0, 190)}, 4, 0)
    pictures(tmp_path / "photos/test", {"red": (190, 0, 0), "blue": (0, 0, 190)}, 3, 1)
    pictures(tmp_path / "photos", {"unlabeled": (100, 0, 90)}, 5, 2)
    (tmp_path / "photos/unlabeled/copy.png").write_bytes(
        (tmp_path / "photos/unlabeled/0.png").read_bytes()
    )
    (tmp_path / "photos/test/red/broken.png").write_bytes(b"no picture")
    found = audit("photos", out="found", encoder="none")
    assert found.left_out
    assert kept_json()["next"] == ("realmix fit found/data.csv --test found/test.csv --skip-bad")
    again = load("found/data.csv", test="found/test.csv")
    assert len(again.test_label) == 6
    assert (again.label < 0).sum() == 6 - len(found.left_out)


def test_the_command_that_trains_reads_the_data_as_they_were_read(digits):
    labeled, pool = read("labels.csv"), read("pool.csv")
    header = [*labeled[0][:-1], "code", "kind"]
    rows = [[*row[:-1], "7", row[-1]] for row in labeled[1:]]
    write("all.csv", header, rows + [[*row, "8", "none"] for row in pool[1:]])
    columns = {"drop_columns": "x0,x1", "categorical": ["code"], "label_column": "kind"}
    audit("all.csv", out="found", unlabeled_marker="none", **columns)
    options = "--label-column kind --drop-columns x0,x1 --categorical code --unlabeled-marker none"
    assert kept_json()["next"] == f"realmix fit found/data.csv {options}"


def test_the_command_tells_it_and_writes_the_page(digits, capsys):
    given = ["audit", "labels.csv", "--unlabeled", "pool.csv", "--test", "tests.csv"]
    assert main(given) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "of the pool belongs to none of the classes" in said
    assert "1 test row is a copy of a labeled row (1 exact, 0 near; first: tests.csv:122" in said
    assert "realmix fit labels.csv --unlabeled audits/labels/pool.csv --test audits" in said
    page = Path("audits/labels/audit.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert "Suspicious labels" in page
    assert "labels.csv:122 (d5) is labels.csv:2 (d0)" in page


def pictures(folder, colors, count, seed):
    rng = np.random.default_rng(seed)
    for name, color in colors.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            noise = rng.integers(0, 60, (6, 6, 3)) + np.array(color)
            picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
            picture.resize((40, 40), Image.Resampling.BICUBIC).save(folder / name / f"{i}.png")


def test_folders_of_pictures_without_an_encoder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "photos", {"red": (190, 0, 0), "blue": (0, 0, 190)}, 25, 0)
    pictures(tmp_path / "pool", {"a": (190, 0, 0), "b": (0, 0, 190), "c": (0, 190, 0)}, 30, 1)
    (tmp_path / "pool" / "broken.png").write_bytes(b"none")
    (tmp_path / "pool" / "z.png").write_bytes((tmp_path / "photos/red/3.png").read_bytes())
    found = audit("photos", "pool", encoder="none", out="found")
    kept = kept_json()
    assert "small copies" in kept["weak"]
    assert [path for path, _ in kept["unreadable"]] == ["pool/broken.png"]
    assert kept["foreign"]["interval"][0] <= 1 / 3 <= kept["foreign"]["interval"][1]
    names = [row[0] for row in read("found/pool.csv")[1:]]
    assert "../pool/z.png" not in names
    assert sum("/c/" in name for name in names) < 5
    again = load("photos", unlabeled="found/pool.csv")
    assert (again.label < 0).sum() == len(names) == 91 - len(found.left_out)


def test_texts_by_their_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    words_of = {
        "sea": "wave boat sail harbor fish tide anchor captain",
        "kitchen": "oven bread butter knife salt plate soup recipe",
        "law": "court judge verdict witness trial appeal lawyer oath",
    }

    def text(kind):
        return " ".join(rng.choice(words_of[kind].split(), 6))

    write("texts.csv", ["text", "label"], [(text(k), k) for k in ("sea", "kitchen") * 20])
    pool = [text(k) for k in ("sea", "kitchen", "law") * 40]
    write("more.csv", ["text"], [[t] for t in pool])
    found = audit("texts.csv", "more.csv", encoder="tfidf", out="found")
    assert "by their words" in found.weak
    assert found.foreign.share.low <= 1 / 3 <= found.foreign.share.high
    kept = {row[0] for row in read("found/pool.csv")[1:]}
    assert kept <= set(pool)
    assert sum(t in kept for t in pool[2::3]) < 10


def test_arrays_from_python(digits):
    x, y = load_digits(return_X_y=True)
    labeled = np.random.default_rng(0).permutation(len(y)) < 300
    found = realmix.audit((x, np.where(labeled, y, -1)), out="found")
    assert found.pool == len(y) - 300
    assert found.foreign.share.high < 0.2
    assert not found.apart
    with np.load("found/data.npz") as kept:
        assert len(kept["x"]) == len(y) - len(found.left_out)


def test_labels_that_stand_together_are_no_random_draw():
    """The first digits are of a few writers; the others are not like them, and not foreign."""
    x, y = load_digits(return_X_y=True)
    found = realmix.audit((x, np.where(np.arange(len(y)) < 200, y, -1)))
    assert found.foreign.share.low > 0.2  # as far as ranks can tell
    assert "may be no random draw" in words.headline(found)
    assert not any("belongs to none" in why for why in found.left_out.values())


def test_a_folder_whose_pool_is_a_part_of_it_has_no_order(tmp_path, monkeypatch):
    """Its labeled pictures always come first, and that says nothing of how they were drawn."""
    monkeypatch.chdir(tmp_path)
    colors = {"red": (190, 0, 0), "blue": (0, 0, 190)}
    pictures(tmp_path / "photos" / "train", colors, 12, 0)
    pictures(tmp_path / "photos" / "unlabeled", {"": (95, 0, 95)}, 24, 1)
    found = audit("photos", encoder="none", out="found")
    assert found.pool == 24
    assert not found.apart


def test_one_label_a_class_is_told(digits):
    header, *rows = read("labels.csv")
    write("few.csv", header, [rows[0], rows[20], rows[40]])
    found = audit("few.csv", "pool.csv", out="found")
    assert found.foreign is None
    assert "two labels" in words.headline(found)
    assert kept_json()["foreign"]["share"] is None


def test_without_a_pool_labels_and_copies_are_still_examined(digits):
    found = audit("labels.csv", out="found")
    assert "no pool" in words.headline(found)
    assert len(found.copies.disputed) == 1
    assert kept_json()["next"] is None


def test_the_terminal_says_how_the_data_were_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal(i % 2)},{'é' if i % 2 else 'b'}" for i in range(40)]
    pool = [f"{rng.normal()}," for _ in range(40)]
    Path("t.csv").write_text("\n".join(["a,label", *lines, *pool]) + "\n", encoding="latin-1")
    assert main(["audit", "t.csv"]) == 0
    assert "was read as Latin-1" in " ".join(capsys.readouterr().out.split())


def test_what_cannot_be_audited_is_said(digits, tmp_path):
    write("texts.csv", ["text"], [["one two three four"], ["five six seven eight"]])
    with pytest.raises(DataError, match="lacks 64 of the 64 feature columns"):
        audit("labels.csv", "texts.csv")
    (tmp_path / "empty").mkdir()
    pictures(tmp_path / "photos", {"red": (190, 0, 0), "blue": (0, 0, 190)}, 3, 0)
    with pytest.raises(DataError, match="There are no files in"):
        audit("photos", "empty")
    with pytest.raises(DataError, match="The data are images, but the pool holds"):
        audit("photos", "texts.csv")
    header, *rows = read("labels.csv")
    write("one.csv", header, rows[:10])
    with pytest.raises(DataError, match="one class"):
        audit("one.csv", "pool.csv")
    with pytest.raises(UsageError, match="these are feature rows"):
        audit("labels.csv", "pool.csv", encoder="lite0")


def test_the_cleaned_list_of_pictures_may_lie_elsewhere_below_the_current_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "photos", {"red": (190, 0, 0), "blue": (0, 0, 190)}, 3, 0)
    (tmp_path / "lists").mkdir()
    write("lists/pool.csv", ["path"], [["../photos/red/0.png"]])
    assert len(load("photos", unlabeled="lists/pool.csv").inputs) == 7
    monkeypatch.chdir(tmp_path / "lists")
    with pytest.raises(DataError, match="folder and the current one"):
        load("../photos", unlabeled="pool.csv")
