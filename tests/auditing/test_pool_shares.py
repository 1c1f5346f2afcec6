"""Shares of classes in a pool: hand-computed, against plain loops, and planted."""

import numpy as np
import pytest

from realmix.auditing.class_shares import black_box, class_shares, expectation_maximization
from realmix.auditing.labels import doubts
from realmix.auditing.reader import read

GIVEN = np.array([0.5, 0.5])


def test_of_sure_predictions_em_counts():
    probs = np.eye(2)[[0, 0, 0, 1]]
    assert expectation_maximization(probs, GIVEN) == pytest.approx([0.75, 0.25])
    weight = np.array([1.0, 0.0, 0.0, 1.0])
    assert expectation_maximization(probs, GIVEN, weight) == pytest.approx([0.5, 0.5])


def test_em_has_its_fixed_point_by_hand():
    probs = np.array([[0.8, 0.2]] * 3 + [[0.2, 0.8]])
    # d/d pi of 3 log(.2 + .6 pi) + log(.8 - .6 pi) = 0: pi = (3 * .8 - .2) / (.6 * 4)
    found = expectation_maximization(probs, GIVEN)
    assert found == pytest.approx([2.2 / 2.4, 0.2 / 2.4], abs=1e-3)


def test_em_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    probs, given = rng.dirichlet(np.ones(3), 40), np.array([0.2, 0.3, 0.5])
    weight, shares = rng.random(40), given.copy()
    for _ in range(2000):
        total = np.zeros(3)
        for p, w in zip(probs, weight, strict=True):
            joint = [p[k] * shares[k] / given[k] for k in range(3)]
            total += w * np.array(joint) / sum(joint)
        shares = total / weight.sum()
    found = expectation_maximization(probs, given, weight)
    assert found == pytest.approx(shares, abs=2e-3)


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


def test_doubts_follow_the_rule_of_confident_learning():
    held = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.45, 0.55], [0.1, 0.9], [0.3, 0.7]])
    label = np.array([0, 0, 1, 0, 1, 0])
    # t_0 = (.9 + .7 + .45 + .3) / 4 = .5875, t_1 = (.8 + .9) / 2 = .85: .55 and .7 are below it
    assert doubts(held, label) == []
    held[5] = [0.1, 0.9]
    found = doubts(held, label)
    assert [(d.row, d.given, d.likely, d.chance) for d in found] == [(5, 0, 1, 0.9)]
