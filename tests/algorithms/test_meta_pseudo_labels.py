"""Meta Pseudo Labels: who trains whom, the reward and its sign, and BatchNorm."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from realmix.algorithms import MetaPseudoLabels
from realmix.contract.algorithm import Batch, Nets, Recipe, Views
from realmix.data.pools import Data, Pool
from realmix.models.mlp import MLP
from realmix.training.optimizer import Optimizer
from realmix.training.trainer import Trainer
from tests import tiny

SGD = Recipe(optimizer="sgd", learning_rate=0.1, weight_decay=0.0)
MIDDLE = tiny.step(50, 100)


def made(nets, teacher=None, **fields):
    """With another network for the teacher than the copy of the student."""
    algorithm = MetaPseudoLabels(**fields)
    algorithm.setup(nets, tiny.facts())
    algorithm.teacher = tiny.network(2, scale=0.5) if teacher is None else teacher
    return algorithm


def optimizer_of(nets, algorithm):
    return Optimizer([nets.student], SGD, {"teacher": algorithm.teacher})


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


class Steps:
    """Plain gradient descent of one network, whose steps can be forbidden."""

    def __init__(self, network, rate=0.05):
        self.network, self.rate, self.minimized = network, rate, []
        self.apart = {}

    def minimize(self, loss):
        self.minimized.append(loss)
        for p, g in zip(self.network.parameters(), tiny.gradients(loss, self.network), strict=True):
            p.data -= self.rate * g


def both(nets, algorithm, rate=0.05):
    steps = Steps(nets.student, rate)
    steps.apart["teacher"] = Steps(algorithm.teacher, 0.0)
    return steps


def smoothed(label, count=3, amount=0.15):
    out = np.full((len(label), count), amount / count)
    for i, k in enumerate(label):
        out[i, k] += 1 - amount
    return out


@pytest.mark.parametrize(("index", "ramp_steps"), [(1, 20), (10, 20), (50, 20), (50, 5000)])
def test_all_terms_equal_the_reference(index, ramp_steps):
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets, ramp_steps=ramp_steps, threshold=0.7)
    batch = tiny.batch(algorithm.views, labeled=5, unlabeled=9)
    before = copy.deepcopy(nets.student)
    losses = algorithm.update(nets, both(nets, algorithm), batch, tiny.step(index, 100))

    x, label = batch.labeled.views[0].numpy(), batch.labeled.label.numpy()
    weak, strong = (view.numpy() for view in batch.unlabeled.views)
    said = tiny.logits(algorithm.teacher, strong)
    hard = said.argmax(1)
    sharp = tiny.softmax(tiny.logits(algorithm.teacher, weak) / 0.7)
    each = [
        ce if q.max() >= 0.7 else 0.0
        for ce, q in zip(tiny.cross_entropy(said, sharp), sharp, strict=True)
    ]
    assert 0 < np.count_nonzero(each) < 9
    old, new = (
        np.mean(tiny.cross_entropy(tiny.logits(net, x), label)) for net in (before, nets.student)
    )
    expected = {
        "student": np.mean(tiny.cross_entropy(tiny.logits(before, strong), smoothed(hard))),
        "supervised": np.mean(
            tiny.cross_entropy(tiny.logits(algorithm.teacher, x), smoothed(label))
        ),
        "unlabeled": 8 * min(index / min(ramp_steps, 100), 1) * np.mean(each),
        "feedback": (old - new) * np.mean(tiny.cross_entropy(said, hard)),
    }
    assert old != new
    assert losses.terms.keys() == expected.keys()
    for term, value in expected.items():
        assert losses.terms[term].item() == pytest.approx(value, rel=1e-6), term
    assert losses.metrics["gain"].item() == pytest.approx(old - new)
    assert losses.metrics["mask_rate"].item() == pytest.approx(np.count_nonzero(each) / 9)


# --- the feedback


class Teller(nn.Linear):
    """Logits that are the inputs and a bias."""

    def __init__(self):
        super().__init__(3, 3)
        self.weight = nn.Parameter(torch.eye(3))
        nn.init.zeros_(self.bias)
        self.double()


def told(compatibility):
    """The feedback's gradient at the teacher's logits of the worked example, and its weight."""
    torch.manual_seed(0)
    student = nn.Linear(3, 3).double()
    nets = Nets(student, copy.deepcopy(student).requires_grad_(False))
    algorithm = made(nets, Teller(), compatibility=compatibility)
    z = torch.tensor([[1.2, -0.3, 0.4]], dtype=torch.float64)
    batch = Batch(tiny.examples([z], torch.tensor([0])), tiny.examples([z, z], torch.tensor([-1])))
    losses = algorithm.update(nets, both(nets, algorithm), batch, MIDDLE)
    (gradient,) = torch.autograd.grad(losses.terms["feedback"], algorithm.teacher.bias)
    return gradient, losses.metrics["gain"]


def test_a_hard_label_gives_the_gradient_of_the_worked_example():
    gradient, gain = told("paper")
    assert gain > 0.01
    expected = torch.tensor([-0.402078, 0.133414, 0.268664], dtype=torch.float64)
    torch.testing.assert_close(gradient / gain, expected, atol=1e-6, rtol=0)


def test_the_released_soft_label_gives_none():
    gradient, gain = told("released")
    assert gain.abs() > 0.01
    assert gradient.abs().max() < 1e-15


@pytest.mark.parametrize("label", [0, 1])
def test_descending_the_feedback_lowers_the_student_s_loss_to_come(label):
    """By finite differences, of the expected labeled loss after a step on a label drawn from it."""
    torch.manual_seed(1)
    teacher = tiny.network(3, scale=0.3, num_classes=2)
    nets = tiny.nets(scale=0.5, num_classes=2)
    algorithm = MetaPseudoLabels(smoothing=0.0)
    algorithm.setup(nets, tiny.facts(2))
    algorithm.teacher = teacher
    x = tiny.rows(4, 1)
    batch = Batch(
        tiny.examples([x], torch.tensor([label])), tiny.examples([x, x], torch.tensor([-1]))
    )

    def loss_after(taught):
        student = copy.deepcopy(nets.student)
        loss = nn.functional.cross_entropy(student(x), torch.tensor([taught]))
        for p, g in zip(student.parameters(), tiny.gradients(loss, student), strict=True):
            p.data -= 0.05 * g
        return nn.functional.cross_entropy(student(x), torch.tensor([label])).item()

    after = [loss_after(0), loss_after(1)]

    def expected():
        q = teacher(x).softmax(-1)[0]
        return q[0].item() * after[0] + q[1].item() * after[1]

    start, said = expected(), teacher(x).argmax().item()
    losses = algorithm.update(nets, both(nets, algorithm), batch, MIDDLE)
    assert (losses.metrics["gain"] > 0) == (said == label)
    gradients = tiny.gradients(losses.terms["feedback"], teacher)
    for p, g in zip(teacher.parameters(), gradients, strict=True):
        p.data -= g
    assert expected() < start


def test_the_released_reward_is_the_rise_less_its_moving_average():
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets, compatibility="released")
    average = 0.0
    for seed in range(4):
        batch = tiny.batch(algorithm.views, unlabeled=9, seed=seed)
        losses = algorithm.update(nets, both(nets, algorithm), batch, MIDDLE)
        rise = -losses.metrics["gain"].item()
        average += 0.01 * (rise - average)
        said = tiny.logits(algorithm.teacher, batch.unlabeled.views[1].numpy())
        soft = np.mean(tiny.cross_entropy(said, tiny.softmax(said)))
        assert losses.terms["feedback"].item() == pytest.approx((rise - average) * soft, rel=1e-5)


def test_the_released_student_learns_soft_labels():
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets, compatibility="released", smoothing=0.0)
    batch = tiny.batch(algorithm.views, unlabeled=9)
    strong = batch.unlabeled.views[1].numpy()
    expected = np.mean(
        tiny.cross_entropy(
            tiny.logits(nets.student, strong), tiny.softmax(tiny.logits(algorithm.teacher, strong))
        )
    )
    losses = algorithm.update(nets, both(nets, algorithm), batch, MIDDLE)
    assert losses.terms["student"].item() == pytest.approx(expected)


# --- who is trained by what


def test_each_network_is_trained_by_its_own_terms_alone():
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets)
    optimizer = both(nets, algorithm)
    batch = tiny.batch(algorithm.views, unlabeled=9)
    losses = algorithm.update(nets, optimizer, batch, MIDDLE)
    (student,), (teacher,) = optimizer.minimized, optimizer.apart["teacher"].minimized
    assert student is losses.terms["student"]
    assert teacher.item() == pytest.approx(losses.total.item() - student.item())
    assert all(g.abs().sum() == 0 for g in tiny.gradients(student, algorithm.teacher))
    assert all(g.abs().sum() == 0 for g in tiny.gradients(teacher, nets.student))
    for term in ("supervised", "unlabeled", "feedback"):
        moved = tiny.gradients(losses.terms[term], algorithm.teacher)
        assert all(g.abs().sum() > 0 for g in moved), term


def test_the_student_does_not_learn_labels_before_the_end():
    def trained(label):
        nets = tiny.nets(scale=0.5)
        algorithm = made(nets)
        batch = tiny.batch(algorithm.views, unlabeled=9)
        batch.labeled.label.fill_(label)
        algorithm.update(nets, optimizer_of(nets, algorithm), batch, MIDDLE)
        return weights(nets.student)

    assert torch.equal(trained(0), trained(2))


def test_the_feedback_is_from_after_the_student_s_step_and_before_the_teacher_s():
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets)
    order, optimizer = [], both(nets, algorithm)
    for name, one in (("student", optimizer), ("teacher", optimizer.apart["teacher"])):
        one.minimize = lambda loss, name=name, step=one.minimize: (order.append(name), step(loss))
    losses = algorithm.update(nets, optimizer, tiny.batch(algorithm.views), MIDDLE)
    assert order == ["student", "teacher"]
    assert losses.metrics["gain"] != 0


@pytest.mark.parametrize(("index", "waits"), [(0, True), (19, True), (20, False)])
def test_while_the_student_waits_the_teacher_learns_without_feedback(index, waits):
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets, wait=0.2)
    plain = copy.deepcopy(algorithm.teacher)
    before = weights(nets.student)
    batch, step = tiny.batch(algorithm.views, unlabeled=9), tiny.step(index, 100)
    losses = algorithm.update(nets, optimizer_of(nets, algorithm), batch, step)
    assert torch.equal(before, weights(nets.student)) == waits
    assert (losses.metrics["gain"] == 0) == waits

    x, y = batch.labeled.views[0], torch.from_numpy(smoothed(batch.labeled.label.numpy()))
    weak, strong = batch.unlabeled.views
    q = (plain(weak).detach() / 0.7).softmax(-1)
    uda = -(q * plain(strong).log_softmax(-1)).sum(-1) * (q.amax(-1) >= 0.6)
    loss = -(y * plain(x).log_softmax(-1)).sum(-1).mean()
    loss = loss + 8 * index / 100 * uda.mean()
    Optimizer([plain], SGD).minimize(loss)
    assert torch.allclose(weights(plain), weights(algorithm.teacher), rtol=1e-6) == waits


@pytest.mark.parametrize(("index", "tunes"), [(79, False), (80, True), (99, True)])
def test_in_the_end_the_student_alone_learns_the_labels_alone(index, tunes):
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets, finetune=0.2)
    before = weights(algorithm.teacher)
    batch = tiny.batch(algorithm.views)
    z = tiny.logits(nets.student, batch.labeled.views[0].numpy())
    expected = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
    optimizer = optimizer_of(nets, algorithm)
    losses = algorithm.update(nets, optimizer, batch, tiny.step(index, 100))
    assert torch.equal(before, weights(algorithm.teacher)) == tunes
    assert (losses.terms.keys() == {"student"}) == tunes
    assert (losses.terms["student"].item() == pytest.approx(expected)) == tunes


def test_a_prediction_at_the_threshold_counts():
    nets = tiny.nets(scale=0.5)
    algorithm = made(nets)
    batch = tiny.batch(algorithm.views, unlabeled=9)
    q = (algorithm.teacher(batch.unlabeled.views[0]).detach() / 0.7).softmax(-1)
    algorithm.threshold = q.amax(-1).median().item()
    losses = algorithm.update(nets, both(nets, algorithm), batch, MIDDLE)
    assert losses.metrics["mask_rate"].item() == pytest.approx(5 / 9)


# --- networks


def test_the_gain_is_of_the_weights_and_not_of_statistics_or_dropout():
    torch.manual_seed(0)
    student = MLP(tiny.FEATURES, 3, (8,), dropout=0.5).double()
    nets = Nets(student, copy.deepcopy(student).requires_grad_(False))
    algorithm = made(nets)
    batch = tiny.batch(algorithm.views, unlabeled=9)
    losses = algorithm.update(nets, both(nets, algorithm, rate=0.0), batch, MIDDLE)
    assert losses.metrics["gain"] == 0


def test_statistics_are_of_one_joint_pass_of_each_network():
    student = tiny.normalizing_network(0)
    nets = Nets(student, copy.deepcopy(student).requires_grad_(False))
    algorithm = made(nets, tiny.normalizing_network(2))
    batch = tiny.batch(algorithm.views, unlabeled=9)
    x, (weak, strong) = batch.labeled.views[0], batch.unlabeled.views
    for net, seen in ((student, [strong, x]), (algorithm.teacher, [x, weak, strong])):
        hidden = net[0](torch.cat(seen)).detach()
        net.expected = 0.1 * hidden.mean(0)
    algorithm.update(nets, both(nets, algorithm), batch, MIDDLE)
    for net in (student, algorithm.teacher):
        assert net[1].num_batches_tracked == 1
        torch.testing.assert_close(net[1].running_mean, net.expected)


def test_the_trainer_trains_both_networks_and_evaluates_the_student():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
    views = {name: lambda rows, draws: rows for name in ("weak", "strong")}
    data = Data(Pool.of(x[:12], y[:12]), Pool.of(x[12:]), ("a", "b", "c"), views)
    recipe = dataclasses.replace(MetaPseudoLabels.recipe, batch_size=6, unlabeled_ratio=2)
    torch.manual_seed(0)
    algorithm = MetaPseudoLabels(wait=0.5, finetune=0.0)
    trainer = Trainer(MLP(4, 3, (5,)), algorithm, data, steps=8, recipe=recipe)
    student, teacher = weights(trainer.student), weights(algorithm.teacher)
    assert torch.equal(student, teacher)
    assert all(p.requires_grad for p in algorithm.teacher.parameters())
    trainer.run(until=4)
    assert torch.equal(student, weights(trainer.student))
    assert not torch.equal(teacher, weights(algorithm.teacher))
    torch.testing.assert_close(weights(trainer.nets.ema), student)
    trainer.run()
    assert not torch.equal(student, weights(trainer.student))
    assert any(key.startswith("optimizer.teacher.") for key in trainer.state())


def test_it_asks_for_weak_and_strong_views_of_seven_times_as_many():
    assert MetaPseudoLabels().views == Views(("weak",), ("weak", "strong"))
    assert (MetaPseudoLabels().recipe.batch_size, MetaPseudoLabels().recipe.unlabeled_ratio) == (
        128,
        7,
    )
