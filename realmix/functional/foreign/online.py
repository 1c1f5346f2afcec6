"""`share.foreign_share` during training: of counts of scores, in tensors that nothing waits for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import ndtr
from torch import Tensor

from realmix.functional.foreign.share import (
    BELIEF,
    DOUBT,
    SEPARATIONS,
    SHARES,
    WORTH,
    log_densities,
)

WIDEST, STEPS = 4.0, 200  # the normal scores at which the table stands; it is steep at both ends


class Binormal(NamedTuple):
    """The model of `share` on a grid: A shares, D separations.

    Attributes:
        log_g: (STEPS + 1, A * D) logarithm of the density at ranks of equidistant normal scores.
        log_prior: (D,) of the separations.
        shares: (A,).
    """

    log_g: Tensor
    log_prior: Tensor
    shares: Tensor


def binormal() -> Binormal:
    """The tables, float32."""
    ranks = ndtr(np.linspace(-WIDEST, WIDEST, STEPS + 1))
    log_g = np.array([list(log_densities(ranks, d)) for d in SEPARATIONS])
    prior = -0.5 * ((SEPARATIONS - BELIEF) / DOUBT) ** 2
    parts = log_g.transpose(2, 1, 0).reshape(STEPS + 1, -1), prior, SHARES
    return Binormal(*(torch.from_numpy(part).float() for part in parts))


def counted_share(
    known: Float[Tensor, " bins"],
    pool: Float[Tensor, " bins"],
    references: int,
    quantile: float,
    model: tuple[Tensor, Tensor, Tensor],
) -> Float[Tensor, ""]:
    """A quantile of the posterior of the share of the pool that belongs to no class.

    Args:
        known: how many scores of held-out labeled rows fell into each bin, the lowest bin first.
        pool: the same of the pool's rows.
        references: how many different labeled rows there are, whatever `known` sums to.
        quantile: of the posterior, in (0, 1).
        model: what `binormal` gives.
    """
    log_g, log_prior, shares = model
    seen = pool / pool.sum().clamp(min=1e-6)
    rank = 1 - seen.cumsum(0) + seen / 2  # of a bin within the pool, 0 the best
    normal = torch.special.ndtri(rank.clamp(0, 1)).clamp(-WIDEST, WIDEST)
    place = (normal + WIDEST) * STEPS / (2 * WIDEST)
    lower = place.long().clamp(max=STEPS - 1)
    log_density = log_g[lower].lerp(log_g[lower + 1], (place - lower).unsqueeze(1))
    given = WORTH * references * known / known.sum().clamp(min=1e-6)
    posterior = ((given @ log_density).view(len(shares), -1) + log_prior).flatten().softmax(0)
    over = posterior.view(len(shares), -1).sum(1).cumsum(0)
    return shares[torch.searchsorted(over, quantile).clamp(max=len(shares) - 1)]
