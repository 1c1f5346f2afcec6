"""NAME=VALUE, several scenarios after each other, and data that are written and read again."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.command.main import main
from realmix.data.reading.load import load
from realmix.data.scenarios.arrange import Places, arranged, known_classes
from realmix.data.scenarios.names import SCENARIOS, Asked
from realmix.data.scenarios.read import human_labels, read_arranged, reading_once
from realmix.data.scenarios.truth import true_labels


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_values_are_read_by_their_unit():
    assert Asked.of("mismatch=50") == Asked("mismatch", 0.5)
    assert Asked.of("imbalance=10") == Asked("imbalance", 10.0)
    assert Asked.of("pool-size=500") == Asked("pool-size", 500.0)
    assert Asked.of("foreign=25:a=b:c.csv") == Asked("foreign", 0.25, "a=b:c.csv")
    assert Asked.of("label-noise-human=worst").what == "worst"


@pytest.mark.parametrize(
    "words", ["mismatch", "mismatch=", "=5", "nothing=5", "mismatch=-1", "mismatch=nan",
              "mismatch=inf", "pool-size=1.5", "foreign=50", "blur=50:x", "mismatch=5:x"],
)  # fmt: skip
def test_other_words_are_refused(words):
    with pytest.raises(UsageError, match="--scenario"):
        Asked.of(words)


def test_notes_on_labels_are_of_those_that_are_left(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,label\n" + "".join(f"{n * n % 61},{'xyz'[n % 3]}\n" for n in range(60)))
    whole, few = load(str(table)), read_arranged(str(table), {}, labels=3)[0]
    assert any("Every row is labeled" in note for note in whole.notes)
    assert not any("Every row is labeled" in note for note in few.notes)
    assert any("A single labeled example each: x, y, z" in note for note in few.notes)
    assert sorted(read_arranged(str(table), {})[0].notes) == sorted(whole.notes)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_name_does_something_and_knows_what(name, digits):
    value = {"percent": "25", "ratio": "4", "count": "100", "text": "25:noise"}[
        SCENARIOS[name].unit
    ]
    words = "label-noise-human=worst" if name == "label-noise-human" else f"{name}={value}"
    places = Places(human=lambda kind: np.zeros(50_000, np.int64))
    if name == "label-noise-human":
        with pytest.raises(UsageError, match="for the data set cifar10"):
            arranged(digits, 1, labels=60, scenario=(words,), places=places)
        return
    plain, _ = arranged(digits, 1, labels=60)
    made, truth = arranged(digits, 1, labels=60, scenario=(words,))
    again, _ = arranged(digits, 1, labels=60, scenario=(words,))
    assert np.array_equal(made.inputs, again.inputs)
    assert np.array_equal(made.label, again.label)
    if name != "grey":  # digits have no color
        same = made.inputs.shape == plain.inputs.shape and np.array_equal(made.inputs, plain.inputs)
        assert not (same and np.array_equal(made.label, plain.label))
    assert len(truth.label) == len(made.label) == len(truth.pool) == len(truth.row)
    assert np.array_equal(truth.pool, made.label < 0)
    if not name.startswith("label-noise"):
        assert np.array_equal(made.label[~truth.pool], truth.label[~truth.pool])


def test_scenarios_after_each_other_keep_the_truth(digits):
    words = ("label-noise=50", "foreign=50:noise", "near-duplicates=25", "pool-size=900")
    made, truth = arranged(digits, 2, labels=60, scenario=words)
    assert (made.label < 0).sum() == 900
    own = truth.row < len(digits.label)
    assert np.array_equal(truth.label[own], true_labels(digits)[truth.row[own]])
    assert (truth.label[~own] == -1).all()
    assert (~truth.pool & (made.label != truth.label)).sum() == 30
    # half foreign, then copies of all alike
    assert truth.share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("test_share", [None, 0.2])
@pytest.mark.parametrize("first", ["pool-size=300", "mismatch=50"])
def test_the_truth_numbers_the_rows_as_they_were_given(digits, test_share, first):
    full = replace(digits, test_inputs=None, test_label=None)
    words = (first, "foreign=30:noise", "foreign=10:noise", "near-duplicates=20")
    made, truth = arranged(full, 1, labels=60, test_share=test_share, scenario=words)
    own, count = truth.row < len(full.label), len(made.label)
    copies = np.ones(count, bool)
    copies[np.unique(truth.row, return_index=True)[1]] = False
    assert copies.sum() == round(0.25 * (truth.pool & ~copies).sum())
    plain = own & ~copies
    assert np.array_equal(made.inputs[plain], full.inputs[truth.row[plain]])
    assert (truth.label[~own] == -1).all()
    foreign = truth.foreign & ~copies if "pool" in first else ~own & ~copies
    assert len(np.unique(truth.row[foreign])) == foreign.sum() > 50


def test_mismatch_comes_first_and_draws_the_labels(digits):
    made, truth = arranged(digits, 0, labels=60, scenario=("label-noise=50", "mismatch=75"))
    assert made.classes == ("0", "1", "2", "3", "4", "5")
    assert (made.label >= 0).sum() == 60
    assert (~truth.pool & (made.label != truth.label)).sum() == 30
    assert truth.share == pytest.approx(0.75, abs=0.01)
    with pytest.raises(UsageError, match="give --labels N of 6 or more"):
        arranged(digits, 0, scenario=("mismatch=50",))
    with pytest.raises(UsageError, match="Give one of"):
        arranged(digits, 0, labels=60, scenario=("mismatch=50", "mismatch-added=50"))


def test_the_added_form_holds_the_known_part(digits):
    pools = [
        arranged(digits, 0, labels=60, scenario=(f"mismatch-added={share}",))
        for share in (0, 50, 75)
    ]
    known = [set(truth.row[truth.pool & ~truth.foreign]) for _, truth in pools]
    assert known[0] == known[1] == known[2]
    assert [round(truth.share, 2) for _, truth in pools] == [0.0, 0.5, 0.75]


def test_known_classes_are_cifars_animals_or_three_of_five(digits):
    assert known_classes(digits) == (("0", "1", "2", "3", "4", "5"), 4)


def test_data_are_read_once_where_that_is_asked_and_stay_as_they_were(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x,y,label\n" + "".join(f"{i}.5,{i % 7},{'uv'[i % 2]}\n" for i in range(20)))
    times = []
    monkeypatch.setattr(
        "realmix.data.scenarios.read.load",
        lambda data, **reading: times.append(data) or load(data, **reading),
    )
    words = ("label-noise=50", "imbalance-pool=2", "near-duplicates=50")
    with reading_once():
        plain = read_arranged(str(path), {}, labels=6)[0]
        read_arranged(str(path), {}, labels=6, scenario=words)
        again = read_arranged(str(path), {}, labels=6)[0]
        assert len(times) == 1
        read_arranged(str(path), {"label_column": "label"}, labels=6)
        assert len(times) == 2
    assert np.array_equal(plain.inputs, again.inputs)
    assert np.array_equal(plain.label, again.label)
    path.write_text("x,y,label\n" + "".join(f"{i}.5,{i % 7},{'uv'[i % 2]}\n" for i in range(30)))
    assert len(read_arranged(str(path), {}, labels=6)[0].label) == 30  # and not outside of it


def test_foreign_rows_of_a_file_are_read_as_the_data_are(tmp_path):
    (tmp_path / "a.csv").write_text(
        "x,y,label\n" + "".join(f"{i}.5,{i % 7},{'uv'[i % 2]}\n" for i in range(20))
    )
    (tmp_path / "b.csv").write_text("y,x\n" + "".join(f"{100 + i},{200 + i}\n" for i in range(20)))
    words = (f"foreign=50:{tmp_path / 'b.csv'}",)
    made, truth = read_arranged(str(tmp_path / "a.csv"), {}, labels=6, scenario=words)
    assert truth.share == 0.5
    assert (made.inputs[truth.foreign, 0] >= 200).all()  # columns by name
    assert (made.oracle[truth.foreign] == -1).all()


def test_human_labels_need_their_file(tmp_path):
    with pytest.raises(DataError, match="cifar10_human_labels"):
        human_labels("worst", str(tmp_path))
    np.savez(tmp_path / "cifar10_human_labels.npz", c10n_worst=np.full(50_000, 3, np.uint8))
    assert (human_labels("worst", str(tmp_path)) == 3).all()
    with pytest.raises(UsageError, match="there are worst"):
        human_labels("best", str(tmp_path))


def test_pictures_are_written_so_that_they_are_read_again(tmp_path, capsys):
    out = str(tmp_path / "out")
    words = ["data", "digits", "--labels", "30", "--scenario", "mismatch=50"]
    assert main([*words, "--scenario", "near-duplicates=20", "--out", out]) == 0
    assert f"realmixfit{out}" in "".join(capsys.readouterr().out.split())
    read = load(out)
    rows = list(csv.DictReader((tmp_path / "out/truth.csv").read_text().splitlines()))
    assert len(rows) == len(read.label)
    assert read.classes == ("0", "1", "2", "3", "4", "5")
    assert (read.label >= 0).sum() == 30
    assert read.test_label is not None
    place = {str(name).removeprefix(f"{out}/"): i for i, name in enumerate(read.files)}
    for row in rows:
        label = read.label[place[row["name"]]]
        assert (read.classes[label] if label >= 0 else "") == row["label"]
    copies = [row for row in rows if row["copy_of"]]
    assert len(copies) == round(sum(row["part"] == "pool" for row in rows) * 0.2)
    assert all(row["changed"] == "1" for row in copies)
    assert sum(row["foreign"] == "1" for row in rows) > 200
    assert main([*words, "--out", out]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_texts_are_written_so_that_they_are_read_again(tmp_path):
    source = tmp_path / "texts.csv"
    lines = [f"a message about number {i * 37 % 101},{'uv'[i % 2]}" for i in range(60)]
    source.write_text("text,label\n" + "\n".join(lines) + "\n")
    (tmp_path / "other.txt").write_text("".join(f"quite another matter {i}\n" for i in range(40)))
    out = tmp_path / "out"
    words = ["data", str(source), "--labels", "10", "--test-share", "0.2", "--out", str(out)]
    assert main([*words, "--scenario", f"foreign=40:{tmp_path / 'other.txt'}"]) == 0
    read = load(str(out / "data.csv"), test=str(out / "test.csv"))
    rows = list(csv.DictReader((out / "truth.csv").read_text().splitlines()))
    assert (read.label >= 0).sum() == 10
    assert len(read.test_label) == 12
    foreign = [row["foreign"] == "1" for row in rows]
    assert ["another" in text for text in read.inputs] == foreign
    assert np.mean(np.array(foreign)[[row["part"] == "pool" for row in rows]]) == pytest.approx(
        0.4, abs=0.01
    )


def test_to_write_data_takes_both_a_name_and_a_folder(capsys):
    assert main(["data", "digits", "--scenario", "mismatch=50"]) == 2
    assert "give both" in capsys.readouterr().err
