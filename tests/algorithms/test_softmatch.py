"""SoftMatch: the averages, the weights that follow from them, and what is not aligned."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import SoftMatch
from realmix.contract.algorithm import Nets, Views
from tests import tiny

SPOKEN = Nets(tiny.Spoken(), tiny.Spoken())
LATE = tiny.step(10**12, 10**13)  # the decay is the field's


def made(**fields):
    algorithm = SoftMatch(**fields)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


def told(algorithm, weak, strong=None, step=LATE):
    """The losses after one batch of such predictions."""
    batch = tiny.said([[[0.5, 0.3, 0.2]]], [0], [weak, strong or weak])
    return algorithm.loss(SPOKEN, batch, step)


class Reference:
    """The averages and the losses of the paper, with loops; the start is forgotten early."""

    def __init__(self, decay, widths, alignment):
        self.decay, self.widths, self.alignment = decay, widths, alignment
        self.mu, self.var, self.p = 1 / 3, 1.0, [1 / 3] * 3

    def losses(self, net, batch, index):
        z = tiny.logits(net, batch.labeled.views[0].numpy())
        weak, strong = (tiny.logits(net, view.numpy()) for view in batch.unlabeled.views)
        q, n = tiny.softmax(weak), len(weak)
        d = min(self.decay, (1 + index) / (10 + index))
        for c in range(3):
            self.p[c] = d * self.p[c] + (1 - d) * sum(q[:, c]) / n
        confidence = []
        for row in q:
            scaled = [row[c] * (1 / 3 + 1e-6) / (self.p[c] + 1e-6) for c in range(3)]
            confidence.append(max(scaled) / sum(scaled) if self.alignment else max(row))
        mean = sum(confidence) / n
        var = sum((c - mean) ** 2 for c in confidence) / (n - 1)
        self.mu, self.var = d * self.mu + (1 - d) * mean, d * self.var + (1 - d) * var
        share = [
            math.exp(-(min(c - self.mu, 0) ** 2) / (2 * self.var / self.widths**2))
            for c in confidence
        ]
        ce = tiny.cross_entropy(strong, q.argmax(1))
        supervised = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
        return supervised, sum(s * l for s, l in zip(share, ce, strict=True)) / n, np.mean(share)


@pytest.mark.parametrize("start", [0, 200])
@pytest.mark.parametrize("alignment", [True, False])
def test_both_terms_equal_the_reference_over_several_steps(alignment, start):
    nets = tiny.nets()
    algorithm = made(weight=1.5, widths=1.7, decay=0.9, alignment=alignment)
    reference = Reference(0.9, 1.7, alignment)
    for index in range(start, start + 6):
        batch = tiny.batch(algorithm.views, unlabeled=20, seed=index)
        losses = algorithm.loss(nets, batch, tiny.step(index, 1000))
        supervised, unlabeled, share = reference.losses(nets.student, batch, index)
        assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-12)
        assert losses.terms["unlabeled"].item() == pytest.approx(1.5 * unlabeled, rel=1e-4)
        assert losses.metrics["mean_share"].item() == pytest.approx(share, rel=1e-4)
        assert losses.metrics["confidence"].item() == pytest.approx(reference.mu, rel=1e-5)
        assert algorithm.variance.value.item() == pytest.approx(reference.var, rel=1e-4)
    assert share < 1


def test_the_worked_weights():
    algorithm = made(decay=1 - 1e-9, alignment=False)
    algorithm.confidence.value.fill_(0.8)
    algorithm.variance.value.fill_(0.01)
    for confidence, weight in ((0.9, 1), (0.8, 1), (0.7, 0.135335), (0.5, 1.52299797e-8)):
        weak = [[confidence, *[(1 - confidence) / 2] * 2]]
        losses = told(algorithm, weak)
        expected = weight * -math.log(confidence)
        assert losses.terms["unlabeled"].item() == pytest.approx(expected, rel=1e-4)


def test_the_label_is_that_of_the_prediction_before_its_alignment():
    algorithm = made(decay=1 - 1e-9)
    algorithm.prediction.value.copy_(torch.tensor([0.8, 0.1, 0.1]))  # aligned: the second class
    algorithm.confidence.value.fill_(0.0)  # every weight is 1
    losses = told(algorithm, [[0.5, 0.3, 0.2]], [[0.25, 0.5, 0.25]])
    assert losses.terms["unlabeled"].item() == pytest.approx(-math.log(0.25))


def test_the_weight_is_that_of_the_aligned_prediction():
    algorithm = made(decay=1 - 1e-9)
    algorithm.prediction.value.copy_(torch.tensor([0.8, 0.1, 0.1]))
    algorithm.confidence.value.fill_(0.9)
    algorithm.variance.value.fill_(0.04)
    losses = told(algorithm, [[0.8, 0.1, 0.1]])  # aligned it is uniform
    expected = math.exp(-((1 / 3 - 0.9) ** 2) / (2 * 0.04 / 4))
    assert losses.metrics["mean_share"].item() == pytest.approx(expected, rel=1e-3)
    algorithm.alignment = False
    losses = told(algorithm, [[0.8, 0.1, 0.1]])
    expected = math.exp(-((0.8 - 0.9) ** 2) / (2 * 0.04 / 4))
    assert losses.metrics["mean_share"].item() == pytest.approx(expected, rel=1e-4)


def test_the_averages_are_those_with_this_batch_and_the_variance_is_unbiased():
    algorithm = made(decay=0.0, alignment=False)
    told(algorithm, [[0.9, 0.05, 0.05], [0.5, 0.3, 0.2]])
    assert algorithm.confidence.value.item() == pytest.approx(0.7)
    assert algorithm.variance.value.item() == pytest.approx(0.08)


def test_a_batch_of_one_example_works():
    losses = told(made(decay=0.0), [[0.9, 0.05, 0.05]])
    assert losses.terms["unlabeled"].item() == pytest.approx(-math.log(0.9), rel=1e-5)


def test_a_short_run_forgets_the_start():
    weak, algorithm, published = [[0.9, 0.05, 0.05], [0.7, 0.2, 0.1]], made(), made()
    for index in range(100):
        told(algorithm, weak, step=tiny.step(index, 300))
        told(published, weak)
    assert algorithm.variance.value.item() < 0.03
    assert published.variance.value.item() > 0.9  # by which every example weighs about 1


def test_the_mean_is_over_all_rows_not_by_the_sum_of_the_weights():
    algorithm = made(decay=1 - 1e-9, alignment=False)
    algorithm.confidence.value.fill_(0.95)
    algorithm.variance.value.fill_(1e-6)
    strong = [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]
    losses = told(algorithm, [[0.96, 0.03, 0.01], [0.60, 0.30, 0.10]], strong)
    assert losses.metrics["mean_share"].item() == pytest.approx(0.5)
    assert losses.terms["unlabeled"].item() == pytest.approx(0.346574, abs=5e-7)


def test_gradients_reach_the_strong_view_only():
    algorithm = made()
    tiny.assert_weak_view_is_a_target(algorithm, tiny.step(0, 10))
    assert not any(value.requires_grad for value in algorithm.state_dict().values())


def test_the_labels_come_from_the_student_not_from_its_average():
    tiny.assert_labeled_by_student(made, lambda: tiny.step(0, 10))


def test_one_pass_over_everything_updates_the_running_statistics():
    tiny.assert_remembered(made(), tiny.step(0, 10))


def test_views_and_recipe_are_the_paper_s():
    assert SoftMatch().views == Views(labeled=("weak",), unlabeled=("weak", "strong"))
    recipe = SoftMatch.recipe
    assert (recipe.batch_size, recipe.unlabeled_ratio) == (64, 7)
    assert (recipe.optimizer, recipe.schedule) == ("sgd", "cosine")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay) == (0.03, 0.0005, 0.999)
