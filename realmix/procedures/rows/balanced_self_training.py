"""Self-training of logistic regression (Scudder, 1965), with quotas that follow class shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from realmix.contract.fields import Count, Positive, Share
from realmix.functional.rows.linear import logistic
from realmix.functional.selection import confident_of_each_class
from realmix.procedures.rows.shared import (
    Fitted,
    labeled_rows,
    pool_rows,
    pool_shares,
    strength_of,
    weight_of,
)
from realmix.training.stages import Stages

Array = NDArray[np.float64]


@dataclass(eq=False)
class BalancedSelfTraining(Fitted):
    """H(y, p(x)) + w H(c, p(u)) for the (r / R) s share_c N surest c = argmax p(u) of a class."""

    rounds: Count = 3  # R
    slack: Positive = 1.5  # s: a class may be so much larger than among labels or predictions
    pool_weight: Share | None = None  # w; null: all pseudo-labels weigh what all labels weigh
    most_rows: Count = 3000  # of the pool, at random

    idea = "confident predictions become labels; no class takes over"
    needs = "feature rows; pool"

    def fitted(self, stages: Stages) -> tuple[Array, Array]:
        """(K, D) W and (K,) b after the last round."""
        (rows, label), pool = labeled_rows(stages), pool_rows(stages, self.most_rows)
        num_classes = stages.data.num_classes
        strength, temperature = strength_of(rows, label, stages)
        slopes, bias = logistic(rows, label, num_classes, strength)
        prior = pool_shares(stages)
        for number in range(1, self.rounds + 1) if len(pool) else ():
            model = slopes / temperature, bias / temperature
            chosen, pseudo = self.chosen(model, pool, prior, number / self.rounds)
            own = self.pool_weight
            own = weight_of(len(rows), len(pseudo)) if own is None else own
            weight = np.r_[np.ones(len(rows)), np.full(len(pseudo), own)]
            both = np.concatenate([rows, pool[chosen]])
            named = np.r_[label, pseudo]
            slopes, bias = logistic(both, named, num_classes, strength, weight)
        return slopes / temperature, bias / temperature

    def chosen(
        self, model: tuple[Array, Array], pool: Array, prior: Array, part: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which rows of the pool get a pseudo-label in this round, and these labels.

        Args:
            model: (K, D) W and (K,) b.
            pool: (N, D).
            prior: (K,) share of each class, as supposed.
            part: of the pool that is labeled in this round, in (0, 1].
        """
        probs = softmax(pool @ model[0].T + model[1], axis=1)
        share = self.slack * np.maximum(prior, probs.mean(0))
        quota = np.ceil(part * len(pool) * share).astype(int).tolist()
        chosen = confident_of_each_class(torch.from_numpy(probs), quota, 0.0).numpy()
        return chosen, probs[chosen].argmax(1)
