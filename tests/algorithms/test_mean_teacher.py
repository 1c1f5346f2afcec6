"""Mean Teacher: who teaches whom, the ramp, and BatchNorm."""

import copy
import math

import numpy as np
import pytest
import torch

from realmix.algorithms import MeanTeacher
from realmix.contract.algorithm import Nets, Views
from tests import tiny


def reference(nets, batch, weight, progress, ramp_end, distance):
    x, label = batch.labeled.views[0].numpy(), batch.labeled.label.numpy()
    u_teacher, u_student = (view.numpy() for view in batch.unlabeled.views)
    supervised = np.mean(tiny.cross_entropy(tiny.logits(nets.student, x), label))
    q = tiny.softmax(tiny.logits(nets.ema, u_teacher))
    z = tiny.logits(nets.student, u_student)
    if distance == "squared_error":
        consistency = tiny.squared_error(z, q)
    else:
        p = tiny.softmax(z)
        consistency = [
            4 / 27 * sum(q[i, c] * math.log(q[i, c] / p[i, c]) for c in range(3))
            for i in range(len(q))
        ]
    ramp = math.exp(-5 * (1 - min(progress / ramp_end, 1)) ** 2)
    return supervised, weight * ramp * np.mean(consistency)


@pytest.mark.parametrize("distance", ["squared_error", "kl"])
@pytest.mark.parametrize("index", [0, 10, 20, 40, 99])
def test_both_terms_equal_the_reference(distance, index):
    nets, algorithm = tiny.nets(), MeanTeacher(weight=7.0, distance=distance)
    batch = tiny.batch(algorithm.views, unlabeled=9)
    losses = algorithm.loss(nets, batch, tiny.step(index, 100))
    expected = reference(nets, batch, 7.0, index / 100, 0.4, distance)
    assert losses.terms["supervised"].item() == pytest.approx(expected[0], rel=1e-12)
    assert losses.terms["unlabeled"].item() == pytest.approx(expected[1], rel=1e-10)


def test_the_weight_is_fifty_after_the_ramp():
    nets = tiny.nets()
    batch = tiny.batch(MeanTeacher().views)
    at = tiny.step(50, 100)
    full, unit = (
        MeanTeacher(**fields).loss(nets, batch, at).terms["unlabeled"].item()
        for fields in ({}, {"weight": 1.0, "ramp_end": 0.0})
    )
    assert full == pytest.approx(50 * unit)


def test_consistency_is_not_zero_when_the_networks_differ():
    nets, algorithm = tiny.nets(), MeanTeacher()
    batch = tiny.batch(algorithm.views)
    batch.unlabeled.views[1].copy_(batch.unlabeled.views[0])
    losses = algorithm.loss(nets, batch, tiny.step(50, 100))
    assert losses.terms["unlabeled"].item() > 0.1


def test_consistency_is_not_zero_when_the_views_differ():
    net, algorithm = tiny.network(0), MeanTeacher()
    nets = Nets(net, copy.deepcopy(net).requires_grad_(False))
    losses = algorithm.loss(nets, tiny.batch(algorithm.views), tiny.step(50, 100))
    assert losses.terms["unlabeled"].item() > 0.1


def test_consistency_is_zero_for_the_same_network_and_view():
    net, algorithm = tiny.network(0), MeanTeacher()
    nets = Nets(net, copy.deepcopy(net).requires_grad_(False))
    batch = tiny.batch(algorithm.views)
    batch.unlabeled.views[1].copy_(batch.unlabeled.views[0])
    losses = algorithm.loss(nets, batch, tiny.step(50, 100))
    assert losses.terms["unlabeled"].item() == 0


def test_the_gradient_reaches_the_student_only():
    student, teacher = tiny.network(0), tiny.network(1)  # both could take a gradient
    algorithm = MeanTeacher()
    losses = algorithm.loss(Nets(student, teacher), tiny.batch(algorithm.views), tiny.step(50, 100))
    losses.terms["unlabeled"].backward()
    assert all(p.grad.abs().sum() > 0 for p in student.parameters())
    assert all(p.grad is None for p in teacher.parameters())


def test_the_gradient_pulls_the_student_to_the_teacher():
    nets, algorithm = tiny.nets(), MeanTeacher(weight=1.0)
    batch = tiny.batch(algorithm.views)
    batch.unlabeled.views[1].copy_(batch.unlabeled.views[0])

    def consistency():
        return algorithm.loss(nets, batch, tiny.step(50, 100)).terms["unlabeled"]

    before = consistency()
    for p, g in zip(nets.student.parameters(), tiny.gradients(before, nets.student), strict=True):
        p.data -= 0.1 * g
    assert consistency() < before


def test_only_the_labeled_pass_updates_running_statistics():
    nets = Nets(tiny.normalizing_network(0), tiny.normalizing_network(1).requires_grad_(False))
    algorithm = MeanTeacher()
    batch = tiny.batch(algorithm.views)
    hidden = nets.student[0](batch.labeled.views[0])
    algorithm.loss(nets, batch, tiny.step(50, 100))
    torch.testing.assert_close(nets.student[1].running_mean, 0.1 * hidden.mean(0).detach())
    assert nets.student[1].num_batches_tracked == 1
    assert nets.ema[1].running_mean.abs().sum() == 0
    assert nets.ema[1].num_batches_tracked == 0


def test_the_teacher_normalizes_by_its_batch():
    nets = Nets(tiny.normalizing_network(0), tiny.normalizing_network(1).requires_grad_(False))
    nets.ema[1].running_mean.fill_(100.0)  # would drown everything
    algorithm = MeanTeacher(weight=1.0)
    batch = tiny.batch(algorithm.views)
    got = algorithm.loss(nets, batch, tiny.step(50, 100)).terms["unlabeled"]
    u_teacher, u_student = batch.unlabeled.views
    with torch.no_grad():
        p, q = nets.student(u_student).softmax(-1), nets.ema(u_teacher).softmax(-1)
    torch.testing.assert_close(got.detach(), (p - q).square().mean())


def test_it_asks_for_two_weak_views():
    assert MeanTeacher().views == Views(labeled=("weak",), unlabeled=("weak", "weak"))


def test_disagreement_is_the_share_of_different_labels():
    nets, algorithm = tiny.nets(), MeanTeacher()
    batch = tiny.batch(algorithm.views, unlabeled=40)
    u_teacher, u_student = (view.numpy() for view in batch.unlabeled.views)
    taught = tiny.logits(nets.ema, u_teacher).argmax(1)
    said = tiny.logits(nets.student, u_student).argmax(1)
    losses = algorithm.loss(nets, batch, tiny.step(50, 100))
    assert losses.metrics["disagreement"].item() == pytest.approx(np.mean(taught != said))


# --- noise on the inputs


@pytest.mark.parametrize(("student", "teacher"), [(0.15, 0.0), (0.0, 0.15), (0.3, 0.5)])
def test_noise_is_added_to_the_inputs_of_either_network(student, teacher):
    nets = tiny.nets()
    algorithm = MeanTeacher(weight=7.0, student_noise=student, teacher_noise=teacher)
    batch, step = tiny.batch(algorithm.views, unlabeled=9), tiny.step(20, 100)
    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    u_teacher, u_student = batch.unlabeled.views
    noisy = [
        rows + deviation * torch.randn(rows.shape, generator=rng) if deviation else rows
        for rows, deviation in (
            (batch.labeled.views[0], student),
            (u_student, student),
            (u_teacher, teacher),
        )
    ]
    clean = tiny.batch(algorithm.views, unlabeled=9)
    for view, rows in zip(
        (clean.labeled.views[0], clean.unlabeled.views[1], clean.unlabeled.views[0]),
        noisy,
        strict=True,
    ):
        view.copy_(rows)
    losses = algorithm.loss(nets, batch, step)
    expected = reference(nets, clean, 7.0, 0.2, 0.4, "squared_error")
    assert losses.terms["supervised"].item() == pytest.approx(expected[0], rel=1e-6)
    assert losses.terms["unlabeled"].item() == pytest.approx(expected[1], rel=1e-6)


def test_without_noise_nothing_is_drawn():
    algorithm, step = MeanTeacher(), tiny.step(20, 100)
    before = step.rng.get_state()
    algorithm.loss(tiny.nets(), tiny.batch(algorithm.views), step)
    assert torch.equal(before, step.rng.get_state())


# --- the average's decay


@pytest.mark.parametrize(("index", "decay"), [(0, 0.99), (39, 0.99), (40, None), (99, None)])
def test_the_early_decay_holds_while_the_weight_ramps_up(index, decay):
    assert MeanTeacher(early_decay=0.99).ema_decay(tiny.step(index, 100)) == decay


@pytest.mark.parametrize("index", [0, 50])
def test_there_is_one_decay_by_default(index):
    assert MeanTeacher().ema_decay(tiny.step(index, 100)) is None


def test_an_early_decay_of_zero_is_one():
    assert MeanTeacher(early_decay=0.0).ema_decay(tiny.step(0, 100)) == 0
