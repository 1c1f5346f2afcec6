"""Methods that train more than once: what each stage is given, and that no stop changes the end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from realmix.algorithms.fixmatch import FixMatch
from realmix.algorithms.supervised import Supervised
from realmix.augment.presets import PRESETS
from realmix.base.errors import Interrupted, StorageError
from realmix.base.files import whole_lines
from realmix.base.randomness import derive
from realmix.contract.algorithm import Recipe
from realmix.data.pools import Data, Pool
from realmix.models.mlp import MLP
from realmix.runs.config import Config
from realmix.runs.methods import METHODS
from realmix.runs.prepared import Prepared
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from realmix.training import checkpoint
from realmix.training.stages import Build, Procedure, Stages, trainable_copy
from realmix.training.trainer import Record, Trainer

STEPS = 6
SHORT, WHOLE = 4, 16  # steps of the third stage, and of all
RECIPE = Recipe(batch_size=8, unlabeled_ratio=2, learning_rate=0.01)


def blobs(rows: int = 60) -> Data:
    rng = torch.Generator().manual_seed(0)
    label = torch.arange(rows) % 3
    centers = 3 * torch.randn(3, 4, generator=rng)
    inputs = centers[label] + torch.randn(rows, 4, generator=rng)
    labeled = Pool.of(inputs[:12], label[:12])
    return Data(labeled, Pool.of(inputs[12:]), ("a", "b", "c"), PRESETS["features"]((4,)))


def build(number: int, model: str | None, recipe: Recipe | None = None) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(100 + number)
        dropout = recipe.dropout if recipe else 0.0
        return MLP(4, 3, (32,) if model == "wide" else (16,), dropout)


@dataclass(eq=False)
class Thrice(Procedure):
    """Learns from labels; then from the first network's guesses; then its copy goes on a little."""

    share: float = 2 / 3

    @property
    def trainings(self) -> float:
        return 2 + self.share

    def train(self, stages: Stages) -> nn.Module:
        first = stages.train(Supervised(), "labels")
        data, pool = stages.data, stages.data.unlabeled
        guess = stages.predict(first, pool.inputs)
        rows = torch.cat([data.labeled.inputs, pool.inputs])
        label = torch.cat([data.labeled.label, guess.argmax(1).to(pool.label)])
        more = replace(data, labeled=Pool(rows, label, torch.ones(len(rows))))
        second = stages.train(FixMatch(threshold=0.4), "guesses", data=more)
        last = stages.trainer(
            Supervised(),
            "polish",
            network=trainable_copy(second),
            steps=round(stages.steps * self.share),
        )
        for until in (2, last.steps):  # in two pieces
            network = stages.finish(last, until=until)
        return network


class Log:
    """What a run's log would hold: records, less those that a stage forgets when it begins."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.begun: list[int] = []

    def begin(self, step: int) -> None:
        self.begun.append(step)
        self.records = [record for record in self.records if record["step"] <= step]

    @property
    def figures(self) -> list[Record]:
        return [{k: v for k, v in record.items() if k != "seconds"} for record in self.records]


def stages(log: Log | None = None, **options: Any) -> Stages:
    log = log or Log()
    settings = {"steps": STEPS, "seed": 7, "recipe": RECIPE, "log_every": 1, **options}
    made: Build = settings.pop("build", build)
    settings = {"observe": lambda record: log.records.append(record), **settings}
    return Stages(blobs(), made, begin=log.begin, **settings)


def weights(network: nn.Module) -> Tensor:
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


# --- what a stage is


def test_the_first_stage_is_a_plain_training_bit_for_bit() -> None:
    log, records = Log(), list[Record]()
    given = stages(log)
    network = given.train(FixMatch(threshold=0.4))
    alone = Trainer(
        build(0, None),
        FixMatch(threshold=0.4),
        blobs(),
        steps=STEPS,
        seed=7,
        recipe=RECIPE,
        log_every=1,
        observe=records.append,
    ).run()
    assert torch.equal(weights(network), weights(alone.nets.ema))
    state = given.trainers[0].state()
    assert state.keys() == alone.state().keys()
    assert all(torch.equal(value, state[name]) for name, value in alone.state().items())
    assert log.figures == [{k: v for k, v in r.items() if k != "seconds"} for r in records]
    assert (given.steps_done, given.images_seen) == (STEPS, alone.images_seen)


def test_each_stage_has_a_number_a_seed_and_a_network_of_its_own() -> None:
    built = list[tuple[int, str | None]]()

    def counted(number: int, model: str | None, recipe: Recipe | None) -> nn.Module:
        built.append((number, model))
        return build(number, model, recipe)

    given = stages(build=counted)
    own = build(9, None)
    first, second, third, fourth = (
        given.trainer(Supervised()),
        given.trainer(Supervised(), model="wide"),
        given.trainer(Supervised(), network=own),
        given.trainer(Supervised()),
    )
    assert built == [(0, None), (1, "wide"), (3, None)]
    assert third.student.network is own
    assert second.student.network.head.in_features == 32
    seeds = [trainer.seed for trainer in given.trainers]
    assert seeds == [7, derive(7, 1), derive(7, 2), derive(7, 3)]
    assert len(set(seeds)) == 4
    assert given.trainers == [first, second, third, fourth]


def test_a_stage_has_what_the_run_has_but_for_what_is_said() -> None:
    given = stages(evaluate=lambda network: {"accuracy": 0.5}, evaluate_every=2)
    other, recipe = blobs(30), replace(RECIPE, batch_size=3, dropout=0.5)
    plain = given.trainer(Supervised())
    assert (plain.steps, plain.recipe, plain.evaluate_every) == (STEPS, RECIPE, 2)
    assert plain.evaluate is given.evaluate
    assert len(plain.data.unlabeled) == 48
    changed = given.trainer(Supervised(), data=other, recipe=recipe, steps=2, classifies=False)
    assert (changed.steps, changed.recipe, changed.evaluate) == (2, recipe, None)
    assert len(changed.data.unlabeled) == 18
    assert (plain.student.network.head.dropout, changed.student.network.head.dropout) == (0, 0.5)


def test_a_stage_of_no_steps_leaves_its_network_as_it_is() -> None:
    given = stages()
    network = given.train(Supervised(), steps=0)
    assert given.steps_done == 0
    assert torch.equal(weights(network), weights(build(0, None)))


def test_predictions_and_features_are_of_the_averaged_network_without_noise() -> None:
    given = stages()
    network = given.train(Supervised())
    pool = given.data.unlabeled.inputs
    probs, features = given.predict(network, pool), given.features(network, pool)
    assert (probs.shape, features.shape) == ((48, 3), (48, 16))
    inner = given.trainers[0].nets.ema.network.eval()
    with torch.no_grad():
        torch.testing.assert_close(features, inner.features(pool))
        torch.testing.assert_close(probs, inner.head(features).softmax(-1))


def test_a_copy_of_a_network_can_be_trained_and_shares_nothing() -> None:
    given = stages()
    network = given.train(Supervised())
    before = weights(network)
    copied = trainable_copy(network)
    assert all(p.requires_grad for p in copied.parameters())
    given.train(Supervised(), network=copied)
    assert torch.equal(weights(network), before)
    assert not any(p.requires_grad for p in network.parameters())


# --- records


def test_steps_and_seconds_of_records_count_on_over_the_stages() -> None:
    log = Log()
    given = stages(log, evaluate=lambda network: {"accuracy": 0.5}, evaluate_every=2)
    Thrice().train(given)
    steps = [record["step"] for record in log.records]
    assert steps == sorted(steps)
    assert [r["step"] for r in log.records if "loss" in r] == list(range(1, WHOLE + 1))
    assert given.steps_done == WHOLE == round(Thrice().trainings * STEPS)
    seconds = [record["seconds"] for record in log.records]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= given.seconds == sum(t.seconds for t in given.trainers)
    assert given.images_seen == 8 * (STEPS + 3 * STEPS + SHORT)


def test_the_clock_stands_still_when_nothing_trains() -> None:
    given = stages()
    trainer = given.trainer(Supervised())
    assert given.seconds == 0
    given.finish(trainer, until=2)
    spent = given.seconds
    assert spent > 0
    time.sleep(0.02)
    assert given.seconds == spent
    given.finish(trainer)
    assert given.seconds > spent


# --- stops


class Death(Exception):
    """What a kill is like from inside."""


ASKED, KILLED, KILLED_BEHIND = "asked", "killed at a checkpoint", "killed long after one"


def interrupted(
    folder: Path, at: int, log: Log, how: str, procedure: Procedure | None = None
) -> None:
    """Train until the record of step `at`; then stop as asked, or die."""
    reached = [False]

    def observe(record: Record) -> None:
        log.records.append(record)
        reached[0] = record["step"] >= at
        if reached[0] and how != ASKED:
            raise Death

    often = {"save_seconds": 0.0} if how == KILLED else {}
    given = stages(log, folder=folder, observe=observe, stop=lambda: reached[0], **often)
    with pytest.raises(Interrupted if how == ASKED else Death):
        (procedure or Thrice()).train(given)


@pytest.mark.parametrize("how", [ASKED, KILLED, KILLED_BEHIND])
@pytest.mark.parametrize("at", [1, 5, 6, 7, 11, 12, 13, 14, 15])
def test_a_run_cut_off_anywhere_comes_to_the_same_end(
    tmp_path: Path, at: int, how: str, undisturbed: tuple[Tensor, list[Record]]
) -> None:
    log = Log()
    interrupted(tmp_path, at, log, how)
    given = stages(log, folder=tmp_path)
    network = Thrice().train(given)
    assert torch.equal(weights(network), undisturbed[0])
    assert log.figures == undisturbed[1]
    assert (given.steps_done, [t.step for t in given.trainers]) == (WHOLE, [STEPS, STEPS, SHORT])


def test_a_run_cut_off_again_and_again_comes_to_the_same_end(
    tmp_path: Path, undisturbed: tuple[Tensor, list[Record]]
) -> None:
    log = Log()
    for number, at in enumerate((2, 6, 8, 9, 13, 15)):
        interrupted(tmp_path, at, log, (ASKED, KILLED)[number % 2])
    network = Thrice().train(stages(log, folder=tmp_path))
    assert torch.equal(weights(network), undisturbed[0])
    assert log.figures == undisturbed[1]


@dataclass(eq=False)
class Twins(Procedure):
    """Two networks take turns, two steps each."""

    @property
    def trainings(self) -> float:
        return 2.0

    def train(self, stages: Stages) -> nn.Module:
        one, two = (stages.trainer(FixMatch(threshold=0.4), name) for name in ("one", "two"))
        for until in range(2, stages.steps + 1, 2):
            for trainer in (one, two):
                network = stages.finish(trainer, until=until)
        return network


@pytest.mark.parametrize("how", [ASKED, KILLED, KILLED_BEHIND])
@pytest.mark.parametrize("at", [1, 3, 5, 8, 11])
def test_stages_that_take_turns_come_to_the_same_end(tmp_path: Path, at: int, how: str) -> None:
    whole, log = Log(), Log()
    expected = Twins().train(stages(whole))
    interrupted(tmp_path, at, log, how, Twins())
    network = Twins().train(stages(log, folder=tmp_path))
    assert torch.equal(weights(network), weights(expected))
    assert log.figures == whole.figures
    assert whole.begun == [0, 2]


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Tensor, list[Record]]:
    log = Log()
    network = Thrice().train(stages(log))
    return weights(network), log.figures


def test_a_stage_says_once_that_it_begins_and_after_how_many_steps(tmp_path: Path) -> None:
    log = Log()
    Thrice().train(stages(log))
    assert log.begun == [0, STEPS, 2 * STEPS]  # the last one trains in two pieces
    again = Log()
    interrupted(tmp_path, 8, again, ASKED)
    assert again.begun == [0, STEPS]
    again.begun.clear()
    Thrice().train(stages(again, folder=tmp_path))
    assert again.begun == [8, 2 * STEPS]  # the first is read back


def test_finished_stages_say_nothing_and_train_nothing(tmp_path: Path) -> None:
    first = stages(folder=tmp_path)
    network = Thrice().train(first)
    log = Log()
    again = stages(log, folder=tmp_path)
    assert torch.equal(weights(Thrice().train(again)), weights(network))
    assert (log.begun, log.records, again.begun) == ([], [], [])
    assert again.steps_done == WHOLE
    assert again.seconds >= first.seconds > 0  # and cost what they cost


def test_two_stages_of_one_name_are_refused(tmp_path: Path) -> None:
    given = stages(folder=tmp_path)
    given.train(Supervised(), "same")
    with pytest.raises(StorageError, match="seed"):
        given.train(Supervised(), "same")


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Thrice().train(stages())
    assert not list(tmp_path.iterdir())


# --- in a run


CONFIG = Config("digits@20", algorithm="thrice", steps=STEPS, gate="none", fields={"batch_size": 4})


class Watching(Silent):
    def __init__(self, stop_at: float = float("inf")) -> None:
        self.told: list[tuple[str, int, int]] = []
        self.planned: dict[str, int] = {}
        self.step, self.stop_at = 0.0, stop_at

    def doing(self, words: str) -> None: ...
    def plan(self, phases: Any, words: str) -> None:
        self.planned = dict(phases)

    def phase(self, name: str, start: int, steps: int) -> None:
        self.told.append((name, start, steps))

    def record(self, phase: str, record: Record) -> None:
        self.step = record["step"]

    def stopping(self) -> bool:
        return self.step >= self.stop_at


@pytest.fixture
def thrice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "thrice", Thrice)


def outcome(folder: Path) -> dict[str, Any]:
    tensors, _ = checkpoint.read(folder / "model.safetensors")
    result = json.loads((folder / "result.json").read_text())
    records = whole_lines(folder / "metrics.jsonl")
    return {
        "weights": {name: value.numpy().tobytes() for name, value in tensors.items()},
        "result": {key: value for key, value in result.items() if key != "seconds"},
        "records": [{k: v for k, v in r.items() if k != "seconds"} for r in records],
    }


@pytest.mark.slow
@pytest.mark.usefixtures("thrice")
def test_a_run_of_a_procedure_goes_on_in_whatever_stage_it_stopped(tmp_path: Path) -> None:
    whole = Watching()
    fit(CONFIG, tmp_path / "whole", whole)
    assert whole.planned == {"final/thrice": WHOLE}
    assert whole.told == [("final/thrice", start, WHOLE) for start in (0, STEPS, 2 * STEPS)]
    records = outcome(tmp_path / "whole")["records"]
    assert [r["step"] for r in records] == list(range(1, WHOLE + 1))
    assert outcome(tmp_path / "whole")["result"]["images_seen"] == 4 * (STEPS * 3 + SHORT)
    for stop_at in (3, 8, 14):
        with pytest.raises(Interrupted):
            fit(CONFIG, tmp_path / "cut", Watching(stop_at))
    fit(CONFIG, tmp_path / "cut", Silent(), resume=True)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.usefixtures("thrice")
def test_a_run_killed_between_its_last_step_and_its_model_says_that_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(CONFIG, tmp_path / "whole", Silent())
    with monkeypatch.context() as patch:
        patch.setattr(Prepared, "probs", _die)
        with pytest.raises(Death):
            fit(CONFIG, tmp_path / "run", Silent())
    watch = Watching()
    fit(CONFIG, tmp_path / "run", watch)
    assert watch.told == [("final/thrice", WHOLE, WHOLE)]
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@dataclass(eq=False)
class Hasty(Thrice):
    """Finds that it has learned enough."""

    def train(self, stages: Stages) -> nn.Module:
        return stages.train(Supervised(), "labels")


def test_a_procedure_that_ends_early_says_that_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "thrice", Hasty)
    watch = Watching()
    fit(CONFIG, tmp_path / "run", watch)
    assert watch.told == [("final/thrice", 0, WHOLE), ("final/thrice", WHOLE, WHOLE)]


def _die(*_: object) -> None:
    raise Death
