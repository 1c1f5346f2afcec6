"""Noisy Student: the teacher's labels, what is kept of the pool, the student's noise and loss."""

import numpy as np
import pytest
import torch

from realmix.algorithms import ALGORITHMS
from realmix.algorithms.fixmatch import FixMatch
from realmix.algorithms.supervised import Supervised
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Recipe
from realmix.models.wide_resnet import skipped_shares
from realmix.procedures.noisy_student import Noised, NoisyStudent
from realmix.runs.config import Config
from realmix.runs.networks import Networks
from tests import tiny
from tests.procedures.small import blobs, stages

PROBS = torch.tensor(
    [[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1], [0.34, 0.33, 0.33], [0.1, 0.8, 0.1]]
)


def taught(monkeypatch, probs=PROBS, **fields):
    """The data of a student whose teacher predicts `probs`."""
    run = stages(blobs(labeled=6, pool=len(probs)))
    monkeypatch.setattr(run, "predict", lambda network, inputs: probs)
    return run.data, NoisyStudent(**fields).taught(run, None, 1)


def rows_of(data, before):
    pool = before.unlabeled.inputs.tolist()
    return [pool.index(row) for row in data.unlabeled.inputs.tolist()]


# --- what the student learns from


def test_soft_labels_are_the_teacher_s_predictions(monkeypatch):
    before, data = taught(monkeypatch)
    rows = rows_of(data, before)
    assert torch.equal(data.unlabeled.label, PROBS[rows])
    assert data.labeled is before.labeled


def test_hard_labels_are_its_classes_smoothed(monkeypatch):
    before, data = taught(monkeypatch, soft=False)
    for row, label in zip(rows_of(data, before), data.unlabeled.label, strict=True):
        expected = np.full(3, 0.1 / 3)
        expected[PROBS[row].argmax()] += 0.9
        np.testing.assert_allclose(label, expected, rtol=1e-6)


def test_each_class_has_the_same_number_of_rows(monkeypatch):
    """Classes 0 and 1 have three and two rows for two places, class 2 none."""
    before, data = taught(monkeypatch, threshold=0.0)
    assert sorted(rows_of(data, before)) == [0, 1, 2, 4]
    before, data = taught(monkeypatch, per_class=4, threshold=0.5)
    assert sorted(rows_of(data, before)) == [0, 0, 1, 1, 2, 2, 4, 4]


def test_a_confidence_at_the_threshold_is_enough(monkeypatch):
    half = torch.tensor([[0.5, 0.25, 0.25], [0.49, 0.26, 0.25]])
    before, data = taught(monkeypatch, half, threshold=0.5)
    assert set(rows_of(data, before)) == {0}


def test_without_confident_rows_the_student_learns_from_the_labels_with_noise():
    run = stages()
    NoisyStudent(rounds=1, threshold=1.0).train(run)
    student = run.trainers[1].algorithm
    assert student.views.unlabeled == ()
    assert student.views.labeled == ("strong",)
    assert run.steps_done == 24


def test_the_teacher_is_asked_without_noise(monkeypatch):
    """Twice the same answer, from the averaged network in evaluation mode, although it trained
    with dropout."""
    run, asked = stages(), []
    predict = run.predict

    def watched(network, inputs):
        first, second = predict(network, inputs), predict(network, inputs)
        assert torch.equal(first, second)
        assert not any(module.training for module in network.modules())
        asked.append(network)
        return first

    monkeypatch.setattr(run, "predict", watched)
    NoisyStudent(rounds=2).train(run)
    assert asked == [trainer.nets.ema for trainer in run.trainers[:2]]  # the student teaches


# --- the student


def test_the_student_has_dropout_and_the_teacher_has_none():
    run = stages()
    NoisyStudent(rounds=1, student_dropout=0.3, student_stochastic_depth=0.1).train(run)
    teacher, student = run.trainers
    assert (teacher.recipe.dropout, student.recipe.dropout) == (0.0, 0.3)
    assert student.recipe.stochastic_depth == 0.1
    assert teacher.student.network.head.dropout == 0.0
    assert student.student.network.head.dropout == 0.3


def test_a_stage_s_recipe_reaches_a_run_s_networks():
    networks = Networks(Config("rows", model="wrn-10-1"), (3, 8, 8), 4, Recipe())
    noised = networks(1, None, Recipe(dropout=0.5, stochastic_depth=0.2))
    assert noised.head.dropout == 0.5
    assert noised.body[-1].skipped == pytest.approx(0.2)
    plain = networks(1, None)
    assert (plain.head.dropout, plain.body[-1].skipped) == (0.0, 0.0)
    for one, other in zip(noised.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other)


def test_survival_falls_linearly_to_that_of_the_last_unit():
    """T19: .8 at the fifth of five units."""
    survival = [1 - share for share in skipped_shares(NoisyStudent().student_stochastic_depth, 5)]
    assert survival == pytest.approx([0.96, 0.92, 0.88, 0.84, 0.8])


def test_students_may_be_another_network():
    run, names = stages(), []
    build = run.build
    run.build = lambda *given: names.append(given[1]) or build(*given)
    method = NoisyStudent(rounds=2, student="mlp")
    method.train(run)
    assert names == [None, "mlp", "mlp"]
    assert method.final_model("auto") == "mlp"
    assert NoisyStudent().final_model("auto") == "auto"


def made(ratio=5.0, smoothing=0.1):
    objective = Noised(ratio, smoothing)
    objective.setup(tiny.nets(), tiny.facts())
    return objective


def test_both_terms_equal_the_reference():
    nets, objective = tiny.nets(), made(ratio=14.0)
    batch = tiny.batch(objective.views, 6, 9)
    q = torch.from_numpy(tiny.softmax(np.random.default_rng(5).normal(size=(9, 3))))
    batch = type(batch)(batch.labeled, tiny.examples(batch.unlabeled.views, q))
    terms = objective.loss(nets, batch, tiny.step(1, 10)).terms
    y = 0.9 * np.eye(3)[batch.labeled.label.numpy()] + 0.1 / 3
    z = [tiny.logits(nets.student, s.views[0].numpy()) for s in (batch.labeled, batch.unlabeled)]
    assert terms["supervised"].item() == pytest.approx(np.mean(tiny.cross_entropy(z[0], y)))
    expected = 14 * np.mean(tiny.cross_entropy(z[1], q.numpy()))
    assert terms["unlabeled"].item() == pytest.approx(expected)


def test_the_two_means_are_weighted_by_the_ratio():
    """.5 and .8 with a ratio of 14 give 11.7, and not the mean over the joint batch, .78."""
    objective = made(ratio=14.0, smoothing=0.0)

    class Logits(torch.nn.Module):
        def forward(self, x):
            return x

    def logits(loss, count):  # of class 0, with that cross-entropy
        first = np.log(np.exp(-loss) / (1 - np.exp(-loss)) * 2)
        return torch.tensor([[first, 0.0, 0.0]] * count)

    label = torch.zeros(2, dtype=torch.int64)
    nets = type(tiny.nets())(Logits(), Logits())
    batch = type(tiny.batch(objective.views))(
        tiny.examples([logits(0.5, 2)], label),
        tiny.examples([logits(0.8, 28)], torch.eye(3)[[0] * 28]),
    )
    assert objective.loss(nets, batch, tiny.step(0, 1)).total.item() == pytest.approx(11.7)


def test_labeled_and_pool_rows_share_one_pass_with_the_statistics():
    net = tiny.normalizing_network(0)
    nets, objective = type(tiny.nets())(net, net), made()
    batch = tiny.batch(objective.views, 6, 6)
    q = torch.full((6, 3), 1 / 3)
    batch = type(batch)(batch.labeled, tiny.examples(batch.unlabeled.views, q))
    objective.loss(nets, batch, tiny.step(0, 1))
    rows = torch.cat([batch.labeled.views[0], batch.unlabeled.views[0]])
    mean = net[0](rows).mean(0)
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * mean)


def test_the_ratio_is_the_recipe_s():
    run = stages(recipe=Recipe(unlabeled_ratio=3))
    NoisyStudent(rounds=1).train(run)
    assert run.trainers[1].algorithm.ratio == 3.0


# --- around any base


@pytest.mark.parametrize("base", ["mean_teacher", "fixmatch", "realmix"])
def test_the_first_teacher_may_be_any_algorithm(base):
    run = stages()
    NoisyStudent(rounds=1, base=base).train(run)
    assert type(run.trainers[0].algorithm) is ALGORITHMS[base]
    assert isinstance(run.trainers[1].algorithm, Noised)
    assert [trainer.nets.ema is not None for trainer in run.trainers] == [True, True]


def test_a_base_has_its_own_recipe_with_what_the_run_changed():
    run = stages(recipe=NoisyStudent.recipe)  # with batches of 8
    NoisyStudent(rounds=1, base="fixmatch").train(run)
    own = run.trainers[0].recipe
    assert (own.optimizer, own.learning_rate) == ("sgd", FixMatch.recipe.learning_rate)
    assert own.unlabeled_ratio == FixMatch.recipe.unlabeled_ratio
    assert own.batch_size == 8
    plain = stages(recipe=NoisyStudent.recipe)
    NoisyStudent(rounds=1).train(plain)
    assert isinstance(plain.trainers[0].algorithm, Supervised)
    assert plain.trainers[0].recipe.optimizer == plain.recipe.optimizer
    assert plain.trainers[0].recipe.learning_rate == plain.recipe.learning_rate


def test_an_unknown_base_is_explained():
    with pytest.raises(UsageError, match=r"base cannot be 'fixmach'.*Did you mean 'fixmatch'"):
        NoisyStudent(base="fixmach")


def test_the_base_refuses_data_that_it_cannot_learn_from():
    facts = tiny.facts(shape=(4,))
    with pytest.raises(UsageError):
        NoisyStudent(base="remixmatch").check(facts)
    NoisyStudent().check(facts)
