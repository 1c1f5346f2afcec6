"""Joint self-training: the teacher's hard labels, the threshold, and losses of one scale."""

import numpy as np
import pytest
import torch

from realmix.procedures.joint_self_training import Joint, JointSelfTraining
from tests import tiny
from tests.procedures.small import blobs, stages


def made(alpha=1.0, decay=0.9):
    objective = Joint(alpha, decay)
    objective.setup(tiny.nets(), tiny.facts())
    return objective


def pseudo_labeled(views, seed=0):
    batch = tiny.batch(views, 6, 9, seed)
    label = torch.arange(9) % 3
    return type(batch)(batch.labeled, tiny.examples(batch.unlabeled.views, label))


def means_of(nets, batch):
    """Mean cross-entropies of labels and pseudo-labels, with loops."""
    return [
        np.mean(tiny.cross_entropy(tiny.logits(nets.student, s.views[0].numpy()), s.label.numpy()))
        for s in (batch.labeled, batch.unlabeled)
    ]


def test_both_terms_equal_the_reference_over_several_steps():
    nets, objective = tiny.nets(), made(alpha=0.7)
    moving = np.zeros(2)
    for index in range(4):
        batch = pseudo_labeled(objective.views, seed=index)
        losses = objective.loss(nets, batch, tiny.step(index, 10))
        human, pseudo = means_of(nets, batch)
        moving = 0.9 * moving + 0.1 * np.array([human, pseudo])
        scale = moving[0] / moving[1]
        assert losses.terms["supervised"].item() == pytest.approx(human / 1.7)
        pseudo *= 0.7 / 1.7 * scale
        assert losses.terms["unlabeled"].item() == pytest.approx(pseudo, rel=1e-5)
        assert losses.metrics["scale"].item() == pytest.approx(scale, rel=1e-5)


def test_at_the_first_step_both_losses_are_equal():
    nets, objective = tiny.nets(), made()
    losses = objective.loss(nets, pseudo_labeled(objective.views), tiny.step(0, 10)).terms
    assert losses["unlabeled"].item() == pytest.approx(losses["supervised"].item(), rel=1e-5)


@pytest.mark.parametrize("factor", [0.01, 1.0, 30.0])
def test_a_loss_of_another_scale_has_a_gradient_of_the_same_size(factor, monkeypatch):
    """The same examples as labels and as pseudo-labels, whose loss is `factor` times as large."""
    from realmix.procedures import joint_self_training as module

    nets, objective = tiny.nets(), made()
    batch = tiny.batch(objective.views, 6, 6)
    batch = type(batch)(batch.labeled, batch.labeled)
    calls, plain = [], module.cross_entropy

    def scaled(logits, target):
        calls.append(None)
        return plain(logits, target) * (factor if len(calls) % 2 == 0 else 1.0)

    monkeypatch.setattr(module, "cross_entropy", scaled)
    terms = objective.loss(nets, batch, tiny.step(0, 10)).terms
    one, other = (tiny.gradients(terms[name], nets.student) for name in ("supervised", "unlabeled"))
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-12)


def test_more_weight_of_the_pool_makes_no_longer_step():
    """With equal losses the sum is that of the labels, for any alpha; SGD's step depends on it."""
    nets = tiny.nets()
    for alpha in (0.25, 1.0, 8.0):
        objective = made(alpha)
        batch = pseudo_labeled(objective.views)
        total = objective.loss(nets, batch, tiny.step(0, 10)).total.item()
        assert total == pytest.approx(means_of(nets, batch)[0], rel=1e-5)


def test_no_gradient_flows_through_the_scale():
    nets, objective = tiny.nets(), made()
    losses = objective.loss(nets, pseudo_labeled(objective.views), tiny.step(0, 10))
    assert not losses.metrics["scale"].requires_grad
    scale, pseudo = losses.metrics["scale"], losses.terms["unlabeled"]
    z = nets.student(pseudo_labeled(objective.views).unlabeled.views[0])
    plain = torch.nn.functional.cross_entropy(z, torch.arange(9) % 3)
    for one, other in zip(
        tiny.gradients(pseudo, nets.student), tiny.gradients(plain, nets.student), strict=True
    ):
        torch.testing.assert_close(one, scale / 2 * other, rtol=1e-5, atol=1e-9)


def test_a_pseudo_loss_of_zero_is_no_division_by_zero():
    nets, objective = tiny.nets(scale=1e4), made()
    batch = pseudo_labeled(objective.views)
    label = nets.student(batch.unlabeled.views[0]).argmax(1)
    batch = type(batch)(batch.labeled, tiny.examples(batch.unlabeled.views, label))
    losses = objective.loss(nets, batch, tiny.step(0, 10))
    assert losses.total.isfinite()


def test_the_teacher_sees_strong_views_of_the_labels_alone():
    views = made(alpha=0.0).views
    assert (views.labeled, views.unlabeled) == (("strong",), ())
    nets, objective = tiny.nets(), made(alpha=0.0)
    terms = objective.loss(nets, tiny.batch(views, 6, 0), tiny.step(0, 10)).terms
    assert set(terms) == {"supervised"}


# --- the procedure


def test_the_student_learns_the_teacher_s_confident_classes(monkeypatch):
    probs = torch.tensor([[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.4, 0.1, 0.5], [0.1, 0.3, 0.6]])
    run = stages(blobs(labeled=6, pool=4))
    monkeypatch.setattr(run, "predict", lambda network, inputs: probs)
    data = JointSelfTraining(threshold=0.5).taught(run, None)
    assert data.unlabeled.label.tolist() == [0, 2]
    assert torch.equal(data.unlabeled.inputs, run.data.unlabeled.inputs[[0, 3]])
    assert data.labeled is run.data.labeled


def test_a_higher_threshold_keeps_no_further_row(monkeypatch):
    run = stages()
    rng = np.random.default_rng(0)
    probs = torch.from_numpy(tiny.softmax(2 * rng.normal(size=(60, 3))))
    monkeypatch.setattr(run, "predict", lambda network, inputs: probs)
    counts = [
        len(JointSelfTraining(threshold=t).taught(run, None).unlabeled)
        for t in (0.0, 0.4, 0.6, 0.8, 0.95, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 60
    assert counts[-1] == 0


def test_the_averaged_teacher_is_asked_and_the_student_starts_anew(monkeypatch):
    run, asked = stages(), []
    predict = run.predict
    monkeypatch.setattr(run, "predict", lambda net, x: asked.append(net) or predict(net, x))
    starts, build = [], run.build
    run.build = lambda *given: starts.append(given[0]) or build(*given)
    shipped = JointSelfTraining().train(run)
    assert asked == [run.trainers[0].nets.ema]
    assert shipped is run.trainers[1].nets.ema
    assert starts == [0, 1]
    assert run.steps_done == 24


def test_without_confident_rows_the_teacher_is_all_there_is():
    run = stages()
    shipped = JointSelfTraining(threshold=1.0).train(run)
    assert shipped is run.trainers[0].nets.ema
    assert run.steps_done == 12
