"""Arazo et al.: soft labels of the last visit, mixing of everything, two regularizers."""

import math

import numpy as np
import pytest
import torch
from scipy.special import betaincinv
from torch import nn

from realmix.algorithms import Arazo
from realmix.contract.algorithm import Batch, Nets, Views
from realmix.functional.losses import entropy, prior_gap
from realmix.models.mlp import MLP
from tests import tiny


def made(nets=None, **fields):
    algorithm = Arazo(**fields)
    algorithm.setup(nets or tiny.nets(), tiny.facts())
    return algorithm


def reference(net, batch, step, soft, alpha=1.0, labeled_weight=1.0, balance=0.8, entropy=0.4):
    """The three terms, for the soft labels given; None leaves the pool out."""
    x, label = batch.labeled.views[0].numpy(), batch.labeled.label.numpy()
    target = np.zeros((len(x), 3))
    for i, k in enumerate(label):
        target[i, k] = labeled_weight
    if soft is not None:
        x = np.concatenate([x, batch.unlabeled.views[0].numpy()])
        target = np.concatenate([target, soft])
    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    uniform = torch.rand(1, generator=rng, dtype=torch.float64).numpy()
    share = float(betaincinv(alpha, alpha, uniform).astype(np.float32)[0])
    partner = torch.randperm(len(x), generator=rng).numpy()
    z = tiny.logits(net, share * x + (1 - share) * x[partner])
    p = tiny.softmax(z)
    mixed = share * np.mean(tiny.cross_entropy(z, target))
    mixed += (1 - share) * np.mean(tiny.cross_entropy(z, target[partner]))
    mean = p.mean(0)
    r_a = sum(1 / 3 * math.log(1 / 3 / mean[c]) for c in range(3))
    r_h = np.mean([-sum(q * math.log(q) for q in row) for row in p])
    return mixed, balance * r_a, entropy * r_h


def values(losses):
    return tuple(losses.terms[name].item() for name in ("mixed", "balance", "entropy"))


def test_the_regularizers_of_the_worked_example():
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]], dtype=torch.float64).log()
    r_a, r_h = prior_gap(logits).item(), entropy(logits).mean().item()
    assert r_a == pytest.approx(1.264747 - math.log(3), abs=1e-6)  # its code keeps log K
    assert Arazo().balance_weight * r_a + Arazo().entropy_weight * r_h == pytest.approx(
        0.499202, abs=1e-6
    )


@pytest.mark.parametrize("fields", [{}, {"alpha": 0.3}, {"labeled_weight": 4.0}])
def test_the_first_visit_takes_what_the_network_says_now(fields):
    nets, algorithm = tiny.nets(), made(**fields)
    batch, step = tiny.batch(algorithm.views, labeled=4, unlabeled=10), tiny.step(50, 100)
    soft = tiny.softmax(tiny.logits(nets.student, batch.unlabeled.views[1].numpy()))
    losses = algorithm.loss(nets, batch, step)
    assert values(losses) == pytest.approx(
        reference(nets.student, batch, step, soft, **fields), rel=1e-6
    )


def test_the_next_visit_takes_what_the_network_said_at_the_last():
    nets, algorithm, other = tiny.nets(), made(), tiny.nets(5)
    batch, step = tiny.batch(algorithm.views, labeled=4, unlabeled=10), tiny.step(50, 100)
    plain = batch.unlabeled.views[1].numpy()
    algorithm.loss(other, batch, tiny.step(40, 100))
    for last, now in ((other, nets), (nets, other)):
        soft = tiny.softmax(tiny.logits(last.student, plain))
        step = tiny.step(50, 100)
        losses = algorithm.loss(now, batch, step)
        assert values(losses) == pytest.approx(reference(now.student, batch, step, soft), rel=1e-6)


def test_soft_labels_belong_to_rows_of_the_pool():
    nets, algorithm = tiny.nets(), made()
    batch = tiny.batch(algorithm.views, labeled=4, unlabeled=6)
    batch.unlabeled.index.copy_(torch.tensor([7, 30, 2, 59, 11, 7]))
    algorithm.loss(nets, batch, tiny.step(50, 100))
    q = tiny.softmax(tiny.logits(nets.student, batch.unlabeled.views[1].numpy()))
    stored = algorithm.soft_labels
    assert stored.value.shape == (60, 3)
    assert stored.visits.nonzero().flatten().tolist() == [2, 7, 11, 30, 59]
    for row, at in ((30, 1), (2, 2), (59, 3), (11, 4)):
        np.testing.assert_allclose(stored.value[row], q[at], rtol=1e-6)
    np.testing.assert_allclose(stored.value[7], (q[0] + q[5]) / 2, rtol=1e-6)  # twice in the batch


@pytest.mark.parametrize("index", [0, 9])
def test_the_warm_up_is_on_labels_alone(index):
    nets, algorithm = tiny.nets(), made(warm_up=0.1)
    batch, step = tiny.batch(algorithm.views, labeled=4, unlabeled=10), tiny.step(index, 100)
    losses = algorithm.loss(nets, batch, step)
    assert values(losses) == pytest.approx(reference(nets.student, batch, step, None), rel=1e-6)
    assert algorithm.soft_labels.visits.sum() == 0


def test_the_pool_joins_when_the_warm_up_is_over():
    nets, algorithm = tiny.nets(), made(warm_up=0.1)
    algorithm.loss(nets, tiny.batch(algorithm.views), tiny.step(10, 100))
    assert algorithm.soft_labels.visits.sum() == 6


def test_targets_carry_no_gradient_and_the_student_alone_is_trained():
    student, average, algorithm = tiny.network(0), tiny.network(1), made()
    batch, step = tiny.batch(algorithm.views, unlabeled=10), tiny.step(50, 100)
    got = tiny.gradients(
        algorithm.loss(Nets(student, average), batch, step).terms["mixed"], student
    )
    x = torch.cat([batch.labeled.views[0], batch.unlabeled.views[0]])
    q = student(batch.unlabeled.views[1]).softmax(-1).detach()
    y = torch.cat([nn.functional.one_hot(batch.labeled.label, 3).double(), q])
    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    share = torch.rand(1, generator=rng, dtype=torch.float64).float().double()  # Beta(1, 1)
    partner = torch.randperm(16, generator=rng)
    logits = student(share * x + (1 - share) * x[partner])
    mixed = share * y + (1 - share) * y[partner]
    expected = -(mixed * logits.log_softmax(-1)).sum(-1).mean()
    for one, other in zip(got, tiny.gradients(expected, student), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)
    algorithm.loss(Nets(student, average), batch, tiny.step(50, 100)).total.backward()
    assert all(p.grad is None for p in average.parameters())


def test_regularizers_spread_the_mean_and_sharpen_each_prediction():
    nets, algorithm = tiny.nets(scale=0.5), made()
    batch = tiny.batch(algorithm.views, unlabeled=20)

    def terms():
        return algorithm.loss(nets, batch, tiny.step(50, 100)).terms

    for name in ("balance", "entropy"):
        before = terms()[name]
        for p, g in zip(
            nets.student.parameters(), tiny.gradients(before, nets.student), strict=True
        ):
            p.data -= 0.05 * g
        assert terms()[name] < before


def test_only_the_mixed_pass_updates_running_statistics():
    net = tiny.normalizing_network(0)
    algorithm = made()
    batch, step = tiny.batch(algorithm.views, unlabeled=10), tiny.step(50, 100)
    algorithm.loss(Nets(net, net), batch, step)
    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    share = torch.rand(1, generator=rng, dtype=torch.float64).float().double()
    x = torch.cat([batch.labeled.views[0], batch.unlabeled.views[0]])
    x = share * x + (1 - share) * x[torch.randperm(16, generator=rng)]
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * net[0](x).mean(0).detach())


def test_soft_labels_are_normalized_by_the_batch_and_made_without_dropout():
    torch.manual_seed(0)
    net = MLP(tiny.FEATURES, 3, (8,), dropout=0.9)
    net.body[1].running_mean.fill_(100.0)  # would drown everything
    nets = Nets(net, net)
    algorithm = made(nets)
    batch = tiny.batch(algorithm.views, unlabeled=10)
    plain = batch.unlabeled.views[1].float()
    single = Batch(
        tiny.examples([batch.labeled.views[0].float()], batch.labeled.label),
        tiny.examples([plain, plain], batch.unlabeled.label),
    )
    algorithm.loss(nets, single, tiny.step(50, 100))
    h = net.body[0](plain)
    h = ((h - h.mean(0)) / (h.var(0, unbiased=False) + 1e-5).sqrt()).relu()
    expected = nn.functional.linear(h, net.head.weight, net.head.bias).softmax(-1)
    torch.testing.assert_close(algorithm.soft_labels.value[:10], expected.detach())


def test_it_asks_for_a_weak_view_to_learn_from_and_a_plain_one_to_label():
    assert Arazo().views == Views(("weak",), ("weak", "plain"))
    assert (Arazo().recipe.batch_size, Arazo().recipe.unlabeled_ratio) == (48, 1)
