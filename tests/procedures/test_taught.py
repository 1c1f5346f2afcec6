"""A network that the vote teaches, and rows' methods on pictures with features beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.data.pools import Data
from realmix.models.linear import Linear
from realmix.procedures.rows.consensus import Consensus
from realmix.procedures.rows.linear import Linear as LinearMethod
from realmix.procedures.rows.shared import set_linear
from realmix.procedures.taught.taught import Taught
from realmix.training.stages import Stages
from tests.procedures.small import blobs, interrupted, same, stages, weights


def test_the_pool_gets_the_votes_probabilities() -> None:
    here = stages()
    layer, figures = Consensus().computed(here)
    told = Taught().told(here, layer)
    pool = here.plain(here.data.unlabeled.inputs).numpy()
    expected = softmax(pool @ layer[0].T + layer[1], axis=1)
    np.testing.assert_allclose(told.unlabeled.label.numpy(), expected, atol=1e-6)
    torch.testing.assert_close(told.labeled.label, here.data.labeled.label)
    assert 0 <= figures["kappa"] <= 1


@pytest.mark.parametrize(("own", "expected"), [(0.0, [12]), (0.5, [6, 6]), (0.75, [3, 9])])
def test_steps_are_divided_between_the_vote_and_the_networks_own_labels(
    own: float, expected: list[int]
) -> None:
    here = stages()
    Taught(own=own).train(here)
    assert [trainer.step for trainer in here.trainers] == expected
    assert here.steps_done == here.steps * Taught().trainings


def test_what_goes_on_begins_with_what_was_taught() -> None:
    """After no step of its own the network is the taught one's average."""
    here = stages(steps=6)
    taught = weights(Taught(own=0.0).train(here))
    there = stages(steps=7)
    Taught(own=1 / 7).train(there)
    first = there.trainers[0]
    assert first.steps == 6
    assert same(weights(first.nets.ema), taught)


def test_resume_is_exact(tmp_path: Path) -> None:
    whole = Taught().train(stages(folder=tmp_path / "whole"))
    cut = interrupted(Taught(), tmp_path / "cut", every=5)
    assert same(weights(whole), weights(cut))


def test_a_base_that_is_no_algorithm_is_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'adamatch'"):
        Taught(base="adamach")


class Seeing(Linear):
    """Pictures whose features are some of their pixels, doubled and moved."""

    def features(self, rows: Tensor) -> Tensor:
        return 2 * rows.flatten(1)[:, :4] + 3

    def forward(self, rows: Tensor) -> Tensor:
        return self.head(self.features(rows))  # type: ignore[no-any-return]


def pictured() -> Data:
    """The blobs as pictures of one channel, their features beside them, standardized."""
    data = blobs()

    def seen(rows: Tensor) -> Tensor:
        return torch.cat([rows, torch.zeros(len(rows), 12)], 1).view(-1, 1, 4, 4)

    def pool(part: object) -> object:
        rows: Tensor = part.inputs  # type: ignore[attr-defined]
        return replace(part, inputs=seen(rows), encoded=rows)  # type: ignore[type-var]

    moments = torch.full((4,), 3.0, dtype=torch.float64), torch.full((4,), 2.0, dtype=torch.float64)
    plain = {"plain": lambda rows, draws: rows}
    return replace(
        data,
        labeled=pool(data.labeled),  # type: ignore[arg-type]
        unlabeled=pool(data.unlabeled),  # type: ignore[arg-type]
        views=plain,
        moments=moments,
    )


@pytest.mark.parametrize("method", [LinearMethod(), Consensus()])
def test_on_pictures_a_method_of_rows_sets_the_last_layer_of_the_encoders_network(
    method: LinearMethod | Consensus,
) -> None:
    """What its linear network says of the features, the encoder's says of the pictures."""
    data = pictured()

    def build(number: int, model: str | None, recipe: object = None) -> nn.Module:
        assert model is None
        return Seeing(4, 3)

    here = Stages(data, build, steps=1, seed=3, recipe=stages().recipe)  # type: ignore[arg-type]
    found = here.predict(method.train(here), data.unlabeled.inputs)
    there = stages()
    expected = there.predict(method.train(there), there.data.unlabeled.inputs)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert method.final_model("tuned:lite0@160") == "tuned:lite0@160"
    assert method.final_model("mlp") == "linear"


def test_images_without_features_are_refused() -> None:
    facts = replace(blobs().facts, shape=(3, 8, 8))
    for method in (Taught(), Consensus()):
        with pytest.raises(UsageError, match="learns from feature rows"):
            method.check(facts)
        method.check(replace(facts, has_features=True))


def test_a_layer_of_standardized_rows_takes_others_by_their_moments() -> None:
    """By hand: W (f - 1) / 2 + b with W = (4, -2), b = 0.5 at f = (3, 5) is 4 - 4 + 0.5."""
    network = Linear(2, 1)
    mean, scale = torch.ones(2, dtype=torch.float64), torch.full((2,), 2.0, dtype=torch.float64)
    with torch.no_grad():
        set_linear(network, np.array([[4.0, -2.0]]), np.array([0.5]), (mean, scale))
        assert float(network(torch.tensor([[3.0, 5.0]]))) == pytest.approx(0.5)
        assert float(network(torch.tensor([[5.0, 1.0]]))) == pytest.approx(8.5)
