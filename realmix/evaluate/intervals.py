"""How sure a figure is: intervals and the paired test behind the gate.

`baseline_correct` and `candidate_correct` are (n,) bool, one entry for each held-out label: was
that model's prediction right. Only the rows where the two disagree tell them apart.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, ndtri  # scipy.stats would take a second to import

from realmix.base.errors import DataError

Correct = NDArray[np.bool_]
Interval = tuple[float, float]


class Pairs(NamedTuple):
    """The four counts of two models' right and wrong predictions on the same rows."""

    both: int  # both right
    gained: int  # only the candidate right
    lost: int  # only the baseline right
    neither: int  # both wrong


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Score interval of a proportion, in [0, 1]; (0, 1) when n is 0.

    Unlike estimate +- 1.96 standard errors it stays inside [0, 1], and is wide at 0 % and 100 %.

    Args:
        successes: in [0, n].
        n: number of trials, at least 0; no whole number where it is what a variance is worth.
        level: confidence of the two-sided interval, in (0, 1).

    Reference:
        Wilson, 1927, "Probable inference, the law of succession, and statistical inference".

    >>> [round(x, 4) for x in wilson(15, 148)]
    [0.0624, 0.1605]
    """
    if n == 0:
        return 0.0, 1.0
    z = -float(ndtri((1 - level) / 2))
    center = successes + z * z / 2
    spread = z * math.sqrt(successes * (n - successes) / n + z * z / 4)
    # rounding must not exclude the ends the formula reaches exactly
    low = 0.0 if successes == 0 else (center - spread) / (n + z * z)
    high = 1.0 if successes == n else (center + spread) / (n + z * z)
    return low, high


def worth(folds: int) -> float:
    """What a row that cross-validation held out counts in an interval: 1 - 1 / K; of one part, 1.

    Each row also trains the K - 1 models that it is not held out of, so rows are right or wrong
    together, and what ships is yet another model. As whole rows they gave intervals that held the
    models' own accuracy in 92 % of the draws, and that of what ships in 69 to 95 %; counted like
    this it is 96 %, and 86 to 98 % (benchmarks/records/coverage).
    """
    return 1 - 1 / folds if folds > 1 else 1.0


def mcnemar(baseline_correct: Correct, candidate_correct: Correct) -> float:
    """One-sided exact p-value of "the candidate is better", in (0, 1].

    If both models were equally good, each disagreement would be a fair coin: the p-value is the
    chance of at least as many gains among all disagreements. This is the plain exact test. Its
    mid-p version ships more often, but its error can exceed the level; a gate that promises
    "never worse" needs the bound. No disagreement gives 1.

    Reference:
        McNemar, 1947, https://doi.org/10.1007/BF02295996; exact form: Fagerland et al., 2013,
        https://doi.org/10.1186/1471-2288-13-91.
    """
    pairs = count_pairs(baseline_correct, candidate_correct)
    if pairs.gained == 0:
        return 1.0
    return float(bdtrc(pairs.gained - 1, pairs.gained + pairs.lost, 0.5))


def paired_error(gained: NDArray[np.float64]) -> float:
    """Standard error of the mean of n gains, those of the rows by one model over another.

    It counts one disagreement more than was seen: without any, the error would be none.

    Args:
        gained: (n,) in [-1, 1]; n >= 1.
    """
    return float(np.sqrt(((gained - gained.mean()) ** 2).sum() + 1) / len(gained))


def paired_interval(
    baseline_correct: Correct,
    candidate_correct: Correct,
    level: float = 0.95,
    worth: float = 1.0,
) -> Interval:
    """Interval of (candidate's accuracy - baseline's accuracy), in [-1, 1]; (-1, 1) without rows.

    Newcombe's square-and-add interval: the distances of both Wilson limits from their estimates,
    added like errors with the correlation of the two outcomes. It needs no random numbers and,
    unlike a bootstrap, is not empty when no prediction differs.

    Args:
        baseline_correct: (n,) bool.
        candidate_correct: (n,) bool, of the same rows.
        level: confidence of the two-sided interval, in (0, 1).
        worth: what a row counts, above 0; see the function of that name.

    Reference:
        Newcombe, 1998, Statistics in Medicine 17:2635, method 10; recommended by Fagerland et
        al., 2014, https://doi.org/10.1002/sim.6148.
    """
    pairs = count_pairs(baseline_correct, candidate_correct)
    n = sum(pairs)
    if n == 0:
        return -1.0, 1.0
    right, other = pairs.both + pairs.gained, pairs.both + pairs.lost
    (low, high), (other_low, other_high) = (
        wilson(count * worth, n * worth, level) for count in (right, other)
    )
    share, other_share, phi = right / n, other / n, _correlation(pairs)
    down = _added(share - low, other_high - other_share, phi)
    up = _added(high - share, other_share - other_low, phi)
    difference = (pairs.gained - pairs.lost) / n
    return max(-1.0, difference - down), min(1.0, difference + up)


def labels_to_decide(
    baseline_correct: Correct, candidate_correct: Correct, level: float = 0.05, power: float = 0.8
) -> int | None:
    """About how many held-out labels would let `mcnemar` find the lead seen here.

    At the rates of gains and losses observed, so as uncertain as they are: an order of magnitude
    to plan with. None if the candidate is not ahead.

    n = (z_level sqrt(d) + z_power sqrt(d - lead^2))^2 / lead^2 + 1 / lead, where d is the rate of
    disagreements; the last term pays for the exact test's discreteness.

    Args:
        baseline_correct: (n,) bool.
        candidate_correct: (n,) bool, of the same rows.
        level: of the test, in (0, 0.5).
        power: chance to find a lead of this size, in (0, 1).

    Reference:
        Connor, 1987, Biometrics 43:207, with a continuity correction.
    """
    pairs = count_pairs(baseline_correct, candidate_correct)
    n, lead = sum(pairs), pairs.gained - pairs.lost
    if lead <= 0:
        return None
    rate, lead_rate = (pairs.gained + pairs.lost) / n, lead / n
    test, find = -float(ndtri(level)), -float(ndtri(1 - power))
    reach = test * math.sqrt(rate) + find * math.sqrt(rate - lead_rate**2)
    return math.ceil((reach / lead_rate) ** 2 + 1 / lead_rate)


def rows_to_decide(
    count: int, gain: float, error: float, level: float = 0.05, power: float = 0.8
) -> int | None:
    """About how many held-out labels would prove a gain of any figure; None if there is none.

    n' = n ((z_level + z_power) error / gain)^2: the standard error falls with the root of the rows.

    Args:
        count: n, held-out labels now.
        gain: seen on them.
        error: its standard error.
        level: of the test, in (0, 0.5).
        power: chance to find a gain of this size, in (0, 1).

    >>> rows_to_decide(100, 0.1, 0.1)
    619
    """
    if gain <= 0:
        return None
    reach = -float(ndtri(level)) - float(ndtri(1 - power))
    return math.ceil(count * (reach * error / gain) ** 2)


def count_pairs(baseline_correct: Correct, candidate_correct: Correct) -> Pairs:
    """The four counts; they add up to n.

    Raises:
        DataError: the two are not one-dimensional bool arrays of the same length.
    """
    if baseline_correct.ndim != 1 or baseline_correct.shape != candidate_correct.shape:
        raise DataError(
            "Both models must be judged on the same rows, and "
            f"{baseline_correct.shape} and {candidate_correct.shape} outcomes were given."
        )
    base, other = baseline_correct.astype(bool), candidate_correct.astype(bool)
    cells = (base & other, ~base & other, base & ~other, ~base & ~other)
    return Pairs(*(int(cell.sum()) for cell in cells))


def _correlation(pairs: Pairs) -> float:
    """Correlation of the two outcomes, shrunk by a continuity correction where positive."""
    both, gained, lost, neither = pairs
    margins = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if margins == 0:
        return 0.0
    product = float(both * neither - gained * lost)
    if product > 0:
        product = max(product - sum(pairs) / 2, 0.0)
    return product / math.sqrt(margins)


def _added(first: float, second: float, correlation: float) -> float:
    """Length of the difference of two errors with this correlation."""
    return math.sqrt(max(0.0, first**2 - 2 * correlation * first * second + second**2))
