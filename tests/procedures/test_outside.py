"""What learns from outside of the data: SentAugment's student, labels of unknown quality."""

import dataclasses

import numpy as np
import pytest
import torch

from realmix.base.errors import UsageError
from realmix.contract.method import Facts
from realmix.functional.rows.linear import logistic
from realmix.procedures.outside.sent_augment import SentAugment, Taught
from realmix.procedures.outside.weak_labels import (
    WeakLabels,
    believed,
    confusion,
    first_guess,
    fitted,
)
from tests.procedures.small import blobs, stages


def taught(monkeypatch, probs, **fields):
    run = stages(blobs(labeled=6, pool=len(probs)))
    monkeypatch.setattr(run, "predict", lambda network, inputs: torch.tensor(probs))
    data = SentAugment(**fields).taught(run, None)
    pool = run.data.unlabeled.inputs.tolist()
    return [pool.index(row) for row in data.unlabeled.inputs.tolist()], data.unlabeled.label


PROBS = [[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.1, 0.6, 0.3], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]]


def test_the_surest_of_each_class_are_kept(monkeypatch):
    rows, label = taught(monkeypatch, PROBS, per_class=1)
    assert rows == [0, 3, 4]
    assert label.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    rows, label = taught(monkeypatch, PROBS, per_class=2, soft=True)
    assert rows == [0, 1, 2, 3, 4]
    assert label.numpy() == pytest.approx(np.array(PROBS))
    assert taught(monkeypatch, PROBS * 12)[1].sum(0).tolist() == [10, 10, 10]  # half of 60 rows


def test_the_student_sees_labels_and_what_was_kept():
    records = []
    run = stages(blobs(labeled=9, pool=60), observe=records.append)
    SentAugment(per_class=5).train(run)
    assert len(run.trainers[0].data.unlabeled) == 15
    assert {"supervised", "unlabeled"} <= records[-1].keys()
    rule = Taught(0.0)
    assert rule.views.unlabeled == ()


def test_without_a_pool_the_student_learns_the_labels():
    records = []
    data = blobs(labeled=9, pool=3)
    empty = dataclasses.replace(
        data.unlabeled,
        inputs=data.unlabeled.inputs[:0],
        label=data.unlabeled.label[:0],
        weight=data.unlabeled.weight[:0],
    )
    run = stages(dataclasses.replace(data, unlabeled=empty), observe=records.append)
    SentAugment().train(run)
    assert "unlabeled" not in records[-1]


# --- weak labels


def test_the_first_guess_is_cohens_kappa_by_hand():
    """3 of 4 agree; shares of the pool with one more each are 1/2: chance is 1/2. Two more rows
    that agree by half: (3 + 1) / 6 = 2/3, so kappa is (2/3 - 1/2) / (1/2) = 1/3."""
    label, weak, pool = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, -1]), np.array([0, 1, -1])
    guess = first_guess(label, weak, pool, 2)
    assert guess == pytest.approx(np.array([[2 / 3, 1 / 3], [1 / 3, 2 / 3]]))
    worse = first_guess(label, 1 - label, pool, 2)
    assert worse == pytest.approx(np.full((2, 2), 1 / 2))  # never less than by chance
    blank = first_guess(label, np.full(5, -1), pool, 2)
    assert blank == pytest.approx(np.full((2, 2), 1 / 2))


def test_confusion_by_hand():
    belief = np.array([[1.0, 0], [1, 0], [0.5, 0.5], [0, 1]])
    guess = np.array([[0.8, 0.2], [0.4, 0.6]])
    counted = confusion(belief, np.array([0, 1, 0, -1]), guess, 0.0)
    assert counted == pytest.approx(np.array([[1.5 / 2.5, 1 / 2.5], [1, 0]]))
    drawn = confusion(belief, np.array([0, 1, 0, -1]), guess, 2.5)
    assert drawn == pytest.approx(np.array([[0.7, 0.3], [1.5 / 3, 1.5 / 3]]))
    assert confusion(belief, np.full(4, -1), guess, 0.0) == pytest.approx(guess)
    assert confusion(belief, np.array([0, 1, 0, 1]), guess, 1e12) == pytest.approx(guess)


def test_belief_is_bayes_rule():
    trust = np.array([[0.9, 0.1], [0.3, 0.7]])
    found = believed(np.array([[0.5, 0.5], [0.2, 0.8]]), trust, np.array([0, 1]))
    assert found == pytest.approx(np.array([[0.75, 0.25], [0.02 / 0.58, 0.56 / 0.58]]))
    worthless = believed(np.array([[0.2, 0.8]]), np.full((2, 2), 0.5), np.array([0]))
    assert worthless == pytest.approx(np.array([[0.2, 0.8]]))


def test_a_fit_to_certain_rows_is_logistic_regression():
    rows, label = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3
    one, other = fitted(rows, np.eye(3)[label], 0.5), logistic(rows, label, 3, 0.5)
    assert one[0] == pytest.approx(other[0])
    half = fitted(rows, np.full((30, 3), 1 / 3), 0.5)
    assert half[0] == pytest.approx(np.zeros((3, 3)), abs=1e-3)


def noisy(wrong, seed=0):
    """Blobs whose pool has weak labels, of which a share was drawn or moved."""
    data = blobs(labeled=12, pool=300)
    truth = torch.from_numpy(np.arange(312) % 3)
    weak = wrong(truth.clone(), np.random.default_rng(seed))
    return dataclasses.replace(
        data,
        labeled=dataclasses.replace(data.labeled, weak=weak[:12]),
        unlabeled=dataclasses.replace(data.unlabeled, weak=weak[12:]),
    ), truth[12:]


def drawn(share):
    def wrong(label, rng):
        rows = rng.random(len(label)) < share
        label[torch.from_numpy(rows)] = torch.from_numpy(rng.integers(0, 3, rows.sum()))
        return label

    return wrong


def accuracy(data, truth, **fields):
    run = stages(data)
    network = WeakLabels(**fields).train(run)
    return (run.predict(network, data.unlabeled.inputs).argmax(1) == truth).double().mean().item()


def test_weak_labels_help_and_worthless_ones_cost_little():
    alone = accuracy(*noisy(lambda label, rng: torch.full_like(label, -1)))
    assert accuracy(*noisy(drawn(0.3))) >= alone
    worthless = [accuracy(*noisy(drawn(1.0), seed)) for seed in range(4)]
    assert np.mean(worthless) >= alone - 0.08
    assert accuracy(*noisy(lambda label, rng: (label + 1) % 3)) >= alone  # always wrong, and useful


def test_rows_without_a_weak_label_are_not_used():
    data, _ = noisy(lambda label, rng: torch.where(torch.arange(312) % 2 == 0, label, -1))
    given = WeakLabels(most_rows=20).pool(stages(data))
    assert len(given.rows) == len(given.weak) == 20
    assert (given.weak >= 0).all()
    assert len(WeakLabels().pool(stages(data)).rows) == 150


def test_data_without_weak_labels_are_refused():
    facts = Facts(2, 8, 20, (4,), torch.tensor([0.5, 0.5]))
    with pytest.raises(UsageError, match="--weak-label-column"):
        WeakLabels().check(facts)
    WeakLabels().check(dataclasses.replace(facts, num_weak=1))
    with pytest.raises(UsageError, match="feature rows"):
        WeakLabels().check(dataclasses.replace(facts, shape=(3, 8, 8), num_weak=1))
    assert blobs().facts.num_weak == 0
    assert noisy(drawn(0.5))[0].facts.num_weak == 300
