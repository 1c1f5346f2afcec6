"""What is made of the trainings: which candidate is taken, and what the result says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays
from realmix.evaluate import gate
from realmix.evaluate.judges import JUDGES
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment, ranked
from realmix.runs.phases import Phase, Phases, Trained
from realmix.runs.watch import Silent


def rows(shares: tuple[int, ...] = (12, 12, 12), pool: int = 60) -> Dataset:
    """Three well divided classes; the labels in these numbers."""
    rng = np.random.default_rng(0)
    label = np.concatenate([np.repeat(np.arange(3), shares), rng.integers(3, size=pool)])
    x = 3 * rng.normal(size=(3, 4))[label] + rng.normal(size=(len(label), 4))
    label[sum(shares) :] = -1
    return from_arrays(x.astype(np.float32), label)


def experiment(dataset: Dataset, **options: object) -> Experiment:
    config = Config("rows", steps=20, **options)  # type: ignore[arg-type]
    return Experiment(Phases(dataset, config, None, Silent()))


def test_methods_are_ranked_by_the_judge_and_equal_ones_by_likelihood() -> None:
    label = np.array([0, 1])
    sure, unsure = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.6, 0.4], [0.4, 0.6]])
    probs = {"wrong": sure[::-1], "unsure": unsure, "sure": sure}
    names = ("wrong", "unsure", "sure")
    assert ranked(JUDGES["accuracy"], label, probs, names) == ["sure", "unsure", "wrong"]
    assert ranked(JUDGES["accuracy"], label[:0], {}, names) == list(names)


def test_the_next_best_has_its_turn_where_one_collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = experiment(rows())
    answers = iter([True, False])
    monkeypatch.setattr(gate, "drifted", lambda *_: next(answers))
    trained: list[str] = []
    run = made.phases.run

    def counted(phases: Sequence[Phase], ahead: Sequence[Phase] = ()) -> list[Trained]:
        trained.extend(phase.algorithm for phase in phases if phase.part == "final")
        return run(phases, ahead)

    monkeypatch.setattr(made.phases, "run", counted)
    result = made.run().result
    base, first, second = trained  # the labels alone are trained once
    assert (result["labels_alone"], result["algorithm"]) == (base, second)
    assert {first, second} < set(made.contenders.candidates)
    assert result["outcome"] != "collapsed"


def test_where_all_collapsed_the_best_of_them_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = experiment(rows())
    monkeypatch.setattr(gate, "drifted", lambda *_: True)
    result = made.run().result
    assert (result["outcome"], result["shipped"]) == ("collapsed", "labels alone")


def test_unequal_labels_are_judged_by_balanced_accuracy() -> None:
    result = experiment(rows((40, 6, 5))).run().result
    assert result["judge"] == "balanced"
    assert result["label_counts"] == [40, 6, 5]
    assert len(result["model"]["recall"]) == 3
    assert experiment(rows((40, 6, 5)), judge="accuracy").run().result["judge"] == "accuracy"


def test_a_network_that_has_not_learned_its_own_labels_is_called_undertrained() -> None:
    options = {"algorithm": "mixmatch", "model": "mlp"}
    blank = dataclasses.replace(rows(), inputs=np.zeros((96, 4), np.float32))
    short = experiment(blank, **options).run().result
    assert short["undertrained"].startswith("Undertrained: after 20 steps")
    assert experiment(rows(), **options).run().result["undertrained"] is None


def test_one_network_ships_where_one_is_wanted() -> None:
    outcome = experiment(rows(), single=True).run()
    assert outcome.result["shipped"] in ("labels alone", "candidate")
    assert outcome.classifier.model in ("linear", "auto", "neighbors-10")
    assert set(outcome.singles) == {"labels alone", "candidate"}
