"""Metrics against hand-computed values, scikit-learn and NumPy loops."""

import math

import numpy as np
import pytest
import sklearn.metrics

from realmix.base.errors import DataError
from realmix.evaluate import metrics

PROBS = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.9, 0.1, 0.0], [0.2, 0.2, 0.6]])
LABEL = np.array([0, 0, 1, 2])  # predicted: 0 1 0 2


def sample(n=200, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(classes) * 0.7, n).astype(np.float32)
    return probs, rng.integers(classes, size=n)


def test_accuracies_by_hand():
    assert metrics.accuracy(PROBS, LABEL) == 0.5
    assert metrics.balanced_accuracy(PROBS, LABEL) == pytest.approx((1 / 2 + 0 + 1) / 3)


def test_per_class_by_hand():
    got = metrics.per_class(PROBS, LABEL)
    np.testing.assert_allclose(got.precision, [1 / 2, 0, 1])
    np.testing.assert_allclose(got.recall, [1 / 2, 0, 1])
    np.testing.assert_allclose(got.f1, [1 / 2, 0, 1])
    np.testing.assert_array_equal(got.count, [2, 1, 1])


def test_undefined_values_of_a_class_are_nan():
    got = metrics.per_class(np.array([[0.8, 0.2, 0.0], [0.9, 0.1, 0.0]]), np.array([0, 1]))
    np.testing.assert_array_equal(np.isnan(got.precision), [False, True, True])
    np.testing.assert_array_equal(np.isnan(got.recall), [False, False, True])
    np.testing.assert_array_equal(np.isnan(got.f1), [False, False, True])
    assert got.f1[1] == 0


def test_confusion_by_hand():
    np.testing.assert_array_equal(
        metrics.confusion(PROBS, LABEL), [[1, 1, 0], [1, 0, 0], [0, 0, 1]]
    )


def test_confusion_keeps_classes_that_do_not_occur():
    assert metrics.confusion(np.eye(4)[:1], np.array([0])).shape == (4, 4)


def test_balanced_accuracy_ignores_classes_without_rows():
    assert metrics.balanced_accuracy(np.eye(4)[[0, 3]], np.array([0, 1])) == 0.5


def test_values_agree_with_scikit_learn():
    probs, label = sample()
    guess = probs.argmax(1)
    assert metrics.accuracy(probs, label) == sklearn.metrics.accuracy_score(label, guess)
    assert metrics.balanced_accuracy(probs, label) == pytest.approx(
        sklearn.metrics.balanced_accuracy_score(label, guess)
    )
    np.testing.assert_allclose(
        metrics.per_class(probs, label).f1, sklearn.metrics.f1_score(label, guess, average=None)
    )
    double = probs.astype(float) / probs.astype(float).sum(1, keepdims=True)
    assert metrics.negative_log_likelihood(double, label) == pytest.approx(
        sklearn.metrics.log_loss(label, double)
    )


def test_negative_log_likelihood_by_hand():
    expected = -(math.log(0.7) + math.log(0.4) + math.log(0.1) + math.log(0.6)) / 4
    assert metrics.negative_log_likelihood(PROBS, LABEL) == pytest.approx(expected)


def test_negative_log_likelihood_limits():
    assert metrics.negative_log_likelihood(np.eye(3), np.arange(3)) == 0
    assert metrics.negative_log_likelihood(np.full((3, 3), 1 / 3), np.arange(3)) == pytest.approx(
        math.log(3)
    )
    assert math.isfinite(metrics.negative_log_likelihood(np.eye(2), np.array([1, 0])))


def reference_calibration_error(probs, label, bins):
    error = 0.0
    for b in range(bins):
        rows = [
            i
            for i in range(len(label))
            if b / bins < probs[i].max() <= (b + 1) / bins or (b == 0 and probs[i].max() == 0)
        ]
        if rows:
            right = sum(probs[i].argmax() == label[i] for i in rows) / len(rows)
            confidence = sum(float(probs[i].max()) for i in rows) / len(rows)
            error += len(rows) / len(label) * abs(right - confidence)
    return error


@pytest.mark.parametrize("bins", [1, 7, 10, 15])
def test_calibration_error_agrees_with_a_loop(bins):
    probs, label = sample()
    got = metrics.calibration(probs, label, bins)
    assert got.error == pytest.approx(reference_calibration_error(probs, label, bins))
    assert got.count.sum() == len(label)


def test_calibration_by_hand():
    got = metrics.calibration(
        PROBS, LABEL
    )  # confidences 0.7 right, 0.5 wrong, 0.9 wrong, 0.6 right
    np.testing.assert_array_equal(got.count, [0, 0, 0, 0, 1, 1, 1, 0, 1, 0])
    assert got.error == pytest.approx((0.3 + 0.5 + 0.9 + 0.4) / 4)
    assert np.isnan(got.accuracy[0])
    assert got.accuracy[4] == 0


def test_calibration_limits():
    assert metrics.calibration(np.eye(3), np.arange(3)).error == 0
    assert metrics.calibration(np.eye(2), np.array([1, 0])).error == 1


@pytest.mark.parametrize(
    ("probs", "label", "message"),
    [
        (np.eye(3), np.array([0, 1]), r"\(n, K\)"),
        (np.ones(3), np.array([0, 1, 1]), r"\(n, K\)"),
        (np.ones((0, 3)), np.zeros(0, int), "no labeled rows"),
        (np.eye(2), np.array([0, 2]), r"\[0, 2\)"),
        (np.eye(2), np.array([-1, 0]), r"\[0, 2\)"),
        (np.array([[np.nan, 1.0]]), np.array([1]), "finite"),
    ],
)
@pytest.mark.parametrize(
    "metric",
    [
        metrics.accuracy,
        metrics.balanced_accuracy,
        metrics.per_class,
        metrics.confusion,
        metrics.calibration,
        metrics.negative_log_likelihood,
    ],
)
def test_every_metric_refuses_what_does_not_fit(metric, probs, label, message):
    with pytest.raises(DataError, match=message):
        metric(probs, label)
