"""AdaMatch: the interpolated logits, the alignment, the relative threshold, and the ramp."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from realmix.algorithms import AdaMatch
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Nets, Views
from tests import tiny, tiny_images

SPOKEN = Nets(tiny.Spoken(), tiny.Spoken())
AFTER = tiny.step(60, 100)  # the ramp


def made(**fields):
    algorithm = AdaMatch(**fields)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


def told(algorithm, x, weak, strong=None, step=AFTER):
    """The losses after one batch of such predictions, the same for both labeled views."""
    batch = tiny.said([x, x], [0] * len(x), [weak, strong or weak])
    return algorithm.loss(SPOKEN, batch, step)


def normalized(net, x):
    """`tiny.normalizing_network` with the statistics of the batch."""
    w, b, scale, shift, v, c = (p.detach().numpy() for p in net.parameters())
    hidden = x @ w.T + b
    hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + net[1].eps) * scale + shift
    return np.tanh(hidden) @ v.T + c


class Reference:
    """The averages and the losses of the paper's code, with loops."""

    def __init__(self, threshold):
        self.threshold, self.labeled, self.recent = threshold, np.full(3, 1 / 3), []

    def losses(self, net, batch, step):
        y = batch.labeled.label.numpy()
        x = np.concatenate([view.numpy() for view in batch.labeled.views])
        weak, strong = (view.numpy() for view in batch.unlabeled.views)
        alone = normalized(net, x)
        z = normalized(net, np.concatenate([x, weak, strong]))
        z, weak, strong = z[: len(x)], z[len(x) : -len(strong)], z[-len(strong) :]
        rng = torch.Generator().manual_seed(step.rng.initial_seed())
        xi = torch.rand(z.shape, generator=rng).numpy()
        for i in range(len(z)):
            for c in range(3):
                z[i, c] = xi[i, c] * alone[i, c] + (1 - xi[i, c]) * z[i, c]

        p, q = tiny.softmax(z[: len(y)]), tiny.softmax(weak)
        d = min(0.999, (1 + step.index) / (10 + step.index))
        self.labeled = d * self.labeled + (1 - d) * p.mean(0)
        self.recent.append(q.mean(0))
        mean = (sum(self.recent) + (128 - len(self.recent)) / 3) / 128
        total = kept = 0
        for row, z_strong in zip(q, strong, strict=True):
            row = row * (1e-6 + self.labeled) / (1e-6 + mean)
            row = row / row.sum()
            if row.max() >= self.threshold * np.mean([r.max() for r in p]):
                total += tiny.cross_entropy(z_strong[None], row.argmax()[None])[0]
                kept += 1
        ce_weak, ce_strong = (
            np.mean(tiny.cross_entropy(each, y)) for each in (z[: len(y)], z[len(y) :])
        )
        mu = 0.5 - math.cos(min(math.pi, 2 * math.pi * step.progress)) / 2
        return (ce_weak + ce_strong) / 2, mu * total / len(q), kept / len(q)


def test_both_terms_equal_the_reference_over_several_steps():
    net, algorithm = tiny.normalizing_network(0), made(threshold=0.95, weight=1.5)
    reference, rates = Reference(0.95), []
    for index in (0, 1, 7, 12, 25, 30, 40):
        batch = tiny.batch(algorithm.views, unlabeled=18, seed=index)
        step = tiny.step(index, 40)
        losses = algorithm.loss(Nets(net, net), batch, step)
        supervised, unlabeled, rate = reference.losses(net, batch, step)
        assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6)
        assert losses.terms["unlabeled"].item() == pytest.approx(1.5 * unlabeled, rel=1e-6)
        assert losses.metrics["mask_rate"].item() == pytest.approx(rate)
        rates.append(rate)
    assert min(rates) > 0
    assert max(rates) < 1


def test_the_worked_threshold():
    x = [[0.95, 0.03, 0.02], [0.85, 0.1, 0.05], [0.9, 0.05, 0.05]]  # .81
    uniform = [[0.34, 0.33, 0.33], [0.33, 0.34, 0.33], [0.33, 0.33, 0.34]]
    algorithm = made()
    losses = told(algorithm, x, [[0.815, 0.1, 0.085], [0.805, 0.1, 0.095], *uniform])
    mean = algorithm.unlabeled_mean.value
    aligned = torch.tensor([0.815, 0.1, 0.085]) * algorithm.labeled_mean.value / mean
    assert (aligned / aligned.sum()).max() > 0.81  # but both pass, as the labels are of class 0
    assert losses.metrics["mask_rate"].item() == pytest.approx(2 / 5)

    algorithm.labeled_mean.value.fill_(1 / 3)
    algorithm.unlabeled_mean.recent.fill_(1 / 3)
    late = tiny.step(10**6, 2 * 10**6)
    losses = told(algorithm, x, [[0.815, 0.1, 0.085], [0.805, 0.1, 0.095], *uniform], step=late)
    assert losses.metrics["mask_rate"].item() == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("progress", "mu"), [(0, 0), (0.125, 0.146447), (0.25, 0.5), (0.5, 1), (0.999, 1)]
)
def test_the_ramp_takes_half_of_the_run(progress, mu):
    x, strong = [[0.9, 0.05, 0.05]], [[0.5, 0.25, 0.25]]
    losses = told(made(), x, [[0.9, 0.05, 0.05]], strong, tiny.step(round(1000 * progress), 1000))
    assert losses.metrics["mask_rate"].item() == 1
    assert losses.terms["unlabeled"].item() == pytest.approx(mu * math.log(2), abs=1e-6)


def test_the_threshold_itself_counts():
    # the labeled and the unlabeled predictions are the same, so nothing is aligned
    same = [[0.5, 0.25, 0.25]]
    algorithm = made(threshold=1.0, decay=0.0)
    algorithm.unlabeled_mean.recent.copy_(torch.tensor(same).expand(128, 3))
    assert told(algorithm, same, same).metrics["mask_rate"].item() == 1


def test_the_threshold_is_relative_to_weak_labeled_views():
    sure, unsure = [[0.98, 0.01, 0.01]], [[0.4, 0.3, 0.3]]
    for weak, strong, kept in ((sure, unsure, 0), (unsure, sure, 1)):
        batch = tiny.said([weak, strong], [0], [[[0.6, 0.2, 0.2]]] * 2)
        losses = made(decay=0.999).loss(SPOKEN, batch, tiny.step(10**6, 2 * 10**6))
        assert losses.metrics["mask_rate"].item() == kept


def test_what_labeled_views_are_predicted_as_pulls_the_unlabeled():
    algorithm = made(threshold=0.0)
    algorithm.labeled_mean.value.copy_(torch.tensor([0.1, 0.8, 0.1]))
    strong = [[0.25, 0.5, 0.25]]
    late = tiny.step(10**6, 2 * 10**6)
    losses = told(algorithm, [[0.1, 0.8, 0.1]], [[0.5, 0.3, 0.2]], strong, late)
    assert losses.terms["unlabeled"].item() == pytest.approx(math.log(2))  # of class 1


def test_the_averages_are_those_with_this_batch():
    algorithm = made()
    told(algorithm, [[0.9, 0.05, 0.05]], [[0.6, 0.3, 0.1]], step=tiny.step(0, 10))
    expected = [0.1 / 3 + 0.9 * p for p in (0.9, 0.05, 0.05)]
    assert algorithm.labeled_mean.value.tolist() == pytest.approx(expected)
    expected = [0.335417, 0.333073, 0.331510]
    assert algorithm.unlabeled_mean.value.tolist() == pytest.approx(expected, abs=1e-6)


def test_the_mean_is_over_all_rows_not_over_the_kept():
    strong = [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]
    weak = [[0.96, 0.03, 0.01], [0.45, 0.30, 0.25]]
    losses = told(made(), [[0.96, 0.03, 0.01]], weak, strong)
    assert losses.metrics["mask_rate"].item() == 0.5
    assert losses.terms["unlabeled"].item() == pytest.approx(0.346574, abs=5e-7)


def test_both_labeled_views_are_learned_from_alike():
    batch = tiny.said([[[0.5, 0.3, 0.2]], [[0.25, 0.5, 0.25]]], [0], [[[0.6, 0.2, 0.2]]] * 2)
    losses = made().loss(SPOKEN, batch, AFTER)
    assert losses.terms["supervised"].item() == pytest.approx(1.5 * math.log(2))


def test_gradients_reach_the_strong_view_only():
    nets, algorithm = tiny.nets(), made(threshold=0.0)
    batch = tiny.batch(algorithm.views, unlabeled=12)
    views = [*batch.labeled.views, *batch.unlabeled.views]
    for view in views:
        view.requires_grad_()
    terms = algorithm.loss(nets, batch, AFTER).terms
    for term, reached in (("supervised", [1, 1, 0, 0]), ("unlabeled", [0, 0, 0, 1])):
        found = torch.autograd.grad(
            terms[term], views, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        assert [int(g.abs().sum() > 0) for g in found] == reached
    assert not any(value.requires_grad for value in algorithm.state_dict().values())


def test_both_passes_of_the_labeled_views_are_trained():
    net, algorithm = tiny.normalizing_network(0), made()
    batch = tiny.batch(algorithm.views, unlabeled=12)
    step = tiny.step(30, 100)
    got = tiny.gradients(algorithm.loss(Nets(net, net), batch, step).terms["supervised"], net)
    x, y = torch.cat(batch.labeled.views), batch.labeled.label.repeat(2)
    xi = torch.rand((12, 3), generator=torch.Generator().manual_seed(step.rng.initial_seed()))
    alone, together = net(x), net(torch.cat([x, *batch.unlabeled.views]))[:12]
    expected = torch.nn.functional.cross_entropy(xi * alone + (1 - xi) * together, y)
    for one, other in zip(got, tiny.gradients(expected, net), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-10)


def test_the_labels_come_from_the_student_not_from_its_average():
    tiny.assert_labeled_by_student(made, lambda: tiny.step(5, 10))


def test_only_the_pass_over_everything_updates_the_running_statistics():
    tiny.assert_remembered(made(), tiny.step(0, 10))


def test_views_and_recipe_are_the_paper_s():
    assert AdaMatch().views == Views(("weak", "strong"), ("weak", "strong"))
    recipe = AdaMatch.recipe
    assert (recipe.batch_size, recipe.unlabeled_ratio) == (64, 3)
    assert (recipe.optimizer, recipe.schedule) == ("sgd", "cosine")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay) == (0.03, 0.001, 0.999)


# --- CTAugment


def learner(normalized=False, **fields):
    nets = tiny_images.nets(normalized)
    algorithm = AdaMatch(augmentation="ct_augment", **fields)
    algorithm.setup(nets, tiny.facts(**tiny_images.IMAGES))
    return nets, algorithm


def test_with_ctaugment_it_asks_for_learned_views_of_both_and_a_probe():
    _, algorithm = learner()
    views = algorithm.views
    assert views.labeled == ("weak", "learned", "probe")
    assert views.unlabeled == ("weak", "learned")
    assert views.rates is algorithm.rates.value
    assert made().views == Views(("weak", "strong"), ("weak", "strong"))


def test_with_ctaugment_the_probe_moves_the_rates_and_trains_nothing():
    nets, algorithm = learner(normalized=True, threshold=0.0)
    nets.ema[2].running_mean.fill_(0.3)
    batch = tiny_images.batch(algorithm.views)
    losses = algorithm.loss(nets, batch, tiny.step(0, 10))
    nets.ema.eval()
    probs = nets.ema(batch.labeled.views[2]).softmax(-1).numpy()
    expected = tiny_images.expected_rates(batch.labeled.drawn, probs, batch.labeled.label.tolist())
    torch.testing.assert_close(algorithm.rates.value, expected)
    # the labels of a rule without CTAugment on the same views
    fresh_nets, plain = tiny_images.nets(True), AdaMatch(threshold=0.0)
    plain.setup(fresh_nets, tiny.facts(**tiny_images.IMAGES))
    labeled = dataclasses.replace(batch.labeled, views=batch.labeled.views[:2])
    again = plain.loss(fresh_nets, type(batch)(labeled, batch.unlabeled), tiny.step(0, 10))
    assert torch.equal(losses.total, again.total)


def test_feature_rows_are_refused_for_ctaugment():
    with pytest.raises(UsageError, match=r"feature rows.*augmentation=rand_augment"):
        AdaMatch(augmentation="ct_augment").check(tiny.facts())
    AdaMatch(augmentation="ct_augment").check(tiny.facts(**tiny_images.IMAGES))
