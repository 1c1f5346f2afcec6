"""The gate ships the baseline unless held-out labels prove the candidate better."""

import json

import numpy as np
import pytest

from realmix.base.errors import DataError
from realmix.evaluate.gate import decide, rounded_up
from realmix.evaluate.intervals import paired_interval, wilson

RULE = "Each label was held out once, in 5 parts."


def case(both, gained, lost, neither):
    """(label, baseline_probs, candidate_probs) of three classes with these outcomes."""
    n = both + gained + lost + neither
    label = np.arange(n) % 3
    base = np.repeat([True, False, True, False], [both, gained, lost, neither])
    other = np.repeat([True, True, False, False], [both, gained, lost, neither])

    def probs(right):
        return np.eye(3, dtype=np.float32)[np.where(right, label, (label + 1) % 3)]

    return label, probs(base), probs(other)


def verdict(*cells, algorithm="realmix", level=0.05):
    return decide(*case(*cells), algorithm=algorithm, rule=RULE, level=level)


def test_a_clearly_better_candidate_ships_with_its_figures():
    got = verdict(190, 24, 6, 30)
    assert (got.shipped, got.decided, got.labels_needed) == ("realmix", True, None)
    assert got.baseline.accuracy == pytest.approx(196 / 250)
    assert got.baseline.interval == wilson(196, 250)
    assert got.candidate.accuracy == pytest.approx(214 / 250)
    assert got.difference == pytest.approx(18 / 250)
    assert got.p_value < 0.001
    for part in ("helped", "250 held-out labels", "85.6%", "78.4%", RULE, "less than 0.1%"):
        assert part in got.reason


def test_a_lead_that_may_be_luck_ships_the_baseline_and_says_how_many_labels_decide():
    got = verdict(30, 4, 1, 5)
    assert (got.shipped, got.decided) == ("supervised", False)
    assert got.labels_needed > 40
    shown = f"About {rounded_up(got.labels_needed):,} held-out labels"
    for part in ("too few labels to decide", "40 held-out labels", shown, "18.8%", RULE):
        assert part in got.reason


@pytest.mark.parametrize("cells", [(30, 1, 4, 5), (30, 2, 2, 6), (40, 0, 0, 0), (0, 0, 30, 0)])
def test_a_candidate_that_is_not_ahead_never_ships(cells):
    got = verdict(*cells)
    assert (got.shipped, got.decided, got.labels_needed) == ("supervised", True, None)
    assert "did not help" in got.reason


def test_no_held_out_labels_ship_the_baseline_undecided():
    nothing = np.zeros((0, 3))
    got = decide(np.zeros(0, int), nothing, nothing, algorithm="realmix", rule=RULE)
    assert (got.shipped, got.decided, got.held_out) == ("supervised", False, 0)
    assert (got.difference, got.labels_needed, got.p_value) == (None, None, 1)
    assert got.baseline.accuracy is None
    assert got.difference_interval == (-1, 1)
    assert "no held-out labels" in got.reason


@pytest.mark.parametrize("n", [0, 30])
def test_supervised_has_nothing_to_compare(n):
    label, base, other = case(n, 0, 0, 0)
    got = decide(label, base, other, algorithm="supervised", rule=RULE)
    assert (got.shipped, got.decided, got.labels_needed) == ("supervised", True, None)
    assert "nothing was compared" in got.reason


def test_supervised_ships_supervised_even_if_its_two_predictions_differ():
    assert verdict(10, 20, 0, 5, algorithm="supervised").decided


def test_four_labels_can_never_be_enough_and_five_can():
    assert verdict(0, 4, 0, 0).shipped == "supervised"
    assert verdict(0, 5, 0, 0).shipped == "realmix"


def test_the_level_is_the_threshold():
    assert verdict(0, 5, 0, 0, level=1 / 32).shipped == "realmix"
    assert verdict(0, 5, 0, 0, level=0.031).shipped == "supervised"


def test_the_difference_interval_has_the_confidence_of_the_test():
    label, base, other = case(190, 24, 6, 30)
    right = (base.argmax(1) == label, other.argmax(1) == label)
    assert verdict(190, 24, 6, 30).difference_interval == paired_interval(*right, level=0.9)


@pytest.mark.parametrize("cells", [(190, 24, 6, 30), (30, 4, 1, 5), (30, 1, 4, 5), (0, 0, 0, 0)])
def test_the_verdict_is_plain_json_of_the_agreed_form(cells):
    got = verdict(*cells).to_json()
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    assert set(got) == {
        *("algorithm", "shipped", "decided", "reason", "rule", "baseline", "model", "difference"),
        *("difference_interval", "p_value", "level", "held_out", "labels_needed"),
    }
    assert set(got["model"]) == {"accuracy", "interval"}


@pytest.mark.parametrize("cells", [(190, 24, 6, 30), (30, 4, 1, 5), (30, 1, 4, 5), (0, 1, 0, 0)])
def test_the_reason_is_one_to_three_short_sentences(cells):
    reason = verdict(*cells).reason
    assert reason.count(". ") <= 2
    assert len(reason) < 420


def test_arrays_that_do_not_fit_are_refused():
    label, base, other = case(5, 1, 1, 1)
    with pytest.raises(DataError):
        decide(label, base, other[:-1], algorithm="realmix", rule=RULE)
    with pytest.raises(DataError, match="finite"):
        decide(label, base, other * np.nan, algorithm="realmix", rule=RULE)


@pytest.mark.parametrize(("n", "agreement"), [(25, 0.9), (50, 0.8), (250, 0.9)])
def test_a_candidate_that_is_not_better_ships_at_most_at_the_level(n, agreement):
    """2,000 simulated comparisons of two equally good models."""
    rng = np.random.default_rng(n)
    flips = (1 - agreement) / 2
    draws = rng.multinomial(n, [0.7 * agreement, flips, flips, 0.3 * agreement], 2000)
    kinds, times = np.unique(draws, axis=0, return_counts=True)
    shipped = sum(
        count for cells, count in zip(kinds, times, strict=True)
        if verdict(*cells).shipped == "realmix"
    )  # fmt: skip
    standard_error = (0.05 * 0.95 / len(draws)) ** 0.5
    assert shipped / len(draws) <= 0.05 + 2 * standard_error
