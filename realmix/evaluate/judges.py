"""What two models are compared by: accuracy, balanced accuracy, macro-F1 or log loss.

Accuracy lets a model that never finds the rare class look good, so where classes are unequal the
gate asks for another figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.evaluate.intervals import Interval, mcnemar, paired_error, paired_interval, worth
from realmix.evaluate.metrics import Floats, Integers, given_to_truth, predicted

AUTO = "auto"
SWAPS, RESAMPLES = 4_999, 999
BLOCK = 100  # swaps drawn at a time
UNEQUAL_LEVEL, UNEQUAL_SHARE = 0.01, 1.4
Outcome = NDArray[Any]


@dataclass(frozen=True)
class Judge:
    """A figure of a model on labeled rows; the larger, the better.

    Attributes:
        name: as `--judge` takes it.
        words: as a sentence has it.
        point: what counts as one point of it: the step in which gains are told.
        outcome: (probs, label) to what the figure is made of, one value a row.
        value: (outcome, label) to the figure.
        by_class: each class counts alike in it, however few rows it has.
    """

    name: str
    words: str
    point: float
    outcome: Callable[[Floats, Integers], Outcome]
    value: Callable[[Outcome, Integers], float]
    by_class: bool = False

    def __call__(self, probs: Floats, label: Integers) -> float:
        return self.value(self.outcome(probs, label), label)

    def constant(self, label: Integers) -> float:
        """The figure of the best model that looks at no input: what a collapsed one reaches."""
        shares = np.bincount(label) / len(label)
        if self.name == "log_loss":
            return float(sum(p * np.log(p) for p in shares if p > 0))
        return self.value(np.full(len(label), shares.argmax()), label)


def _counts(guess: Outcome, label: Integers) -> tuple[NDArray[np.float64], ...]:
    """Right predictions, predictions and rows of each class that occurs in `label`."""
    num_classes = int(max(guess.max(), label.max())) + 1
    right = np.bincount(label[guess == label], minlength=num_classes)
    there = np.bincount(label, minlength=num_classes)
    guessed = np.bincount(guess, minlength=num_classes)
    seen = there > 0
    return right[seen].astype(float), guessed[seen].astype(float), there[seen].astype(float)


def _accuracy(guess: Outcome, label: Integers) -> float:
    return float((guess == label).mean())


def _balanced(guess: Outcome, label: Integers) -> float:
    right, _, there = _counts(guess, label)
    return float((right / there).mean())


def _macro_f1(guess: Outcome, label: Integers) -> float:
    right, guessed, there = _counts(guess, label)
    return float((2 * right / (guessed + there)).mean())


def _log_likelihood(probs: Floats, label: Integers) -> Outcome:
    predicted(probs, label)
    return np.log(np.maximum(given_to_truth(probs, label), np.finfo(np.float32).tiny))


def _mean(outcome: Outcome, label: Integers) -> float:
    return float(outcome.mean())


JUDGES = {
    judge.name: judge
    for judge in (
        Judge("accuracy", "accuracy", 0.01, predicted, _accuracy),
        Judge("balanced", "balanced accuracy", 0.01, predicted, _balanced, by_class=True),
        Judge("macro_f1", "macro-F1", 0.01, predicted, _macro_f1, by_class=True),
        Judge("log_loss", "log likelihood", 0.02, _log_likelihood, _mean),
    )
}


def judge_of(name: str, label: Integers) -> Judge:
    """The judge of that name; "auto" is balanced accuracy where the labels are unequal.

    Raises:
        UsageError: there is none, with the nearest name.
    """
    if name == AUTO:
        return JUDGES["balanced" if unequal(label) else "accuracy"]
    if name not in JUDGES:
        known = [AUTO, *JUDGES]
        raise UsageError(
            f"There is no judge '{name}'.{suggestion(name, known)} Known: {', '.join(known)}."
        )
    return JUDGES[name]


def unequal(label: Integers) -> bool:
    """Whether the classes differ in size by more than chance, and by enough to mislead.

    That is: a chi-square test against equal shares at 1 %, and a largest class of more than 1.4
    times its equal share.
    """
    counts = np.bincount(label) if len(label) else np.zeros(0)
    counts = counts[counts > 0]
    if len(counts) < 2 or counts.max() * len(counts) <= UNEQUAL_SHARE * counts.sum():
        return False
    equal = counts.mean()
    statistic = ((counts - equal) ** 2 / equal).sum()
    return bool(chdtrc(len(counts) - 1, statistic) < UNEQUAL_LEVEL)


@dataclass(frozen=True)
class Comparison:
    """Two models on the same held-out rows, by a judge; all in the judge's own unit.

    Attributes:
        gain: the candidate's figure minus the baseline's.
        standard_error: of the gain, over other held-out rows of the same kind.
        interval: the gain's, with 95 % confidence.
        p_better, p_worse: one-sided p-values of "the candidate is better" and "is worse".
    """

    gain: float
    standard_error: float
    interval: Interval
    p_better: float
    p_worse: float


def compare(
    judge: Judge, baseline: Floats, candidate: Floats, label: Integers, folds: int = 1
) -> Comparison:
    """Compare two models' (n, K) probabilities on the same n >= 1 rows, held out in so many folds.

    Accuracy has exact tests (McNemar) and Newcombe's interval. For the others the two predictions
    of each row are exchanged at random (a permutation test), and rows are drawn again within each
    class (a stratified bootstrap), by fixed seeds.
    """
    base, other = judge.outcome(baseline, label), judge.outcome(candidate, label)
    gain = judge.value(other, label) - judge.value(base, label)
    if judge.name == "accuracy":
        right, others = base == label, other == label
        error = paired_error(others.astype(float) - right)
        tests = mcnemar(right, others), mcnemar(others, right)
        return Comparison(gain, error, paired_interval(right, others, worth=worth(folds)), *tests)
    error = resampled_error(judge, base, other, label)
    half = 1.96 * error / math.sqrt(worth(folds))
    interval = gain - half, gain + half
    return Comparison(gain, error, interval, *_swapped(judge, base, [other], label, gain))


def p_of_chosen(
    judge: Judge, baseline: Floats, candidates: Sequence[Floats], label: Integers
) -> float:
    """p-value of the first candidate's lead where these labels also chose it among the others.

    If the pool changed nothing, a row's answers by the baseline and by all candidates could be
    exchanged. How often would the best candidate then lead by as much as the first one does (the
    maximal statistic of Westfall and Young, 1993, Resampling-based multiple testing)?

    Args:
        judge: of the comparison.
        baseline: (n, K) probabilities; n >= 1.
        candidates: (n, K) each, the chosen one first.
        label: (n,) classes.
    """
    base, *others = (judge.outcome(probs, label) for probs in (baseline, *candidates))
    if judge.name != "accuracy":
        gain = judge.value(others[0], label) - judge.value(base, label)
        return _swapped(judge, base, others, label, gain)[0]
    rng = np.random.default_rng(0)  # the same, a row's gain being one number for each candidate
    gains = np.stack([(other == label).astype(float) - (base == label) for other in others], 1)
    blocks = [min(BLOCK, SWAPS - done) for done in range(0, SWAPS, BLOCK)]
    signs = (rng.choice((-1.0, 1.0), (count, len(label))) for count in blocks)
    best = np.concatenate([(sign @ gains).max(1) for sign in signs])
    return float((1 + (best >= gains[:, 0].sum()).sum()) / (1 + SWAPS))


def _swapped(
    judge: Judge, base: Outcome, others: Sequence[Outcome], label: Integers, gain: float
) -> tuple[float, float]:
    """Permutation p-values of both directions: which model said what, exchanged row by row.

    "Better" is asked of the best of the others, "worse" of the first.
    """
    rng = np.random.default_rng(0)
    gains = np.empty((SWAPS, len(others)))
    for i in range(SWAPS):
        swap = rng.random(len(label)) < 0.5
        for place, other in enumerate(others):
            one, two = np.where(swap, other, base), np.where(swap, base, other)
            gains[i, place] = judge.value(two, label) - judge.value(one, label)
    slack = 1e-12  # equal gains count, whatever their rounding
    better, worse = (gains.max(1) >= gain - slack).sum(), (gains[:, 0] <= gain + slack).sum()
    return float((1 + better) / (1 + SWAPS)), float((1 + worse) / (1 + SWAPS))


def resampled_error(judge: Judge, base: Outcome, other: Outcome, label: Integers) -> float:
    """Standard deviation of the gain over rows drawn again, of each class one fewer than there are.

    As many would make its square too small by the share 1 / n_c, a quarter at four labels of a
    class (Rao and Wu, 1988, https://doi.org/10.1080/01621459.1988.10478591). At least a point over
    sqrt(n): where no prediction differs, none would be left.
    """
    rng = np.random.default_rng(0)
    parts = [np.flatnonzero(label == c) for c in np.unique(label)]
    gains = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        rows = np.concatenate(
            [part[rng.integers(len(part), size=max(len(part) - 1, 1))] for part in parts]
        )
        gains[i] = judge.value(other[rows], label[rows]) - judge.value(base[rows], label[rows])
    return max(float(gains.std()), judge.point / math.sqrt(len(label)))
