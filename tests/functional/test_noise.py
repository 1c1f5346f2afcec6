"""Gaussian noise: its distribution, and where it comes from. Which labels are noise."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture

from realmix.functional.noise import clean_probability, gaussian, perturbed


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("deviation", [0.15, 2.0])
def test_noise_is_normal_with_that_deviation(deviation):
    values = torch.full((50, 3, 4, 4), 0.25, dtype=torch.float64)
    noise = (gaussian(values, deviation, rng(1)) - values).flatten().numpy()
    assert stats.kstest(noise, stats.norm(0, deviation).cdf).pvalue > 0.01


def test_every_entry_has_noise_of_its_own():
    noise = gaussian(torch.zeros(6, 2, 3, 3), 1.0, rng())
    assert len(noise.unique()) == noise.numel()


def test_noise_is_the_generator_s_next_draws_in_any_dtype():
    values = torch.arange(60.0).view(6, 10)  # enough that torch draws many numbers at once
    for given in (values, values.double()):
        generator, again = rng(3), rng(3)
        first, second = (gaussian(given, 0.5, generator) for _ in range(2))
        for got in (first, second):
            drawn = torch.randn(6, 10, generator=again).numpy()
            assert got.dtype == given.dtype
            np.testing.assert_allclose(got.numpy(), given.numpy() + 0.5 * drawn, atol=1e-6)
    assert not torch.equal(first, second)


def test_noise_does_not_depend_on_the_global_generator():
    torch.manual_seed(0)
    first = gaussian(torch.zeros(4), 1.0, rng(2))
    torch.manual_seed(1)
    assert torch.equal(first, gaussian(torch.zeros(4), 1.0, rng(2)))


def test_no_deviation_draws_nothing_and_gives_the_values_themselves():
    values, generator = torch.randn(3, 2), rng(4)
    before = generator.get_state()
    assert gaussian(values, 0.0, generator) is values
    assert torch.equal(before, generator.get_state())


def test_values_are_left_as_they_were():
    values = torch.ones(3, 2)
    gaussian(values, 1.0, rng())
    assert torch.equal(values, torch.ones(3, 2))


@pytest.mark.parametrize(("shape", "deviation"), [((6, 5), 0.4), ((6, 2, 3, 3), 0.2)])
def test_inputs_get_noise_in_the_unit_of_their_own_deviation(shape, deviation):
    inputs = torch.randn(shape)
    assert torch.equal(perturbed(inputs, 0.4, rng(1)), gaussian(inputs, deviation, rng(1)))


# --- which labels are right


def two_groups(seed=0, clean=150, wrong=50):
    """Low losses, then high ones, that overlap a little."""
    chance = np.random.default_rng(seed)
    low, high = chance.normal(0.3, 0.1, clean), chance.normal(2.0, 0.4, wrong)
    return torch.from_numpy(np.concatenate([low, high]).clip(0))


def test_low_losses_are_clean_and_high_ones_are_not():
    found = clean_probability(two_groups(), seed=0)
    assert found.dtype == torch.float32
    assert found.shape == (200,)
    assert (found[:150] > 0.9).all()
    assert (found[150:] < 0.1).all()


@pytest.mark.parametrize("order", [1, -1])
def test_the_clean_component_is_the_one_with_the_smaller_mean(order):
    """Whichever of the two the mixture calls its first."""
    losses = two_groups().flip(0) if order < 0 else two_groups()
    for seed in range(4):
        found = clean_probability(losses, seed)
        assert found[losses < 0.6].min() > found[losses > 1.0].max()


def test_scale_and_shift_of_the_losses_change_nothing():
    losses = two_groups()
    torch.testing.assert_close(
        clean_probability(7 * losses + 3, 0), clean_probability(losses, 0), atol=1e-4, rtol=0
    )


def test_it_equals_the_mixture_of_the_published_settings():
    losses = two_groups(seed=2)
    scaled = ((losses - losses.min()) / (losses.max() - losses.min())).numpy()[:, None]
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=5)
    mixture.fit(scaled)
    mean, variance = mixture.means_[:, 0], mixture.covariances_[:, 0, 0]
    density = mixture.weights_ * stats.norm.pdf(scaled, mean, np.sqrt(variance))
    expected = (density / density.sum(1, keepdims=True))[:, mean.argmin()]
    np.testing.assert_allclose(clean_probability(losses, 5).numpy(), expected, atol=1e-6)


def test_equal_losses_speak_against_no_label():
    assert clean_probability(torch.full((5,), 2.0), 0).tolist() == [1.0] * 5


def test_two_examples_are_enough_and_nothing_warns():
    found = clean_probability(torch.tensor([0.1, 4.0]), 0)
    assert found[0] > 0.5 > found[1]


def test_the_same_seed_gives_the_same_bits():
    losses = two_groups(seed=3)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(clean_probability(losses, 1), clean_probability(losses, 1))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
