"""Democratic co-learning (Zhou and Goldman, 2004, ICTAI) for one student: methods vote on rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from realmix.contract.fields import Count, NonNegative, Positive, Share
from realmix.functional.rows.linear import logistic
from realmix.functional.rows.shares import share_offsets
from realmix.procedures.rows.balanced_self_training import BalancedSelfTraining
from realmix.procedures.rows.gaussian_mixture import GaussianMixture
from realmix.procedures.rows.label_spreading import LabelSpreading
from realmix.procedures.rows.prototypes import Prototypes
from realmix.procedures.rows.shared import (
    Fitted,
    Layer,
    labeled_rows,
    mean_square,
    pool_rows,
    pool_shares,
    weight_of,
)
from realmix.training.stages import Stages

Array = NDArray[np.float64]
SPREADING = LabelSpreading(neighbors=20, balance=1.0, dimensions=128)


@dataclass(eq=False)
class Consensus(Fitted):
    """H(y, p(x)) + w v(u)^a H(c, p(u)): c has v(u) of the votes of four methods on u.

    Prototypes vote only where they agree with the others as much as these do among themselves.
    Where the votes agree little more than by chance, the first method is followed alone.
    """

    least_kappa: Share = 0.73  # agreement beyond chance (Fleiss, 1971) from which votes count
    agreement: NonNegative = 3.0  # a: a row on which the methods differ counts so much less
    times: Positive = 30.0  # w: the pool weighs so many times what all labels do
    strength: Positive = 3.0  # C of the student, times the rows' mean square length
    balance: Share = 0.5  # B: of the offset by which the pool has its supposed class shares
    most_rows: Count = 10_000  # of the pool, at random

    idea = "several methods vote on the pool, one student learns"
    needs = "feature rows; pool; a graph of all rows"

    def computed(self, stages: Stages) -> tuple[Layer, dict[str, float]]:
        pool = pool_rows(stages, self.most_rows)
        mixture = GaussianMixture(most_rows=self.most_rows).remembered(stages)
        probs, kappa = agreeing(self.opinions(stages, pool, mixture))
        followed = kappa >= self.least_kappa
        return self.student(stages, pool, probs) if followed else mixture, {"kappa": kappa}

    def student(self, stages: Stages, pool: Array, probs: list[Array]) -> tuple[Array, Array]:
        """(K, D) W and (K,) b that learn what most say."""
        (rows, label), num_classes = labeled_rows(stages), stages.data.num_classes
        votes = votes_of(probs) / len(probs)
        pseudo = (votes + 1e-3 * np.mean(probs, 0)).argmax(1)  # equal votes: the surer
        share = votes[np.arange(len(pool)), pseudo]
        weight = weight_of(len(rows), len(pool), self.times) * share**self.agreement
        both = np.concatenate([rows, pool])
        slopes, bias = logistic(
            both,
            np.r_[label, pseudo],
            num_classes,
            self.strength / mean_square(both),
            np.r_[np.ones(len(rows)), weight],
        )
        if len(pool):
            logits = pool @ slopes.T + bias
            bias += self.balance * share_offsets(logits, pool_shares(stages))
        return slopes, bias

    def opinions(self, stages: Stages, pool: Array, mixture: tuple[Array, Array]) -> list[Array]:
        """(N, K) probabilities of the pool by each method; the mixture's W and b are known."""
        members = BalancedSelfTraining(), Prototypes(most_rows=self.most_rows)
        models = [mixture, *(member.remembered(stages) for member in members)]
        by_rule = [softmax(pool @ slopes.T + bias, axis=1) for slopes, bias in models]
        spread = SPREADING.shares(stages, pool)[len(stages.data.labeled) :]
        return [spread, *by_rule]


def agreeing(probs: list[Array]) -> tuple[list[Array], float]:
    """The opinions that vote, and their agreement: all, or without the last where that is more.

    The last are prototypes, who suppose the most: one center a class, and classes of equal spread.
    """
    every, others = (agreement_beyond_chance(votes_of(each)) for each in (probs, probs[:-1]))
    return (probs, every) if every >= others else (probs[:-1], others)


def votes_of(probs: list[Array]) -> Array:
    """(N, K) how many name each class the likeliest."""
    counts: Array = np.sum([np.eye(each.shape[1])[each.argmax(1)] for each in probs], 0)
    return counts


def agreement_beyond_chance(votes: Array) -> float:
    """Fleiss' kappa of (N, K) counts of votes, no less than 0; 1 where all name one class."""
    from statsmodels.stats.inter_rater import fleiss_kappa  # brings pandas, which takes a second

    return 1.0 if votes.any(0).sum() < 2 else max(float(fleiss_kappa(votes)), 0.0)
