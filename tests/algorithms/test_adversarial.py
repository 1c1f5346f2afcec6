"""Adversarial training: which step, of what length, who is trained, and BatchNorm."""

import numpy as np
import pytest
import torch
from torch import nn

from realmix.algorithms import Adversarial
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Nets, Views
from tests import tiny


def made(**fields):
    algorithm = Adversarial(**fields)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


def loss_of(net, x, label):
    """One example's, by hand."""
    return tiny.cross_entropy(tiny.logits(net, x[None]), np.array([label]))[0]


def moved(net, x, label, radius, norm):
    """By finite differences, one value at a time."""
    out = x.copy()
    for i in range(len(x)):
        gradient = np.zeros(x.shape[1])
        for j in range(x.shape[1]):
            nudge = np.zeros(x.shape[1])
            nudge[j] = 1e-5
            up, down = (loss_of(net, x[i] + s * nudge, label[i]) for s in (1, -1))
            gradient[j] = (up - down) / 2e-5
        if norm == "inf":
            out[i] += radius * np.sign(gradient)
        else:
            out[i] += radius * gradient / np.sqrt((gradient**2).sum())
    return out


@pytest.mark.parametrize("norm", ["inf", "l2"])
@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_both_terms_equal_the_reference(norm, weight):
    nets, algorithm = tiny.nets(scale=0.5), made(norm=norm, epsilon=0.3, weight=weight)
    batch = tiny.batch(algorithm.views)
    losses = algorithm.loss(nets, batch, tiny.step(3, 10))
    x, label = batch.labeled.views[0].numpy(), batch.labeled.label.numpy()
    clean = np.mean(tiny.cross_entropy(tiny.logits(nets.student, x), label))
    worst = moved(nets.student, x, label, 0.3, norm)
    attacked = np.mean(tiny.cross_entropy(tiny.logits(nets.student, worst), label))
    terms = losses.terms
    assert terms["supervised"].item() == pytest.approx((1 - weight) * clean, rel=1e-12)
    assert terms["adversarial"].item() == pytest.approx(weight * attacked, rel=1e-6)
    assert losses.metrics["worse"].item() == pytest.approx(attacked - clean, rel=1e-6)


@pytest.mark.parametrize(
    ("norm", "clean", "attacked"), [("inf", 0.693147, 0.854355), ("l2", 0.693147, 0.811188)]
)
def test_the_worked_logistic_model(norm, clean, attacked):
    # logits (0, w x): the loss of class 1 is that of the logistic model
    net = nn.Linear(2, 2, bias=False).double()
    net.weight.data = torch.tensor([[0.0, 0.0], [1.0, -2.0]], dtype=torch.float64)
    x = torch.tensor([[0.5, 0.25]], dtype=torch.float64)
    batch = tiny.Batch(tiny.examples([x], torch.tensor([1])), tiny.examples([], torch.zeros(0)))
    losses = made(norm=norm, epsilon=0.1).loss(Nets(net, net), batch, tiny.step(0, 10))
    assert losses.terms["supervised"].item() == pytest.approx(0.5 * clean, abs=5e-7)
    assert losses.terms["adversarial"].item() == pytest.approx(0.5 * attacked, abs=5e-7)


@pytest.mark.parametrize("norm", ["inf", "l2"])
def test_the_step_carries_no_gradient(norm):
    nets, algorithm = tiny.nets(scale=0.5), made(norm=norm, epsilon=0.3)
    batch = tiny.batch(algorithm.views)
    loss = algorithm.loss(nets, batch, tiny.step(3, 10)).terms["adversarial"]
    x, label = batch.labeled.views[0], batch.labeled.label
    fixed = torch.from_numpy(moved(nets.student, x.numpy(), label.numpy(), 0.3, norm))
    expected = 0.5 * nn.functional.cross_entropy(nets.student(fixed), label)
    for got, want in zip(
        tiny.gradients(loss, nets.student), tiny.gradients(expected, nets.student), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("norm", ["inf", "l2"])
def test_a_small_step_never_lowers_the_loss(norm):
    nets, algorithm = tiny.nets(), made(norm=norm, epsilon=1e-4)
    for seed in range(10):
        batch = tiny.batch(algorithm.views, seed=seed)
        assert algorithm.loss(nets, batch, tiny.step(3, 10)).metrics["worse"].item() > 0


def test_the_length_is_the_field_s_or_suits_the_data():
    assert made(epsilon=0.25).radius == 0.25
    sizes = {}
    for norm in ("inf", "l2"):
        algorithm = Adversarial(norm=norm)
        algorithm.setup(tiny.nets(), tiny.facts(shape=(3, 32, 32)))
        sizes[norm] = algorithm.radius
    assert sizes == pytest.approx({"inf": 6 / 3072**0.5, "l2": 6})


def test_only_the_clean_pass_updates_running_statistics():
    net, algorithm = tiny.normalizing_network(0), made()
    batch = tiny.batch(algorithm.views)
    hidden = net[0](batch.labeled.views[0]).detach()
    algorithm.loss(Nets(net, net), batch, tiny.step(3, 10))
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))


def test_it_asks_for_no_unlabeled_view():
    assert made().views == Views(labeled=("weak",), unlabeled=())


def test_columns_of_codes_are_refused_unless_they_are_quantities():
    facts = tiny.facts(code_columns=("color", "shape"))
    with pytest.raises(UsageError, match=r"adversarial .* codes .*'color', 'shape'.*One-hot"):
        made().check(facts)
    made(code_columns=True).check(facts)
    made().check(tiny.facts())
