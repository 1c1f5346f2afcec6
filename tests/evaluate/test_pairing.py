"""Two calibrated models that answer together."""

import numpy as np
import pytest
import torch
from torch import nn

from realmix import models
from realmix.evaluate.gate import decide
from realmix.evaluate.pairing import CHOSEN, FAVORED, Pairing, mixing_weight, temperature, tempered
from realmix.functional.rows.temperature import SPREAD
from realmix.models.composed import Blend


def test_a_favored_candidate_has_most_of_the_weight_unless_labels_speak_against_it() -> None:
    """Without labels the mean of Beta(8, 1); with one, by its E w and E w^2."""
    good, bad = np.array([[0.9, 0.1]] * 60), np.array([[0.1, 0.9]] * 60)
    label = np.zeros(60, np.int64)
    assert Pairing.of(good[:0], bad[:0], label[:0], FAVORED).weight == pytest.approx(
        8 / 9, abs=5e-3
    )
    b, c = 0.8, 0.2
    mean, square = 8 / 9, 8 * 9 / (9 * 10)
    expected = (b * mean + (c - b) * square) / (b + (c - b) * mean)
    one = np.array([[b, 1 - b]]), np.array([[c, 1 - c]])
    found = mixing_weight(*one, np.array([0]), FAVORED)
    assert found == pytest.approx(expected, abs=5e-3)
    assert Pairing.of(good, bad, label, FAVORED).weight < 0.3


def test_a_temperature_by_hand():
    assert tempered(np.array([[0.8, 0.2]]), 2.0)[0] == pytest.approx([2 / 3, 1 / 3])
    assert tempered(np.array([[0.8, 0.2]]), 1.0)[0] == pytest.approx([0.8, 0.2])
    assert tempered(np.array([[0.8, 0.2]]), 0.5)[0] == pytest.approx([16 / 17, 1 / 17])
    assert np.isfinite(tempered(np.array([[1.0, 0.0]]), 5.0)).all()


def test_many_labels_find_the_temperature_that_was_used():
    rng = np.random.default_rng(0)
    honest = rng.dirichlet([1, 1, 1], 20_000)
    label = (rng.random((20_000, 1)) < honest.cumsum(1)).argmax(1)
    assert temperature(tempered(honest, 0.5), label) == pytest.approx(2, rel=0.03)


def test_few_labels_move_it_little_and_none_not_at_all():
    probs = np.array([[0.99, 0.01]])
    assert temperature(probs[:0], np.zeros(0, int)) == 1
    assert 1 < temperature(probs, np.array([1])) < np.exp(3 * SPREAD)


def test_it_is_the_minimum_of_its_cost():
    rng = np.random.default_rng(1)
    probs, label = rng.dirichlet([1, 1, 1], 30), rng.integers(3, size=30)

    def cost(log_temperature):
        given = tempered(probs, np.exp(log_temperature))[np.arange(30), label]
        return -np.log(given).sum() + (log_temperature / SPREAD) ** 2 / 2

    grid = np.linspace(-2, 2, 4001)
    best = grid[np.argmin([cost(value) for value in grid])]
    assert np.log(temperature(probs, label)) == pytest.approx(best, abs=2e-3)


def test_the_weight_by_hand():
    """One label: the likelihood (1 - w) b + w c under Beta(2, 2), whose E w (1 - w) is 1 / 5."""
    b, c = 0.2, 0.8
    baseline, candidate = np.array([[b, 1 - b]]), np.array([[c, 1 - c]])
    # integrals of 6 w (1 - w) ((1 - w) b + w c) w^k over [0, 1]
    total = (b + c) / 2
    expected = (0.2 * b + 0.3 * c) / total
    assert mixing_weight(baseline, candidate, np.array([0])) == pytest.approx(expected, abs=1e-3)


def test_the_weight_has_its_limits():
    label = np.zeros(2000, int)
    good, bad = np.tile([0.9, 0.1], (2000, 1)), np.tile([0.2, 0.8], (2000, 1))
    assert mixing_weight(good, bad, label) < 0.01
    assert mixing_weight(bad, good, label) > 0.99
    assert mixing_weight(good, good, label) == pytest.approx(0.5)
    assert mixing_weight(good[:0], bad[:0], label[:0]) == pytest.approx(0.5)
    none = mixing_weight(good[:0], bad[:0], label[:0], CHOSEN)
    assert none == pytest.approx(1 / 3, abs=1e-3)
    assert mixing_weight(bad, good, label, CHOSEN) > 0.98


def test_models_that_err_on_different_rows_are_both_wanted():
    label = np.zeros(200, int)
    first = np.tile([0.9, 0.1], (200, 1))
    first[:40] = [0.1, 0.9]
    assert mixing_weight(first, first[::-1], label) == pytest.approx(0.5)


def test_by_class_a_rare_class_counts_like_a_frequent_one():
    """Each model knows one class; 30 rows are of the baseline's, 2 of the candidate's."""
    label = np.repeat([0, 1], [30, 2])
    baseline, candidate = np.tile([0.9, 0.2], (32, 1)), np.tile([0.2, 0.9], (32, 1))
    assert mixing_weight(baseline, candidate, label) < 0.2
    assert mixing_weight(baseline, candidate, label, by_class=True) == pytest.approx(0.5)
    alike = np.repeat([0, 1], 4)
    plain, by_class = (
        mixing_weight(baseline[:8], candidate[:8], alike, by_class=b) for b in (0, 1)
    )
    assert plain == pytest.approx(by_class)
    nothing = mixing_weight(baseline[:0], candidate[:0], label[:0], CHOSEN, by_class=True)
    assert nothing == pytest.approx(1 / 3, abs=1e-3)


def test_the_judge_says_what_the_pair_is_fitted_to():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], [60, 6])
    alone = np.where(label[:, None] == 0, [0.95, 0.05], [0.7, 0.3])  # never finds class 1
    finds = np.where(label[:, None] == 0, [0.6, 0.4], [0.2, 0.8]) + rng.uniform(0, 0.01, (66, 1))
    finds /= finds.sum(1, keepdims=True)

    def weight(judge):
        found = decide(label, alone, finds, algorithm="x", rule="", judge=judge)
        return found.pairing.weight

    assert weight("balanced") == weight("macro_f1") > weight("accuracy") == weight("log_loss")


def test_the_two_are_weighed():
    pairing = Pairing(0.25, 1.0, 2.0)
    got = pairing(np.array([[0.6, 0.4]]), np.array([[0.2, 0.8]]))
    assert got[0] == pytest.approx([0.75 * 0.6 + 0.25 / 3, 0.75 * 0.4 + 0.25 * 2 / 3])
    assert got.sum() == pytest.approx(1)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_network_of_the_pair_gives_the_same_probabilities(weight):
    first, second = nn.Linear(4, 3), nn.Linear(4, 3)
    rows = torch.randn(7, 4)
    probs = [network(rows).softmax(-1).detach().numpy() for network in (first, second)]
    expected = Pairing(weight, 0.7, 1.6)(*probs)
    blend = Blend(first, second, weight, (0.7, 1.6))
    assert blend(rows).softmax(-1).detach().numpy() == pytest.approx(expected, abs=1e-6)
    assert blend(rows).exp().sum(1).detach().numpy() == pytest.approx(1)  # its logits are log p


def test_a_pair_is_built_by_its_name_and_gives_back_its_second():
    name = models.blend_name("mlp", "pair:mlp")
    network = models.build(name, (4,), 3, seed=0)
    again, second = models.last_part(name, network)
    assert again == "pair:mlp"
    assert second is network.second
    assert models.last_part("mlp", second) == ("mlp", second)
    network.load_state_dict(Blend(network.first, network.second, 0.2, (1.5, 0.5)).state_dict())
    assert network.weight == pytest.approx(0.2)
