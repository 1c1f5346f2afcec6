"""Two models as one: each one's probabilities calibrated, then averaged with weights.

p(x) = (1 - w) softmax(z_b(x) / T_b) + w softmax(z_c(x) / T_c). Temperatures and weight come from
held-out labels, and priors keep them sober where these are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.evaluate.metrics import Floats, Integers, given_to_truth
from realmix.functional.rows.temperature import best_temperature

LOG_TEMPERATURES = (-2.0, 2.0)
WEIGHTS = np.linspace(0.005, 0.995, 100)
OPEN, CHOSEN, FAVORED = (2.0, 2.0), (2.0, 4.0), (8.0, 1.0)
"""a, b of the weight's prior Beta(a, b): of a candidate that is the only one, of one that these
labels chose among several, and of one that is taken unless they speak against it."""


def log_probs(probs: Floats) -> NDArray[np.float64]:
    """Of probabilities that may be 0; they are logits of the same model."""
    logs: NDArray[np.float64] = np.log(np.maximum(probs, np.finfo(np.float32).tiny), dtype=float)
    return logs


def tempered(probs: Floats, temperature: float) -> NDArray[np.float64]:
    """softmax(log p / T): T = 1 changes nothing, T > 1 makes a model less sure."""
    logits = log_probs(probs) / temperature
    weights = np.exp(logits - logits.max(1, keepdims=True))
    shares: NDArray[np.float64] = weights / weights.sum(1, keepdims=True)
    return shares


def temperature(probs: Floats, label: Integers) -> float:
    """The temperature that makes held-out labels likeliest, under a prior; 1 without labels."""
    return best_temperature(log_probs(probs), label, LOG_TEMPERATURES)


def mixing_weight(
    baseline: Floats,
    candidate: Floats,
    label: Integers,
    prior: tuple[float, float] = OPEN,
    by_class: bool = False,
) -> float:
    """The posterior mean of the candidate's weight w, in (0, 1); the prior's without labels.

    The likelihood is prod_i ((1 - w) b_i + w c_i)^r_i, where b_i and c_i are what the two
    calibrated models give to the true class of row i (stacking: Wolpert, 1992); the prior is
    Beta(a, b). r_i is 1, or `by_class` n / (K n_c), so that all classes count alike: otherwise the
    rows of a frequent class decide, and rare ones that the candidate finds are given away.
    Chosen among seven rules by records/gate: the chance that the candidate is the better one makes
    a worse weight, for it asks which model to take and not what to take of each.

    Of a candidate that these labels chose among several they are no fresh witnesses: the prior is
    `CHOSEN`, which harms fewer runs (benchmarks/records/gate/selection).
    """
    given = [given_to_truth(probs, label)[:, None] for probs in (baseline, candidate)]
    mixed = (1 - WEIGHTS) * given[0] + WEIGHTS * given[1]
    log_likelihood = np.log(np.maximum(mixed, np.finfo(np.float32).tiny))
    log_posterior = _repeated(label, by_class) @ log_likelihood
    log_posterior += (prior[0] - 1) * np.log(WEIGHTS) + (prior[1] - 1) * np.log(1 - WEIGHTS)
    posterior = np.exp(log_posterior - log_posterior.max())
    return float((posterior * WEIGHTS).sum() / posterior.sum())


def _repeated(label: Integers, by_class: bool) -> NDArray[np.float64]:
    """(n,) how often each row counts, n in all."""
    if not by_class:
        return np.ones(len(label))
    _, place, count = np.unique(label, return_inverse=True, return_counts=True)
    repeated: NDArray[np.float64] = len(label) / (len(count) * count[place])
    return repeated


@dataclass(frozen=True)
class Pairing:
    """How two models answer together.

    Attributes:
        weight: of the candidate, in [0, 1]; the baseline has the rest.
        baseline_temperature, candidate_temperature: T of each.
    """

    weight: float
    baseline_temperature: float
    candidate_temperature: float

    @classmethod
    def of(
        cls,
        baseline: Floats,
        candidate: Floats,
        label: Integers,
        prior: tuple[float, float] = OPEN,
        by_class: bool = False,
    ) -> Pairing:
        """Calibrated on held-out rows: (n, K) probabilities of both, (n,) classes; n may be 0."""
        one, two = temperature(baseline, label), temperature(candidate, label)
        calibrated = tempered(baseline, one), tempered(candidate, two)
        return cls(mixing_weight(*calibrated, label, prior, by_class), one, two)

    def calibrated(
        self, baseline: Floats, candidate: Floats
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, K) probabilities of each, by its own temperature."""
        return (
            tempered(baseline, self.baseline_temperature),
            tempered(candidate, self.candidate_temperature),
        )

    def __call__(self, baseline: Floats, candidate: Floats) -> NDArray[np.float32]:
        """(n, K) probabilities of the two together."""
        one, two = self.calibrated(baseline, candidate)
        both: NDArray[np.float32] = ((1 - self.weight) * one + self.weight * two).astype(np.float32)
        return both

    def to_json(self) -> dict[str, Any]:
        return {
            "weight": self.weight,
            "temperatures": [self.baseline_temperature, self.candidate_temperature],
        }
