"""FreeMatch: the averages, the thresholds that follow from them, and the fairness term."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import FreeMatch
from realmix.contract.algorithm import Nets, Views
from tests import tiny

SPOKEN = Nets(tiny.Spoken(), tiny.Spoken())
LATE = tiny.step(10**5, 10**6)  # the decay is the field's
WEAK = [[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]]


def made(**fields):
    algorithm = FreeMatch(**fields)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


def told(algorithm, weak, strong=None, step=LATE):
    """The losses after one batch of such predictions."""
    batch = tiny.said([[[0.5, 0.3, 0.2]]], [0], [weak, strong or weak])
    return algorithm.loss(SPOKEN, batch, step)


class Reference:
    """The averages and the losses of the paper, with loops; the start is forgotten early."""

    def __init__(self, decay):
        self.decay, self.tau, self.p, self.h = decay, 1 / 3, [1 / 3] * 3, [1 / 3] * 3

    def losses(self, net, batch, index):
        z = tiny.logits(net, batch.labeled.views[0].numpy())
        weak, strong = (tiny.logits(net, view.numpy()) for view in batch.unlabeled.views)
        q, n = tiny.softmax(weak), len(weak)
        d = min(self.decay, (1 + index) / (10 + index))
        self.tau = d * self.tau + (1 - d) * sum(row.max() for row in q) / n
        for c in range(3):
            self.p[c] = d * self.p[c] + (1 - d) * sum(q[:, c]) / n
            self.h[c] = d * self.h[c] + (1 - d) * sum(row.argmax() == c for row in q) / n
        thresholds = [self.tau * p / max(self.p) for p in self.p]
        kept = [i for i in range(n) if q[i].max() >= thresholds[q[i].argmax()]]
        ce = tiny.cross_entropy(strong, q.argmax(1))
        supervised = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
        unlabeled = sum(ce[i] for i in kept) / n
        return supervised, unlabeled, self.fairness(tiny.softmax(strong)[kept]), len(kept) / n

    def fairness(self, p):
        a = [self.p[c] / self.h[c] for c in range(3)]
        share = [sum(row.argmax() == c for row in p) / max(len(p), 1) for c in range(3)]
        b = [p[:, c].mean() / share[c] if share[c] else 0 for c in range(3)]
        return sum(a[c] / sum(a) * math.log(b[c] / sum(b)) for c in range(3) if b[c])


@pytest.mark.parametrize("start", [0, 200])
def test_all_terms_equal_the_reference_over_several_steps(start):
    nets = tiny.nets()
    algorithm = made(weight=1.5, fairness_weight=0.2, decay=0.9)
    reference, rates = Reference(0.9), []
    for index in range(start, start + 6):
        batch = tiny.batch(algorithm.views, unlabeled=20, seed=index)
        losses = algorithm.loss(nets, batch, tiny.step(index, 1000))
        supervised, unlabeled, fairness, rate = reference.losses(nets.student, batch, index)
        assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-12)
        assert losses.terms["unlabeled"].item() == pytest.approx(1.5 * unlabeled, rel=1e-6)
        assert losses.terms["fairness"].item() == pytest.approx(0.2 * fairness, rel=1e-4)
        assert losses.metrics["mask_rate"].item() == pytest.approx(rate)
        assert losses.metrics["threshold"].item() == pytest.approx(reference.tau, rel=1e-5)
        rates.append(rate)
    assert 0 < min(rates) < 1


def test_the_worked_averages_and_thresholds():
    algorithm = made(decay=0.9)
    losses = told(algorithm, WEAK)
    assert losses.metrics["threshold"].item() == pytest.approx(0.373333, abs=1e-6)
    mean, shares = algorithm.prediction.value, algorithm.shares.value
    assert mean.tolist() == pytest.approx([0.356667, 0.335, 0.308333], abs=1e-6)
    assert shares.tolist() == pytest.approx([0.366667, 0.333333, 0.3], abs=1e-6)
    thresholds = algorithm.confidence.value * mean / mean.max()
    assert thresholds.tolist() == pytest.approx([0.373333, 0.350654, 0.322741], abs=1e-6)
    assert losses.metrics["mask_rate"].item() == 1


def test_the_worked_fairness():
    # the third strong view is predicted as the second class, so that b is [.5, .5, 0] or nearly
    strong = [[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.3, 0.6, 0.1]]
    losses = told(made(decay=0.9, fairness_weight=1.0), WEAK, strong)
    first, second = (0.6 + 0.3 + 0.3) / 1, (0.3 + 0.6 + 0.6) / 2
    b = first / (first + second)
    expected = 0.323649 * math.log(b) + 0.334386 * math.log(1 - b)
    assert losses.terms["fairness"].item() == pytest.approx(expected, abs=2e-6)


def test_the_averages_are_those_with_this_batch():
    # with those of before, 1/3 each, the second example would pass
    algorithm = made(decay=0.0)
    losses = told(algorithm, [[0.98, 0.01, 0.01], [0.5, 0.3, 0.2]])
    assert losses.metrics["threshold"].item() == pytest.approx(0.74)
    assert losses.metrics["mask_rate"].item() == 0.5


def test_a_class_predicted_less_has_a_lower_threshold():
    algorithm = made(decay=0.9)
    algorithm.prediction.value.copy_(torch.tensor([0.8, 0.15, 0.05]))
    algorithm.confidence.value.fill_(0.9)
    losses = told(algorithm, [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]])
    assert losses.metrics["mask_rate"].item() == pytest.approx(2 / 3)


def test_a_short_run_forgets_the_start():
    algorithm = made()
    for index in range(100):
        losses = told(algorithm, [[0.9, 0.05, 0.05]], step=tiny.step(index, 300))
    assert losses.metrics["threshold"].item() == pytest.approx(0.9, abs=1e-6)
    published = made()
    for _ in range(100):
        losses = told(published, [[0.9, 0.05, 0.05]], step=LATE)
    assert losses.metrics["threshold"].item() == pytest.approx(0.9 - 0.999**100 * (0.9 - 1 / 3))


def test_a_confidence_of_exactly_the_threshold_counts():
    algorithm = made(decay=0.0)
    losses = told(algorithm, [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])  # the mean is each of them
    assert losses.metrics["mask_rate"].item() == 1


def test_the_mean_is_over_all_rows_not_over_the_kept():
    strong = [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]
    losses = told(made(decay=0.0), [[0.96, 0.03, 0.01], [0.60, 0.30, 0.10]], strong)
    assert losses.metrics["mask_rate"].item() == 0.5
    assert losses.terms["unlabeled"].item() == pytest.approx(0.346574, abs=5e-7)


def test_the_averages_are_of_predictions_that_were_not_sharpened():
    losses = told(made(decay=0.0), [[0.60, 0.30, 0.10]])
    assert losses.metrics["threshold"].item() == pytest.approx(0.6)


def test_nothing_kept_is_zero_with_zero_gradient():
    algorithm, nets = made(), tiny.nets(scale=0.1)
    algorithm.confidence.value.fill_(2.0)
    losses = algorithm.loss(nets, tiny.batch(algorithm.views, unlabeled=12), LATE)
    assert losses.metrics["mask_rate"].item() == 0
    for term in ("unlabeled", "fairness"):
        assert losses.terms[term].item() == 0
        assert all(g.abs().sum() == 0 for g in tiny.gradients(losses.terms[term], nets.student))


def test_gradients_reach_the_strong_view_only():
    nets, algorithm = tiny.nets(), made(fairness_weight=1.0)
    batch = tiny.batch(algorithm.views, unlabeled=12)
    weak, strong = batch.unlabeled.views
    weak.requires_grad_()
    strong.requires_grad_()
    terms = algorithm.loss(nets, batch, tiny.step(0, 10)).terms
    for term in ("unlabeled", "fairness"):
        to_weak, to_strong = torch.autograd.grad(
            terms[term], [weak, strong], retain_graph=True, allow_unused=True
        )
        assert to_strong.abs().sum() > 0
        assert to_weak is None or to_weak.abs().sum() == 0
    assert not any(value.requires_grad for value in algorithm.state_dict().values())


def test_the_labels_come_from_the_student_not_from_its_average():
    tiny.assert_labeled_by_student(made, lambda: tiny.step(0, 10))


def test_one_pass_over_everything_updates_the_running_statistics():
    tiny.assert_remembered(made(), tiny.step(0, 10))


def test_views_and_recipe_are_the_paper_s():
    assert FreeMatch().views == Views(labeled=("weak",), unlabeled=("weak", "strong"))
    recipe = FreeMatch.recipe
    assert (recipe.batch_size, recipe.unlabeled_ratio) == (64, 7)
    assert (recipe.optimizer, recipe.schedule) == ("sgd", "cosine")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay) == (0.03, 0.0005, 0.999)
