"""Class probabilities of a pool, changed as little as possible until classes have wanted shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

Array = NDArray[np.float64]

FLOOR = 1e-9  # of a class' share, so that one that nobody predicts can be raised


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
