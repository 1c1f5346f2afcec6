"""Fix-A-Step: the pool's gradient where it agrees, and labels mixed with pool rows."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from realmix.algorithms import ALGORITHMS
from realmix.augment.presets import PRESETS
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Nets, Recipe
from realmix.data.pools import Data, Pool
from realmix.functional.mixing import beta, larger_share, partners
from realmix.models.mlp import MLP
from realmix.runs.choose import settings
from realmix.runs.methods import METHODS
from realmix.training.fix_a_step import agreeing, mixed_labels
from realmix.training.optimizer import Optimizer
from realmix.training.trainer import Trainer
from tests import tiny


def parameters(*gradients):
    made = [nn.Parameter(torch.zeros(len(g or [0]))) for g in gradients]
    for parameter, gradient in zip(made, gradients, strict=True):
        parameter.grad = None if gradient is None else torch.tensor(gradient)
    return made


@pytest.mark.parametrize(
    ("labeled", "whole", "expected"),
    [  # the pool's own gradient is whole - labeled; its product with the labeled one ...
        (([1.0, 0.0], [2.0]), ([1.0, 3.0], [2.5]), ([1.0, 3.0], [2.5])),  # 1: kept
        (([1.0, 0.0], [2.0]), ([0.0, 5.0], [2.0]), ([1.0, 0.0], [2.0])),  # -1: left out
        (([1.0, 0.0], [2.0]), ([-1.0, 0.0], [3.5]), ([-1.0, 0.0], [3.5])),  # -2 + 3: one product
        (([1.0, 0.0], [2.0]), ([1.0, 9.0], [2.0]), ([1.0, 9.0], [2.0])),  # 0: kept
    ],
)
def test_the_pool_s_gradient_counts_where_it_does_not_disagree(labeled, whole, expected):
    given = parameters(*whole)
    agreeing(given, [torch.tensor(g) for g in labeled])
    assert [p.grad.tolist() for p in given] == [list(g) for g in expected]


def test_what_nothing_depends_on_keeps_no_gradient():
    given = parameters([1.0], None)
    agreeing(given, [torch.tensor([2.0]), torch.tensor([0.0])])
    assert given[0].grad.tolist() == [2.0]
    assert given[1].grad is None


SGD = Recipe(optimizer="sgd", learning_rate=0.1, weight_decay=0.0)


def stepped(recipe, pool_sign, with_labels=True):
    """w after a step on (w - 1)^2 + pool_sign * (w - 1)^2 / 2 from 0, gradients -2 and -sign."""
    net = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(net.weight)
    labeled = (net.weight - 1).square().sum()
    loss = labeled + pool_sign * (net.weight - 1).square().sum() / 2
    Optimizer([net], recipe).minimize(loss, labeled if with_labels else None)
    return net.weight.item()


def test_a_step_by_hand():
    guided = replace(SGD, pool_gradient="agreeing")
    rate = 0.1 * 1.9  # of Nesterov's first step
    assert stepped(SGD, 1) == pytest.approx(3 * rate)
    assert stepped(SGD, -1) == pytest.approx(1 * rate)
    assert stepped(guided, 1) == pytest.approx(3 * rate)
    assert stepped(guided, -1) == pytest.approx(2 * rate)
    assert stepped(guided, -1, with_labels=False) == pytest.approx(1 * rate)


def data():
    rows = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    label = torch.arange(20) % 3
    views = PRESETS["features"]((4,))
    return Data(Pool.of(rows[:20], label), Pool.of(rows[20:]), ("a", "b", "c"), views)


def trained(name, fields=None, **changes):
    torch.manual_seed(0)
    cls = ALGORITHMS[name]
    recipe = replace(cls.recipe, batch_size=8, unlabeled_ratio=1, **changes)
    return Trainer(MLP(4, 3, (8,)), cls(**(fields or {})), data(), steps=8, recipe=recipe).run()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_takes_mixed_labels_and_its_labels_as_guide(name):
    fields = {"augmentation": "rand_augment"} if name == "remixmatch" else {}
    state = trained(name, fields, pool_gradient="agreeing", mixed_labels=True).state()
    assert all(value.isfinite().all() for value in state.values())


def test_what_is_no_single_loss_refuses_a_guide():
    for name in ("meta_pseudo_labels", "self_training"):
        with pytest.raises(UsageError, match=r"pool_gradient=agreeing: .* is no single loss"):
            settings(METHODS[name], {"pool_gradient": "agreeing"})
    assert settings(METHODS["vat"], {"pool_gradient": "agreeing"})[1].pool_gradient == "agreeing"


def test_a_pool_that_says_nothing_changes_nothing():
    one, other = (
        trained("mixmatch", {"weight": 0.0}, pool_gradient=way).state()
        for way in ("always", "agreeing")
    )
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-5, atol=1e-6)


def test_labels_are_mixed_with_the_whole_batch_and_the_pool_is_left():
    net = tiny.network(0)
    batch, at = tiny.batch(ALGORITHMS["fixmatch"]().views, 5, 7), tiny.step(3, 10)
    made = mixed_labels(Nets(net, net), batch, at, 3)
    x, u = batch.labeled.views[0], batch.unlabeled.views[0]
    q = torch.from_numpy(tiny.sharpened_mean([tiny.softmax(tiny.logits(net, u.numpy()))], 0.5))
    y = torch.eye(3, dtype=torch.float64)[batch.labeled.label]
    rng = tiny.step(3, 10).rng
    share, partner = larger_share(beta(0.75, 12, rng)).double(), partners(12, rng)
    rows, targets = torch.cat([x, u]), torch.cat([y, q])
    for i in range(5):
        mixed = share[i] * rows[i] + (1 - share[i]) * rows[partner[i]]
        target = share[i] * targets[i] + (1 - share[i]) * targets[partner[i]]
        torch.testing.assert_close(made.labeled.views[0][i], mixed)
        torch.testing.assert_close(made.labeled.label[i].double(), target, atol=1e-6, rtol=0)
    assert made.unlabeled is batch.unlabeled


def test_a_batch_without_a_pool_is_left_as_it_is():
    net = tiny.network(0)
    batch = tiny.batch(ALGORITHMS["supervised"]().views, 5)
    assert mixed_labels(Nets(net, net), batch, tiny.step(0, 10), 3) is batch


def test_mixed_labels_reach_the_loss():
    one, other = (trained("fixmatch", mixed_labels=mixed).state() for mixed in (False, True))
    assert any(not torch.equal(one[name], value) for name, value in other.items())
