"""The evidence: values by hand, the largest P by enumeration, and the exact chance to be wrong."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmix.evaluate.sequential import Counts, excluded, log_evidence, net_interval, within

ENDLESS = 10**7
LIMIT = 40.0


def counts(c: Any, b: Any, z: Any) -> Counts:
    return Counts(np.array(c), np.array(b), np.array(z))


def evidence(c: int, b: int, z: int = 0, rows: int = ENDLESS) -> float:
    return float(np.exp(log_evidence(counts(c, b, z), rows)))


def falling(number: int, count: int) -> int:
    return math.prod(range(number - count + 1, number + 1)) if count <= number else 0


def mixture(c: int, b: int) -> float:
    """2 int_{1/2}^1 p^c (1 - p)^b dp by its binomial expansion."""
    terms = (
        math.comb(b, k) * (-1) ** k * (1 - 0.5 ** (c + k + 1)) / (c + k + 1) for k in range(b + 1)
    )
    return 2 * sum(terms)


@pytest.mark.parametrize(
    ("c", "b", "expected"),
    [(1, 0, 1.5), (7, 0, 255 / 8), (8, 0, 511 / 9), (3, 1, 1.3), (2, 1, 11 / 12)],
)
def test_evidence_in_an_endless_supply_by_hand(c: int, b: int, expected: float) -> None:
    assert evidence(c, b) == pytest.approx(expected, rel=1e-4)


def test_evidence_without_replacement_by_hand() -> None:
    # two of two, of four rows that are fairly two and two: P = 2/4 * 1/3, Q = 2 (1 - 1/8) / 3
    assert evidence(2, 0, rows=4) == pytest.approx(3.5)
    # a fifth row that both got wrong is none of the four
    assert evidence(2, 0, z=1, rows=5) == pytest.approx(3.5)
    assert evidence(3, 0, rows=4) == math.inf  # one row is left, and cannot make up for three


def test_the_one_behind_has_no_evidence() -> None:
    assert evidence(2, 2) == 0
    assert evidence(1, 5) == 0


def test_no_other_fair_split_explains_a_clear_lead_better() -> None:
    """P at the largest D with half each is the largest of all C <= B, D <= M - z."""
    found = 0
    for rows in (6, 13, 24, 41):
        for c in range(1, rows + 1):
            for b in range(min(c, rows - c + 1)):
                claimed = evidence(c, b, rows=rows)
                if claimed <= 2:
                    continue
                found += 1
                for total in range(c + b, rows + 1):
                    first = total // 2
                    fair = falling(first, c) * falling(total - first, b) / falling(total, c + b)
                    assert fair == 0 or mixture(c, b) / fair >= claimed * (1 - 1e-6)
    assert found > 500


def crossing(first: int, second: int, most: int = 300) -> float:
    """Exact chance that the first of two models ever seems proven better, in any order."""
    rows = first + second
    size = min(most, rows)
    c, b = np.meshgrid(np.arange(size + 1), np.arange(size + 1), indexing="ij")
    proven = log_evidence(Counts(c, b, np.zeros_like(c)), rows) >= math.log(LIMIT)
    chance, crossed = np.zeros((size + 1, size + 1)), 0.0
    chance[0, 0] = 1
    for _ in range(size):
        left = np.maximum(rows - c - b, 1)
        to_first = chance * np.maximum(first - c, 0) / left
        to_second = chance * np.maximum(second - b, 0) / left
        chance = np.zeros_like(chance)
        chance[1:] += to_first[:-1]
        chance[:, 1:] += to_second[:, :-1]
        crossed += float(chance[proven].sum())
        chance[proven] = 0
    return crossed


@pytest.mark.parametrize("half", [4, 5, 20, 60, 1000])
def test_equal_models_are_told_apart_with_the_stated_chance_at_most(half: int) -> None:
    exact = crossing(half, half)
    assert exact <= 1 / LIMIT
    assert crossing(half - 1, half + 1) < exact or exact == 0
    if half >= 20:
        assert exact > 0.2 / LIMIT  # and not far less: the bound is used


def test_evidence_has_mean_one_at_most_after_any_number_of_rows() -> None:
    """Ville's condition itself, in an endless supply: sum over outcomes of P * Q / P."""
    for n in (1, 5, 12):
        mean = sum(math.comb(n, c) * 0.5**n * evidence(c, n - c) for c in range(n + 1))
        assert mean <= 1


@given(
    st.integers(1, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers()
)
def test_exclusion_is_by_the_likeliest_split(left: int, c: int, b: int, z: int, shift: int) -> None:
    rows = c + b + z + left
    net = c - b + shift % (2 * left + 1) - left
    splits = [(s + net, s, rows - net - 2 * s) for s in range(rows + 1)]
    likely = max(
        (falling(x, c) * falling(y, b) * falling(w, z) for x, y, w in splits if min(x, y, w) >= 0),
        default=0,
    )
    log_gamma = math.lgamma
    prior = sum(log_gamma(k + 0.5) - log_gamma(0.5) for k in (c, b, z))
    prior += log_gamma(1.5) - log_gamma(c + b + z + 1.5)
    if likely == 0:
        assert excluded(np.array(net), counts(c, b, z), rows, 1e9)
        return
    ratio = math.exp(prior) * falling(rows, c + b + z) / likely
    assert not excluded(np.array(net), counts(c, b, z), rows, ratio * 1.001)
    assert excluded(np.array(net), counts(c, b, z), rows, max(ratio * 0.999, 1e-300))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 200))
def test_the_estimate_is_never_excluded(c: int, b: int, z: int, left: int) -> None:
    rows = c + b + z + left
    low, high = net_interval(c, b, z, rows, LIMIT)
    assert low - 1 <= (c - b) / max(c + b + z, 1) * rows <= high + 1


@pytest.mark.parametrize("limit", [3.0, LIMIT])
@pytest.mark.parametrize("rows", [9, 14, 19])
def test_within_means_that_all_values_beyond_are_excluded(rows: int, limit: float) -> None:
    triples = np.array(
        [t for t in itertools.product(range(rows + 1), repeat=3) if sum(t) <= rows], dtype=np.int64
    )
    every = Counts(*triples.T)
    net = np.arange(-rows, rows + 1)
    open_values = ~np.stack([excluded(np.array(k), every, rows, limit) for k in net])
    for least in (1, 2, 3, 6, 9):
        held = within(least, every, rows, limit)
        assert held.any()
        assert not open_values[abs(net) >= least][:, held].any()


def test_all_rows_seen_leave_one_value() -> None:
    assert net_interval(7, 4, 3, 14, LIMIT) == (3, 3)


def test_no_rows_seen_leave_all_values() -> None:
    assert net_interval(0, 0, 0, 9, LIMIT) == (-9, 9)


@pytest.mark.parametrize(
    ("first", "second", "neither"), [(30, 20, 10), (200, 200, 0), (90, 0, 300)]
)
def test_the_truth_is_ever_excluded_with_the_stated_chance_at_most(
    first: int, second: int, neither: int
) -> None:
    rng = np.random.default_rng(0)
    rows = np.repeat(np.array([1, -1, 0], np.int8), (first, second, neither))
    paths = rng.permuted(np.tile(rows, (2000, 1)), axis=1)[:, :300]
    wrong = excluded(np.array(first - second), Counts.along(paths), len(rows), LIMIT).any(1)
    assert wrong.mean() <= 1 / LIMIT + 3 * math.sqrt(1 / LIMIT / 2000)
