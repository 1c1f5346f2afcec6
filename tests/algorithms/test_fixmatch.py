"""FixMatch: the mean over all rows, the boundary, the stopped gradient."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import FixMatch
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Nets, Views
from tests import tiny, tiny_images
from tests.tiny import Spoken


def said(probs_x, label, weak, strong):
    """A batch on which `Spoken` predicts these distributions."""
    return tiny.said([probs_x], label, [weak, strong])


def test_the_worked_example():
    batch = said(
        [[0.5, 0.25, 0.25]],
        [0],
        [[0.96, 0.03, 0.01], [0.90, 0.06, 0.04]],
        [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]],
    )
    losses = FixMatch().loss(Nets(Spoken(), Spoken()), batch, tiny.step(0, 10))
    assert losses.terms["supervised"].item() == pytest.approx(math.log(2))
    assert losses.terms["unlabeled"].item() == pytest.approx(0.346574, abs=5e-7)
    assert losses.metrics["mask_rate"].item() == 0.5


def test_a_confidence_of_exactly_the_threshold_counts():
    weak = [[0.5, 0.25, 0.25]]  # powers of two: exact
    batch = said([[0.5, 0.25, 0.25]], [0], weak, weak)
    nets = Nets(Spoken(), Spoken())
    exactly = torch.tensor(weak, dtype=torch.float64).log().softmax(-1).max().item()
    kept, left_out = (
        FixMatch(threshold=t).loss(nets, batch, tiny.step(0, 10)).terms["unlabeled"].item()
        for t in (exactly, np.nextafter(exactly, 1))
    )
    assert kept == pytest.approx(math.log(2))
    assert left_out == 0


def test_sharpness_of_a_prediction_is_not_its_confidence():
    weak = [[0.60, *[0.4 / 9] * 9]]  # sharpened at T = .5 it would pass .95
    batch = said(weak, [0], weak, weak)
    losses = FixMatch().loss(Nets(Spoken(), Spoken()), batch, tiny.step(0, 10))
    assert losses.terms["unlabeled"].item() == 0


@pytest.mark.parametrize("index", [0, 9])
@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.95])
def test_both_terms_equal_the_reference(threshold, index):
    nets, algorithm = tiny.nets(), FixMatch(threshold=threshold, weight=1.5)
    batch = tiny.batch(algorithm.views, unlabeled=42)
    losses = algorithm.loss(nets, batch, tiny.step(index, 10))

    z = tiny.logits(nets.student, batch.labeled.views[0].numpy())
    weak, strong = (tiny.logits(nets.student, v.numpy()) for v in batch.unlabeled.views)
    q, total, kept = tiny.softmax(weak), 0.0, 0
    for i, ce in enumerate(tiny.cross_entropy(strong, q.argmax(1))):
        if q[i].max() >= threshold:
            total, kept = total + ce, kept + 1
    assert 0 < kept <= 42
    supervised = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-12)
    assert losses.terms["unlabeled"].item() == pytest.approx(1.5 * total / 42, rel=1e-12)
    assert losses.metrics["mask_rate"].item() == pytest.approx(kept / 42)


def test_the_weak_view_gets_no_gradient():
    tiny.assert_weak_view_is_a_target(FixMatch(threshold=0.0), tiny.step(0, 10))


def test_the_labels_come_from_the_student_not_from_its_average():
    tiny.assert_labeled_by_student(lambda: FixMatch(threshold=0.0), lambda: tiny.step(0, 10))


def test_one_pass_over_everything_updates_the_running_statistics():
    tiny.assert_remembered(FixMatch(threshold=0.0), tiny.step(0, 10))


def test_it_asks_for_a_weak_and_a_strong_view():
    assert FixMatch().views == Views(labeled=("weak",), unlabeled=("weak", "strong"))


def test_its_recipe_is_the_paper_s():
    recipe = FixMatch.recipe
    assert (recipe.batch_size, recipe.unlabeled_ratio) == (64, 7)
    assert (recipe.optimizer, recipe.schedule) == ("sgd", "cosine")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay) == (0.03, 0.0005, 0.999)


# --- distribution alignment and training signal annealing


def made(shares=(0.5, 0.3, 0.2), **fields):
    algorithm = FixMatch(**fields)
    algorithm.setup(tiny.nets(), tiny.facts(class_shares=torch.tensor(shares)))
    return algorithm


def test_alignment_equals_a_reference_with_loops_over_several_steps():
    nets, algorithm = tiny.nets(), made(threshold=0.9, alignment=True)
    recent, prior, rates = [], [0.5, 0.3, 0.2], []
    for index in range(4):
        batch = tiny.batch(algorithm.views, unlabeled=30, seed=index)
        losses = algorithm.loss(nets, batch, tiny.step(index, 10))
        weak, strong = (tiny.logits(nets.student, v.numpy()) for v in batch.unlabeled.views)
        q = tiny.softmax(weak)
        mean = [(sum(r[c] for r in recent) + (128 - len(recent)) / 3) / 128 for c in range(3)]
        total = kept = 0
        for row, z in zip(q, strong, strict=True):
            row = np.array([row[c] * (1e-6 + prior[c]) / (1e-6 + mean[c]) for c in range(3)])
            row = row / row.sum()
            if row.max() >= 0.9:
                total, kept = total + tiny.cross_entropy(z[None], row.argmax()[None])[0], kept + 1
        recent.append(q.mean(0))
        assert losses.terms["unlabeled"].item() == pytest.approx(total / 30, rel=1e-6)
        assert losses.metrics["mask_rate"].item() == pytest.approx(kept / 30)
        rates.append((kept, (q.max(1) >= 0.9).sum()))
    assert any(aligned != plain for aligned, plain in rates)


def test_alignment_decides_what_passes_and_as_what():
    weak, strong = [[0.48, 0.5, 0.02]], [[0.25, 0.5, 0.25]]
    batch = said([[0.5, 0.25, 0.25]], [0], weak, strong)
    nets, step = Nets(Spoken(), Spoken()), tiny.step(0, 10)
    for shares, loss in (((0.98, 0.01, 0.01), 2 * math.log(2)), ((0.4, 0.4, 0.2), 0)):
        algorithm = made(shares, threshold=0.9, alignment=True)
        terms = algorithm.loss(nets, batch, step).terms
        assert terms["unlabeled"].item() == pytest.approx(loss)


def test_alignment_to_the_mean_prediction_changes_nothing():
    nets = tiny.nets()
    batch = tiny.batch(FixMatch().views, unlabeled=30)
    plain, aligned = (
        made((1 / 3,) * 3, threshold=0.6, alignment=flag).loss(nets, batch, tiny.step(0, 10))
        for flag in (False, True)
    )
    assert aligned.total.item() == pytest.approx(plain.total.item(), rel=1e-6)


def test_alignment_carries_no_gradient_to_the_weak_view():
    nets, algorithm = tiny.nets(), made(threshold=0.0, alignment=True)
    batch = tiny.batch(algorithm.views)
    weak, strong = batch.unlabeled.views
    weak.requires_grad_()
    strong.requires_grad_()
    algorithm.loss(nets, batch, tiny.step(0, 10)).total.backward()
    assert strong.grad.abs().sum() > 0
    assert weak.grad is None or weak.grad.abs().sum() == 0


@pytest.mark.parametrize(("schedule", "eta"), [("linear", 0.55), ("exp", 0.173876), ("off", 2)])
def test_annealing_leaves_out_the_labels_that_are_learned(schedule, eta):
    algorithm = FixMatch(annealing=schedule)
    algorithm.setup(tiny.nets(num_classes=10), tiny.facts(num_classes=10))
    confidence = [0.135, 0.54, 0.56, 0.951]
    x = [[p, *[(1 - p) / 9] * 9] for p in confidence]
    batch = said(x, [0] * 4, x[:1], x[:1])
    losses = algorithm.loss(Nets(Spoken(), Spoken()), batch, tiny.step(50, 100))
    kept = [-math.log(p) for p in confidence if p <= eta]
    # the mean is over the kept labels, unlike the mean over the pool
    assert losses.terms["supervised"].item() == pytest.approx(sum(kept) / len(kept))


def test_when_all_labels_are_learned_the_labeled_loss_is_zero():
    nets, algorithm = Nets(Spoken(), Spoken()), made(annealing="linear")
    x = [[0.9, 0.05, 0.05]]
    term = algorithm.loss(nets, said(x, [0], x, x), tiny.step(0, 10)).terms["supervised"]
    assert term.item() == 0
    assert all(g.abs().sum() == 0 for g in tiny.gradients(term, nets.student))


def test_alignment_and_annealing_do_not_touch_each_other_s_term():
    nets, batch = tiny.nets(), tiny.batch(FixMatch().views, 12, 30)
    fields = {"threshold": 0.6, "annealing": "off", "alignment": False}
    step = tiny.step(2, 10)
    plain, aligned, annealed, both = (
        made(**{**fields, **changes}).loss(nets, batch, step).terms
        for changes in (
            {},
            {"alignment": True},
            {"annealing": "linear"},
            {"alignment": True, "annealing": "linear"},
        )
    )
    assert torch.equal(plain["supervised"], aligned["supervised"])
    assert torch.equal(plain["unlabeled"], annealed["unlabeled"])
    assert torch.equal(both["supervised"], annealed["supervised"])
    assert torch.equal(both["unlabeled"], aligned["unlabeled"])
    assert not torch.equal(plain["supervised"], annealed["supervised"])
    assert not torch.equal(plain["unlabeled"], aligned["unlabeled"])


def test_without_alignment_nothing_is_remembered():
    assert not made().state_dict()
    assert made(alignment=True).state_dict()["aligned.recent.recent"].shape == (128, 3)


# --- CTAugment


def learner(normalized=False, **fields):
    nets = tiny_images.nets(normalized)
    algorithm = FixMatch(augmentation="ct_augment", threshold=0.0, **fields)
    algorithm.setup(nets, tiny.facts(**tiny_images.IMAGES))
    return nets, algorithm


def test_with_ctaugment_the_loss_is_of_the_weak_labeled_and_the_learned_view():
    nets, algorithm = learner()
    batch = tiny_images.batch(algorithm.views)
    losses = algorithm.loss(nets, batch, tiny.step(0, 10))
    logits = [
        nets.student(x).detach().numpy() for x in (*batch.labeled.views, *batch.unlabeled.views)
    ]
    x, _, weak, learned = logits
    supervised = np.mean(tiny.cross_entropy(x, batch.labeled.label.numpy()))
    unlabeled = np.mean(tiny.cross_entropy(learned, weak.argmax(1)))
    assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-9)
    assert losses.terms["unlabeled"].item() == pytest.approx(unlabeled, rel=1e-9)


def test_the_probe_updates_the_rates_by_the_averaged_network_as_evaluated():
    nets, algorithm = learner(normalized=True)
    nets.ema[2].running_mean.fill_(0.3)
    batch = tiny_images.batch(algorithm.views)
    algorithm.loss(nets, batch, tiny.step(0, 10))
    nets.ema.eval()
    probs = nets.ema(batch.labeled.views[1]).softmax(-1).numpy()
    expected = tiny_images.expected_rates(batch.labeled.drawn, probs, batch.labeled.label.tolist())
    torch.testing.assert_close(algorithm.rates.value, expected)


def test_with_ctaugment_it_asks_for_a_probe_and_a_learned_view():
    _, algorithm = learner()
    views = algorithm.views
    assert (views.labeled, views.unlabeled) == (("weak", "probe"), ("weak", "learned"))
    assert views.rates is algorithm.rates.value


def test_one_pass_without_the_probe_updates_the_running_statistics():
    nets, algorithm = learner(normalized=True)
    batch = tiny_images.batch(algorithm.views)
    rows = torch.cat([batch.labeled.views[0], *batch.unlabeled.views])
    hidden = nets.student[1](rows.flatten(1)).detach()
    algorithm.loss(nets, batch, tiny.step(0, 10))
    assert nets.student[2].num_batches_tracked == 1
    assert nets.ema[2].num_batches_tracked == 0
    torch.testing.assert_close(nets.student[2].running_mean, 0.1 * hidden.mean(0))


def test_feature_rows_are_refused_for_ctaugment():
    with pytest.raises(UsageError, match=r"feature rows.*augmentation=rand_augment"):
        FixMatch(augmentation="ct_augment").check(tiny.facts())
    FixMatch(augmentation="ct_augment").check(tiny.facts(**tiny_images.IMAGES))
    FixMatch().check(tiny.facts())
