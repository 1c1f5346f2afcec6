"""Which of two final models is better, from labels spent only where the two disagree.

On all other pool rows the two are right or wrong together, so these alone can tell them apart.
They are asked in a random order, and the test of `sequential` says after each answer whether the
models are told apart. Whatever is said in the end, it is wrong with a chance of at most `ERROR`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realmix.evaluate.gate import ALONE, CANDIDATE
from realmix.evaluate.intervals import Interval
from realmix.evaluate.metrics import Floats, Integers
from realmix.evaluate.sequential import Counts, log_evidence, net_interval, within

ERROR = 0.05
LIMIT = 2 / ERROR  # a wrong winner takes one half of the error, a wrong "about equal" the other
EQUAL_GAIN = 0.01  # models whose accuracies on the pool differ by less are about equal
MOST = 300  # rows that can be asked
ABOUT_EQUAL = "about equal"
_WINNERS = {1: CANDIDATE, -1: ALONE, 2: ABOUT_EQUAL}
_ORDER, _FUTURES = 30, 31  # streams of randomness


class Dispute(NamedTuple):
    """What there is to ask.

    Attributes:
        disagreements: pool rows for which the two models predict different classes.
        pool: all pool rows.
        listed: how many of the disagreements can be asked.
    """

    disagreements: int
    pool: int
    listed: int


@dataclass(frozen=True)
class Standing:
    """What the answers say.

    Attributes:
        right_candidate, right_baseline, right_neither: answers by which model is right.
        winner: "candidate", "labels alone", "about equal", or None while it is open.
        error_rate: chance that equal models ever seem this far apart, in [0, 1].
        gain: candidate's minus baseline's accuracy on the pool, estimated.
        interval: of the gain; right in 95 % of all runs whenever one stops.
    """

    right_candidate: int
    right_baseline: int
    right_neither: int
    winner: str | None
    error_rate: float
    gain: float
    interval: Interval

    @property
    def answers(self) -> int:
        """How many were spent, up to the ending."""
        return self.right_candidate + self.right_baseline + self.right_neither

    def to_json(self) -> dict[str, Any]:
        return {
            "answers": self.answers,
            "right_candidate": self.right_candidate,
            "right_baseline": self.right_baseline,
            "error_rate": self.error_rate,
            "winner": self.winner,
            "gain": self.gain,
            "interval": list(self.interval),
        }


class Forecast(NamedTuple):
    """How many further answers it will take, over simulated futures.

    Attributes:
        median: half of the futures end by then.
        bound: nine of ten do.
        settled: share of the futures that end before the rows to ask do.
    """

    median: int
    bound: int
    settled: float


def disagreeing(baseline_probs: Floats, candidate_probs: Floats) -> NDArray[np.int64]:
    """Rows of two (N, K) predictions whose likeliest classes differ."""
    return np.flatnonzero(baseline_probs.argmax(1) != candidate_probs.argmax(1)).astype(np.int64)


def drawn(
    baseline_probs: Floats, candidate_probs: Floats, seed: int, most: int = MOST
) -> NDArray[np.int64]:
    """Disagreeing rows in random order; a longer list begins with the shorter one.

    Args:
        baseline_probs: (N, K) of the pool.
        candidate_probs: (N, K) of the same rows.
        seed: non-negative; the order follows from it and from which rows disagree.
        most: how many at most.
    """
    rows = disagreeing(baseline_probs, candidate_probs)
    return np.random.default_rng((seed, _ORDER)).permutation(rows)[:most]


def outcomes(label: Integers, baseline: Integers, candidate: Integers) -> NDArray[np.int8]:
    """(n,) 1 where the candidate is right, -1 where the baseline is, 0 where neither.

    Args:
        label: (n,) answers; -1 for a row of none of the classes.
        baseline: (n,) predicted classes.
        candidate: (n,) predicted classes, which differ from the baseline's everywhere.
    """
    right = [np.asarray(guess == label, np.int8) for guess in (candidate, baseline)]
    return right[0] - right[1]


def judged(found: NDArray[np.int8], dispute: Dispute) -> Standing:
    """What the answers come to; those behind an ending do not count.

    Args:
        found: (n,) `outcomes` in the drawn order.
        dispute: what there is to ask.
    """
    ends, codes = _endings(found[None], dispute)
    used, winner = found[: ends[0]], _WINNERS.get(int(codes[0]))
    if winner is None and len(used) == dispute.listed:
        winner = ABOUT_EQUAL
    c, b, z = (int((used == kind).sum()) for kind in (1, -1, 0))
    net = (c - b) / max(len(used), 1) * dispute.disagreements
    ends_net = net_interval(c, b, z, dispute.disagreements, LIMIT)
    low, high = (end / dispute.pool for end in ends_net)
    evidence = max(float(_evidence(used[None], dispute).max()), math.log(2))
    return Standing(
        c,
        b,
        z,
        winner,
        error_rate=2 * math.exp(-evidence),
        gain=net / dispute.pool,
        # the winner is not worse: its error and the interval's are ERROR together
        interval=(
            max(low, 0.0) if winner == CANDIDATE else low,
            min(high, 0.0) if winner == ALONE else high,
        ),
    )


def expected(
    found: NDArray[np.int8],
    held_out: tuple[int, int, int],
    dispute: Dispute,
    seed: int,
    futures: int = 400,
) -> Forecast:
    """How many further answers it will take, by simulation.

    Each future draws the shares of the three kinds of answers from their posterior (of a uniform
    prior), then the answers.

    Args:
        found: (n,) `outcomes` so far.
        held_out: held-out rows with two different predictions: only the candidate right, only the
            baseline right, neither.
        dispute: what there is to ask.
        seed: non-negative; the same arguments give the same forecast.
        futures: how many.
    """
    rng = np.random.default_rng((seed, _FUTURES))
    known = np.array(held_out) + [(found == kind).sum() for kind in (1, -1, 0)]
    shares = rng.dirichlet(known + 1.0, futures)
    chance = rng.random((futures, dispute.listed - len(found)))
    later = np.where(chance < shares[:, :1], 1, np.where(chance < 1 - shares[:, 2:], -1, 0))
    before = np.broadcast_to(found, (futures, len(found)))
    ends, codes = _endings(np.concatenate([before, later], 1), dispute)
    median, bound = np.quantile(ends - len(found), [0.5, 0.9], method="inverted_cdf")
    return Forecast(int(median), int(bound), float((codes != 0).mean()))


def _endings(found: Integers, dispute: Dispute) -> tuple[Integers, Integers]:
    """After how many answers each (paths, n) row of them ends, and how; 0 where it does not."""
    better, worse = _evidence(found, dispute) >= math.log(LIMIT)
    codes = better.astype(np.int8) - worse.astype(np.int8)
    counts = Counts.along(found)
    least = math.ceil(EQUAL_GAIN * dispute.pool)
    still = codes == 0
    codes[still] = 2 * within(least, counts.take(still), dispute.disagreements, LIMIT)
    ended = codes != 0
    first = np.where(ended.any(1), ended.argmax(1), found.shape[1])
    return first, np.take_along_axis(codes, first[:, None], 1)[:, 0]


def _evidence(found: Integers, dispute: Dispute) -> NDArray[np.float64]:
    """(2, paths, n + 1): for the candidate and for the baseline after 0 to n answers."""
    counts = Counts.along(found)
    return np.stack([log_evidence(k, dispute.disagreements) for k in (counts, counts.swapped)])
