"""Mixing: the distribution of the share, the arithmetic, and the order of draws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from realmix.functional.mixing import (
    beta,
    guess_and_mix,
    larger_share,
    mix_pairs,
    mix_together,
    mixup,
    partners,
    partners_within,
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("alpha", [0.2, 0.75, 1.0, 4.0])
def test_shares_are_beta_distributed(alpha):
    draws = beta(alpha, 4000, rng(7))
    assert draws.dtype == torch.float32
    assert stats.kstest(draws.double().numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_shares_come_from_the_generator_alone():
    torch.manual_seed(0)
    first = beta(0.75, 5, rng(1))
    torch.manual_seed(1)
    assert torch.equal(first, beta(0.75, 5, rng(1)))
    assert not torch.equal(first, beta(0.75, 5, rng(2)))


@given(st.floats(0, 1))
def test_the_larger_share_is_at_least_a_half(share):
    larger = larger_share(torch.tensor([share, 1 - share]))
    assert (larger >= 0.5).all()
    assert (larger <= 1).all()
    assert larger[0].item() == pytest.approx(max(share, 1 - share), abs=1e-6)


def test_partners_are_a_random_permutation():
    permutation = partners(100, rng(3))
    assert permutation.sort().values.tolist() == list(range(100))
    assert permutation.tolist() != list(range(100))
    assert not torch.equal(permutation, partners(100, rng(4)))


def test_every_partner_is_equally_likely():
    generator = rng(5)
    counts = torch.zeros(4, 4)
    for _ in range(1000):
        counts[torch.arange(4), partners(4, generator)] += 1
    assert stats.chisquare(counts.flatten().numpy()).pvalue > 0.01


def test_mixup_gives_the_worked_numbers():
    target = torch.tensor([[1.0, 0.0, 0.0], [0.2, 0.5, 0.3]])
    share = larger_share(torch.tensor([0.3, 1.0]))
    mixed = mixup(target, torch.tensor([1, 0]), share)
    torch.testing.assert_close(mixed, torch.tensor([[0.76, 0.15, 0.09], [0.2, 0.5, 0.3]]))


def test_mixup_of_images_equals_a_reference_with_loops():
    rng_ = np.random.default_rng(0)
    images, partner = rng_.normal(size=(3, 2, 4, 4)), [2, 0, 1]
    share = rng_.uniform(size=3).astype(np.float32)
    expected = np.zeros_like(images)
    for i in range(3):
        for place in np.ndindex(2, 4, 4):
            own, other = images[i][place], images[partner[i]][place]
            expected[i][place] = float(share[i]) * own + (1 - float(share[i])) * other
    mixed = mixup(torch.from_numpy(images), torch.tensor(partner), torch.from_numpy(share))
    np.testing.assert_allclose(mixed.numpy(), expected, rtol=1e-12)


def test_a_share_of_one_changes_nothing():
    rows = torch.randn(5, 2, 3)
    assert torch.equal(mixup(rows, torch.tensor([4, 3, 2, 1, 0]), torch.ones(5)), rows)


def test_mixed_targets_stay_distributions():
    targets = torch.rand(9, 4).softmax(-1)
    _, (mixed,) = mix_together([torch.randn(9, 2)], [targets], 0.75, rng())
    torch.testing.assert_close(mixed.sum(-1), torch.ones(9))


def test_mix_together_mixes_the_whole_collection_and_gives_its_parts_back():
    generator, again = rng(11), rng(11)
    inputs = [torch.randn(3, 2).double(), torch.randn(4, 2).double(), torch.randn(4, 2).double()]
    targets = [torch.rand(len(part), 3).double() for part in inputs]
    mixed, mixed_targets = mix_together(inputs, targets, 0.75, generator)

    uniform = torch.rand(11, generator=again, dtype=torch.float64).numpy()
    share = stats.beta(0.75, 0.75).ppf(uniform).astype(np.float32)
    partner = torch.randperm(11, generator=again).tolist()
    rows, labels = torch.cat(inputs).numpy(), torch.cat(targets).numpy()
    assert [len(part) for part in mixed] == [len(part) for part in mixed_targets] == [3, 4, 4]
    mixed, mixed_targets = torch.cat(mixed).numpy(), torch.cat(mixed_targets).numpy()
    for i in range(11):
        l = max(float(share[i]), 1 - float(share[i]))
        np.testing.assert_allclose(
            mixed[i], l * rows[i] + (1 - l) * rows[partner[i]], rtol=1e-6, atol=1e-7
        )
        np.testing.assert_allclose(
            mixed_targets[i], l * labels[i] + (1 - l) * labels[partner[i]], rtol=1e-6, atol=1e-7
        )
    assert any(partner[i] >= 3 for i in range(3))  # a labeled row met an unlabeled one


def test_guess_and_mix_gives_each_view_the_same_target():
    x, y = torch.zeros(2, 3), torch.eye(3)[:2]
    views = [torch.tensor([[0.5, 0.3, 0.2]]).log(), torch.tensor([[0.7, 0.2, 0.1]]).log()]
    inputs, targets = guess_and_mix(nn.Identity(), (x, y), views, 0.5, 0.75, rng(2))
    q = torch.tensor([[0.808989, 0.140449, 0.050562]])
    expected = mix_together((x, *views), (y, q, q), 0.75, rng(2))
    for got, want in zip((*inputs, *targets), (*expected[0], *expected[1]), strict=True):
        torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_mix_pairs_has_one_share_for_the_batch_and_mixes_targets_alike(alpha):
    again, rows, targets = rng(5), torch.randn(7, 2, 3).double(), torch.randn(7, 4).double()
    mixed, mixed_targets = mix_pairs(rows, targets, alpha, rng(5))
    uniform = torch.rand(1, generator=again, dtype=torch.float64).item()
    l = float(np.float32(stats.beta(alpha, alpha).ppf(uniform)))
    partner = torch.randperm(7, generator=again).tolist()
    for got, unmixed in ((mixed, rows), (mixed_targets, targets)):
        for i in range(7):
            expected = l * unmixed[i].numpy() + (1 - l) * unmixed[partner[i]].numpy()
            np.testing.assert_allclose(got[i].numpy(), expected, rtol=1e-5, atol=1e-7)


def test_mix_pairs_does_not_keep_the_larger_share():
    generator, ones = rng(6), torch.tensor([[1.0], [0.0]])
    shares = [mix_pairs(ones, ones, 1.0, generator)[0].flatten().tolist() for _ in range(200)]
    swapped = [first for first, second in shares if (first, second) != (1.0, 0.0)]
    assert 0.2 < np.mean([share < 0.5 for share in swapped]) < 0.8


@pytest.mark.parametrize("mixing", ["all", "labeled", "unlabeled", "separate", "none"])
def test_who_may_be_whose_partner(mixing):
    crossed, moved_labeled, moved_unlabeled = False, False, False
    for seed in range(30):
        partner = partners_within(6, 10, mixing, rng(seed))
        assert sorted(partner.tolist()) == list(range(16))
        crossed |= bool((partner[:6] >= 6).any())
        moved_labeled |= partner[:6].tolist() != list(range(6))
        moved_unlabeled |= partner[6:].tolist() != list(range(6, 16))
    assert crossed == (mixing == "all")
    assert moved_labeled == (mixing in ("all", "labeled", "separate"))
    assert moved_unlabeled == (mixing in ("all", "unlabeled", "separate"))


def test_to_mix_all_draws_what_partners_draws():
    assert torch.equal(partners_within(6, 10, "all", rng(3)), partners(16, rng(3)))


def test_without_mixing_rows_and_targets_stay():
    x, u = torch.rand(3, 4), torch.rand(5, 4)
    y, q = torch.eye(3), torch.full((5, 3), 1 / 3)
    inputs, targets = mix_together((x, u), (y, q), 0.75, rng(), "none")
    for got, want in zip((*inputs, *targets), (x, u, y, q), strict=True):
        torch.testing.assert_close(got, want)


def test_who_draws_a_row_that_is_not_usable_stays_as_it_is():
    x, u = torch.arange(4.0).unsqueeze(1), torch.arange(5.0, 11).unsqueeze(1)
    y, q = torch.eye(2)[[0, 0, 1, 1]], torch.full((6, 2), 0.5)
    usable = torch.tensor([1.0, 0, 0, 1])
    (mixed, other), (target, _) = mix_together((x, u), (y, q), 0.75, rng(3), usable=usable)
    free = rng(3)
    share, partner = larger_share(beta(0.75, 10, free)), partners(10, free)
    rows, may = torch.cat([x, u]), torch.cat([usable, torch.ones(6)])
    stayed = 0
    for i, row in enumerate(torch.cat([mixed, other])):
        j = partner[i] if may[partner[i]] else i
        stayed += int(partner[i] != i and not may[partner[i]])
        torch.testing.assert_close(row, share[i] * rows[i] + (1 - share[i]) * rows[j])
    assert stayed
    assert torch.equal(target.sum(1), torch.ones(4))


def test_all_usable_is_as_without():
    net, x, y = nn.Linear(3, 2), torch.randn(2, 3), torch.eye(2)
    views = [torch.ones(2, 3), 2 * torch.ones(2, 3)]
    one, other = (
        guess_and_mix(net, (x, y), views, 0.5, 0.75, rng(0), usable=usable)
        for usable in (None, torch.ones(2))
    )
    for a, b in zip((*one[0], *one[1]), (*other[0], *other[1]), strict=True):
        assert torch.equal(a, b)
