"""The gate: which model ships, after a comparison on held-out labels.

- Proved better, by a one-sided paired test at `level`: the candidate ships.
- Proved worse, or collapsed: the model trained on the labels alone ships.
- Otherwise nothing is proved, and what has the best expected accuracy at a bounded risk ships: both
  models together (`pairing`); or, where one network is wanted, a student of both; without a pool
  to teach it, the candidate if it is the better bet and not a dangerous one (`posterior`).

In cross-validation each labeled row is held out once; predictions of different folds are pooled.
The test then speaks of the networks trained in the folds: it does not see how much another seed
would have changed them (Dietterich, 1998, https://doi.org/10.1162/089976698300017197). The
posterior does, by a deviation of its own. What each rule gains and risks: benchmarks/records/gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from realmix.evaluate.collapse import Collapse, collapse
from realmix.evaluate.intervals import Correct
from realmix.evaluate.judges import AUTO, Comparison, Judge, compare, judge_of, p_of_chosen
from realmix.evaluate.metrics import Estimate, Floats, Integers, predicted
from realmix.evaluate.pairing import CHOSEN, FAVORED, OPEN, Pairing
from realmix.evaluate.posterior import Posterior, lead_of, needed

SUPERVISED = "supervised"
"""The network trained on the labels alone, as a method."""
ALONE, CANDIDATE, PAIR, STUDENT = "labels alone", "candidate", "pair", "student"
"""What ships, in result.json. The student has learned from the pair what it says of the pool."""

Rule = Literal["balanced", "strict", "none"]
Outcome = Literal["proved", "likely", "unlikely", "unknown", "worse", "collapsed", "alone"]
"""How the comparison ended. "alone": there was nothing to compare."""
UNSETTLED = ("likely", "unlikely", "unknown")
LIKELY = 0.7  # chance from which "likely" is said, and below 1 - LIKELY "unlikely"


@dataclass(frozen=True)
class Verdict:
    """Which model ships, and why.

    Attributes:
        algorithm: the candidate's name.
        alone: the name of the method that learned from the labels alone.
        outcome: how the comparison ended.
        collapse: why, if the candidate collapsed.
        shipped: ALONE, CANDIDATE, PAIR or STUDENT.
        judge: what they were compared by.
        baseline, candidate, pair: figures on the held-out labels; of the pair they are a little
            too good, as its weight and temperatures were chosen on these labels.
        seen: the comparison; None without held-out labels.
        posterior: of the gain.
        pairing: how the two would answer together.
        level: what a p-value had to reach.
        held_out: number of held-out labels.
        gained, lost: held-out rows that only the candidate, or only the baseline, has right.
        labels_needed: about how many held-out labels would prove a lead of this size; None if
            there is no lead, or nothing left to prove.
        rule: a sentence: how the labels were held out.
        folds: in which they were.
    """

    algorithm: str
    alone: str
    outcome: Outcome
    collapse: Collapse
    shipped: str
    judge: Judge
    baseline: Estimate
    candidate: Estimate
    pair: Estimate
    seen: Comparison | None
    posterior: Posterior
    pairing: Pairing
    level: float
    held_out: int
    gained: int
    lost: int
    labels_needed: int | None
    rule: str
    folds: int = 1

    @property
    def lead(self) -> float | None:
        """The candidate's figure minus the baseline's, in points of the judge."""
        return self.seen.gain / self.judge.point if self.seen else None

    def answer(self, baseline: Floats, candidate: Floats) -> Floats:
        """(n, K) probabilities of what ships, from those of the two models.

        A student is taken to say what it learned from: what both say together.
        """
        if self.shipped in (PAIR, STUDENT):
            return self.pairing(baseline, candidate)
        return candidate if self.shipped == CANDIDATE else baseline

    def to_json(self) -> dict[str, Any]:
        """The part of result.json that the gate knows; the candidate is its "model"."""
        seen = self.seen
        return {
            "algorithm": self.algorithm,
            "labels_alone": self.alone,
            "outcome": self.outcome,
            "collapse": self.collapse,
            "shipped": self.shipped,
            "judge": self.judge.name,
            "baseline": self.baseline.to_json(),
            "model": self.candidate.to_json(),
            "pair": {**self.pair.to_json(), **self.pairing.to_json()},
            "difference": seen.gain if seen else None,
            "difference_interval": list(seen.interval) if seen else [-1.0, 1.0],
            "p_value": seen.p_better if seen else 1.0,
            "p_worse": seen.p_worse if seen else 1.0,
            "level": self.level,
            "posterior": self.posterior.to_json(),
            "held_out": self.held_out,
            "gained": self.gained,
            "lost": self.lost,
            "labels_needed": self.labels_needed,
            "rule": self.rule,
            "folds": self.folds,
        }


def decide(
    label: Integers,
    baseline_probs: Floats,
    candidate_probs: Floats,
    *,
    algorithm: str,
    rule: str,
    alone: str = SUPERVISED,
    judge: str = AUTO,
    gate: Rule = "balanced",
    single: bool = False,
    rivals: Sequence[Floats] = (),
    pool: tuple[Floats, Floats] | None = None,
    heard: bool = True,
    favored: bool = False,
    level: float = 0.05,
    folds: int = 1,
) -> Verdict:
    """Compare two models on the same held-out labels and say what ships.

    Args:
        label: (n,) true classes of the held-out rows; n may be 0.
        baseline_probs: (n, K) probabilities of the model trained on the labels alone.
        candidate_probs: (n, K) probabilities of the model that also used the pool.
        algorithm: the candidate's name; `alone` means that there is nothing to compare.
        rule: one sentence that says how these rows were held out.
        alone: the name of the method that learned from the labels alone.
        judge: a name of `judges.JUDGES`, or "auto".
        gate: "strict" ships the candidate only if it is proved better.
        single: one network ships, not a pair: a student of both, where there is a pool to learn.
        rivals: (n, K) probabilities of each other candidate among which these labels chose this
            one: the best of several is often the luckiest, and the test and the pair's weight
            allow for it.
        pool: (N, K) probabilities of the pool by the two final models, where there are any.
        heard: whether any row of the pool counted in the final candidate's training.
        favored: whether it is taken unless the labels speak against it, so that they hardly chose.
        level: largest accepted chance to call a candidate better, or worse, that is not.
        folds: in which the rows were held out; see `intervals.worth`.

    Raises:
        DataError: arrays that do not fit together (see `metrics.predicted`).
        UsageError: there is no such judge.
    """
    asked = judge_of(judge, label)
    seen = compare(asked, baseline_probs, candidate_probs, label, folds) if len(label) else None
    if seen and rivals:
        chance = p_of_chosen(asked, baseline_probs, (candidate_probs, *rivals), label)
        seen = replace(seen, p_better=max(seen.p_better, chance))
    prior = FAVORED if favored else CHOSEN if rivals else OPEN
    pairing = Pairing.of(baseline_probs, candidate_probs, label, prior, asked.by_class)
    calibrated = pairing.calibrated(baseline_probs, candidate_probs)
    posterior = Posterior.of(asked, lead_of(asked, seen, calibrated, label) if seen else None)
    base, other = (_correct(probs, label) for probs in (baseline_probs, candidate_probs))
    fell = collapse(asked, label, candidate_probs, pool, heard, baseline_probs)
    outcome = _outcome(algorithm == alone, fell, seen, posterior, level)
    unsettled = outcome in UNSETTLED
    return Verdict(
        algorithm=algorithm,
        alone=alone,
        outcome=outcome,
        collapse=fell,
        shipped=_ships(outcome, gate, single, posterior, pool is not None and len(pool[0]) > 0),
        judge=asked,
        baseline=Estimate.of(baseline_probs, label, folds),
        candidate=Estimate.of(candidate_probs, label, folds),
        pair=Estimate.of(pairing(baseline_probs, candidate_probs), label, folds),
        seen=seen,
        posterior=posterior,
        pairing=pairing,
        level=level,
        held_out=len(label),
        gained=int((other & ~base).sum()),
        lost=int((base & ~other).sum()),
        labels_needed=needed(asked, seen, base, other, level) if seen and unsettled else None,
        rule=rule,
        folds=folds,
    )


def _correct(probs: Floats, label: Integers) -> Correct:
    if len(label) == 0:
        return np.zeros(0, bool)
    return np.asarray(predicted(probs, label) == label)


def _outcome(
    alone: bool, fell: Collapse, seen: Comparison | None, posterior: Posterior, level: float
) -> Outcome:
    if alone:
        return "alone"
    if fell:
        return "collapsed"
    if seen is None:
        return "unknown"
    if seen.p_better <= level:
        return "proved"
    if seen.p_worse <= level:
        return "worse"
    if posterior.better >= LIKELY:
        return "likely"
    return "unlikely" if posterior.better <= 1 - LIKELY else "unknown"


def _ships(outcome: Outcome, gate: Rule, single: bool, posterior: Posterior, has_pool: bool) -> str:
    if outcome == "alone":
        return ALONE
    if outcome == "proved" or gate == "none":
        return CANDIDATE
    if outcome in ("worse", "collapsed") or gate == "strict":
        return ALONE
    if single and has_pool:
        return STUDENT
    if single:
        return CANDIDATE if posterior.is_safe else ALONE
    return PAIR
