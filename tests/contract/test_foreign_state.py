"""The share of a pool that is foreign, from scores; and the scores."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from torch import nn

from realmix.contract.foreign import BINS, LEAST, ForeignShare, Prototypes
from realmix.functional.foreign.share import foreign_share, ranks
from tests import tiny


def told(known, pool, references=1000, quantile=0.5, held=None):
    share = ForeignShare(references, quantile)
    held = torch.ones(len(known)) if held is None else held
    share.update(torch.as_tensor(known), held, torch.as_tensor(pool))
    return share.value.item()


def drawn(share, separation, seed, known=480, pool=6400):
    """Normal scores of known and of pool rows; foreign ones are lower by `separation`."""
    rng = np.random.default_rng(seed)
    count = round(share * pool)
    return rng.normal(size=known), rng.normal(size=pool) - separation * (np.arange(pool) < count)


def unit(scores):
    return torch.from_numpy(ndtr(scores / 2)).float()


@pytest.mark.parametrize("separation", [0.7, 1.0, 2.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.75, 1.0])
def test_it_is_the_share_of_the_whole_scores(share, separation):
    known, pool = drawn(share, separation, seed=1)
    whole = foreign_share(ranks(known, pool))
    for quantile, expected in ((0.05, whole.low), (0.5, whole.share), (0.95, whole.high)):
        found = told(unit(known), unit(pool), references=480, quantile=quantile)
        assert found == pytest.approx(expected, abs=0.04)


@pytest.mark.slow
@given(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_it_is_near_the_truth_where_scores_tell(share, seed):
    known, pool = drawn(share, 2.0, seed)
    assert told(unit(known), unit(pool), references=480) == pytest.approx(share, abs=0.17)


def test_scores_of_rows_that_train_do_not_count():
    known, pool = (unit(scores) for scores in drawn(0.75, 2.0, 0))
    more, held = (
        torch.cat([known, torch.zeros(480)]),
        torch.cat([torch.ones(480), torch.zeros(480)]),
    )
    assert told(more, pool, held=held) == told(known, pool) > 0.5


def test_too_few_references_tell_nothing():
    known, pool = (unit(scores) for scores in drawn(0.75, 2.0, 0))
    assert told(known, pool, references=LEAST - 1) == 0
    assert told(known, pool, references=LEAST) > 0.5
    assert not ForeignShare(LEAST - 1).tells
    assert ForeignShare(LEAST).tells


def test_the_fewer_references_the_less_is_told():
    known, pool = (unit(scores) for scores in drawn(0.75, 1.0, 0))
    found = [told(known, pool, references=n, quantile=0.05) for n in (50, 200, 1000, 10000)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_before_any_score_nothing_is_foreign():
    assert ForeignShare(1000).value.item() == 0


def test_scores_are_forgotten_as_the_network_moves_on():
    share, held = ForeignShare(480), torch.ones(480)
    known, clean = (unit(scores) for scores in drawn(0.0, 1.0, 0, pool=480))
    share.update(known, held, unit(drawn(1.0, 2.0, 0, pool=64000)[1]))
    assert share.value.item() > 0.9
    for _ in range(500):  # without forgetting a fifth of the scores would be of foreign rows
        share.update(known, held, clean)
    assert share.value.item() < 0.1


def test_the_ends_of_the_scale_are_bins():
    share = ForeignShare(1000)
    share.update(torch.tensor([0.0, 1.0]), torch.ones(2), torch.tensor([-1.0, 2.0]))
    for counts in (share.known, share.pool):
        assert counts.nonzero().flatten().tolist() == [0, BINS - 1]


# --- scores


class Passing(nn.Module):
    """Its features are its inputs."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def features(self, x):
        return self.scale * x


def scored(x, y, u, times=1):
    prototypes = Prototypes(Passing(), tiny.facts())
    for _ in range(times):
        known, pool = prototypes(Passing(), x, y, u)
    return known, pool, prototypes


def test_rows_are_compared_with_the_nearest_class_mean_from_the_pool_s_center():
    """Means (2, 0, 0, 0) and (0, 2, 0, 0), the pool's center 0; the third class was never seen."""
    x, y = 2 * torch.eye(4)[[0, 1]], torch.eye(3)[[0, 1]]
    u = torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, 0, -1.0, 0]])
    known, pool, _ = scored(x, y, u, times=2000)
    torch.testing.assert_close(known, torch.ones(2))
    # to the other class mean the second row is at a right angle
    torch.testing.assert_close(pool, torch.tensor([1.0, 0.5, 0.5, 0.5]), atol=1e-4, rtol=0)


def test_a_first_batch_by_hand():
    """Of means and center a hundredth is taken, which is 0 before."""
    x, y = torch.tensor([[1.0, 2, 3, 4], [3.0, 2, 1, 0]]), torch.eye(3)[[1, 1]]
    u = torch.tensor([[2.0, 0, 0, 0], [0, 4.0, 0, 0]])
    known, pool, prototypes = scored(x, y, u)
    mean, center = np.array([0.02] * 4), np.array([0.01, 0.02, 0, 0])
    torch.testing.assert_close(prototypes.mean[1], torch.full((4,), 0.02))
    torch.testing.assert_close(prototypes.center, torch.from_numpy(center).float())
    for row, score in zip([*x.numpy(), *u.numpy()], [*known, *pool], strict=True):
        cosines = [
            (row - center)
            @ (m - center)
            / np.linalg.norm(row - center)
            / np.linalg.norm(m - center)
            for m in (mean, np.zeros(4))
        ]
        assert score.item() == pytest.approx((1 + max(cosines)) / 2, abs=1e-6)


def test_rows_without_a_target_teach_nothing():
    x, y, u = torch.eye(4)[:2], torch.eye(3)[[0, 1]], torch.eye(4)[2:]
    _, _, without = scored(x, y * torch.tensor([[1.0], [0.0]]), u)
    assert without.mean[0].abs().sum() > 0
    assert without.mean[1].abs().sum() == 0
