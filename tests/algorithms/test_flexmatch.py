"""FlexMatch: what is remembered of each example, the thresholds that follow, and the loss."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import FlexMatch
from realmix.contract.algorithm import Nets, Views
from tests import tiny

SPOKEN = Nets(tiny.Spoken(), tiny.Spoken())
HALF = [0.5, 0.3, 0.2]


def made(pool=10, **fields):
    algorithm = FlexMatch(**fields)
    algorithm.setup(tiny.nets(), tiny.facts(num_unlabeled=pool))
    return algorithm


def told(algorithm, weak, index, strong=None):
    """The losses after one batch of such predictions."""
    batch = tiny.said([[HALF]], [0], [weak, strong or weak], index)
    return algorithm.loss(SPOKEN, batch, tiny.step(0, 10))


def reference(net, batch, selected, threshold, warm_up):
    """Both terms and the mask rate; `selected` changes as the paper has it."""
    z = tiny.logits(net, batch.labeled.views[0].numpy())
    weak, strong = (tiny.logits(net, view.numpy()) for view in batch.unlabeled.views)
    q, ce = tiny.softmax(weak), None
    sigma = [sum(s == c for s in selected) for c in range(3)]
    most = max([*sigma, sum(s == -1 for s in selected)] if warm_up else [*sigma, 1])
    beta = [s / most for s in sigma]
    ce = tiny.cross_entropy(strong, q.argmax(1))
    total = kept = 0
    for i in range(len(q)):
        c = q[i].argmax()
        if q[i, c] >= threshold * beta[c] / (2 - beta[c]):
            total, kept = total + ce[i], kept + 1
    for i, row in enumerate(batch.unlabeled.index.tolist()):
        if q[i].max() >= threshold:
            selected[row] = int(q[i].argmax())
    supervised = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
    return supervised, total / len(q), kept / len(q)


@pytest.mark.parametrize("warm_up", [True, False])
def test_both_terms_equal_the_reference_over_several_steps(warm_up):
    nets, algorithm = tiny.nets(), made(pool=14, threshold=0.7, weight=1.5, warm_up=warm_up)
    selected, rates = [-1] * 14, []
    rng = np.random.default_rng(0)
    for index in range(8):
        batch = tiny.batch(algorithm.views, unlabeled=10, seed=index)
        batch.unlabeled.index.copy_(torch.from_numpy(rng.integers(0, 14, 10)))  # some twice
        losses = algorithm.loss(nets, batch, tiny.step(index, 10))
        expected = reference(nets.student, batch, selected, 0.7, warm_up)
        assert losses.terms["supervised"].item() == pytest.approx(expected[0], rel=1e-12)
        assert losses.terms["unlabeled"].item() == pytest.approx(1.5 * expected[1], rel=1e-6)
        assert losses.metrics["mask_rate"].item() == pytest.approx(expected[2])
        assert algorithm.selected.value.tolist() == selected
        rates.append(expected[2])
    assert rates[0] == 1
    assert min(rates) < 1


def test_everything_passes_while_nothing_is_learned():
    losses = told(made(), [HALF, [0.34, 0.33, 0.33]], [0, 1])
    assert losses.metrics["mask_rate"].item() == 1
    assert losses.metrics["mean_threshold"].item() == 0


def test_the_worked_thresholds_apply_to_the_predicted_class():
    algorithm = made(pool=360)
    known = [0] * 100 + [1] * 50 + [2] * 10
    algorithm.selected.value[:160] = torch.tensor(known)
    weak = [[0.34, 0.33, 0.33], [0.317, 0.366, 0.317], [0.317, 0.317, 0.366]]
    losses = told(algorithm, weak, [200, 201, 202])
    mean = np.mean([0.316667, 0.135714, 0.024359])
    assert losses.metrics["mean_threshold"].item() == pytest.approx(mean, abs=1e-6)
    assert losses.metrics["mask_rate"].item() == 1
    algorithm.warm_up = False  # .95, .316667, .05
    losses = told(algorithm, weak, [200, 201, 202])
    assert losses.metrics["mask_rate"].item() == pytest.approx(2 / 3)


def test_a_confidence_of_exactly_the_threshold_counts_and_is_remembered():
    exactly = torch.tensor([0.5, 0.25, 0.25]).double().log().softmax(-1).max().item()
    algorithm = made(pool=1, threshold=exactly, warm_up=False)
    told(algorithm, [[0.5, 0.25, 0.25]], [0])
    assert algorithm.selected.value.tolist() == [0]
    # now class 0 is all that is learned and its threshold is the whole one
    kept = told(algorithm, [[0.5, 0.25, 0.25]], [0]).terms["unlabeled"].item()
    assert kept == pytest.approx(math.log(2))
    algorithm.threshold = float(np.nextafter(np.float32(exactly), 1))
    assert told(algorithm, [[0.5, 0.25, 0.25]], [0]).terms["unlabeled"].item() == 0


def test_the_fixed_threshold_decides_what_is_remembered():
    algorithm = made(pool=4)
    losses = told(algorithm, [[0.96, 0.03, 0.01], [0.01, 0.94, 0.05]], [2, 3])
    assert losses.metrics["mask_rate"].item() == 1  # both passed
    assert algorithm.selected.value.tolist() == [-1, -1, 0, -1]
    told(algorithm, [[0.01, 0.97, 0.02], [0.1, 0.1, 0.8]], [2, 2])
    assert algorithm.selected.value.tolist() == [-1, -1, 1, -1]


def test_the_mask_takes_the_counts_from_before_the_batch():
    algorithm, weak = made(pool=2, warm_up=False), [[0.96, 0.03, 0.01], [0.6, 0.3, 0.1]]
    assert told(algorithm, weak, [0, 1]).metrics["mask_rate"].item() == 1
    assert told(algorithm, weak, [0, 1]).metrics["mask_rate"].item() == 0.5


def test_the_mean_is_over_all_rows_not_over_the_kept():
    algorithm = made(pool=2, warm_up=False)
    algorithm.selected.value.fill_(0)
    strong = [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]
    losses = told(algorithm, [[0.96, 0.03, 0.01], [0.90, 0.06, 0.04]], [0, 1], strong)
    assert losses.terms["unlabeled"].item() == pytest.approx(0.346574, abs=5e-7)
    assert losses.metrics["mask_rate"].item() == 0.5


def test_nothing_kept_is_zero_with_zero_gradient():
    algorithm = made(pool=3, threshold=1.0, warm_up=False)
    algorithm.selected.value.copy_(torch.arange(3))  # all classes are learned alike
    nets = tiny.nets(scale=0.1)
    batch = tiny.batch(algorithm.views, unlabeled=3)
    loss = algorithm.loss(nets, batch, tiny.step(0, 10)).terms["unlabeled"]
    assert loss.item() == 0
    assert all(g.abs().sum() == 0 for g in tiny.gradients(loss, nets.student))


def test_sharpness_of_a_prediction_is_not_its_confidence():
    algorithm = made(pool=1, warm_up=False)
    told(algorithm, [[0.8, 0.1, 0.1]], [0])  # sharpened at T = .5 it would pass .95
    assert algorithm.selected.value.tolist() == [-1]


def test_the_weak_view_gets_no_gradient():
    tiny.assert_weak_view_is_a_target(made(pool=60), tiny.step(0, 10))


def test_the_labels_come_from_the_student_not_from_its_average():
    tiny.assert_labeled_by_student(lambda: made(pool=60), lambda: tiny.step(0, 10))


def test_one_pass_over_everything_updates_the_running_statistics():
    tiny.assert_remembered(made(pool=60), tiny.step(0, 10))


@pytest.mark.parametrize(("curve", "threshold"), [("linear", 0.475), ("low_limit", 0.475)])
def test_other_curves_start_above_zero(curve, threshold):
    losses = told(made(curve=curve), [HALF], [0])
    assert losses.metrics["mean_threshold"].item() == pytest.approx(threshold)


def test_views_and_recipe_are_the_paper_s():
    assert FlexMatch().views == Views(labeled=("weak",), unlabeled=("weak", "strong"))
    recipe = FlexMatch.recipe
    assert (recipe.batch_size, recipe.unlabeled_ratio) == (64, 7)
    assert (recipe.optimizer, recipe.schedule) == ("sgd", "cosine")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay) == (0.03, 0.0005, 0.999)
