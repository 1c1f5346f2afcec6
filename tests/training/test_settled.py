"""A training on the labels alone that has converged ends, and always at the same step."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from realmix.algorithms.supervised import Supervised
from realmix.augment.presets import PRESETS
from realmix.contract.algorithm import Recipe
from realmix.data.pools import Data, Pool
from realmix.models.linear import Linear
from realmix.training.settled import CALM, CHANGED, LOOKS, LOW, ROWS, Settled
from realmix.training.trainer import Trainer

STEPS = 120
EVERY = STEPS // LOOKS
RECIPE = Recipe(batch_size=6, learning_rate=0.3, weight_decay=0.0, ema_decay=0.9)


def data(pool: int = 300, apart: float = 8.0) -> Data:
    """Two classes on a line, `apart` from each other."""
    rng = torch.Generator().manual_seed(0)
    label = torch.arange(pool + 6) % 2
    inputs = (apart * (label - 0.5))[:, None] + 0.1 * torch.randn(pool + 6, 1, generator=rng)
    labeled = Pool.of(inputs[:6], label[:6])
    return Data(labeled, Pool.of(inputs[6:]), ("a", "b"), PRESETS["features"]((1,)))


def trainer(**options: object) -> Trainer:
    torch.manual_seed(1)
    settings = {"steps": STEPS, "recipe": RECIPE, "may_settle": True, **options}
    of = settings.pop("data", data())
    return Trainer(Linear(1, 2), Supervised(), of, **settings)  # type: ignore[arg-type]


class Named(nn.Module):
    """Says that the first rows are of class 1."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.tensor(float(first)), requires_grad=False)

    def forward(self, rows: Tensor) -> Tensor:
        one = torch.arange(len(rows)) < self.first
        return torch.stack([~one, one], 1).float()


def looked(settled: Settled, looks: list[tuple[float, int]]) -> list[bool]:
    """Whether it has ended after looks with that loss and so many rows of class 1."""
    ended, step = [], 0
    for loss, first in looks:
        for _ in range(settled.every):
            step += 1
            settled.after(step, torch.tensor(loss), Named(first))
        ended.append(settled.ended)
    return ended


@pytest.mark.parametrize(
    ("looks", "ended"),
    [
        ([(0.009, 9)] * 4, [False] * 3 + [True]),  # a first look, then three that agree
        ([(0.011, 9)] * 5, [False] * 5),  # the labels are not learned
        ([(0.009, 9), (0.009, 12)] * 2, [False] * 3 + [True]),  # 3 of 300: 1 %
        ([(0.009, 9)] + [(0.009, 13)] * 4, [False] * 4 + [True]),  # 4 of 300
        ([(0.009, 9)] * 3 + [(0.009, 13)] * 4, [False] * 6 + [True]),
        ([(0.009, 9)] * 3 + [(0.5, 9)] + [(0.009, 9)] * 3, [False] * 7),
    ],
)
def test_it_ends_after_three_calm_looks(looks: list[tuple[float, int]], ended: list[bool]) -> None:
    assert (LOW, CHANGED, CALM) == (0.01, 0.01, 3)
    assert looked(Settled(data(), STEPS), looks) == ended


def test_the_loss_of_a_look_is_the_mean_of_the_steps_since_the_last_one() -> None:
    settled, step = Settled(data(), STEPS), 0
    for _ in range(CALM + 1):
        for place in range(EVERY):
            step += 1
            settled.after(step, torch.tensor(0.09 if place == 0 else 0.0), Named(5))
    assert settled.ended  # 0.09 / 10 is under it, a single loss is not


def test_at_most_so_many_rows_are_looked_at_spread_over_the_pool() -> None:
    settled = Settled(data(pool=5 * ROWS), STEPS)
    assert len(settled.rows) == ROWS
    assert torch.equal(settled.rows[-1], data(pool=5 * ROWS).unlabeled.inputs[-1])


def test_a_training_that_has_converged_takes_no_more_steps() -> None:
    records: list[dict[str, float]] = []
    run = trainer(observe=records.append, log_every=1000).run()
    assert run.ended
    assert EVERY * (CALM + 1) <= run.step < STEPS
    assert run.step % EVERY == 0
    assert [record["step"] for record in records] == [run.step]  # its end is recorded
    assert run.run().step == run.step


@pytest.mark.parametrize(
    "options",
    [
        {"may_settle": False},
        {"recipe": Recipe(**{**vars(RECIPE), "schedule": "cosine"})},  # whose end calms it
        {"data": data(apart=0.0)},
        {"data": data(pool=0)},
    ],
)
def test_others_take_all_their_steps(options: dict[str, object]) -> None:
    run = trainer(**options).run()
    assert (run.ended, run.step) == (False, STEPS)


def test_it_ends_at_the_same_step_with_the_same_weights_after_any_stop(tmp_path: Path) -> None:
    whole = trainer().run()
    for stop in (EVERY - 1, EVERY, 2 * EVERY + 3, whole.step):
        folder = tmp_path / str(stop)
        trainer(folder=folder).run(stop)
        again = trainer(folder=folder)
        assert again.resume()
        assert again.ended == (stop == whole.step)
        again.run()
        assert again.step == whole.step
        ours, theirs = whole.state(), again.state()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
