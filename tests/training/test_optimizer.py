"""The optimizer: what decays, a step by hand, exact continuation, and optimizers apart."""

import copy
import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from realmix.augment.presets import PRESETS
from realmix.contract.algorithm import Algorithm, Losses, Recipe, Views
from realmix.data.pools import Data, Pool
from realmix.models.mlp import MLP
from realmix.models.tuned.network import Tuned
from realmix.training.optimizer import Optimizer
from realmix.training.trainer import Trainer

ADAM = Recipe(optimizer="adam", learning_rate=0.002, weight_decay=0.02)
SGD = Recipe(optimizer="sgd", learning_rate=0.03, weight_decay=0.0005, schedule="cosine")


def network(seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    return net


def nothing(net):
    return sum((0 * p).sum() for p in net.parameters())


def some_loss(net, step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    return net(x).square().mean() + net(x).sum() / 7


def named(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


@pytest.mark.parametrize(("recipe", "factor"), [(ADAM, 0.99996), (SGD, 1 - 0.03 * 1.9 * 0.0005)])
def test_without_gradient_kernels_shrink_and_nothing_else_does(recipe, factor):
    net = network()
    before = named(net)
    Optimizer([net], recipe).minimize(nothing(net))
    for name, value in named(net).items():
        if name in ("0.weight", "2.weight"):
            torch.testing.assert_close(value, before[name] * factor, rtol=1e-12, atol=0)
        else:
            assert torch.equal(value, before[name]), name


def test_sixteen_thousand_steps_halve_a_kernel():
    assert pytest.approx(0.51925, abs=5e-6) == (1 - 0.02 * 0.002) ** 16384
    net = nn.Linear(1, 1, bias=False).double()
    nn.init.ones_(net.weight)
    optimizer = Optimizer([net], ADAM)
    for _ in range(100):
        optimizer.minimize(nothing(net))
    assert net.weight.item() == pytest.approx(0.99996**100, rel=1e-12)


def test_two_steps_of_nesterov_momentum_by_hand():
    net = network()
    optimizer = Optimizer([net], SGD)
    weights = {name: value.numpy() for name, value in named(net).items()}
    velocity = {name: np.zeros_like(value) for name, value in weights.items()}
    for step in range(2):
        rate = 0.03 * np.cos(7 * np.pi / 16 * step / 4)
        loss = some_loss(net, step)
        gradients = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
        for name, gradient in zip(weights, gradients, strict=True):
            g = gradient.numpy() + (0.0005 * weights[name] if weights[name].ndim == 2 else 0)
            velocity[name] = 0.9 * velocity[name] + g
            weights[name] = weights[name] - rate * (g + 0.9 * velocity[name])
        optimizer.anneal(step / 4)
        optimizer.minimize(loss)
    for name, value in named(net).items():
        np.testing.assert_allclose(value.numpy(), weights[name], rtol=1e-10, err_msg=name)


def test_two_steps_of_adam_by_hand():
    net = network()
    optimizer = Optimizer([net], ADAM)
    weights = {name: value.numpy() for name, value in named(net).items()}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for t in (1, 2):
        loss = some_loss(net, t)
        gradients = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
        for name, gradient in zip(weights, gradients, strict=True):
            g = gradient.numpy()
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g * g
            m, v = first[name] / (1 - 0.9**t), second[name] / (1 - 0.999**t)
            shrunk = weights[name] * (0.99996 if weights[name].ndim == 2 else 1)
            weights[name] = shrunk - 0.002 * m / (np.sqrt(v) + 1e-8)
        optimizer.minimize(loss)
    for name, value in named(net).items():
        np.testing.assert_allclose(value.numpy(), weights[name], rtol=1e-7, err_msg=name)


@pytest.mark.parametrize(
    ("recipe", "progress", "rate"),
    [
        (SGD, 0.0, 0.03),
        (SGD, 0.5, 0.03 * 0.773010),
        (SGD, 1.0, 0.03 * 0.195090),
        (ADAM, 0.9, 0.002),
    ],
)
def test_the_learning_rate_follows_the_schedule(recipe, progress, rate):
    optimizer = Optimizer([network()], recipe)
    optimizer.anneal(progress)
    for group in optimizer.torch.param_groups:
        assert group["lr"] == pytest.approx(rate, abs=5e-8)


@pytest.mark.parametrize("recipe", [ADAM, SGD])
def test_what_was_saved_continues_bit_for_bit(recipe):
    net = network()
    optimizer = Optimizer([net], recipe)
    halfway = None
    for step in range(6):
        if step == 3:
            weights = {name: value.clone() for name, value in net.state_dict().items()}
            halfway = {name: value.clone() for name, value in optimizer.state().items()}
        optimizer.anneal(step / 6)
        optimizer.minimize(some_loss(net, step))

    again = network(seed=1)
    again.load_state_dict(weights)
    other = Optimizer([again], recipe)
    other.load(halfway)
    for step in range(3, 6):
        other.anneal(step / 6)
        other.minimize(some_loss(again, step))
    for name, value in net.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    for name, value in optimizer.state().items():
        assert torch.equal(value, other.state()[name]), name


def test_an_optimizer_that_took_no_step_has_no_state_and_loads_none():
    optimizer = Optimizer([network()], ADAM)
    assert optimizer.state() == {}
    optimizer.load({})
    assert optimizer.state() == {}


def test_gradients_of_the_step_before_are_forgotten():
    net = network()
    optimizer = Optimizer([net], dataclasses.replace(SGD, weight_decay=0.0))
    optimizer.minimize(some_loss(net, 0))
    optimizer.minimize(nothing(net))
    assert all(p.grad.abs().sum() == 0 for p in net.parameters())


def test_frozen_parameters_are_left_alone():
    net = network()
    net[0].requires_grad_(False)
    before = named(net)
    Optimizer([net], ADAM).minimize(some_loss(net, 0))
    assert torch.equal(net[0].weight, before["0.weight"])
    assert not torch.equal(net[2].weight, before["2.weight"])


def test_all_modules_are_trained():
    one, other = network(), network(1)
    before = named(other)
    Optimizer([one, other], ADAM).minimize(some_loss(one, 0) + some_loss(other, 0))
    assert not any(
        torch.equal(value, before[name]) for name, value in named(other).items() if name != "0.bias"
    )  # BatchNorm follows it: no gradient but rounding


# --- optimizers apart


class Three(nn.Module):
    """A module of which some parts are trained apart."""

    def __init__(self, seed=0):
        super().__init__()
        self.own, self.teacher = network(seed), network(seed + 1)
        self.group = nn.ModuleDict({"judge": network(seed + 2)})


def optimizer_of(net, recipe=SGD):
    apart = {"teacher": net.teacher, "group.judge": net.group["judge"]}
    return Optimizer([net], recipe, apart)


def walk(net, optimizer, steps):
    for step in steps:
        optimizer.anneal(step / 6)
        optimizer.apart["teacher"].minimize(some_loss(net.teacher, step))
        optimizer.minimize(some_loss(net.own, step) * some_loss(net.teacher, step + 50).detach())
        optimizer.apart["group.judge"].minimize(some_loss(net.group["judge"], step))


def test_each_optimizer_trains_its_own_module_only():
    net = Three()
    optimizer = optimizer_of(net)
    parts = {"": net.own, "teacher": net.teacher, "group.judge": net.group["judge"]}
    for name, part in parts.items():
        loss = sum(some_loss(each, 0) for each in parts.values())  # has gradients for all
        before = named(net)
        (optimizer.apart[name] if name else optimizer).minimize(loss)
        moved = {key for key, value in named(net).items() if not torch.equal(value, before[key])}
        assert moved <= {
            key for key, p in net.named_parameters() if any(p is q for q in part.parameters())
        }
        assert len(moved) == 5  # BatchNorm follows the first bias


def test_gradients_that_others_left_do_not_count():
    net, alone = Three(), Three()
    optimizer, other = optimizer_of(net), Optimizer([alone.teacher], SGD)
    optimizer.minimize(some_loss(net.own, 0) + some_loss(net.teacher, 1))
    optimizer.apart["teacher"].minimize(some_loss(net.teacher, 0))
    other.minimize(some_loss(alone.teacher, 0))
    for mine, theirs in zip(net.teacher.parameters(), alone.teacher.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("recipe", [ADAM, SGD])
def test_optimizers_apart_have_the_same_recipe_and_schedule(recipe):
    optimizer = optimizer_of(Three(), recipe)
    optimizer.anneal(0.5)
    rate = optimizer.torch.param_groups[0]["lr"]
    assert optimizer.apart.keys() == {"teacher", "group.judge"}
    for other in optimizer.apart.values():
        assert other.recipe == recipe
        assert type(other.torch) is type(optimizer.torch)
        assert [group["lr"] for group in other.torch.param_groups] == [rate, rate]
        assert [g["weight_decay"] for g in other.torch.param_groups] == [recipe.weight_decay, 0]


def test_their_memories_have_keys_of_their_own():
    net = Three()
    optimizer = optimizer_of(net)
    walk(net, optimizer, range(2))
    state = optimizer.state()
    owners = [key.rpartition(".")[0].rpartition(".")[0] for key in state]
    assert {owner: owners.count(owner) for owner in owners} == {
        "": 6, "teacher": 6, "group.judge": 6,
    }  # fmt: skip
    for number, parameter in enumerate(optimizer.apart["teacher"].parameters):
        assert f"teacher.{number}.momentum_buffer" in state, parameter.shape


@pytest.mark.parametrize("recipe", [ADAM, SGD])
def test_optimizers_apart_continue_bit_for_bit(recipe):
    net = Three()
    optimizer = optimizer_of(net, recipe)
    walk(net, optimizer, range(3))
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    halfway = {name: value.clone() for name, value in optimizer.state().items()}
    walk(net, optimizer, range(3, 6))

    again = Three(seed=7)
    again.load_state_dict(weights)
    other = optimizer_of(again, recipe)
    other.load(halfway)
    assert other.state().keys() == halfway.keys()
    walk(again, other, range(3, 6))
    for name, value in net.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    for name, value in optimizer.state().items():
        assert torch.equal(value, other.state()[name]), name


@dataclass(eq=False)
class Taught(Algorithm):
    """A teacher learns from the labels; the student from the teacher, through a scale of its own.

    What it remembers: a second network, a parameter, a head, and an average.
    """

    trained_apart = ("teacher",)
    views = Views(labeled=("weak",), unlabeled=("weak",))

    def setup(self, nets, facts):
        super().setup(nets, facts)
        self.teacher = copy.deepcopy(nets.student)
        self.projection = nn.Linear(8, facts.num_classes)
        self.scale = nn.Parameter(torch.ones(1))

    def update(self, nets, optimizer, batch, step):
        (x,), (u,) = batch.labeled.views, batch.unlabeled.views
        taught = nn.functional.cross_entropy(self.teacher(x), batch.labeled.label)
        optimizer.apart["teacher"].minimize(taught)
        with torch.no_grad():
            q = self.teacher(u).softmax(-1)
        features, logits = nets.student.features_and_logits(u)
        logits = logits + self.scale * self.projection(features)
        losses = Losses(unlabeled=nn.functional.cross_entropy(logits, q))
        optimizer.minimize(losses.total)
        return losses


def taught(**options):
    rng = np.random.default_rng(0)
    label = np.arange(60) % 3
    x = (3 * rng.normal(size=(3, 4))[label] + rng.normal(size=(60, 4))).astype(np.float32)
    views = PRESETS["features"]((4,))
    data = Data(Pool.of(x[:12], label[:12]), Pool.of(x[12:]), ("a", "b", "c"), views)
    recipe = dataclasses.replace(SGD, batch_size=8, unlabeled_ratio=2)
    torch.manual_seed(3)
    return Trainer(MLP(4, 3, (8,)), Taught(), data, steps=8, recipe=recipe, **options)


def test_an_algorithm_with_two_networks_resumes_bit_for_bit(tmp_path):
    whole = taught().run()
    taught(folder=tmp_path).run(until=3)
    again = taught(folder=tmp_path)
    with torch.no_grad():
        for parameter in again.algorithm.parameters():
            parameter.add_(1.0)  # of what it had before, nothing may be left
    assert again.resume()
    state = again.run().state()
    assert state.keys() == whole.state().keys()
    for key, value in whole.state().items():
        assert torch.equal(value, state[key]), key


def test_an_algorithm_with_two_networks_trains_all_that_it_has():
    start, end = taught(), taught().run()
    before = dict(start.algorithm.named_parameters())
    for name, value in end.algorithm.named_parameters():
        assert not torch.equal(value, before[name]), name
    assert not torch.equal(start.student.network.head.weight, end.student.network.head.weight)
    labels = end.data.labeled.label
    found = end.algorithm.teacher.eval()(end.data.labeled.inputs).argmax(1)
    assert (found == labels).float().mean() > 0.6


class Deep(Tuned):
    """Three layers below the head, without any encoder."""

    def __init__(self):
        nn.Module.__init__(self)
        self.body = nn.Sequential(*(nn.Linear(1, 1) for _ in range(3)))
        self.layers = [[f"{i}.weight", f"{i}.bias"] for i in range(3)]
        self.head = nn.Linear(1, 1)


DECAYED = Recipe(
    optimizer="sgd", learning_rate=0.8, weight_decay=0.0, layer_decay=0.5, rate_warm_up=0.25
)


def test_the_layers_of_an_encoder_learn_the_more_slowly_the_lower_they_are():
    net, optimizer = (made := Deep()), Optimizer([made], DECAYED)
    before = named(net)
    optimizer.anneal(0.25)  # where the warm-up ends
    optimizer.minimize(sum(p.sum() for p in net.parameters()))
    moves = {name: float(before[name] - value) for name, value in named(net).items()}
    step = 0.8 * 1.9  # Nesterov's first: the gradient, and 0.9 of it again
    for name, share in {"head": 1, "body.2": 0.5, "body.1": 0.25, "body.0": 0.125}.items():
        for kind in ("weight", "bias"):
            assert moves[f"{name}.{kind}"] == pytest.approx(share * step, rel=1e-5)


@pytest.mark.parametrize(
    ("progress", "rate"), [(0, 0), (0.125, 0.4), (0.25, 0.8), (0.5, 0.8), (0.99, 0.8)]
)
def test_the_rate_warms_up_linearly(progress, rate):
    optimizer = Optimizer([Deep()], DECAYED)
    optimizer.anneal(progress)
    assert optimizer.torch.param_groups[0]["lr"] == pytest.approx(rate)
    assert optimizer.torch.param_groups[-1]["lr"] == pytest.approx(rate / 8)


def test_without_layer_decay_all_layers_have_one_rate():
    optimizer = Optimizer([Deep()], dataclasses.replace(DECAYED, layer_decay=1.0))
    optimizer.anneal(0.5)
    assert {group["lr"] for group in optimizer.torch.param_groups} == {0.8}
