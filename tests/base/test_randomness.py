"""Addressed randomness: the generator itself, uniformity, independence, addresses."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from realmix.base.randomness import Draws, derive, generator, keys, scramble

GOLDEN = 0x9E3779B97F4A7C15
MASK = 2**64 - 1
COUNT = 4096


def unsigned(x):
    return x & MASK


def signed(x):
    return x - 2**64 if x >= 2**63 else x


def finalizer(x):
    """SplitMix64 as its authors print it, on Python's integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def draws(address=0, count=COUNT):
    return Draws(keys(derive(address), torch.arange(count)))


def is_uniform(values, bins=16):
    counts = np.histogram(np.asarray(values).ravel(), bins=bins, range=(0, 1))[0]
    return stats.chisquare(counts).pvalue > 0.001


def are_independent(one, other, bins=8):
    counts = np.histogram2d(one, other, bins=bins, range=[(0, 1), (0, 1)])[0]
    return stats.chisquare(counts.ravel()).pvalue > 0.001


# --- the generator


@given(st.integers(-(2**63), 2**63 - 1))
def test_scramble_is_the_finalizer_of_splitmix64(word):
    assert scramble(torch.tensor([word])).item() == signed(finalizer(unsigned(word)))


def test_a_stream_is_the_published_sequence_of_splitmix64():
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [finalizer((1234567 + i * GOLDEN) & MASK) for i in (1, 2, 3)] == published
    got = Draws(torch.tensor([1234567])).uniform(shape=(3,))[0].tolist()
    assert got == [(word >> 40) / 2**24 for word in published]


def test_keys_of_integers_are_those_of_any_device():
    key = keys(123456789, torch.tensor([0, 5]))
    expected = [signed(finalizer(unsigned(finalizer(i + 1) + 123456789))) for i in (0, 5)]
    assert key.tolist() == expected


def test_calls_continue_a_stream():
    whole = draws(count=3).uniform(shape=(4,))
    pieces = draws(count=3)
    parts = [pieces.uniform(), pieces.uniform(shape=(2,)), pieces.uniform()]
    joined = torch.cat([parts[0][:, None], parts[1], parts[2][:, None]], 1)
    assert torch.equal(whole, joined)


# --- distributions


def test_uniform_draws_are_uniform_and_in_range():
    values = draws(1).uniform()
    assert values.dtype == torch.float32
    assert values.min() >= 0
    assert values.max() < 1
    assert is_uniform(values)
    scaled = draws(1).uniform(-3, 5)
    torch.testing.assert_close(scaled, values * 8 - 3)


def test_every_bit_that_is_drawn_is_fair():
    bits = (draws(2).uniform() * 2**24).long()
    for place in range(24):
        ones = ((bits >> place) & 1).sum().item()
        assert stats.binomtest(ones, COUNT, 0.5).pvalue > 0.0005, place


@pytest.mark.parametrize("high", [1, 2, 7, 100])
def test_integers_are_uniform(high):
    values = draws(3).integers(high)
    counts = torch.bincount(values, minlength=high)
    assert len(counts) == high
    assert high == 1 or stats.chisquare(counts.numpy()).pvalue > 0.001


def test_events_happen_with_their_probability():
    for probability in (0.0, 0.3, 1.0):
        count = draws(4).happens(probability).sum().item()
        assert stats.binomtest(count, COUNT, probability).pvalue > 0.001
    signs = draws(5).sign()
    assert set(signs.tolist()) == {-1.0, 1.0}
    assert stats.binomtest(int((signs > 0).sum()), COUNT, 0.5).pvalue > 0.001


def test_normal_draws_are_normal():
    values = draws(6).normal((3,))
    assert values.shape == (COUNT, 3)
    assert values.isfinite().all()
    assert stats.kstest(values.flatten().numpy(), "norm").pvalue > 0.001


# --- independence


def test_neighbours_in_the_batch_are_independent():
    values = draws(7).uniform().numpy()
    assert are_independent(values[:-1], values[1:])


def test_successive_draws_of_a_stream_are_independent():
    values = draws(8).uniform(shape=(2,)).numpy()
    assert are_independent(values[:, 0], values[:, 1])
    one = Draws(keys(3, torch.arange(1))).uniform(shape=(COUNT,)).numpy()[0]
    assert is_uniform(one)
    assert are_independent(one[:-1], one[1:])


@pytest.mark.parametrize("other", [(0, 1, 8, 0), (0, 1, 7, 1), (0, 2, 7, 0), (1, 1, 7, 0)])
def test_other_addresses_are_independent(other):
    def stream(address):
        return Draws(keys(derive(*address), torch.arange(COUNT))).uniform().numpy()

    assert are_independent(stream((0, 1, 7, 0)), stream(other))


def test_neighbouring_addresses_without_derive_are_independent_too():
    one, other = (Draws(keys(a, torch.arange(COUNT))).uniform().numpy() for a in (5, 6))
    assert are_independent(one, other)
    assert are_independent(one[1:], other[:-1])


def test_the_order_and_the_company_of_an_example_change_nothing():
    order = torch.tensor([3, 0, 2])
    alone = Draws(keys(9, order)).normal((5,))
    together = Draws(keys(9, torch.arange(8))).normal((5,))
    assert torch.equal(alone, together[order])


def test_keys_of_distinct_entries_are_distinct():
    assert len(keys(11, torch.arange(100_000)).unique()) == 100_000


# --- copies


def test_a_copy_has_a_stream_of_its_own():
    stored = Draws(keys(1, torch.arange(4)))
    of_a_copy = Draws(keys(2, torch.arange(4)), stored)
    assert of_a_copy.copy is stored
    assert torch.equal(of_a_copy.copy.uniform(), Draws(keys(1, torch.arange(4))).uniform())
    fresh = draws(count=4)
    assert fresh.copy is fresh
    assert not torch.equal(fresh.copy.uniform(), fresh.uniform())  # afresh, not the same twice


# --- addresses


def test_addresses_derive_distinct_seeds():
    addresses = [(a, b, c) for a in range(12) for b in range(12) for c in range(12)]
    seeds = {derive(*address) for address in addresses}
    assert len(seeds) == len(addresses)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_derive_is_the_seed_sequence_of_numpy():
    word = int(np.random.SeedSequence([3, 3, 1, 4]).generate_state(1, np.uint64)[0])
    assert derive(3, 1, 4) == word >> 1  # behind its length
    assert len({derive(1), derive(1, 0), derive(1, 0, 0), derive(2**32), derive(0, 1)}) == 5


def test_a_generator_repeats_and_leaves_the_global_one():
    before = torch.get_rng_state()
    one, again = (torch.rand(4, generator=generator(1, 2)) for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, torch.rand(4, generator=generator(2, 1)))
    draws().normal()
    assert torch.equal(before, torch.get_rng_state())
