"""What is made of the trainings: which candidate is taken, and what the result says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays
from realmix.evaluate import gate
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.parts.phase import Phase, Trained
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

pytestmark = pytest.mark.usefixtures("brief")


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


def test_every_contender_s_figures_are_kept() -> None:
    made = experiment(rows())
    result = made.run().result
    assert [line["algorithm"] for line in result["tried"]] == list(made.contenders.all)
    by_name = {line["algorithm"]: line for line in result["tried"]}
    assert by_name[result["algorithm"]]["accuracy"] == result["model"]["accuracy"]
    assert by_name[result["labels_alone"]]["accuracy"] == result["baseline"]["accuracy"]
    assert {n for n, line in by_name.items() if line["uses_pool"]} == set(
        made.contenders.candidates
    )
    assert 0 < sum(line["seconds"] for line in result["tried"]) < result["seconds"]


def test_the_next_best_has_its_turn_where_one_collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = experiment(rows())
    answers = iter(["drifted", ""])
    monkeypatch.setattr(gate, "collapse", lambda *_: next(answers))
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
    why = {line["algorithm"]: line["collapse"] for line in result["tried"]}
    assert why[first] == "It names some classes of the pool far too often."
    assert {why[name] for name in why if name != first} == {""}


def test_where_all_collapsed_the_best_of_them_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = experiment(rows())
    monkeypatch.setattr(gate, "collapse", lambda *_: "drifted")
    result = made.run().result
    assert (result["outcome"], result["shipped"]) == ("collapsed", "labels alone")


class Listening(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def watched(
    algorithm: str, folder: Path | None = None, **fields: object
) -> tuple[dict[str, Any], list[str]]:
    watch = Listening()
    config = Config("rows", algorithm=algorithm, steps=20, model="mlp", fields=fields)
    return Experiment(Phases(rows(), config, folder, watch)).run().result, watch.notes


SILENCES = [
    ("fixmatch", {"threshold": 1.0}),  # no softmax is above it
    ("pseudo_label", {"threshold": 1.0}),
    ("mixmatch", {"weight": 0.0}),
    ("mean_teacher", {"weight": 0.0}),
]


@pytest.mark.parametrize(("algorithm", "fields"), SILENCES)
def test_a_pool_without_a_say_is_told_halfway_and_does_not_ship(
    algorithm: str, fields: dict[str, float], tmp_path: Path
) -> None:
    result, notes = watched(algorithm, tmp_path, **fields)
    assert (result["collapse"], result["shipped"]) == ("unheard", "labels alone")
    assert "Nothing of the pool was ever used" in result["reason"]
    halfway = [note for note in notes if "no row of the pool has counted" in note]
    assert len(halfway) == 1  # not again in each fold
    assert halfway[0].startswith(f"Halfway through fold-1/{algorithm}")
    again, _ = watched(algorithm, tmp_path, **fields)  # what was trained is read back
    assert again["collapse"] == "unheard"


@pytest.mark.parametrize("algorithm", ["fixmatch", "mean_teacher", "self_training", "adversarial"])
def test_methods_whose_pool_counts_or_that_need_none_are_not_called_silent(algorithm: str) -> None:
    fields = {"threshold": 0.3} if algorithm == "fixmatch" else {}
    result, notes = watched(algorithm, **fields)
    assert result["collapse"] != "unheard"
    assert not any("no row of the pool" in note for note in notes)


def test_one_class_for_the_whole_pool_is_told_while_training() -> None:
    watch = Listening()
    config = Config("rows", algorithm="mean_teacher", steps=20, model="mlp")
    phases = Phases(rows(), config, None, watch)
    stages = phases.stages(phases.only, 20, None, watch)
    trainer = stages.trainer(phases.method("mean_teacher"))  # type: ignore[arg-type]
    with torch.no_grad():
        for net in trainer.nets:
            net.network.head.bias += torch.tensor([1e4, 0.0, 0.0])  # type: ignore[union-attr]
    stages.finish(trainer)
    assert [n for n in watch.notes if "is called '0'" in n]


@pytest.mark.slow
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


def test_one_network_ships_where_one_is_wanted_and_has_learned_from_both() -> None:
    pair, student = (experiment(rows(), single=single).run() for single in (False, True))
    assert (pair.result["shipped"], student.result["shipped"]) == ("pair", "student")
    assert student.classifier.model == "auto"
    assert set(student.singles) == {"labels alone", "candidate"}
    assert student.result["network"] == ["mlp (68,355 weights) on 4 columns"]
    shown = student.evidence
    inputs = rows().inputs[np.flatnonzero(rows().label < 0)]
    assert np.allclose(student.classifier.predict_proba(inputs), shown["pool_shipped"], atol=1e-6)
    far = np.abs(shown["pool_shipped"] - pair.evidence["pool_shipped"]).mean()
    other = np.abs(shown["pool_model"] - pair.evidence["pool_shipped"]).mean()
    assert 0 < far < other
    assert np.array_equal(shown["heldout_shipped"], pair.evidence["heldout_shipped"])
