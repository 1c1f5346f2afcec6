"""The loop: what it records, when it stops, and that looking on changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from realmix.algorithms.fixmatch import FixMatch
from realmix.algorithms.supervised import Supervised
from realmix.augment.presets import PRESETS
from realmix.base import memory
from realmix.base.errors import DivergedError, StorageError
from realmix.contract.algorithm import Batch, Losses, Nets, Objective, Recipe, Step, Views
from realmix.data.pools import Data, Pool
from realmix.models.mlp import MLP
from realmix.training import checkpoint
from realmix.training.predict import predict
from realmix.training.trainer import Trainer

RECIPE = Recipe(batch_size=8, unlabeled_ratio=2, learning_rate=0.01)


def blobs(rows: int = 60) -> Data:
    rng = torch.Generator().manual_seed(0)
    label = torch.arange(rows) % 3
    centers = 3 * torch.randn(3, 4, generator=rng)
    inputs = centers[label] + torch.randn(rows, 4, generator=rng)
    labeled = Pool.of(inputs[:12], label[:12])
    return Data(labeled, Pool.of(inputs[12:]), ("a", "b", "c"), PRESETS["features"]((4,)))


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(MLP(4, 3, (16,)), nn.Dropout(0.2))


def trainer(**options: object) -> Trainer:
    settings = {"steps": 20, "recipe": RECIPE, **options}
    return Trainer(network(), FixMatch(threshold=0.4), blobs(), **settings)  # type: ignore[arg-type]


def weights(run: Trainer) -> Tensor:
    state = run.state()
    return torch.cat([state[name].flatten().double() for name in sorted(state)])


def test_records_come_at_their_cadence_and_at_the_end() -> None:
    records: list[dict[str, float]] = []
    trainer(steps=7, log_every=3, observe=records.append).run()
    assert [r["step"] for r in records] == [3, 6, 7]
    assert records[0].keys() == {"step", "seconds", "loss", "supervised", "unlabeled", "mask_rate"}
    assert records[0]["loss"] == pytest.approx(records[0]["supervised"] + records[0]["unlabeled"])


@pytest.mark.skipif(memory._glibc() is None, reason="only glibc is told")
def test_freed_memory_is_kept_while_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(memory, "_set", lambda glibc, thresholds: told.append(thresholds))
    trainer(steps=2, log_every=1, observe=lambda record: told.append("step")).run()
    assert told == [memory._ALL, "step", "step", memory._USUAL]


def test_logging_evaluating_and_saving_change_nothing(tmp_path: Path) -> None:
    quiet = trainer(log_every=100).run()
    data = blobs()

    def evaluate(net: nn.Module) -> dict[str, float]:
        torch.rand(5)  # an evaluation may draw, too
        return {"accuracy": float(predict(net, data.unlabeled.inputs, data.views["plain"]).mean())}

    busy = trainer(
        log_every=1, evaluate_every=1, evaluate=evaluate, folder=tmp_path, save_seconds=0.0
    )
    busy.observe = lambda record: None
    assert torch.equal(weights(busy.run()), weights(quiet))


def test_dropout_and_data_do_not_depend_on_the_global_random_state() -> None:
    torch.manual_seed(123)
    first = trainer().run()
    torch.manual_seed(456)
    state = torch.get_rng_state()
    run = trainer()
    torch.set_rng_state(state)
    second = run.run()
    assert torch.equal(torch.get_rng_state(), state)  # and it is left as it was
    assert torch.equal(weights(first), weights(second))


def test_running_in_pieces_is_running_at_once(tmp_path: Path) -> None:
    whole = trainer().run()
    pieces = trainer()
    for until in (3, 4, 11, 20):
        pieces.run(until=until)
    assert torch.equal(weights(whole), weights(pieces))
    first = trainer(folder=tmp_path).run(until=9)
    second = trainer(folder=tmp_path)
    assert second.resume()
    assert second.step == first.step == 9
    assert torch.equal(weights(second.run()), weights(whole))


def test_a_stop_leaves_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    asked: list[int] = []
    run = trainer(folder=tmp_path, stop=lambda: len(asked) > 4, observe=lambda r: asked.append(1))
    run.log_every = 1
    assert run.run().step == 5
    again = trainer(folder=tmp_path)
    assert again.resume()
    assert again.step == 5
    assert torch.equal(weights(again.run()), weights(trainer().run()))


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    assert trainer(folder=tmp_path).resume() is False
    assert trainer().resume() is False


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    trainer(folder=tmp_path, seed=1).run(until=2)
    with pytest.raises(StorageError, match="seed 1"):
        trainer(folder=tmp_path, seed=2).resume()


@dataclass(eq=False)
class Forgetful(FixMatch):
    """Its average is the network itself in steps 3 and 4."""

    def ema_decay(self, step: Step) -> float | None:
        return 0.0 if step.index in (3, 4) else None


def test_an_algorithm_may_change_the_average_s_decay_step_by_step() -> None:
    run = Trainer(network(), Forgetful(), blobs(), steps=20, recipe=RECIPE)
    for until, same in ((3, False), (4, True), (5, True), (6, False)):
        run.run(until=until)
        pairs = zip(run.nets.student.parameters(), run.nets.ema.parameters(), strict=True)
        assert all(torch.equal(mine, theirs) for mine, theirs in pairs) == same


@dataclass(eq=False)
class Poisoned(Objective):
    """The cross-entropy of nothing, NaN at one step."""

    at: int = 4
    views = Views(labeled=("weak",))

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        loss = nets.student(batch.labeled.views[0]).square().mean()
        return Losses(supervised=loss * (float("nan") if step.index == self.at else 1.0))


def test_a_loss_that_is_not_finite_stops_at_once_with_the_rows(tmp_path: Path) -> None:
    run = Trainer(network(), Poisoned(), blobs(), steps=20, recipe=RECIPE, folder=tmp_path)
    run.save_seconds = 0.0
    with pytest.raises(DivergedError, match=r"step 4 of 20.*\n.*labeled \[") as caught:
        run.run()
    assert "learning_rate" in str(caught.value)
    assert run.step == 5
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found[1]["step"] == 4  # from before
    assert all(value.isfinite().all() for value in found[0].values())


def test_images_seen_counts_each_row_once() -> None:
    assert trainer().run(until=5).images_seen == 5 * (8 + 16)
    plain = Trainer(network(), Supervised(), blobs(), steps=20, recipe=RECIPE)
    assert plain.run(until=5).images_seen == 5 * 8


def test_predictions_are_probabilities_whatever_the_size_of_a_pass() -> None:
    net, data = network(), blobs()
    one = predict(net, data.unlabeled.inputs, data.views["plain"], batch_size=7)
    all_at_once = predict(net, data.unlabeled.inputs, data.views["plain"])
    torch.testing.assert_close(one, all_at_once)
    torch.testing.assert_close(one.sum(1), torch.ones(len(one)))
    assert not net.training
