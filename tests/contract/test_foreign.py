"""The share of a pool that is foreign, from scores; and the scores."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from realmix.contract.foreign import BINS, LEAST, Familiarity, ForeignShare
from tests import tiny


def told(known, pool, references=1000, caution=0.0, held=None):
    share = ForeignShare(references, caution)
    held = torch.ones(len(known)) if held is None else held
    share.update(torch.as_tensor(known), held, torch.as_tensor(pool))
    return share.value.item()


def test_where_scores_do_not_overlap_the_share_is_found():
    known, foreign = torch.full((10,), 0.9), torch.full((30,), 0.1)
    assert told(known, torch.cat([foreign, known])) == pytest.approx(0.75)
    assert told(known, known) == 0
    assert told(known, foreign) == 1


def test_a_mixture_by_hand():
    """F_known is 0, .5, 1 at three scores and F_pool .6, .8, 1: the bounds are .6 and .6."""
    known = torch.tensor([0.5, 0.9])
    pool = torch.tensor([0.1, 0.1, 0.1, 0.5, 0.9])
    assert told(known, pool) == pytest.approx(0.6)
    # of four references a standard error at .5 is .25: (.8 - .5 - .25) / .5; at 0 there is none
    assert told(known, pool, references=LEAST) == pytest.approx(0.6)
    later = torch.tensor([0.5, 0.5, 0.1, 0.9, 0.9])  # .2 below everything known, .6 at .5
    error = (0.25 / 100) ** 0.5
    assert told(known, later, references=100, caution=1.0) == pytest.approx(
        max((0.2 - 0.0) / 1.0, (0.6 - 0.5 - error) / 0.5)
    )


def test_scores_of_rows_that_train_do_not_count():
    known, held = torch.tensor([0.9, 0.9, 0.1]), torch.tensor([1.0, 1.0, 0.0])
    assert told(known, torch.tensor([0.1, 0.9]), held=held) == pytest.approx(0.5)


def test_too_few_references_tell_nothing():
    known, pool = torch.full((10,), 0.9), torch.full((10,), 0.1)
    assert told(known, pool, references=LEAST - 1) == 0
    assert told(known, pool, references=LEAST) == 1
    assert not ForeignShare(LEAST - 1).tells
    assert ForeignShare(LEAST).tells


def test_before_any_score_nothing_is_foreign():
    assert ForeignShare(1000).value.item() == 0


@given(st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_it_does_not_exceed_the_truth_by_more_than_chance(share, seed):
    """Scores of known rows are uniform, of foreign rows their squares: they overlap everywhere."""
    rng = np.random.default_rng(seed)
    known = rng.uniform(size=2000)
    count = round(share * 6000)
    pool = np.concatenate([rng.uniform(size=6000 - count), rng.uniform(size=count) ** 2])
    found = told(known, pool, references=2000, caution=2.0)
    assert 0 <= found <= share + 0.12
    if share > 0.6:  # at s the bound is share * (sqrt(s) - s) / (1 - s), up to share / 2
        assert found > share / 4


def test_scores_are_forgotten_as_the_network_moves_on():
    share = ForeignShare(1000)
    low, high, held = torch.full((8,), 0.1), torch.full((8,), 0.9), torch.ones(8)
    share.update(high, held, low)
    for _ in range(1000):
        share.update(high, held, high)
    assert share.value.item() < 1e-3


def test_the_ends_of_the_scale_are_bins():
    share = ForeignShare(1000)
    share.update(torch.tensor([0.0, 1.0]), torch.ones(2), torch.tensor([-1.0, 2.0]))
    for counts in (share.known, share.pool):
        assert counts.nonzero().flatten().tolist() == [0, BINS - 1]


# --- scores


def scores(kind, net, x, y, u, steps=1):
    familiarity = Familiarity(kind, net, tiny.facts())
    for _ in range(steps):
        known, pool = familiarity(net, x, y, u)
    return known, pool


def test_confidence_and_energy_are_functions_of_the_logits():
    net, x, u = tiny.network(0), tiny.rows(1, 4), tiny.rows(2, 7)
    y = torch.eye(3)[[0, 1, 2, 0]]
    z = tiny.logits(net, u.numpy())
    _, confidence = scores("confidence", net, x, y, u)
    np.testing.assert_allclose(confidence, tiny.softmax(z).max(1), rtol=1e-6)
    known, energy = scores("energy", net, x, y, u)
    expected = 1 / (1 + np.exp(-np.log(np.exp(z).sum(1)) / 4))
    np.testing.assert_allclose(energy, expected, rtol=1e-6)
    assert known.shape == (4,)
    assert known.dtype == energy.dtype == torch.float32


class Passing(nn.Module):
    """Its features are its inputs."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def features(self, x):
        return self.scale * x


def test_features_are_compared_with_the_nearest_class_mean_from_the_pool_s_center():
    """Means (2, 0, 0, 0) and (0, 2, 0, 0), the pool's center 0; the third class was never seen."""
    x = 2 * torch.eye(4)[[0, 1]]
    y = torch.eye(3)[[0, 1]]
    u = torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, 0, -1.0, 0]])
    known, pool = scores("features", Passing(), x, y, u, steps=2000)
    torch.testing.assert_close(known, torch.ones(2))
    # to the other class mean the second row is at a right angle
    torch.testing.assert_close(pool, torch.tensor([1.0, 0.5, 0.5, 0.5]), atol=1e-4, rtol=0)
