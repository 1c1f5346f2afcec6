"""Label propagation: what the second stage is trained on, when it is renewed, and resume."""

import dataclasses
import functools
import importlib.util

import numpy as np
import pytest
import torch

from realmix.algorithms.supervised import Supervised
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Batch, Views
from realmix.data.pools import Pool
from realmix.functional.graph import nearest
from realmix.procedures import label_propagation as module
from realmix.procedures.label_propagation import LabelPropagation, Propagated
from tests import tiny
from tests.functional.test_graph import dense_graph, dense_scores
from tests.procedures.small import blobs, interrupted, same, stages, weights


def watched(monkeypatch, steps=12, **fields):
    """The stages of a training, and (step, targets) of each renewal."""
    renewals = []
    original = LabelPropagation.targets

    def targets(self, stages, network):
        found = original(self, stages, network)
        renewals.append((stages.trainers[-1].step, found, network))
        return found

    monkeypatch.setattr(LabelPropagation, "targets", targets)
    run = stages(steps=steps)
    network = LabelPropagation(neighbors=5, **fields).train(run)
    return run, network, renewals


# --- the loss


def made(labeled=12, pool=60):
    objective = Propagated()
    objective.setup(tiny.nets(), tiny.facts(num_labeled=labeled, num_unlabeled=pool))
    rng = np.random.default_rng(1)
    rows = rng.uniform(0.1, 2, labeled + pool)[:, None]
    rows = rows * np.eye(3)[rng.integers(0, 3, labeled + pool)]
    objective.targets.value.copy_(torch.from_numpy(rows))
    return objective, rows.astype(np.float32)


def test_both_terms_equal_the_reference():
    nets, (objective, rows) = tiny.nets(), made()
    batch = tiny.batch(objective.views, 6, 9)
    losses = objective.loss(nets, batch, tiny.step(1, 10))
    for term, stream, first, count in (
        ("supervised", batch.labeled, 0, 6), ("unlabeled", batch.unlabeled, 12, 9),
    ):  # fmt: skip
        z = tiny.logits(nets.student, stream.views[0].numpy())
        own = rows[first : first + count]
        plain = tiny.cross_entropy(z, own.argmax(1))
        expected = sum(own[i].max() * plain[i] for i in range(count)) / 15
        assert losses.terms[term].item() == pytest.approx(expected, rel=1e-6)
    assert losses.metrics["pool_weight"].item() == pytest.approx(rows[12:21].sum(1).mean())


def test_rows_are_found_by_their_index_in_the_pools():
    nets, (objective, _) = tiny.nets(), made()
    batch = tiny.batch(objective.views, 6, 6)
    objective.targets.value.zero_()
    objective.targets.value[12 + 40] = torch.tensor([0.0, 2.0, 0.0])
    index = torch.tensor([3, 40, 3, 3, 3, 3])
    batch = Batch(batch.labeled, dataclasses.replace(batch.unlabeled, index=index))
    terms = objective.loss(nets, batch, tiny.step(1, 10)).terms
    z = tiny.logits(nets.student, batch.unlabeled.views[0].numpy())
    expected = 2 * tiny.cross_entropy(z, np.ones(6, int))[1] / 12
    assert terms["unlabeled"].item() == pytest.approx(expected, rel=1e-6)
    assert terms["supervised"].item() == 0


def test_rows_without_a_target_have_no_gradient():
    nets, (objective, _) = tiny.nets(), made()
    objective.targets.value[12:] = 0
    terms = objective.loss(nets, tiny.batch(objective.views), tiny.step(1, 10)).terms
    assert terms["unlabeled"].item() == 0
    assert all(g.abs().sum() == 0 for g in tiny.gradients(terms["unlabeled"], nets.student))
    assert all(g.abs().sum() > 0 for g in tiny.gradients(terms["supervised"], nets.student))


def test_labeled_and_pool_rows_share_one_pass():
    net, (objective, _) = tiny.normalizing_network(0), made()
    batch = tiny.batch(objective.views)
    objective.loss(tiny.Nets(net, net), batch, tiny.step(1, 10))
    hidden = net[0](torch.cat([*batch.labeled.views, *batch.unlabeled.views])).detach()
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))
    assert objective.views == Views(("weak",), ("weak",))


# --- the targets


def test_the_targets_equal_a_dense_reference():
    run, procedure = stages(), LabelPropagation(neighbors=5, alpha=0.9, iterations=300)
    network = run.trainer(Supervised()).student
    found = procedure.targets(run, network).numpy()

    inputs = torch.cat([run.data.labeled.inputs, run.data.unlabeled.inputs])
    with torch.no_grad():
        features = network.eval().network.features(inputs)
    label = [*run.data.labeled.label.tolist(), *[-1] * 60]
    z = dense_scores(dense_graph(features, 5, 3.0), label, 3, 0.9).clip(min=0)
    p = z / z.sum(1, keepdims=True)
    certainty = [1 + sum(q * np.log(q) for q in row if q > 0) / np.log(3) for row in p]
    certainty = np.array(certainty) / max(certainty)
    assigned = [c if c >= 0 else int(row.argmax()) for c, row in zip(label, p, strict=True)]
    certainty[:20] = 1
    for i, c in enumerate(assigned):
        expected = np.zeros(3)
        expected[c] = certainty[i] * (80 / 3) / assigned.count(c)
        np.testing.assert_allclose(found[i], expected, atol=2e-4)


def test_labeled_rows_have_full_certainty_and_their_own_class():
    run = stages(blobs(wrong=4))
    found = LabelPropagation(neighbors=5).targets(run, run.trainer(Supervised()).student)
    assert torch.equal(found[:20].argmax(1), run.data.labeled.label)
    per_class = [found[:20][run.data.labeled.label == c].amax(1) for c in range(3)]
    assert all(len(values.unique()) == 1 for values in per_class)


def test_labels_of_the_pool_are_not_read():
    run = stages()
    told = Pool(run.data.unlabeled.inputs, torch.ones(60, dtype=torch.int64), torch.ones(60))
    other = stages(dataclasses.replace(run.data, unlabeled=told))
    one, two = (
        LabelPropagation(neighbors=5).targets(each, each.trainer(Supervised()).student)
        for each in (run, other)
    )
    assert torch.equal(one, two)


# --- the procedure


def test_the_first_stage_is_the_labels_alone(monkeypatch):
    run, network, _ = watched(monkeypatch)
    first, second = run.trainers
    assert same(weights(first.nets.ema), weights(stages().train(Supervised())))
    assert network is second.nets.ema


def test_the_second_stage_starts_with_the_weights_of_the_first(monkeypatch):
    seen = []
    run = stages()
    original = run.trainer

    def trainer(algorithm, name="", **changes):
        made = original(algorithm, name, **changes)
        seen.append((name, weights(made.student)))
        return made

    monkeypatch.setattr(run, "trainer", trainer)
    LabelPropagation(neighbors=5).train(run)
    assert [name for name, _ in seen] == ["labels", "propagation"]
    assert same(seen[1][1], weights(run.trainers[0].nets.ema))
    assert all(p.requires_grad for p in run.trainers[1].student.parameters())


@pytest.mark.parametrize(
    ("least", "expected"), [(1, [0, 8]), (5, [0, 8]), (9, [0, 9]), (20, [0]), (6, [0, 8])]
)
def test_targets_are_renewed_each_epoch_of_the_pool_or_after_the_least_steps(
    least, expected, monkeypatch
):
    """60 rows, 8 a step: an epoch is 8 steps."""
    run, _, renewals = watched(monkeypatch, least_steps=least)
    assert [step for step, *_ in renewals] == expected
    assert torch.equal(run.trainers[1].algorithm.targets.value, renewals[-1][1])
    student = run.trainers[1].nets.student
    assert all(network is student for *_, network in renewals)


def test_it_trains_twice_the_steps_and_learns():
    data = blobs()
    run = stages(data, steps=40)
    procedure = LabelPropagation(neighbors=5)
    network = procedure.train(run)
    assert run.steps_done == 40 * procedure.trainings
    assert run.images_seen == 40 * 8 + 40 * 16
    probs = run.predict(network, data.unlabeled.inputs)
    truth = torch.arange(20, 80) % 3
    assert (probs.argmax(1) == truth).float().mean() > 0.75


@pytest.mark.parametrize("every", [1, 3, 7, 12, 13])
def test_an_interrupted_training_ends_with_the_same_bits(every, tmp_path):
    procedure = LabelPropagation(neighbors=5, least_steps=3)
    whole = weights(procedure.train(stages()))
    assert same(weights(interrupted(procedure, tmp_path, every)), whole)


def test_a_finished_training_is_read_back(tmp_path):
    procedure = LabelPropagation(neighbors=5)
    whole = weights(procedure.train(stages(folder=tmp_path)))
    again = stages(folder=tmp_path, stop=lambda: True)
    assert same(weights(procedure.train(again)), whole)


def test_a_graph_that_does_not_fit_is_refused():
    LabelPropagation().check(tiny.facts(num_unlabeled=1_000_000))
    with pytest.raises(UsageError, match=r"3,000,012 rows with 50 neighbors.*neighbors to 33"):
        LabelPropagation().check(tiny.facts(num_unlabeled=3_000_000))


def test_a_large_graph_is_searched_approximately_and_a_small_one_exactly(monkeypatch):
    used = []

    def noted(name, rows, k):
        used.append(name)
        return nearest(rows, k)

    for name in ("nearest", "nearest_approximately"):
        monkeypatch.setattr(module, name, functools.partial(noted, name))
    run = stages()  # 80 rows
    student = run.trainer(Supervised()).student
    given = [
        LabelPropagation(neighbors=5, exact_rows=rows).targets(run, student) for rows in (80, 79)
    ]
    assert used == ["nearest", "nearest_approximately"]
    assert torch.equal(*given)
    assert LabelPropagation().exact_rows == 20_000


def test_it_learns_from_an_approximate_graph_and_resumes_with_the_same_bits(tmp_path):
    procedure = LabelPropagation(neighbors=5, least_steps=3, exact_rows=1)
    whole = weights(procedure.train(stages()))
    assert same(weights(interrupted(procedure, tmp_path, 7)), whole)


def test_a_large_graph_without_faiss_is_refused_with_what_to_install(monkeypatch):
    large = tiny.facts(num_unlabeled=39_988)  # and 12 labels
    LabelPropagation().check(large)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    wanted = r"40,000 rows.*pip install 'realmix\[graph\]'.*exact_rows=40000 .*some 2\d seconds"
    with pytest.raises(UsageError, match=wanted):
        LabelPropagation().check(large)
    LabelPropagation(exact_rows=40_000).check(large)
    LabelPropagation().check(tiny.facts(num_unlabeled=19_988))


@pytest.mark.parametrize(
    ("pool", "exact_rows", "expected"),
    [(9_000, 20_000, None), (39_988, 20_000, "40,000 rows (approximate"),
     (39_988, 50_000, "40,000 rows (exact")],
)  # fmt: skip
def test_what_a_large_graph_costs_is_said_before(pool, exact_rows, expected):
    notes = LabelPropagation(exact_rows=exact_rows).notes(tiny.facts(num_unlabeled=pool))
    assert [expected in note for note in notes] == ([True] if expected else [])


def test_more_neighbors_than_rows_and_a_class_nobody_is_given_work():
    data = blobs(labeled=6, pool=4)
    rare = Pool(data.labeled.inputs, data.labeled.label.clamp(max=1), data.labeled.weight)
    network = LabelPropagation().train(stages(dataclasses.replace(data, labeled=rare), steps=3))
    assert all(value.isfinite().all() for value in weights(network).values())


# --- features of length 1


def test_features_may_have_length_one_before_the_last_layer():
    run = stages()
    procedure = LabelPropagation(neighbors=5, unit_features=True)
    shipped = procedure.train(run)
    features = run.features(shipped, run.data.labeled.inputs)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(len(features)))
    assert procedure.final_model("mlp") == "unit:mlp"
    assert LabelPropagation().final_model("mlp") == "mlp"
    run.build(0, "unit:mlp").load_state_dict(shipped.network.state_dict())
