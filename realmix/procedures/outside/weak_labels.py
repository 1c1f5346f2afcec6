"""Learning from labels of unknown quality (Raykar et al., 2010, JMLR 11, equations 6 to 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from realmix.base.errors import UsageError
from realmix.base.randomness import derive
from realmix.contract.algorithm import Facts
from realmix.contract.fields import Count, NonNegative, Positive
from realmix.functional.rows.linear import logistic
from realmix.procedures.rows.shared import (
    figures_of,
    labeled_rows,
    rows_of,
    set_linear,
    strength_of,
)
from realmix.training.stages import Procedure, Stages

Array = NDArray[np.float64]
LEAST = 0.02  # of a row's belief in a class, below which it is left out


class Given(NamedTuple):
    """Rows, and a label of unknown quality for each; -1 where there is none."""

    rows: Array
    weak: NDArray[np.int64]


@dataclass(eq=False)
class WeakLabels(Procedure):
    """H(y, p(x)) + H(q, p(u)), q(c) = p_c(u) T(c, w) / Z; T(c, w): how often w where c is."""

    rounds: Count = 2  # of q from p and T, T from q, and p from q
    prior: NonNegative = 8.0  # labels of each class that the first guess of T counts for
    strength: Positive = 0.01  # C of p
    most_rows: Count = 3000  # of the pool's weakly labeled rows, at random

    idea = "how far each weak label is to be believed"
    needs = "feature rows; pool with weak labels"
    cost = 0.0

    @property
    def trainings(self) -> float:
        return 0.0

    def final_model(self, model: str) -> str:
        return "linear"

    def check(self, facts: Facts) -> None:
        facts.require_rows("weak_labels")
        if facts.num_weak == 0:
            raise UsageError(
                "weak_labels learns from labels of unknown quality, and the pool has none: name"
                " their column with --weak-label-column."
            )

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            (rows, label), num_classes = labeled_rows(stages), stages.data.num_classes
            known, pool = Given(rows, self.trusted(stages)), self.pool(stages)
            strength, _ = strength_of(rows, label, stages)
            model = logistic(rows, label, num_classes, strength)
            sure = np.eye(num_classes)[label]
            guess = first_guess(label, known.weak, pool.weak, num_classes)
            trust = confusion(sure, known.weak, guess, self.prior)
            for _ in range(self.rounds) if len(pool.rows) else ():
                belief = believed(softmax(pool.rows @ model[0].T + model[1], 1), trust, pool.weak)
                both = np.concatenate([sure, belief])
                trust = confusion(both, np.r_[known.weak, pool.weak], guess, self.prior)
                model = fitted(np.concatenate([rows, pool.rows]), both, self.strength)
            set_linear(network, *model)
            return figures_of(network, stages)

        return stages.compute(fit, "linear")

    def trusted(self, stages: Stages) -> NDArray[np.int64]:
        """The weak labels of the labeled rows."""
        labeled = stages.data.labeled
        none = np.full(len(labeled), -1)
        return none if labeled.weak is None else labeled.weak.cpu().numpy()

    def pool(self, stages: Stages) -> Given:
        """The rows of the pool that have a weak label, or `most_rows` of them at random."""
        pool = stages.data.unlabeled
        weak = np.full(len(pool), -1) if pool.weak is None else pool.weak.cpu().numpy()
        there = np.flatnonzero(weak >= 0)
        if len(there) > self.most_rows:
            rng = np.random.default_rng(derive(stages.seed))
            there = np.sort(rng.choice(there, self.most_rows, replace=False))
        return Given(rows_of(pool, stages, torch.from_numpy(there)), weak[there])


def first_guess(
    label: NDArray[np.int64], weak: NDArray[np.int64], pool: NDArray[np.int64], num_classes: int
) -> Array:
    """(K, K) a 1[c = w] + (1 - a) share_w: right with probability a, else drawn as the pool's are.

    a is Cohen's kappa of weak labels and labels, no less than 0, with two more rows that agree no
    more than by chance.

    Args:
        label: (n,) of the labeled rows.
        weak: (n,) theirs, -1 where there is none.
        pool: (m,) the pool's.
        num_classes: K.
    """
    both, there = weak >= 0, pool[pool >= 0]
    share = (np.bincount(there, minlength=num_classes) + 1) / (len(there) + num_classes)
    chance = float(np.bincount(label, minlength=num_classes) @ share / len(label))
    agree = ((weak == label)[both].sum() + 2 * chance) / (both.sum() + 2)
    kappa = max((agree - chance) / max(1 - chance, 1e-9), 0.0)
    guess: Array = kappa * np.eye(num_classes) + (1 - kappa) * share
    return guess


def confusion(belief: Array, weak: NDArray[np.int64], guess: Array, prior: float) -> Array:
    """(K, K) T: of the rows of a class the share with each weak label, `prior` of them guessed.

    Args:
        belief: (N, K) how likely each class is of each row.
        weak: (N,) their weak labels, -1 where there is none.
        guess: (K, K) of which each row sums to one.
        prior: rows of each class that the guess counts for.
    """
    there = weak >= 0
    count: Array = belief[there].T @ np.eye(len(guess))[weak[there]]
    total = count.sum(1, keepdims=True) + prior
    shares: Array = (count + prior * guess) / np.where(total > 0, total, 1)
    return np.where(total > 0, shares, guess)


def believed(probs: Array, trust: Array, weak: NDArray[np.int64]) -> Array:
    """(m, K) what a row is by its features and its weak label: p_c(u) T(c, w) / Z."""
    joint = probs * trust[:, weak].T
    belief: Array = joint / joint.sum(1, keepdims=True)
    return belief


def fitted(rows: Array, belief: Array, strength: float) -> tuple[Array, Array]:
    """Logistic regression of rows that are of each class as far as they are believed to be."""
    place, label = np.nonzero(belief > LEAST)
    return logistic(rows[place], label, belief.shape[1], strength, belief[place, label])
