"""Scores, ranks and the share: hand-computed values, analytic limits, and planted pools."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score

from realmix.functional.foreign.detect import find_foreign, folds, held_out_ranks
from realmix.functional.foreign.scores import (
    energy,
    largest_probability,
    mahalanobis,
    neighbors,
    prototypes,
    unit,
    whitener,
)
from realmix.functional.foreign.share import SHARES, foreign_share, ranks, shortest


def test_scores_of_logits_by_hand():
    logits = np.log(np.array([[1.0, 1.0, 2.0], [8.0, 1.0, 1.0]]))
    assert largest_probability(logits) == pytest.approx([0.5, 0.8])
    assert energy(logits) == pytest.approx([np.log(4), np.log(10)])


def test_neighbors_are_mean_cosines_to_the_nearest():
    labeled = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    rows = np.array([[5.0, 0.0], [1.0, 1.0]])
    half = np.sqrt(0.5)
    assert neighbors(rows, labeled, 1) == pytest.approx([1.0, half])
    assert neighbors(rows, labeled, 2) == pytest.approx([0.5, half])
    assert neighbors(rows, labeled, 9) == pytest.approx([0.0, half / 3])  # there are three


def test_prototypes_are_cosines_to_the_mean_direction_of_a_class():
    labeled = np.array([[1.0, 0.0], [0.0, 7.0], [-1.0, 0.0]])
    label = np.array([0, 0, 2])  # a class without labels is none
    rows = np.array([[3.0, 3.0], [1.0, 0.0], [-2.0, 0.0], [0.0, -1.0]])
    half = np.sqrt(0.5)
    assert prototypes(rows, labeled, label) == pytest.approx([1.0, half, 1.0, 0.0], abs=1e-12)


def test_mahalanobis_is_the_squared_distance_to_the_nearest_mean():
    rng = np.random.default_rng(0)
    labeled, label, rows = rng.normal(size=(9, 4)), np.arange(9) % 3, rng.normal(size=(5, 4))
    means = np.stack([labeled[label == c].mean(0) for c in range(3)])
    wanted = -cdist(rows, means, "sqeuclidean").min(1)
    assert mahalanobis(rows, labeled, label) == pytest.approx(wanted)


def test_a_small_ridge_whitens_and_a_large_one_only_centers():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) + 4
    mean, whole = whitener(rows, 1e-9)
    white = (rows - mean) @ whole
    covariance = white.T @ white / 500
    assert covariance / covariance[0, 0] == pytest.approx(np.eye(3), abs=1e-6)
    mean, whole = whitener(rows, 1e9)
    assert mean == pytest.approx(rows.mean(0))
    assert whole == pytest.approx(np.eye(3), abs=1e-6)


def test_ranks_count_what_is_higher_and_half_of_what_ties():
    pool = np.array([1.0, 2.0, 2.0, 3.0])
    found = ranks(np.array([9.0, 2.0, 0.0]), pool)
    assert found == pytest.approx([0.1, 0.5, 0.9])  # (higher + ties / 2 + 1/2) / 5


def spread(low, high, count):
    return low + (np.arange(count) + 0.5) / count * (high - low)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.8])
def test_ranks_that_fill_the_best_part_of_the_pool_tell_the_rest_is_foreign(share):
    found = foreign_share(spread(0, 1 - share, 1000))
    assert found.share == pytest.approx(share, abs=0.02)
    assert found.low - 0.01 <= share <= found.high


def test_a_pool_that_is_all_below_is_all_foreign():
    found = foreign_share(np.full(50, 1 / 2002))
    assert found.low > 0.95
    assert found.high <= 1


@pytest.mark.parametrize(("share", "separation"), [(0.3, 1.5), (0.7, 2.0), (0.5, 3.0)])
def test_the_binormal_model_is_found_again_and_its_interval_covers(share, separation):
    hits, found = 0, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        foreign = rng.random(4000) < share
        pool = rng.normal(size=4000) - separation * foreign
        told = foreign_share(ranks(rng.normal(size=150), pool))
        found.append(told.share)
        hits += told.low <= share <= told.high
    assert np.mean(found) == pytest.approx(share, abs=0.05)
    assert hits >= 8  # of 12 at 90 %: fewer have a chance below 1 %


def test_probabilities_are_bayes_rule_and_sum_to_the_share():
    rng = np.random.default_rng(3)
    foreign = rng.random(20_000) < 0.4
    scores = rng.normal(size=20_000) - 2.5 * foreign
    told = foreign_share(ranks(rng.normal(size=3000), scores))
    mine = told.foreign(ranks(scores, scores))
    odds = 0.4 / 0.6 * np.exp(-2.5 * scores - 2.5**2 / 2)
    assert np.abs(mine - odds / (1 + odds)).max() < 0.08
    assert mine.mean() == pytest.approx(told.share, abs=0.02)
    assert (np.diff(told.curve) >= -1e-9).all()


def test_a_weight_counts_like_a_row_seen_more_often():
    rng = np.random.default_rng(4)
    rank = rng.random(40) ** 2
    twice = np.repeat(rank, 2)
    assert foreign_share(twice).share == pytest.approx(
        foreign_share(twice, np.full(80, 5.0)).share  # equal weights change nothing
    )
    uneven = np.r_[np.ones(20), np.zeros(20)]
    assert foreign_share(rank, uneven).share == pytest.approx(foreign_share(rank[:20]).share)


def test_less_is_known_of_few_labels():
    few, many = (foreign_share(spread(0, 0.7, count)) for count in (8, 200))
    assert few.high - few.low > 3 * (many.high - many.low)


def test_the_shortest_interval_by_hand():
    over = np.zeros(101)
    over[[0, 1, 2, 50]] = 0.5, 0.3, 0.15, 0.05
    assert shortest(over, 0.8) == pytest.approx((0.0, 0.015))  # two shares, each for its hundredth
    assert shortest(over, 0.9) == pytest.approx((0.0, 0.025))
    assert shortest(over, 0.96) == pytest.approx((0.0, 0.505))
    assert shortest(over[::-1], 0.9) == pytest.approx((0.975, 1.0))
    inside = np.exp(-0.5 * ((SHARES - 0.4) / 0.1) ** 2)
    low, high = shortest(inside / inside.sum())
    assert (low, high) == pytest.approx((0.4 - 0.1645, 0.4 + 0.1645), abs=0.01)  # +- 1.645 sd


def test_worth_and_doubt_are_those_of_rows_and_of_the_belief():
    rank = np.random.default_rng(5).random(30) ** 1.5
    twice = foreign_share(np.repeat(rank, 2), worth=0.25)
    assert twice.share == pytest.approx(foreign_share(rank, worth=0.5).share)
    sure = foreign_share(rank, belief=3.0, doubt=0.01)
    assert sure.separation == pytest.approx(3.0, abs=0.01)


def blobs(seed, share, count=600, per_class=15, shares=(1, 1, 1), width=12):
    """Labels of three blobs, and a pool of these, in the given shares, and of a fourth."""
    rng = np.random.default_rng(seed)
    centers = 5 * unit(rng.normal(size=(4, width)))
    own = rng.choice(3, count, p=np.array(shares) / np.sum(shares))
    kind = np.where(rng.random(count) < share, 3, own)
    label = np.arange(3 * per_class) % 3
    labeled = centers[label] + rng.normal(size=(len(label), width))
    return labeled, label, centers[kind] + rng.normal(size=(count, width)), kind == 3


def test_folds_deal_each_class_evenly():
    part = folds(np.array([0] * 23 + [1] * 4), seed=5)
    assert np.bincount(part[:23]).tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert sorted(part[23:]) == [0, 1, 2, 3]


def test_held_out_ranks_are_those_of_a_plain_loop():
    labeled, label, pool, _ = blobs(0, 0.3, count=50, per_class=4)
    labeled, label = np.append(labeled, labeled[:1] + 1, 0), np.append(label, 3)  # a lone label
    part = folds(label, 0)
    held, found = held_out_ranks(labeled, label, pool, part, prototypes)
    assert sorted(held) == list(range(12))
    for row, rank in zip(held, found, strict=True):
        rest = [i for i in range(13) if i == 12 or part[i] != part[row]]
        directions = [unit(labeled[[i for i in rest if label[i] == c]]).mean(0) for c in range(4)]
        scores = [max(np.dot(x, m) / np.linalg.norm(x) / np.linalg.norm(m) for m in directions)
                  for x in [labeled[row], *pool]]  # fmt: skip
        assert rank == pytest.approx((sum(s > scores[0] for s in scores[1:]) + 0.5) / 51)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_planted_foreign_rows_are_found(share):
    found = []
    for seed in range(3):
        labeled, label, pool, foreign = blobs(seed, share)
        told = find_foreign(labeled, label, pool, seed)
        found.append(told.share.share - foreign.mean())
        if 0 < share < 1:
            assert roc_auc_score(foreign, told.probability) > 0.85
            assert roc_auc_score(~foreign, told.score) > 0.85
    assert np.median(np.abs(found)) < 0.1


def test_class_shares_undo_what_a_pool_of_other_shares_does():
    """A class whose rows are hard and that fills the pool looks foreign at equal shares."""
    rng = np.random.default_rng(0)
    centers = np.eye(6)[:3] * np.array([[6.0], [6.0], [3.0]])
    label = np.arange(120) % 3
    labeled = centers[label] + rng.normal(size=(120, 6))
    kind = rng.choice(3, 1500, p=[0.05, 0.05, 0.9])
    pool = centers[kind] + rng.normal(size=(1500, 6))
    plain = find_foreign(labeled, label, pool).share
    right = find_foreign(labeled, label, pool, class_shares=np.array([0.05, 0.05, 0.9])).share
    assert plain.share > 0.2
    assert right.share < plain.share - 0.1


def test_without_two_labels_of_a_class_nothing_can_be_held_out():
    with pytest.raises(ValueError, match="No class has two labels"):
        find_foreign(np.eye(3), np.arange(3), np.eye(3))


def test_one_class_is_enough():
    labeled, label, pool, foreign = blobs(1, 0.5, shares=(1, 0, 0))
    one = label == 0
    told = find_foreign(labeled[one], label[one], pool)
    assert roc_auc_score(foreign, told.probability) > 0.8
