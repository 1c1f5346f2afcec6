"""What is likely of the pool's gain, after few held-out labels: a normal prior, a normal posterior.

The unit is a point of the judge (of accuracy: a percentage point).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from scipy.special import ndtr

from realmix.evaluate.intervals import Correct, labels_to_decide, paired_error, rows_to_decide
from realmix.evaluate.judges import Comparison, Judge
from realmix.evaluate.metrics import Floats, Integers, given_to_truth

PRIOR_MEAN, PRIOR_DEVIATION = 1.0, 5.0
"""A belief, in points: most pools do little, some help or hurt a lot. How often the chances that
follow from it were right: benchmarks/records/gate."""
DOUBT = 4.0
"""Points by which the gain of the two final models differs from that of the models of the folds:
other seeds and more labels, and the folds may have chosen the candidate too. From tuning runs:
benchmarks/records/gate."""
HARM = -1.0  # points; a loss that somebody would mind
BOUND = 0.2  # chance of harm that a single model may have


class Lead(NamedTuple):
    """The candidate's figure minus the baseline's, in the judge's own unit, and its error."""

    gain: float
    standard_error: float


def lead_of(
    judge: Judge, seen: Comparison, calibrated: tuple[Floats, Floats], label: Integers
) -> Lead:
    """What held-out labels tell of the candidate's gain.

    Of accuracy: how much more of its belief it gives to the true classes than the baseline. Right
    and wrong answers tell two models apart only on the few rows where they differ; these shares
    foretell the final models' gain better. Of classes they do not, and other judges keep the lead
    that they compared by (benchmarks/records/gate).

    Args:
        judge: of the comparison.
        seen: the comparison.
        calibrated: (n, K) probabilities of the baseline and of the candidate.
        label: (n,) classes.
    """
    if judge.name != "accuracy":
        return Lead(seen.gain, seen.standard_error)
    base, other = (given_to_truth(probs, label) for probs in calibrated)
    return Lead(float((other - base).mean()), paired_error(other - base))


@dataclass(frozen=True)
class Posterior:
    """The gain in points is normal with this mean and deviation."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, judge: Judge, seen: Lead | None) -> Posterior:
        """After a lead on held-out labels; None is after none, the prior.

        With prior N(m, s^2), lead g of error e and doubt d the precisions add up:
        1 / s^2 + 1 / (e^2 + d^2), and the means are weighed by them.
        """
        if seen is None:
            return cls(PRIOR_MEAN, PRIOR_DEVIATION)
        gain, error = seen.gain / judge.point, seen.standard_error / judge.point
        prior, data = PRIOR_DEVIATION**-2, 1 / (error**2 + DOUBT**2)
        mean = (prior * PRIOR_MEAN + data * gain) / (prior + data)
        return cls(mean, (prior + data) ** -0.5)

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


def needed(
    judge: Judge, seen: Comparison, base: Correct, other: Correct, level: float
) -> int | None:
    """About how many held-out labels would prove the lead seen where two models were right."""
    if judge.name == "accuracy":
        return labels_to_decide(base, other, level)
    return rows_to_decide(len(base), seen.gain, seen.standard_error, level)
