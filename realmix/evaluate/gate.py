"""The gate: the model that used the pool ships only if held-out labels prove it better.

Ships the labels-only baseline unless a one-sided exact paired test (`intervals.mcnemar`) finds
the candidate better. If it is not better, it ships with probability at most `level`.

In cross-validation each labeled row is held out once; predictions of different folds are pooled.
The test then speaks of the networks trained in the folds: it does not see how much another seed
would have changed them (Dietterich, 1998, https://doi.org/10.1162/089976698300017197).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from realmix.evaluate.intervals import (
    Correct,
    Interval,
    labels_to_decide,
    mcnemar,
    paired_interval,
    wilson,
)
from realmix.evaluate.metrics import Floats, Integers, predicted

SUPERVISED = "supervised"
"""Name of the labels-only baseline, in `algorithm` and `shipped`."""


@dataclass(frozen=True)
class Estimate:
    """An accuracy and its 95 % Wilson interval, all in [0, 1]; accuracy is None without labels."""

    accuracy: float | None
    interval: Interval

    @classmethod
    def of(cls, correct: Correct) -> Estimate:
        share = float(correct.mean()) if len(correct) else None
        return cls(share, wilson(int(correct.sum()), len(correct)))

    def to_json(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy, "interval": list(self.interval)}


@dataclass(frozen=True)
class Verdict:
    """Which of the two models ships, and why.

    Attributes:
        algorithm: the candidate's name.
        shipped: "supervised" or `algorithm`.
        decided: False where more held-out labels are needed to tell (or there are none).
        reason: the verdict in plain words, with its figures.
        rule: a sentence: how the labels were held out.
        baseline, candidate: their accuracies on the held-out labels.
        difference: candidate's minus baseline's accuracy; None without labels.
        difference_interval: its interval with confidence 1 - 2 * level: the two-sided interval
            whose lower end agrees with a one-sided test at `level`.
        p_value: of "the candidate is better", in (0, 1].
        level: what the p-value had to reach.
        held_out: number of held-out labels.
        labels_needed: about how many would find a lead of this size; None if there is no lead,
            or nothing left to decide.
    """

    algorithm: str
    shipped: str
    decided: bool
    reason: str
    rule: str
    baseline: Estimate
    candidate: Estimate
    difference: float | None
    difference_interval: Interval
    p_value: float
    level: float
    held_out: int
    labels_needed: int | None

    def to_json(self) -> dict[str, Any]:
        """The part of result.json that the gate knows; the candidate is its "model"."""
        return {
            "algorithm": self.algorithm,
            "shipped": self.shipped,
            "decided": self.decided,
            "reason": self.reason,
            "rule": self.rule,
            "baseline": self.baseline.to_json(),
            "model": self.candidate.to_json(),
            "difference": self.difference,
            "difference_interval": list(self.difference_interval),
            "p_value": self.p_value,
            "level": self.level,
            "held_out": self.held_out,
            "labels_needed": self.labels_needed,
        }


def decide(
    label: Integers,
    baseline_probs: Floats,
    candidate_probs: Floats,
    *,
    algorithm: str,
    rule: str,
    level: float = 0.05,
) -> Verdict:
    """Compare two models on the same held-out labels and say which one ships.

    Args:
        label: (n,) true classes of the held-out rows; n may be 0.
        baseline_probs: (n, K) probabilities of the model trained on the labels alone.
        candidate_probs: (n, K) probabilities of the model that also used the pool.
        algorithm: the candidate's name; "supervised" means that there is nothing to compare.
        rule: one sentence that says how these rows were held out.
        level: largest accepted chance to ship a candidate that is not better, in (0, 0.5).

    Raises:
        DataError: arrays that do not fit together (see `metrics.predicted`).
    """
    base, other = _correct(baseline_probs, label), _correct(candidate_probs, label)
    p_value = mcnemar(base, other)
    lead = int(other.sum()) - int(base.sum())
    better = algorithm != SUPERVISED and p_value <= level
    undecided = algorithm != SUPERVISED and not better and (lead > 0 or len(label) == 0)
    needed = labels_to_decide(base, other, level) if undecided else None
    words = _words(base, other, algorithm, better, p_value, needed)
    return Verdict(
        algorithm=algorithm,
        shipped=algorithm if better else SUPERVISED,
        decided=not undecided,
        reason=f"{words} {rule}".strip(),
        rule=rule,
        baseline=Estimate.of(base),
        candidate=Estimate.of(other),
        difference=lead / len(label) if len(label) else None,
        difference_interval=paired_interval(base, other, 1 - 2 * level),
        p_value=p_value,
        level=level,
        held_out=len(label),
        labels_needed=needed,
    )


def _correct(probs: Floats, label: Integers) -> Correct:
    if len(label) == 0:
        return np.zeros(0, bool)
    return np.asarray(predicted(probs, label) == label)


def _words(
    base: Correct, other: Correct, algorithm: str, better: bool, p_value: float, needed: int | None
) -> str:
    """One or two sentences for someone who never heard of a p-value."""
    n = len(base)
    labels = f"{n:,} held-out label{'' if n == 1 else 's'}"
    if algorithm == SUPERVISED:
        score = f" It is right on {base.mean():.1%} of {labels}." if n else ""
        return f"The model was trained on the labels alone, so nothing was compared.{score}"
    if n == 0:
        return (
            f"There are no held-out labels to compare {algorithm} with training on the labels "
            "alone, so the model trained on the labels alone ships."
        )
    scores = (
        f"on {labels} {algorithm} is right {other.mean():.1%} of the time, "
        f"training on the labels alone {base.mean():.1%}"
    )
    if not better and needed is None:
        return f"The unlabeled data did not help, so the labels-only model ships: {scores}."
    luck = "less than 0.1%" if p_value < 0.001 else f"{p_value:.1%}"
    scores += f"; luck alone gives a lead this large in {luck} of such comparisons."
    if needed is None:
        return f"The unlabeled data helped: {scores}"
    return (
        "There are too few labels to decide, so the model trained on the labels alone ships: "
        f"{scores} About {rounded_up(needed):,} held-out labels would decide it, "
        "if the lead stays what it is here."
    )


def rounded_up(count: int) -> int:
    """`count` with two leading digits, as befits an estimate.

    >>> rounded_up(813)
    820
    """
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // unit) * unit
