"""Multinomial logistic regression, fitted to the end, and its strength by cross-validation."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from realmix.functional.rows.temperature import best_temperature, log_losses
from realmix.functional.rows.threads import one_thread

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Rows = NDArray[np.floating]
Labels = NDArray[np.int64]
Scores = NDArray[np.float64]

LOG_TEMPERATURES = (-5.0, 5.0)  # where a strength is judged
SPREAD = 2.0  # of the prior of log T of what is shipped, which keeps few labels from certainty
SAME = 1e-3  # of log loss: where all are right, no penalty is better than another

# the rows are checked when they are read; a fit takes 2 ms, of which half would be checks
UNCHECKED = {"assume_finite": True, "skip_parameter_validation": True}


def logistic(
    rows: Rows,
    label: Labels,
    num_classes: int,
    strength: float = 1.0,
    weight: Scores | None = None,
) -> tuple[Scores, Scores]:
    """W and b that minimize |W|^2 / 2 + C sum_i w_i H(y_i, softmax(W x_i + b)), by scikit-learn.

    A class without a label has W_c = 0 and a bias that gives it at most 1 / 2n of any row.

    Args:
        rows: (n, D) standardized, 1 or more.
        label: (n,) each in 0..K-1.
        num_classes: K.
        strength: C > 0, of the labels; small is a strong penalty.
        weight: (n,) w >= 0; None is 1 everywhere.

    Returns:
        (K, D) W and (K,) b; over the classes that have a label, b sums to zero.
    """
    found = np.unique(label)
    slopes = np.zeros((num_classes, rows.shape[1]))
    bias = np.full(num_classes, -math.log(2 * len(rows)))
    bias[found] = 0.0
    if len(found) > 1:
        slopes[found], own = coefficients(_fitted(rows, label, [strength], weight)[0])
        bias[found] = own - own.mean()
    return slopes, bias


def coefficients(model: LogisticRegression) -> tuple[Scores, Scores]:
    """W and b of the softmax, a row a class; scikit-learn has one row for two classes."""
    if len(model.classes_) == 2:
        both = np.array([[-0.5], [0.5]])
        return both * model.coef_, both[:, 0] * model.intercept_
    return model.coef_, model.intercept_


def best_strength(
    rows: Rows,
    label: Labels,
    strengths: tuple[float, ...],
    folds: int,
    rng: np.random.Generator,
    usual: float | None = None,
) -> tuple[float, float]:
    """The strength that cross-validation finds, by one of two rules.

    With a usual one: what is nearest to it of those whose held-out log loss is within a standard
    error of the best. Few labels say little of a strength, and the usual one is seldom far off.

    Without: the strongest penalty within half a standard error of the best, each at the temperature
    that suits it: what a penalty takes from the sureness of a model that few labels on long rows
    have made is not what it takes from its accuracy.

    The classes of each fold are as equal as they can be. A row that is the only one of its class
    is never held out. Where none can be, the strength is the usual, or the grid's middle, and T 1.

    Args:
        rows: (n, D) standardized.
        label: (n,) each in 0..K-1.
        strengths: the grid of C, ascending.
        folds: 2 or more.
        rng: deals the rows of each class to the folds.
        usual: C of the grid that is taken where nothing speaks against it.

    Returns:
        C, and the temperature T by which its scores are the likeliest probabilities; 1 where there
        is a usual C.
    """
    fold = dealt(label, folds, rng)
    measured, found = fold >= 0, np.unique(label)
    if len(found) < 2 or not measured.any():
        return usual or strengths[len(strengths) // 2], 1.0
    logits = np.zeros((len(strengths), len(rows), len(found)))
    for k in range(folds):
        held, kept = fold == k, fold != k
        if held.any():
            models = _fitted(rows[kept], label[kept], strengths, tolerance=1e-3)
            logits[:, held] = [_logits(model, rows[held]) for model in models]
    place = np.searchsorted(found, label[measured])
    judged = log_losses if usual else _calibrated_loss
    loss = np.array([judged(part[measured], place) for part in logits])
    mean = loss.mean(1)
    error = (loss - loss[mean.argmin()]).std(1) / math.sqrt(loss.shape[1])
    if usual:
        good = np.array(strengths)[mean <= mean.min() + error + SAME]
        return float(good[np.abs(np.log(good / usual)).argmin()]), 1.0
    best = int(np.argmax(mean <= mean.min() + error / 2 + SAME))
    own = best_temperature(logits[best, measured], place, LOG_TEMPERATURES, SPREAD)
    return strengths[best], own


def dealt(label: Labels, folds: int, rng: np.random.Generator) -> Labels:
    """(n,) fold of each row, each class dealt evenly; -1 for the only row of a class."""
    fold, next_one = np.full(len(label), -1), 0
    for c in np.unique(label):
        own = rng.permutation(np.flatnonzero(label == c))
        if len(own) > 1:
            fold[own] = (next_one + np.arange(len(own))) % folds
            next_one += len(own)
    return fold


def _fitted(
    rows: Rows,
    label: Labels,
    strengths: tuple[float, ...] | list[float],
    weight: Scores | None = None,
    tolerance: float = 1e-4,
) -> list[LogisticRegression]:
    """A model for each strength, each from where the one before it ended."""
    from sklearn import config_context  # a second to import, and only here is it wanted
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    models = []
    start = None
    with warnings.catch_warnings(), config_context(**UNCHECKED), one_thread("blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # far enough for a classifier
        warnings.filterwarnings("ignore", "The number of unique classes")  # labels are few
        for strength in strengths:
            model = LogisticRegression(C=strength, tol=tolerance, max_iter=1000, warm_start=True)
            if start is not None:
                model.coef_, model.intercept_ = start.coef_.copy(), start.intercept_.copy()
            models.append(model.fit(rows, label, sample_weight=weight))
            start = model
    return models


def _logits(model: LogisticRegression, rows: Rows) -> Scores:
    """(n, K) of the model's classes; each has seen all that have a second label."""
    slopes, bias = coefficients(model)
    logits: Scores = rows @ slopes.T + bias
    return logits


def _calibrated_loss(logits: Scores, label: Labels) -> Scores:
    """(n,) log losses at the best temperature: a strong penalty makes unsure, which is no error."""
    own = best_temperature(logits, label, LOG_TEMPERATURES, spread=math.inf)
    return log_losses(logits, label, own)
