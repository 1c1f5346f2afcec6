"""Shares of classes in a pool: hand-computed, against plain loops, and planted."""

import numpy as np
import pytest

from realmix.auditing.class_shares import black_box, class_shares
from realmix.auditing.examine import in_turns
from realmix.auditing.labels import chance_wrong, doubts
from realmix.auditing.reader import read


def test_black_box_inverts_the_confusion():
    # of class 0 three quarters are taken for it, of class 1 all; the pool is taken 60 : 40
    held = np.eye(2)[[0, 0, 0, 1, 1, 1]]
    label = np.array([0, 0, 0, 0, 1, 1])
    probs = np.eye(2)[[0] * 6 + [1] * 4]
    assert black_box(held, label, probs) == pytest.approx([0.8, 0.2])  # .75 x .8 = .6
    weight = np.r_[np.zeros(6), np.ones(4)]
    assert black_box(held, label, probs, weight) == pytest.approx([0, 1])


def gaussians(seed, shares, labels=30, pool=2000):
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    label = np.arange(3 * labels) % 3
    kind = rng.choice(3, pool, p=shares)
    rows = [centers[y] + rng.normal(size=(len(y), 2)) for y in (label, kind)]
    return rows[0], label, rows[1], np.bincount(kind, minlength=3) / pool


def test_planted_shares_are_found_and_the_intervals_cover():
    off, covered = [], []
    for seed in range(6):
        labeled, label, pool, truth = gaussians(seed, [0.7, 0.2, 0.1])
        reading = read(labeled, label, pool, 3, seed)
        found = class_shares(reading.held, label, reading.pool, seed=seed)
        off.append(np.abs(found.em - truth).max())
        covered += ((found.low <= truth) & (truth <= found.high)).tolist()
        assert found.given == pytest.approx([1 / 3] * 3)
    assert np.mean(off) < 0.08
    assert np.mean(covered) > 0.6  # of 18 at 90 %


def test_the_reader_is_calibrated_and_has_not_seen_what_it_judges():
    labeled, label, pool, _ = gaussians(1, [0.3, 0.3, 0.4], labels=100)
    reading = read(labeled, label, pool, 3)
    right = reading.held.argmax(1) == label
    assert reading.held.max(1).mean() == pytest.approx(right.mean(), abs=0.06)
    noise = np.random.default_rng(0).permutation(label)
    blind = read(labeled, noise, pool, 3).held.argmax(1) == noise
    assert blind.mean() < 0.45


def test_a_chance_of_a_wrong_label_is_the_fixed_point_of_its_mean():
    own = np.array([0.9, 0.8, 0.95, 0.001, 0.9])
    wrong = chance_wrong(own, 3)
    other, share = (1 - own) / 2, wrong.mean()
    assert wrong == pytest.approx(share * other / (share * other + (1 - share) * own), abs=1e-6)
    likelihood = [
        np.log((1 - r) * own + r * other).sum() for r in (share, share - 0.02, share + 0.02)
    ]
    assert np.argmax(likelihood) == 0
    assert chance_wrong(np.ones(3), 2) == pytest.approx([0, 0, 0])
    assert chance_wrong(np.zeros(3), 2) == pytest.approx([1, 1, 1])


def test_the_doubted_labels_are_the_most_that_are_more_wrong_than_right():
    sure = np.tile([0.98, 0.01, 0.01], (20, 1))
    held = np.concatenate(
        [sure, sure[:, [2, 0, 1]], [[0.0, 0.99, 0.01], [0.3, 0.7, 0.0], [0.45, 0.55, 0.0]]]
    )
    label = np.array([0] * 20 + [1] * 20 + [0, 0, 0])
    found = doubts(held, label)
    # chances of being right 0, .96 and .98: of two less than one is right, of three it is 1.94
    assert [(d.row, d.given, d.likely) for d in found] == [(40, 0, 1), (41, 0, 1)]
    assert found[0].chance == pytest.approx(1)
    assert sum(1 - d.chance for d in found) <= 1
    label[40] = 2  # the only one of its class: it was not held out
    assert doubts(held, label) == []


@pytest.mark.parametrize(("per_class", "found_at_least"), [(4, 0), (30, 0.4)])
def test_right_labels_are_seldom_doubted_and_wrong_ones_are_found(per_class, found_at_least):
    false, found, wrong = 0, 0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = np.arange(5 * per_class) % 5
        rows, pool = (rng.normal(size=(n, 10)) for n in (len(truth), 200))
        rows[np.arange(len(truth)), truth] += 3
        assert len(doubts(read(rows, truth, pool, 5).held, truth)) <= 1
        changed = np.flatnonzero(rng.random(len(truth)) < 0.1)
        label = truth.copy()
        label[changed] = (truth[changed] + 1) % 5
        listed = {d.row for d in doubts(read(rows, label, pool, 5).held, label)}
        false += len(listed - set(changed))
        found += len(listed & set(changed))
        wrong += len(changed)
    assert false <= max(found, 2)
    assert found >= found_at_least * wrong


def of_blobs(seed, kinds, labels=25):
    """Labels of four blobs, and a pool of the kinds that are told, of which 4 and 5 have none."""
    rng = np.random.default_rng(seed)
    centers = 6 * np.eye(8)[:6]
    label = np.arange(4 * labels) % 4
    labeled, pool = (centers[y] + rng.normal(size=(len(y), 8)) for y in (label, kinds))
    return in_turns(read(labeled, label, pool, 4, seed), labeled, label, pool, seed)


@pytest.mark.parametrize("foreign", [0, 300, 900])
def test_a_pool_that_lacks_classes_has_its_shares_and_its_foreign_rows_told(foreign):
    kinds = np.r_[np.zeros(200, int), np.ones(100, int), np.arange(foreign) % 2 + 4]
    shares, found = of_blobs(0, kinds)
    assert shares.em == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.05)
    assert found.share.low <= foreign / (300 + foreign) <= found.share.high
    assert found.share.share == pytest.approx(foreign / (300 + foreign), abs=0.1)


def test_a_pool_of_foreign_rows_alone_has_finite_shares():
    shares, found = of_blobs(1, np.arange(400) % 2 + 4)
    assert found.share.low > 0.9
    assert found.share.high == pytest.approx(1)
    assert shares.em.sum() == pytest.approx(1)
