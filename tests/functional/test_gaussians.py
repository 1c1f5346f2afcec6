"""The Gaussian mixture against scikit-learn's discriminant analysis and a plain loop."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from realmix.functional.rows.gaussians import discriminant, expectation_maximization, principal


def problem(count=60, num_classes=3, width=4, seed=0):
    rng = np.random.default_rng(seed)
    label = np.arange(count) % num_classes
    centers = 2 * rng.normal(size=(num_classes, width))
    return centers[label] + rng.normal(size=(count, width)), label


def test_of_labels_alone_it_is_shrunk_discriminant_analysis():
    rows, label = problem()
    prior = np.array([0.5, 0.3, 0.2])
    slopes, bias = discriminant(rows, np.eye(3)[label], prior)
    # scikit-learn shrinks each class' covariance towards its own level; with priors n_c / n the
    # sums are the same only if we give it the pooled covariance
    means = np.stack([rows[label == c].mean(0) for c in range(3)])
    centered = rows - means[label]
    pooled, share = centered.T @ centered / 60, 4 / 64
    shrunk = (1 - share) * pooled + share * np.trace(pooled) / 4 * np.eye(4)
    logits = np.stack(
        [np.log(prior[c]) + multivariate_normal(means[c], shrunk).logpdf(rows) for c in range(3)],
        axis=1,
    )
    mine = rows @ slopes.T + bias
    assert mine - mine.mean(1, keepdims=True) == pytest.approx(
        logits - logits.mean(1, keepdims=True)
    )


def test_with_many_rows_it_is_linear_discriminant_analysis():
    rows, label = problem(count=3000)
    slopes, bias = discriminant(rows, np.eye(3)[label], np.full(3, 1 / 3))
    theirs = LinearDiscriminantAnalysis().fit(rows, label)
    mine = (rows @ slopes.T + bias).argmax(1)
    assert (mine == theirs.predict(rows)).mean() > 0.995


def test_the_mixture_is_that_of_a_plain_loop():
    rows, label = problem()
    known, pool, given, prior = rows[:9], rows[9:], np.eye(3)[label[:9]], np.full(3, 1 / 3)
    slopes, bias, number = expectation_maximization(known, pool, given, prior, 0.2, 4, 0.0)
    assert number == 4
    w, b = discriminant(known, given, prior)
    for _ in range(4):
        posterior = np.exp(pool @ w.T + b)
        posterior /= posterior.sum(1, keepdims=True)
        w, b = discriminant(rows, np.concatenate([given, 0.2 * posterior]), prior)
    assert slopes == pytest.approx(w)
    assert bias == pytest.approx(b)


def test_the_pool_moves_the_means_only_if_it_has_weight():
    rows, label = problem(count=300)
    given, prior, truth = np.eye(3)[label[:6]], np.full(3, 1 / 3), label[6:]
    alone = discriminant(rows[:6], given, prior)
    none = expectation_maximization(rows[:6], rows[6:], given, prior, 0.0, 30)
    empty = expectation_maximization(rows[:6], rows[:0], given, prior, 1.0, 30)
    for found in (none, empty):
        assert (found[0] == alone[0]).all()
        assert found[2] == 0
    both = expectation_maximization(rows[:6], rows[6:], given, prior, 0.5, 100)
    right = [((rows[6:] @ w.T + b).argmax(1) == truth).mean() for w, b in (alone, both[:2])]
    assert right[1] > right[0]
    assert both[2] < 100  # it converged


def test_principal_directions_are_scikit_learns_and_leave_constant_columns_out():
    rows, _ = problem()
    rows = np.concatenate([rows, np.full((60, 1), 7.0)], axis=1)
    mean, directions = principal(rows, 3)
    theirs = PCA(3).fit(rows)
    assert mean == pytest.approx(theirs.mean_)
    assert np.abs(directions) == pytest.approx(np.abs(theirs.components_), abs=1e-6)
    assert principal(rows, 60)[1].shape == (4, 5)


@pytest.mark.parametrize("shape", [(900, 450), (450, 900), (30, 900), (450, 450), (5, 20)])
def test_the_largest_directions_are_those_of_all(shape: tuple[int, int]) -> None:
    """By Lanczos or whole, of rows or of columns."""
    scale = 0.97 ** np.arange(shape[1])
    rows = np.random.default_rng(3).normal(size=shape) * scale + 1.0
    mean, directions = principal(rows, 9)
    theirs = PCA(min(9, min(shape) - 1), svd_solver="full").fit(rows)
    found = directions[: len(theirs.components_)]
    assert mean == pytest.approx(theirs.mean_)
    assert np.abs((found * theirs.components_).sum(1)) == pytest.approx(1, abs=1e-6)
    assert directions @ directions.T == pytest.approx(np.eye(len(directions)), abs=1e-6)
    again = principal(rows, 9)[1]
    assert np.array_equal(directions, again)


@pytest.mark.parametrize("shape", [(900, 450), (450, 900)])
def test_directions_in_which_nothing_varies_are_left_out(shape: tuple[int, int]) -> None:
    assert principal(np.ones(shape), 9)[1].shape == (0, shape[1])
    rng = np.random.default_rng(3)
    few = rng.normal(size=(shape[0], 2)) @ rng.normal(size=(2, shape[1]))
    directions = principal(few, 9)[1]
    assert directions.shape == (2, shape[1])
    away = few - few.mean(0)
    assert away @ directions.T @ directions == pytest.approx(away, abs=1e-6)
