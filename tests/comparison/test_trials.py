"""Random search on a part of the labels: what is drawn, what is chosen, and what is never seen."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_compare import here, table  # noqa: F401

from realmix.base.errors import DataError, UsageError
from realmix.comparison.contenders import Contender
from realmix.comparison.face import compare
from realmix.comparison.tables import RECORDS
from realmix.comparison.tuning import check_tuning, numbers_of, part_of, tried, tuned
from realmix.runs.config import Config
from realmix.runs.run import read

pytestmark = pytest.mark.usefixtures("brief")


def test_numbers_are_searched_and_choices_counts_and_what_was_asked_for_are_not():
    found = numbers_of(Contender.of("mixmatch:alpha=0.5"))
    assert found == {
        "temperature": 0.5, "weight": 75.0, "learning_rate": 0.002, "weight_decay": 0.02,
    }  # fmt: skip
    assert "C" in numbers_of(Contender.of("sklearn:LogisticRegression"))
    assert "max_iter" not in numbers_of(Contender.of("sklearn:LogisticRegression"))
    assert numbers_of(Contender.of("linear")) == {}  # it takes no steps, and finds its strength
    assert "weight_decay" in numbers_of(Contender.of("noisy_student"))


def test_the_first_trial_is_what_was_asked_for_and_each_has_its_own_draw():
    asked = Contender.of("mixmatch:alpha=0.5")
    assert tried(asked, 0, 3) == asked
    draws = [tried(asked, trial, 3).fields for trial in range(1, 40)]
    assert draws[0] == tried(asked, 1, 3).fields
    assert draws[0] != tried(asked, 1, 4).fields
    assert len({json.dumps(one) for one in draws}) == 39
    for fields in draws:
        assert fields["alpha"] == 0.5
        assert 75 / 4 <= fields["weight"] <= 75 * 4
        assert 0.2 <= fields["temperature"] <= 0.8  # odds of 1 to 4 and 4 to 1
        assert 0.0005 < fields["learning_rate"] < 0.008
    weights = np.log([one["weight"] / 75 for one in draws]) / np.log(4)
    assert weights.std() == pytest.approx(1 / np.sqrt(3), abs=0.12)  # uniform in (-1, 1)


def test_trials_whose_fields_do_not_fit_together_are_drawn_again():
    for trial in range(1, 20):
        fields = tried(Contender.of("realmix"), trial, 0).fields
        assert fields["least_area"] < fields["most_area"] <= 1


def fake(accuracies):
    """Measures nothing; the trials' accuracies in their order."""
    left = iter(accuracies)

    def measure(config, contender, place):
        value = next(left)
        if value is None:
            raise DataError("diverged")
        assert config.scenario == ("blur=10", "validation=20")
        figures = {"accuracy": value}
        return {"test": {"count": 5, "model": figures}, "seconds": 2.0}

    return measure


def test_the_best_on_the_part_is_taken_of_equal_ones_the_first(tmp_path):
    config = Config("digits", scenario=("blur=10",), seed=7)
    asked = Contender.of("mixmatch")
    chosen, told = tuned(asked, config, 4, 20, fake([0.5, None, 0.8, 0.8]), tmp_path / "t")
    assert chosen == tried(asked, 2, 7)
    assert told["trials"] == 4
    assert [one["accuracy"] for one in told["tried"]] == [0.5, None, 0.8, 0.8]
    assert (told["validation_rows"], told["seconds"]) == (5, 6.0)
    with pytest.raises(DataError, match="diverged"):
        tuned(asked, config, 2, 20, fake([None, None]), tmp_path / "t")


def test_no_test_row_is_in_a_trial_s_data(table):  # noqa: F811
    config = Config(table, labels=12, test_share=0.3)
    whole, trial = read(config), read(part_of(config, 25))
    assert len(trial.test_label) == 3
    assert (trial.label >= 0).sum() == 9
    assert set(trial.names).isdisjoint(whole.test_names)
    assert set(trial.test_names) <= set(whole.names)
    assert set(trial.names) | set(trial.test_names) == set(whole.names)
    assert read(part_of(config, None)).test_names == trial.test_names
    other = read(part_of(replace(config, seed=1), 25))
    assert other.test_names != trial.test_names


def test_every_algorithm_has_as_many_trials_and_their_record(table, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("realmix.comparison.compare.outcomes", here)
    found = compare(
        table, ["linear", "label_spreading", "sklearn:LogisticRegression"], labels=[12], seeds=1,
        trials=3, validation=50, workers=1, out=tmp_path / "c",
    )  # fmt: skip
    assert not found.failed
    trials = {"linear": 1, "label_spreading": 3, "sklearn:LogisticRegression": 3}
    for outcome in found.done.values():
        assert len(outcome["tuning"]["tried"]) == trials[outcome["cell"]["algorithm"]]
        assert outcome["tuning"]["validation_rows"] == 6
        assert (outcome["labels"], outcome["test_rows"]) == (12, 36)
        best = max(outcome["tuning"]["tried"], key=lambda one: one["accuracy"])["fields"]
        assert all(f"{name}={value}" in outcome["command"] for name, value in best.items())
    cells = json.loads((tmp_path / "c" / RECORDS).read_text())["cells"]
    assert [cell["tuning"]["trials"] for cell in cells] == [1, 3, 3]
    assert "Labels that chose" in (tmp_path / "c/compare.html").read_text()
    assert not any((tmp_path / "c/trials").iterdir())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"trials": 1}, "2 or more, not 1"),
        ({"validation": 20}, "give both"),
        ({"trials": 3, "validation": 100}, "percentage of the labels, not 100"),
    ],
)
def test_what_cannot_be_tuned_is_refused(asked, words):
    with pytest.raises(UsageError, match=words):
        check_tuning(asked, [])


def test_auto_and_parts_without_a_row_are_refused(table, tmp_path):  # noqa: F811
    with pytest.raises(UsageError, match="auto chooses by itself"):
        check_tuning({"trials": 3}, [Contender.of("auto")])
    with pytest.raises(UsageError, match="of 3 labels that is 1"):
        compare(table, ["linear"], labels=[3], trials=2, out=tmp_path / "c")
