"""The network that asks the nearest of stored rows."""

import numpy as np
import pytest
import torch

from realmix import models
from realmix.base.errors import UsageError

ROWS = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
SCORES = np.random.default_rng(1).dirichlet(np.ones(4), size=12).astype(np.float32)


def filled(k=5):
    network = models.build(f"neighbors-{k}", (3,), 4, seed=0)
    network.store(torch.from_numpy(ROWS), torch.from_numpy(SCORES))
    return network.eval()


@pytest.mark.parametrize("k", [1, 5, 12, 50])
def test_it_is_the_weighted_mean_of_the_nearest(k):
    new = np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32)
    probs = filled(k)(torch.from_numpy(new)).softmax(-1).detach().numpy()
    for row, found in zip(new, probs, strict=True):
        distance = np.linalg.norm(ROWS - row, axis=1)
        nearest = np.argsort(distance)[:k]
        weight = np.exp(-((distance[nearest] / distance[nearest].max()) ** 2))
        mean = np.maximum((weight[:, None] * SCORES[nearest]).sum(0) / weight.sum(), 1e-3)
        assert found == pytest.approx(mean / mean.sum(), abs=1e-5)


def test_a_stored_row_asked_alone_gives_its_scores():
    probs = filled(1)(torch.from_numpy(ROWS)).softmax(-1).detach().numpy()
    assert probs == pytest.approx(SCORES, abs=2e-3)


def test_equal_rows_are_no_division_by_zero():
    network = models.build("neighbors-3", (3,), 4, seed=0)
    network.store(torch.ones(8, 3), torch.from_numpy(SCORES[:8]))
    assert network(torch.ones(2, 3)).isfinite().all()


def test_loading_takes_over_how_many_rows_there_are():
    network, fresh = filled(), models.build("neighbors-5", (3,), 4, seed=9)
    fresh.load_state_dict(network.state_dict())
    new = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fresh.eval()(new), network(new))
    other = models.build("neighbors-5", (2,), 4, seed=9)
    with pytest.raises(RuntimeError, match="size mismatch"):
        other.load_state_dict(network.state_dict())


def test_without_rows_it_says_who_fills_it():
    with pytest.raises(UsageError, match="label_spreading fills one"):
        models.build("neighbors-5", (3,), 4, seed=0)(torch.ones(1, 3))


@pytest.mark.parametrize("name", ["linear", "neighbors-5"])
def test_images_are_refused(name):
    with pytest.raises(UsageError, match="does not take images"):
        models.build(name, (1, 8, 8), 4, seed=0)


def test_a_linear_network_has_the_rows_as_features():
    network, rows = models.build("linear", (3,), 4, seed=0), torch.from_numpy(ROWS)
    assert torch.equal(network.features(rows), rows)
    assert network(rows).shape == (12, 4)
