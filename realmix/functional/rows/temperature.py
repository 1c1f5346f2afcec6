"""The temperature at which scores are the likeliest probabilities (Guo et al., 2017, 4.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.floating]
Losses = NDArray[np.float64]

SPREAD = 1.0  # of the prior of log T


def log_losses(logits: Array, label: NDArray[np.integer], temperature: float = 1.0) -> Losses:
    """(n,) -log softmax(z / T)_y of (n, K) logits and (n,) classes."""
    scaled = logits / temperature
    losses: Losses = logsumexp(scaled, axis=1) - scaled[np.arange(len(label)), label]
    return losses


def best_temperature(
    logits: Array,
    label: NDArray[np.integer],
    bounds: tuple[float, float],
    spread: float = SPREAD,
) -> float:
    """The T that makes held-out labels likeliest, under a prior around 1; 1 without labels.

    Minimizes sum_i -log softmax(z_i / T)_{y_i} + (log T / spread)^2 / 2.

    Args:
        logits: (n, K) of held-out rows, n may be 0.
        label: (n,) their classes.
        bounds: of log T.
        spread: deviation of the prior of log T; infinite for none.

    Reference:
        Guo et al., 2017, https://arxiv.org/abs/1706.04599, section 4.2; the prior is ours.
    """
    from scipy.optimize import minimize_scalar  # not before a training is done

    if len(label) == 0:
        return 1.0

    def cost(log_temperature: float) -> float:
        losses = log_losses(logits, label, float(np.exp(log_temperature)))
        return float(losses.sum() + (log_temperature / spread) ** 2 / 2)

    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded").x))
