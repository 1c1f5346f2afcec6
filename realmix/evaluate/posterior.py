"""What is likely of the pool's gain, after few held-out labels: a normal prior, a normal posterior.

The unit is a point of the judge (of accuracy: a percentage point).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from realmix.evaluate.judges import Comparison, Judge

Array = NDArray[np.float64]

PRIOR_MEAN, PRIOR_DEVIATION = 1.0, 5.0
"""A belief, in points: most pools do little, some help or hurt a lot. How often the chances that
follow from it were right: benchmarks/records/gate."""
SEED_DEVIATION = 2.0
"""Points by which the two final models' gain differs from that of the models of the folds."""
SHARED = 0.5
"""Correlation of what two candidates of a run gain, and of what other seeds change in it."""
HARM = -1.0  # points; a loss that somebody would mind
BOUND = 0.2  # chance of harm that a single model may have


@dataclass(frozen=True)
class Posterior:
    """The gain in points is normal with this mean and deviation."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, judge: Judge, seen: Comparison | None) -> Posterior:
        """After a comparison on held-out labels; None is after none, the prior.

        With prior N(m, s^2), gain g of error e and seeds' deviation d the precisions add up:
        1 / s^2 + 1 / (e^2 + d^2), and the means are weighed by them.
        """
        if seen is None:
            return cls(PRIOR_MEAN, PRIOR_DEVIATION)
        gain, error = seen.gain / judge.point, seen.standard_error / judge.point
        return cls.of_chosen(np.array([gain]), np.array([[error**2]]))

    @classmethod
    def of_chosen(cls, gains: Array, errors: Array) -> Posterior:
        """Of the first of several candidates, which the same labels chose among them.

        Prior and seeds' doubt are normal with covariances P and D, of whose variances all
        candidates share the part `SHARED`: P = s^2 R and D = d^2 R, with R_ii = 1. After gains g
        of error covariance E it is m + P_1 (P + E + D)^-1 (g - m). What was seen of the others is
        part of it, so that it matters no more which was chosen, and why (Senn, 2008, A note
        concerning a selection "paradox" of Dawid's, The American Statistician 62).

        Args:
            gains: (k,) points by which each leads; the chosen one's first.
            errors: (k, k) covariance of their errors (see `ranking.leads`).
        """
        alike = SHARED + (1 - SHARED) * np.eye(len(gains))
        prior = PRIOR_DEVIATION**2 * alike
        weights = np.linalg.solve(prior + errors + SEED_DEVIATION**2 * alike, prior[0])
        mean = PRIOR_MEAN + weights @ (gains - PRIOR_MEAN)
        return cls(float(mean), float(np.sqrt(prior[0, 0] - weights @ prior[0])))

    @property
    def better(self) -> float:
        """Chance that the candidate is the better of the two."""
        return float(ndtr(self.mean / self.deviation))

    @property
    def harm(self) -> float:
        """Chance that it is worse by more than a point."""
        return float(ndtr((HARM - self.mean) / self.deviation))

    @property
    def is_safe(self) -> bool:
        """Whether the candidate alone is the better bet, and not a dangerous one."""
        return self.mean > 0 and self.harm <= BOUND

    def to_json(self) -> dict[str, Any]:
        return {
            "gain": self.mean,
            "deviation": self.deviation,
            "better": self.better,
            "harm": self.harm,
            "prior": [PRIOR_MEAN, PRIOR_DEVIATION],
        }
