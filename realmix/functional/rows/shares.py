"""How often classes occur in a pool, and probabilities changed until they occur as wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from realmix.functional.rows.linear import Labels, logistic

Array = NDArray[np.float64]

FLOOR = 1e-9  # of a class' share, so that one that nobody predicts can be raised
ROUNDS, TOLERANCE = 200, 1e-5
SUPPOSED = 0.1  # rows of the labels' shares that are supposed for each row of the pool


def shares_by_em(
    probs: Array, given: Array, weight: Array | None = None, prior: float = 0.0
) -> Array:
    """The shares pi for which the pool's probabilities, times pi / given, have the mean pi.

    The likeliest shares by expectation maximization (Saerens, Latinne and Decaestecker, 2002,
    Neural Computation 14:21).

    Args:
        probs: (N, K) of a calibrated classifier that learned from classes of the shares `given`.
        given: (K,) > 0, that sum to one.
        weight: (N,) >= 0 of each row.
        prior: rows of the shares `given` that are seen besides, for each row of the pool.
    """
    rows = np.ones(len(probs)) if weight is None else weight
    shares, total = given.copy(), max(rows.sum(), 1e-300)
    for _ in range(ROUNDS):
        factor = shares / given  # posterior_uk = p_uk factor_k / sum_j p_uj factor_j
        new = factor * ((rows / np.maximum(probs @ factor, 1e-300)) @ probs) / total
        new = (new + prior * given) / (1 + prior)
        done = np.abs(new - shares).max() < TOLERANCE
        shares = new
        if done:
            break
    return shares


def shares_beyond_chance(
    rows: Array,
    label: Labels,
    pool: Array,
    given: Array,
    fold: Labels,
    settings: tuple[float, float],
) -> Array:
    """The pool's class shares as EM finds them, drawn to the labels' by as much as they may err.

    EM asks the labels' logistic regression. Its error is the variance by the jackknife over parts
    of the labels, and the square of what it errs by on rows that were held out.

    Args:
        rows: (n, D) labeled rows.
        label: (n,) their classes.
        pool: (N, D), N >= 1.
        given: (K,) > 0, the labels' shares.
        fold: (n,) part of each labeled row; -1 is never held out.
        settings: C and the temperature of the logistic regression.

    Returns:
        (K,) > 0; `given` where no row can be held out.
    """
    (strength, temperature), parts = settings, np.unique(fold[fold >= 0])
    if len(parts) < 2:
        return given

    def shares(asked: list[Array], kept: list[NDArray[np.bool_]]) -> Array:
        """Of all rows that are asked, each part by what learned from the labels that are kept."""
        layers = [logistic(rows[own], label[own], len(given), strength) for own in kept]
        logits = [x @ slopes.T + bias for x, (slopes, bias) in zip(asked, layers, strict=True)]
        probs = softmax(np.concatenate(logits) / temperature, axis=1)
        return shares_by_em(probs, given, prior=SUPPOSED)

    kept = [fold != k for k in parts]
    found = shares([pool], [np.ones(len(label), bool)])
    without = np.array([shares([pool], [own]) for own in kept])
    measured = np.eye(len(given))[label[fold >= 0]].mean(0)
    true = (measured + SUPPOSED * given) / (1 + SUPPOSED)
    held = shares([rows[~own] for own in kept], kept)
    return drawn_back(found, given, jackknife(without) + float(((held - true) ** 2).sum()))


def drawn_back(found: Array, given: Array, error: float) -> Array:
    """An estimate, drawn to what was supposed by as much as it errs (James and Stein, 1961).

    given + max(0, 1 - error / |found - given|^2) (found - given).

    Args:
        found: (K,) the estimate.
        given: (K,) what was supposed.
        error: mean square of |found - truth|.
    """
    apart = float(((found - given) ** 2).sum())
    drawn: Array = given + max(0.0, 1 - error / max(apart, 1e-300)) * (found - given)
    return drawn


def jackknife(without: Array) -> float:
    """Variance of an estimate: (J - 1) / J sum_j |t_j - mean t|^2 (Efron and Stein, 1981).

    Args:
        without: (J, K) t_j, the estimate without the j-th of J parts.
    """
    parts = len(without)
    return float((parts - 1) / parts * ((without - without.mean(0)) ** 2).sum())


def share_offsets(logits: Array, shares: Array, iterations: int = 20) -> Array:
    """(K,) b with mean_u softmax(z_u + b) = shares, by Sinkhorn's alternation.

    The rows of softmax(z_u + b) are the closest to softmax(z_u) in relative entropy of all
    assignments with these shares (Cuturi, 2013, https://arxiv.org/abs/1306.0895); b is also the
    correction of a classifier for other class priors (Saerens et al., 2002, Neural Computation 14).

    Args:
        logits: (N, K), N >= 1.
        shares: (K,) > 0, that sum to one.
        iterations: of the alternation.

    Returns:
        b, whose mean is zero.
    """
    offsets = np.zeros(logits.shape[1])
    for _ in range(iterations):
        now = softmax(logits + offsets, axis=1).mean(0)
        offsets += np.log(shares) - np.log(np.maximum(now, FLOOR))
    balanced: Array = offsets - offsets.mean()
    return balanced


def with_shares(probs: Array, shares: Array, balance: float = 1.0) -> Array:
    """Probabilities that have the wanted shares and are else as close to those given as can be.

    Args:
        probs: (N, K) >= 0, N >= 1.
        shares: (K,) > 0, that sum to one.
        balance: in [0, 1]: how much of the offset is taken; 0 changes nothing.
    """
    logits = np.log(np.maximum(probs, FLOOR))
    balanced: Array = softmax(logits + balance * share_offsets(logits, shares), axis=1)
    return balanced
