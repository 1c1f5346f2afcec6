"""The trainings of a run: what differs between the contenders, and what no training sees."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from realmix.base.errors import StorageError, UsageError
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays, load
from realmix.procedures import LabelPropagation
from realmix.runs import budget
from realmix.runs.choose import QUICK
from realmix.runs.classifier import Classifier
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.parts.phase import Phase
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.parallel import inner
from realmix.training.stages import Stages


def rows(labeled: int = 30, unlabeled: int = 60) -> Dataset:
    rng = np.random.default_rng(0)
    label = np.arange(labeled + unlabeled) % 3
    x = 4 * rng.normal(size=(3, 5))[label] + rng.normal(size=(len(label), 5))
    label[labeled:] = -1
    return from_arrays(x.astype(np.float32), label)


def phases(dataset: Dataset | None = None, **options: object) -> Phases:
    given = {"algorithm": "realmix", "model": "mlp", **options}
    config = Config("rows", steps=4, **given)  # type: ignore[arg-type]
    return Phases(dataset or rows(), config, None, Silent())


def test_both_contenders_have_the_same_recipe_network_and_batches() -> None:
    plan = phases(algorithm="fixmatch", fields={"threshold": 0.5, "batch_size": 7})
    baseline, candidate = (plan.trainer(phase, 4) for phase in plan.folds[:2])
    assert baseline.recipe == candidate.recipe
    assert (baseline.recipe.batch_size, baseline.recipe.optimizer) == (7, "sgd")
    assert candidate.algorithm.threshold == 0.5
    assert baseline.seed == candidate.seed
    for mine, other in zip(
        baseline.student.parameters(), candidate.student.parameters(), strict=True
    ):
        assert torch.equal(mine, other)


def test_labels_alone_may_end_early_where_no_number_of_steps_was_asked_for() -> None:
    for options, may in (({}, True), ({"steps": 24}, False), ({"protocol": "median20"}, False)):
        config = Config("rows", algorithm="mixmatch", model="mlp", **options)  # type: ignore[arg-type]
        made = Phases(rows(), config, None, Silent(), 24)
        alone, mixmatch = (made.trainer(phase, 24) for phase in made.folds[:2])
        assert (alone.settled is not None) == may
        assert mixmatch.settled is None


def test_what_a_method_says_before_is_noted_after_what_the_data_say(monkeypatch) -> None:
    monkeypatch.setattr(LabelPropagation, "notes", lambda self, facts: (f"{facts.num_unlabeled}",))
    data = dataclasses.replace(rows(), notes=("resized",))
    assert phases(data, algorithm="label_propagation").notes == ["resized", "60"]
    assert phases(data, algorithm="fixmatch").notes == ["resized"]


def test_fields_that_a_recipe_does_not_fit_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(UsageError, match=r"RealMix\.compatibility 'released' interleaves"):
        phases(fields={"compatibility": "released", "unlabeled_ratio": 2})


def test_a_batch_of_one_row_is_refused_where_it_cannot_be_normalized() -> None:
    for algorithm in ("supervised", "pseudo_label"):
        plan = phases(algorithm=algorithm, fields={"batch_size": 1})
        with pytest.raises(UsageError, match=r"batch_size must be 2 or more, not 1"):
            plan.trainer(plan.only, 4)
    plan = phases(algorithm="pseudo_label", model="linear", fields={"batch_size": 1})
    assert plan.trainer(plan.only, 4).run().step == 4


def test_held_out_rows_are_in_no_pool_of_their_fold() -> None:
    plan = phases()
    for phase in (*plan.folds, plan.only):
        data = plan.trainer(phase, 4).data
        trained = {row.tobytes() for row in data.labeled.inputs.numpy()}
        pool = {row.tobytes() for row in data.unlabeled.inputs.numpy()}
        held = {row.tobytes() for row in plan.rows.inputs[phase.held_rows].numpy()}
        assert not held & (trained | pool)
        assert len(trained) + len(held) == 30
        assert len(pool) == 60


def test_every_labeled_row_is_held_out_once() -> None:
    plan = phases()
    held = np.concatenate([p.held_rows for p in plan.folds if p.algorithm == "supervised"])
    assert sorted(held) == list(range(30))


def test_the_pools_true_labels_change_nothing() -> None:
    dataset = load("digits@20")
    assert dataset.oracle is not None
    shuffled = np.random.default_rng(0).permutation(dataset.oracle)
    config = Config("digits@20", steps=2, gate="none", fields={"batch_size": 4})
    known, unknown, wrong = (
        Experiment(
            Phases(dataclasses.replace(dataset, oracle=oracle), config, None, Silent())
        ).run()
        for oracle in (dataset.oracle, None, shuffled)
    )
    weights = [
        [p.detach() for p in outcome.classifier.network.parameters()]
        for outcome in (known, unknown, wrong)
    ]
    for first, second, third in zip(*weights, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)
    assert unknown.result["pseudo_labels"] is None


def test_test_rows_change_nothing_and_are_measured_once() -> None:
    dataset = load("digits@20")
    config = Config("digits@20", steps=2, gate="none", fields={"batch_size": 4})
    without = dataclasses.replace(dataset, test_inputs=None, test_label=None)
    one, other = (Experiment(Phases(d, config, None, Silent())).run() for d in (dataset, without))
    for mine, theirs in zip(
        one.classifier.network.parameters(), other.classifier.network.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)
    assert one.result["test"]["count"] == 500
    assert other.result["test"] is None


def test_without_a_pool_the_labels_alone_are_trained() -> None:
    plan = phases(rows(unlabeled=0), algorithm="realmix", fields={"extension": "simple"})
    assert plan.contenders.candidates == ()
    assert {phase.algorithm for phase in plan.folds} == {"supervised"}


@pytest.mark.parametrize("algorithm", ["adversarial", "dividemix"])
def test_what_needs_no_pool_is_trained_without_one(algorithm: str) -> None:
    plan = phases(rows(labeled=120, unlabeled=0), algorithm=algorithm)
    assert {phase.algorithm for phase in plan.folds} == {"supervised", algorithm}
    config = Config("rows", algorithm=algorithm, steps=40, gate="none")
    plan = Phases(rows(labeled=120, unlabeled=0), config, None, Silent())
    result = Experiment(plan).run().result
    assert (result["shipped"], result["algorithm"]) == ("candidate", algorithm)


def test_without_the_gate_one_training_is_done_and_said() -> None:
    config = Config("rows", algorithm="realmix", steps=2, gate="none")
    outcome = Experiment(Phases(rows(), config, None, Silent())).run()
    assert outcome.result["shipped"] == "candidate"
    assert outcome.result["algorithm"] == "realmix"
    assert outcome.result["gated"] is False
    assert "--no-gate" in outcome.result["reason"]
    assert outcome.result["images_seen"] == 2 * (64 + 64)


def test_a_misspelt_algorithm_is_an_error_even_without_a_pool() -> None:
    with pytest.raises(UsageError, match="Did you mean 'mixmatch'"):
        phases(rows(unlabeled=0), algorithm="mixmatsch")


@pytest.mark.slow
def test_a_pool_that_ruins_the_model_does_not_ship() -> None:
    """A pool of noise with an absurd weight: proved worse, or collapsed."""
    dataset = rows(labeled=60, unlabeled=60)
    rng = np.random.default_rng(1)
    noise = dataset.inputs.copy()
    noise[60:] = rng.normal(scale=9, size=(60, 5))
    worse = dataclasses.replace(dataset, inputs=noise)
    fields = {"weight": 3000.0, "annealing": "off"}
    config = Config("rows", steps=80, algorithm="realmix", model="mlp", fields=fields)
    outcome = Experiment(Phases(worse, config, None, Silent())).run()
    assert outcome.result["outcome"] in ("worse", "collapsed")
    assert outcome.result["shipped"] == "labels alone"


def test_what_ships_was_trained_on_all_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights are those of a training on all labels, and of no fold's."""
    plan = phases(algorithm="mixmatch")
    ships = Experiment(plan).run()
    alone = plan.trained(
        plan.final("supervised"), plan.stages(plan.final("supervised"), 4, None, Silent())
    )
    candidate = plan.trained(plan.only, plan.stages(plan.only, 4, None, Silent()))
    assert len(plan.final("supervised").train_rows) == len(plan.only.train_rows) == 30
    parts = ships.classifier.network.first, ships.classifier.network.second
    for part, whole in zip(parts, (alone, candidate), strict=True):
        for mine, other in zip(part.parameters(), inner(whole).parameters(), strict=True):
            assert torch.equal(mine, other)
    assert ships.result["shipped"] == "pair"


@pytest.mark.parametrize("labels", [1_999, 2_000, 2_500])
def test_all_labels_train_what_ships_however_many_there_are(labels: int) -> None:
    plan = phases(rows(labeled=labels, unlabeled=10), algorithm="mixmatch")
    assert len(plan.only.train_rows) == labels
    assert len(plan.plan.folds) == (1 if labels >= 2_000 else 2)


# --- runs that start from another run


def trained(path: Path, algorithm: str = "supervised", **options: object) -> Classifier:
    """A finished run's classifier, saved at `path`."""
    config = Config("rows", steps=3, gate="none", algorithm=algorithm, **options)  # type: ignore[arg-type]
    classifier = Experiment(Phases(rows(), config, None, Silent())).run().classifier
    classifier.save(path)
    return classifier


@pytest.mark.parametrize("algorithm", ["simclr_v2", "label_propagation"])
def test_a_run_starts_from_the_network_of_another(algorithm: str, tmp_path: Path) -> None:
    """Pre-training composes: the first network of every contender, but for a new last layer."""
    path = tmp_path / "model.safetensors"
    source = trained(path, algorithm).network.state_dict()
    plan = phases(algorithm="fixmatch", init=str(tmp_path))
    fresh = phases(algorithm="fixmatch").networks(0).state_dict()
    for phase in plan.folds[:2]:
        start = plan.trainer(phase, 4).student.network.state_dict()
        for name, value in start.items():
            expected = fresh[name] if name.startswith("head.") else source[name]
            assert torch.equal(value, expected), name
    for number in (1, 2):  # further networks have the same body and another last layer
        other = plan.networks(number).state_dict()
        assert torch.equal(other["body.0.weight"], source["body.0.weight"])
        assert not torch.equal(other["head.weight"], fresh["head.weight"])
    config = Config("rows", steps=2, gate="none", algorithm="fixmatch", init=str(path))
    outcome = Experiment(Phases(rows(), config, None, Silent())).run()
    assert outcome.classifier.model == "auto"
    assert outcome.result["algorithm"] == "fixmatch"


def test_starting_twice_from_a_run_is_the_same_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    trained(path)
    before = path.read_bytes()
    one, two = (
        Experiment(
            Phases(
                rows(),
                Config("rows", steps=2, init=str(path), algorithm="mixmatch", model="mlp"),
                None,
                Silent(),
            )
        ).run()
        for _ in range(2)
    )
    for mine, other in zip(
        one.classifier.network.parameters(), two.classifier.network.parameters(), strict=True
    ):
        assert torch.equal(mine, other)
    assert path.read_bytes() == before


def test_a_start_that_does_not_fit_is_an_error_before_any_training(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    trained(path)
    narrow = rows()
    narrow = dataclasses.replace(narrow, inputs=narrow.inputs[:, :4])
    with pytest.raises(UsageError, match=r"inputs of shape \(5,\), which does not fit"):
        phases(narrow, init=str(path))
    with pytest.raises(UsageError, match="does not take feature rows"):
        phases(init=str(path), model="convnet")
    with pytest.raises(UsageError, match="There is no run folder or model"):
        phases(init=str(tmp_path / "modl.safetensors"))
    (tmp_path / "unfinished").mkdir()
    with pytest.raises(UsageError, match="no finished run"):
        phases(init=str(tmp_path / "unfinished"))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(StorageError, match="not a whole"):
        phases(init=str(path))


def test_a_pair_of_networks_can_be_started_from(tmp_path: Path) -> None:
    fields = {"few_labels": True}
    made = trained(tmp_path / "model.safetensors", "dividemix", fields=fields)
    assert made.model == "pair:auto"
    source = made.network.state_dict()
    start = phases(algorithm="fixmatch", model="auto", init=str(tmp_path)).networks(0).state_dict()
    for name in ("first.body.0.weight", "second.body.0.weight"):
        assert torch.equal(start[name], source[name])
    assert not torch.equal(start["second.head.weight"], source["second.head.weight"])


def test_what_is_fitted_to_the_end_is_in_the_estimate(tmp_path, monkeypatch) -> None:
    """Each such method is fitted twice: the first time loads libraries, the second is told."""
    fitted, now = list[str](), [0.0]

    def fits(self: Phases, phase: Phase, stages: Stages) -> None:
        if stages.steps == 1:
            now[0] += 2.0 if phase.name not in fitted else 0.05
            fitted.append(phase.name)

    monkeypatch.setattr(budget, "seconds_a_step", lambda phases: 0.0)
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Phases, "trained", fits)
    made = Phases(rows(), Config("x"), tmp_path, Silent())
    names = ["trial/committee", "trial/linear", *(f"trial/{name}" for name in QUICK)]
    assert fitted == [name for name in names for _ in range(2)]
    folds = len(made.plan.folds)
    assert made.seconds == pytest.approx(0.05 * len(names) * (folds + 1))


def test_a_slow_fit_is_not_tried_twice(tmp_path, monkeypatch) -> None:
    fitted, now = list[str](), [0.0]

    def fits(self: Phases, phase: Phase, stages: Stages) -> None:
        now[0] += budget.LOADING + 1
        fitted.append(phase.name)

    monkeypatch.setattr(budget, "seconds_a_step", lambda phases: 0.0)
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Phases, "trained", fits)
    made = Phases(rows(), Config("x", algorithm="label_spreading"), tmp_path, Silent())
    assert len(fitted) == len(set(fitted))
    told = (budget.LOADING + 1) * len(fitted) * (len(made.plan.folds) + 1)
    assert made.seconds == pytest.approx(told)


def test_what_takes_no_steps_names_no_network_that_is_trained() -> None:
    plan = phases(algorithm="auto", model="auto")
    words = budget.words(plan, {0})
    assert words.startswith("no steps, each fitted at once to 5 columns")
    assert "mlp" in budget.words(plan, {0, 20})


def test_the_minutes_that_are_asked_for_hold_what_is_already_spent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """45 s to try steps of .6 s: 25 of them are left of a minute, and 100 need 105 s."""
    now, notes = [0.0], list[str]()

    def tries(phases: Phases) -> float:
        now[0] += 45.0
        return 0.6

    class Listens(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    monkeypatch.setattr(budget, "seconds_a_step", tries)
    monkeypatch.setattr(budget, "seconds_of_answers", lambda phases: 0.0)
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    config = Config("rows", algorithm="realmix", model="mlp", minutes=1)
    made = Phases(rows(), config, None, Listens())
    assert made.steps == 25
    assert made.seconds == pytest.approx(15)
    (told,) = (note for note in notes if "gets 25 steps" in note)
    assert "at least --minutes 2, or make it cheaper: --model" in told  # rows have no size


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"algorithm": "supervised"}, "at most 1 min 0 s in all"),
        ({"algorithm": "supervised", "steps": 20}, "about 1 min 0 s in all"),
        ({"algorithm": "fixmatch"}, "about 1 min 0 s in all"),
    ],
)
def test_trainings_that_may_end_early_take_at_most_their_time(
    given: dict[str, Any], said: str
) -> None:
    plan = Phases(rows(), Config("rows", gate="none", model="mlp", **given), None, Silent())
    plan.seconds = 60.0
    assert budget.words(plan, {20}).endswith(said)
    assert "at most 1 step," in budget.words(plan, {0, 1})


def test_a_procedure_s_length_is_that_of_all_its_trainings() -> None:
    fields = {"few_labels": True}
    for algorithm, trainings in (("simclr_v2", 3), ("label_propagation", 2), ("dividemix", 2)):
        own = fields if algorithm == "dividemix" else {}
        config = Config("rows", steps=4, gate="none", algorithm=algorithm, fields=own)
        plan = Phases(rows(), config, None, Silent())
        (trained,) = plan.run([plan.only])
        stages = plan.stages(plan.only, 4, None, Silent())
        plan.trained(plan.only, stages)
        assert stages.steps_done == plan._length(plan.only) == 4 * trainings
        assert trained.images_seen == stages.images_seen > 0


def test_the_steps_that_compile_kernels_tell_nothing_of_what_a_step_costs(monkeypatch) -> None:
    """On a GPU the first step of lite0 takes 13 s, and the others .1 s."""
    tried = list[int]()

    def stages(phase: Phase, steps: int, folder: None, watch: Silent) -> SimpleNamespace:
        tried.append(steps)
        compiling = 13.0 if len(tried) == 1 else 0.0
        return SimpleNamespace(seconds=0.5 + compiling + 0.1 * steps)  # half a second prepares

    run = SimpleNamespace(
        device=torch.device("cuda"), stages=stages, trial=str, trained=lambda *given: None,
        trainings=lambda name: 1.0,
    )  # fmt: skip
    assert budget._seconds_a_step(run, "softmatch") == pytest.approx(0.1)
    assert tried == [budget.WARM_UP, budget.WARM_UP, budget.TRIAL]
    tried.clear()
    run.device = torch.device("cpu")
    assert budget._seconds_a_step(run, "softmatch") == pytest.approx(13.8 / budget.WARM_UP)
