"""SimCLRv2: each stage's loss, what passes from one to the next, and resume."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from realmix.algorithms.supervised import Supervised
from realmix.contract.algorithm import Nets, Views
from realmix.models.composed import Extended
from realmix.procedures.simclr_v2 import (
    Contrast,
    Distillation,
    Probe,
    SimCLRv2,
    linear_figures,
)
from tests import tiny
from tests.functional.test_losses import contrastive_reference
from tests.procedures.small import blobs, interrupted, same, stages, weights


def watched(monkeypatch, procedure=None, **options):
    """The stages of a training, and each stage's network before its first step."""
    run, starts = stages(**options), []
    original = run.trainer

    def trainer(algorithm, name="", **changes):
        made = original(algorithm, name, **changes)
        starts.append((name, weights(made.student), changes))
        return made

    monkeypatch.setattr(run, "trainer", trainer)
    return run, (procedure or SimCLRv2()).train(run), starts


# --- pre-training


def contrast(temperature=0.5):
    objective = Contrast(temperature, tiny.HIDDEN, 5, seed=0)
    nets = tiny.nets()
    objective.setup(nets, tiny.facts())
    return objective.double(), nets


def projected(layers, features):
    """Linear, BatchNorm by the batch, ReLU but for the last."""
    for number, (linear, *_) in enumerate(layers):
        values = features @ linear.weight.detach().numpy().T
        features = (values - values.mean(0)) / np.sqrt(values.var(0) + 1e-5)
        features = np.maximum(features, 0) if number < len(layers) - 1 else features
    return features


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_contrast_equals_the_reference(temperature):
    objective, nets = contrast(temperature)
    batch = tiny.batch(objective.views)
    found = objective.loss(nets, batch, tiny.step(0, 10)).terms
    assert list(found) == ["contrastive"]
    w, b, *_ = (p.detach().numpy() for p in nets.student.parameters())
    views = np.concatenate([view.numpy() for view in batch.unlabeled.views])
    projections = projected(objective.head, np.tanh(views @ w.T + b))
    assert projections.shape == (12, 5)
    expected = contrastive_reference(projections[:6], projections[6:], temperature)
    assert found["contrastive"].item() == pytest.approx(np.mean(expected), rel=1e-6)


def test_the_projection_has_three_layers_of_which_the_network_has_the_first():
    run = stages(steps=1)
    SimCLRv2(projection=7).train(run)
    (first, second), network = run.trainers[0].algorithm.head, run.trainers[0].student.network
    assert [type(part) for part in first] == [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert [type(part) for part in second] == [nn.Linear, nn.BatchNorm1d]
    linear = [network.hidden[0], first[0], second[0]]
    assert [tuple(part.weight.shape) for part in linear] == [(256, 256), (256, 256), (7, 256)]


def test_both_views_train_the_network_and_the_projection():
    objective, nets = contrast()
    batch = tiny.batch(objective.views)
    loss = objective.loss(nets, batch, tiny.step(0, 10)).total
    for network in (objective.head, nn.ModuleList(list(nets.student)[:-1])):
        assert all(g.abs().sum() > 0 for g in tiny.gradients(loss, network))
    assert all(g.abs().sum() == 0 for g in tiny.gradients(loss, nets.student[-1]))
    for view in batch.unlabeled.views:
        view.requires_grad_()
    objective.loss(nets, batch, tiny.step(0, 10)).total.backward()
    assert all(view.grad.abs().sum() > 0 for view in batch.unlabeled.views)


def test_pre_training_sees_two_strong_views_of_labeled_and_pool_rows_without_labels(monkeypatch):
    run, _, starts = watched(monkeypatch)
    first = run.trainers[0]
    assert first.algorithm.views == Views((), ("strong", "strong"))
    inputs = torch.cat([run.data.labeled.inputs, run.data.unlabeled.inputs])
    assert torch.equal(first.data.unlabeled.inputs, inputs)
    assert first.data.unlabeled.label.unique().tolist() == [-1]
    assert starts[0][2]["classifies"] is False


def test_the_encoder_starts_as_the_network_of_the_labels_alone(monkeypatch):
    run, _, starts = watched(monkeypatch)
    encoder = run.build(0, None).state_dict()
    found = {k.removeprefix("network.encoder."): v for k, v in starts[0][1].items()}
    assert all(torch.equal(found[name], value) for name, value in encoder.items())


def test_the_seed_decides_the_new_layers_and_nothing_else_does(monkeypatch):
    def start(seed, poison):
        torch.manual_seed(poison)
        before = torch.get_rng_state()
        run, _, starts = watched(monkeypatch, steps=1, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        return {**starts[0][1], **run.trainers[0].algorithm.state_dict()}

    one = start(3, 1)
    assert same(one, start(3, 2))
    assert not same(one, start(4, 1))


# --- fine-tuning


def test_fine_tuning_goes_on_from_the_first_layer_of_the_projection(monkeypatch):
    run, _, starts = watched(monkeypatch)
    pretrained, (name, start, _) = weights(run.trainers[0].nets.ema), starts[1]
    assert name == "finetune"
    assert same(start, pretrained)
    inner = run.trainers[1].student.network
    assert isinstance(inner, Extended)
    assert [type(layer) for layer in inner.hidden] == [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    moved = weights(run.trainers[1].student)
    for part in ("encoder.body.0.weight", "hidden.0.weight", "head.weight"):
        assert not torch.equal(moved[f"network.{part}"], start[f"network.{part}"])
    old = "network.encoder.head.weight"
    assert torch.equal(moved[old], start[old])  # the old head has no use
    assert type(run.trainers[1].algorithm) is Supervised
    assert run.trainers[1].data.labeled is not None


def test_each_stage_has_its_learning_rate_and_only_fine_tuning_no_decay(monkeypatch):
    procedure = SimCLRv2(pretrain_rate=0.3, finetune_rate=0.04)
    run, *_ = watched(monkeypatch, procedure, steps=1)
    recipes = [trainer.recipe for trainer in run.trainers]
    assert [recipe.learning_rate for recipe in recipes] == [0.3, 0.04, 0.01]
    assert [recipe.weight_decay for recipe in recipes] == [0.02, 0.0, 0.02]


# --- distillation


def fixed_teacher(temperature_free_logits):
    return lambda rows: temperature_free_logits.expand(len(rows), -1)


@pytest.mark.parametrize(("softness", "expected"), [(1.0, 0.904005), (2.0, 4.112569)])
def test_the_worked_distillation(softness, expected):
    teacher = torch.tensor([3.0, 1.0, 0.0]).double()
    objective = Distillation(fixed_teacher(teacher), 1.0, softness)
    net = tiny.network(0)
    with torch.no_grad():
        net[-1].weight.zero_()
        net[-1].bias.copy_(torch.tensor([1.0, 1.0, 0.0]))
    objective.setup(Nets(net, net), tiny.facts())
    batch = tiny.batch(objective.views)
    terms = objective.loss(Nets(net, net), batch, tiny.step(0, 10)).terms
    assert list(terms) == ["distilled"]
    assert terms["distilled"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("alpha", "softness"), [(0.3, 1.0), (0.7, 2.5), (0.0, 1.0)])
def test_labels_and_teacher_share_the_loss(alpha, softness):
    nets, teacher = tiny.nets(), tiny.network(5)
    objective = Distillation(teacher, alpha, softness)
    batch = tiny.batch(objective.views, 6, 9)
    losses = objective.loss(nets, batch, tiny.step(0, 10))
    x, u = batch.labeled.views[0].numpy(), batch.unlabeled.views[0].numpy()
    own = tiny.logits(nets.student, x)
    supervised = np.mean(tiny.cross_entropy(own, batch.labeled.label.numpy()))
    target = tiny.softmax(tiny.logits(teacher, u) / softness)
    soft = np.mean(tiny.cross_entropy(tiny.logits(nets.student, u) / softness, target))
    found = {name: value.item() for name, value in losses.terms.items()}
    assert found["supervised"] == pytest.approx((1 - alpha) * supervised, rel=1e-6, abs=1e-12)
    assert found["distilled"] == pytest.approx(alpha * softness**2 * soft, rel=1e-6, abs=1e-12)
    losses.total.backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert objective.views.labeled == ("weak",)


def test_the_teacher_is_the_fine_tuned_network_and_sees_what_the_student_sees(monkeypatch):
    run, network, starts = watched(monkeypatch)
    teacher, distilled = run.trainers[1].nets.ema, run.trainers[2]
    assert not teacher.training
    rows = run.data.unlabeled.inputs[:4]
    with torch.no_grad():
        expected = teacher.eval()(rows)
        torch.testing.assert_close(distilled.algorithm.teacher(rows), expected)
    assert len(distilled.data.unlabeled) == 80
    fresh = run.build(2, None).state_dict()
    assert same(starts[2][1], {f"network.{name}": value for name, value in fresh.items()})
    assert network is distilled.nets.ema


def test_the_student_may_be_another_network():
    procedure = SimCLRv2(student="pair:mlp")
    network = procedure.train(stages(steps=2))
    assert procedure.final_model("mlp") == "pair:mlp"
    assert "network.second.head.weight" in network.state_dict()
    assert SimCLRv2().final_model("mlp") == "mlp"


# --- the linear figure


def test_the_linear_figure_is_that_of_a_converged_classifier():
    run = stages()
    network = run.trainer(Supervised()).nets.ema
    features = run.features(network, run.data.labeled.inputs)
    probe = Probe(network, features.shape[1], 3)
    label = run.data.labeled.label
    probe.fit(features.double(), label)
    weight, bias = probe.weight.detach().double(), probe.bias.detach().double()
    leaf = weight.requires_grad_()
    loss = nn.functional.cross_entropy(features.double() @ leaf.T + bias, label)
    (loss + 1e-4 * leaf.square().sum()).backward()
    assert leaf.grad.abs().max() < 1e-3
    assert loss.item() < 0.5 * math.log(3)
    with torch.no_grad():
        expected = features @ probe.weight.T + probe.bias
        torch.testing.assert_close(probe(run.data.labeled.inputs), expected, atol=1e-4, rtol=1e-4)


def test_it_is_recorded_in_pre_training_where_rows_are_held_out():
    records, data = [], blobs()
    truth = torch.arange(20, 80) % 3

    def evaluate(network):
        probs = run.predict(network, data.unlabeled.inputs)
        return {"accuracy": (probs.argmax(1) == truth).float().mean().item()}

    run = stages(data, evaluate=evaluate, observe=records.append, evaluate_every=6)
    SimCLRv2().train(run)
    linear = [r for r in records if "linear_accuracy" in r]
    assert [r["step"] for r in linear] == [6, 12]
    assert all(r["linear_accuracy"] > 0.6 for r in linear)
    assert [r["step"] for r in records if "accuracy" in r] == [18, 24, 30, 36]
    network = run.trainers[0].nets.ema
    assert linear_figures(network, run)["linear_accuracy"] == linear[-1]["linear_accuracy"]


def test_the_linear_figure_changes_nothing():
    with_it = SimCLRv2().train(stages(evaluate=lambda network: {"accuracy": 0.5}))
    assert same(weights(SimCLRv2().train(stages())), weights(with_it))


# --- the whole


def test_it_trains_three_times_the_steps_and_learns():
    data = blobs()
    run = stages(data, steps=60)
    procedure = SimCLRv2(finetune_rate=0.01)
    network = procedure.train(run)
    assert run.steps_done == 60 * procedure.trainings
    assert run.images_seen == 60 * 8 * 3  # no labeled rows in the first and the last
    truth = torch.arange(20, 80) % 3
    probs = run.predict(network, data.unlabeled.inputs)
    assert (probs.argmax(1) == truth).float().mean() > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 5, 12, 17])
def test_an_interrupted_training_ends_with_the_same_bits(every, tmp_path):
    whole = weights(SimCLRv2(alpha=0.7).train(stages()))
    assert same(weights(interrupted(SimCLRv2(alpha=0.7), tmp_path, every)), whole)


def test_records_of_finished_stages_are_kept_when_it_goes_on(tmp_path):
    """Going on at step n drops what came after n, and nothing before."""
    kept = []

    def begin(step):
        kept[:] = [s for s in kept if s <= step]

    def observe(record):
        kept.append(record["step"])

    interrupted(SimCLRv2(), tmp_path, 7, begin=begin, observe=observe)
    assert kept == list(range(1, 37))


def test_two_classes_and_one_pool_row_a_label_work():
    data = blobs(labeled=10, pool=10, num_classes=2)
    recipe = dataclasses.replace(SimCLRv2.recipe, unlabeled_ratio=1)
    network = SimCLRv2().train(stages(data, steps=2, recipe=recipe))
    assert all(value.isfinite().all() for value in weights(network).values())
