"""The gate: what is proved ships or stays, and in between both models answer together."""

import json

import numpy as np
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.evaluate.gate import ALONE, CANDIDATE, PAIR, STUDENT, UNSETTLED, decide
from realmix.evaluate.intervals import mcnemar, paired_interval, wilson
from realmix.evaluate.judges import JUDGES, compare
from realmix.evaluate.pairing import Pairing
from realmix.evaluate.posterior import Posterior, lead_of
from realmix.report.words import headline, reason, rounded_up

RULE = "Each label was held out once, in 5 parts."


def case(both, gained, lost, neither):
    """(label, baseline_probs, candidate_probs) of three classes with these outcomes."""
    n = both + gained + lost + neither
    label = np.arange(n) % 3
    base = np.repeat([True, False, True, False], [both, gained, lost, neither])
    other = np.repeat([True, True, False, False], [both, gained, lost, neither])

    def probs(right):
        return 0.8 * np.eye(3, dtype=np.float32)[np.where(right, label, (label + 1) % 3)] + 0.2 / 3

    return label, probs(base), probs(other)


def verdict(*cells, algorithm="realmix", **options):
    return decide(*case(*cells), algorithm=algorithm, rule=RULE, **options)


def test_a_proved_lead_ships_the_candidate_with_its_figures():
    got = verdict(190, 24, 6, 30)
    assert (got.outcome, got.shipped, got.labels_needed) == ("proved", CANDIDATE, None)
    assert got.baseline.accuracy == pytest.approx(196 / 250)
    assert got.baseline.interval == wilson(196, 250)
    assert got.candidate.accuracy == pytest.approx(214 / 250)
    assert got.lead == pytest.approx(100 * 18 / 250)
    assert (got.gained, got.lost) == (24, 6)
    assert got.seen.p_better < 0.001
    words = reason(got)
    for part in ("250 held-out labels", "85.6%", "78.4%", "less than 0.1%"):
        assert part in words


def test_a_lead_that_may_be_luck_ships_both_and_tells_the_chances():
    got = verdict(30, 4, 1, 5)
    assert (got.outcome, got.shipped) == ("likely", PAIR)
    assert 0.5 < got.pairing.weight < 0.9
    shown = f"About {rounded_up(got.labels_needed):,} held-out labels"
    chances = (f"helped is {got.posterior.better:.0%}", f"a point {got.posterior.harm:.0%}")
    for part in ("40 held-out labels", shown, *chances, "1 ± 5 points", "answer together"):
        assert part in reason(got)
    assert "cost nothing" not in reason(got)
    assert "%, which where the pool more likely hurt has cost nothing" in reason(
        verdict(30, 1, 4, 5)
    )


def test_the_labels_that_would_prove_a_lead_are_those_of_the_judge():
    label = np.r_[np.zeros(490, int), np.ones(10, int)]
    base, other = np.full((2, 500), 0, int)
    other = np.r_[np.zeros(488, int), [1, 1], np.ones(3, int), np.zeros(7, int)]
    probs = [0.8 * np.eye(2, dtype=np.float32)[guess] + 0.1 for guess in (base, other)]
    got = decide(label, *probs, algorithm="realmix", rule=RULE, judge="balanced")
    assert got.outcome in UNSETTLED  # +0.2 points of accuracy, but +14.8 of balanced accuracy
    ahead = (1.6449 + 0.8416) * got.seen.standard_error / got.seen.gain
    assert got.labels_needed == pytest.approx(500 * ahead**2, rel=0.01)
    assert got.labels_needed < 1000


@pytest.mark.parametrize("cells", [(30, 2, 2, 6), (40, 0, 0, 0)])
def test_no_lead_and_no_proof_is_cannot_tell(cells):
    got = verdict(*cells)
    assert (got.outcome, got.shipped, got.labels_needed) == ("unknown", PAIR, None)
    line = headline({**got.to_json(), "gated": True})
    assert "cannot be told yet" in line
    assert "not help" not in line + reason(got)


def test_a_loss_without_proof_is_unlikely_to_have_helped():
    got = verdict(30, 1, 4, 5)
    assert (got.outcome, got.shipped) == ("unlikely", PAIR)
    assert got.pairing.weight < 0.5


def test_a_proved_loss_ships_the_labels_alone():
    got = verdict(30, 0, 6, 4)
    assert (got.outcome, got.shipped) == ("worse", ALONE)
    assert got.seen.p_worse == pytest.approx(2**-6)
    assert "1.6%" in reason(got)


def test_a_candidate_that_names_one_class_has_collapsed():
    label = np.array([0, 0, 0, 1, 1])
    one = np.tile([0.9, 0.1], (5, 1))
    base = np.eye(2)[[1, 1, 0, 0, 1]]  # even if the baseline is worse
    got = decide(label, base, one, algorithm="realmix", rule=RULE)
    assert (got.outcome, got.shipped) == ("collapsed", ALONE)
    assert got.collapse == "one class"
    assert "every row, or all but a few, the same class" in reason(got)


def test_a_candidate_that_runs_off_to_one_class_of_the_pool_has_drifted():
    cells = case(30, 4, 1, 5)
    pool = np.eye(3)[[0, 1, 2] * 30 + [2] * 10], np.eye(3)[[0] * 80 + [1] * 10 + [2] * 10]
    got = decide(*cells, algorithm="realmix", rule=RULE, pool=pool)
    assert (got.outcome, got.shipped) == ("collapsed", ALONE)
    assert "far too often" in reason(got)


def test_a_candidate_in_whose_training_the_pool_never_counted_does_not_ship():
    cells = case(30, 4, 1, 5)
    assert decide(*cells, algorithm="fixmatch", rule=RULE).outcome != "collapsed"
    got = decide(*cells, algorithm="fixmatch", rule=RULE, heard=False)
    assert (got.outcome, got.collapse, got.shipped) == ("collapsed", "unheard", ALONE)
    assert "Nothing of the pool was ever used" in reason(got)
    assert "had no say" in headline({**got.to_json(), "gated": True})


def test_without_held_out_labels_the_prior_speaks():
    nothing = np.zeros((0, 3))
    got = decide(np.zeros(0, int), nothing, nothing, algorithm="realmix", rule=RULE)
    assert (got.outcome, got.shipped, got.held_out) == ("unknown", PAIR, 0)
    assert (got.lead, got.labels_needed, got.seen) == (None, None, None)
    assert got.posterior.better == pytest.approx(0.5793, abs=1e-4)  # Phi(1 / 5)
    assert got.pairing == Pairing(pytest.approx(0.5), 1, 1)
    assert got.baseline.accuracy is None
    assert "No label could be held out" in reason(got)


@pytest.mark.parametrize("n", [0, 30])
def test_the_labels_alone_have_nothing_to_compare(n):
    label, base, other = case(n, 0, 0, 0)
    got = decide(label, base, other, algorithm="supervised", rule=RULE)
    assert (got.outcome, got.shipped, got.labels_needed) == ("alone", ALONE, None)
    assert "nothing was compared" in reason(got)


def test_the_strict_gate_ships_nothing_that_is_not_proved():
    assert verdict(30, 4, 1, 5, gate="strict").shipped == ALONE
    assert verdict(30, 4, 1, 5, gate="strict").outcome == "likely"
    assert verdict(190, 24, 6, 30, gate="strict").shipped == CANDIDATE


def test_without_the_gate_the_candidate_ships():
    assert verdict(30, 0, 6, 4, gate="none").shipped == CANDIDATE


@pytest.mark.parametrize(
    ("cells", "ships"), [((30, 4, 1, 5), CANDIDATE), ((30, 1, 4, 5), ALONE), ((8, 1, 1, 2), ALONE)]
)
def test_a_single_network_ships_if_it_is_the_better_bet_and_no_dangerous_one(cells, ships):
    got = verdict(*cells, single=True)
    assert got.shipped == ships
    safe = got.posterior.mean > 0 and got.posterior.harm <= 0.2
    assert (got.shipped == CANDIDATE) == safe


@pytest.mark.parametrize("cells", [(30, 4, 1, 5), (30, 1, 4, 5), (8, 1, 1, 2)])
def test_with_a_pool_to_learn_from_the_single_network_is_a_student_of_both(cells):
    _, base, other = case(*cells)
    got = verdict(*cells, single=True, pool=(base, other))
    assert (got.shipped, got.outcome in UNSETTLED) == (STUDENT, True)
    assert np.array_equal(got.answer(base, other), got.pairing(base, other))
    assert "one model learned what they say of the pool" in reason(got)
    assert "learned from both" in headline({"gated": True, **got.to_json()})
    empty = np.zeros((0, 3))
    assert verdict(*cells, single=True, pool=(empty, empty)).shipped in (ALONE, CANDIDATE)
    assert verdict(190, 24, 6, 30, single=True, pool=(base, other)).shipped == CANDIDATE


def test_four_labels_can_never_prove_and_five_can():
    assert verdict(1, 4, 0, 0).outcome == "likely"
    assert verdict(1, 5, 0, 0).outcome == "proved"


def test_the_test_allows_for_a_choice_among_several():
    """6 rows ahead of 7: p = 1/16 alone, which is proved at .07, and beside others it is not."""
    label, base, other = case(20, 6, 1, 3)
    rng = np.random.default_rng(0)
    rivals = [np.where(rng.random(30)[:, None] < 0.5, base, other[::-1]) for _ in range(3)]
    options = {"algorithm": "realmix", "rule": RULE, "level": 0.07}
    assert decide(label, base, other, **options).outcome == "proved"
    got = decide(label, base, other, rivals=rivals, **options)
    assert got.outcome in UNSETTLED
    alone = decide(label, base, other, **options)
    assert got.pairing.weight < alone.pairing.weight - 0.1
    assert got.seen.p_better > mcnemar(base.argmax(1) == label, other.argmax(1) == label)


def test_the_chances_follow_from_what_calibrated_models_give_to_the_true_classes():
    label, base, other = case(20, 4, 3, 3)
    got = verdict(20, 4, 3, 3)
    lead = lead_of(got.judge, got.seen, got.pairing.calibrated(base, other), label)
    assert got.posterior == Posterior.of(got.judge, lead)
    assert "By how sure both are of the right answers, the chance that" in reason(got)
    other_judge = decide(label, base, other, algorithm="realmix", rule=RULE, judge="balanced")
    assert "By how sure" not in reason(other_judge)
    assert " The chance that the pool helped is" in reason(other_judge)


def test_of_two_equally_often_right_the_one_that_knows_where_it_errs_is_likelier_better():
    """Sure where it is right and unsure where it is wrong; no other row tells the two apart."""
    label, base, other = case(20, 4, 3, 3)
    wrong = other.argmax(1) != label
    knows = np.where(wrong[:, None], 0.6 * other + 0.4 / other.shape[1], other)
    assert np.array_equal(knows.argmax(1), other.argmax(1))
    options = {"algorithm": "realmix", "rule": RULE}
    one, two = (decide(label, base, probs, **options) for probs in (other, knows))
    assert two.seen == one.seen
    assert two.posterior.better > one.posterior.better + 0.05


def test_the_level_is_the_threshold():
    assert verdict(1, 5, 0, 0, level=1 / 32).outcome == "proved"
    assert verdict(1, 5, 0, 0, level=0.031).outcome == "likely"


def test_the_comparison_is_the_exact_test_and_the_95_percent_interval():
    label, base, other = case(190, 24, 6, 30)
    right = (base.argmax(1) == label, other.argmax(1) == label)
    got = verdict(190, 24, 6, 30).seen
    assert got.interval == paired_interval(*right)
    assert (got.p_better, got.p_worse) == (mcnemar(*right), mcnemar(*right[::-1]))


def test_what_answers_is_what_ships():
    _, base, other = case(30, 4, 1, 5)
    got = verdict(30, 4, 1, 5)
    assert np.array_equal(got.answer(base, other), got.pairing(base, other))
    assert verdict(190, 24, 6, 30).answer(base, other) is other
    assert verdict(30, 0, 6, 4).answer(base, other) is base


@pytest.mark.parametrize("cells", [(190, 24, 6, 30), (30, 4, 1, 5), (30, 1, 4, 5), (0, 0, 0, 0)])
def test_the_verdict_is_plain_json(cells):
    got = verdict(*cells).to_json()
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    assert set(got["model"]) == {"accuracy", "interval", "balanced_accuracy", "recall"}
    assert {"outcome", "shipped", "judge", "posterior", "gained", "lost", "p_worse"} <= set(got)


@pytest.mark.parametrize("cells", [(190, 24, 6, 30), (30, 4, 1, 5), (30, 1, 4, 5), (1, 1, 0, 0)])
def test_the_reason_is_a_few_short_sentences(cells):
    words = reason(verdict(*cells))
    assert words.count(". ") <= 3
    assert len(words) < 420


def test_unequal_classes_are_judged_by_balanced_accuracy():
    label = np.array([0] * 95 + [1] * 5)
    base = np.eye(2)[[0] * 95 + [0] * 5]
    other = np.eye(2)[[0] * 90 + [1] * 5 + [1] * 5]  # as often right, and finds the rare class
    got = decide(label, base, other, algorithm="realmix", rule=RULE)
    assert got.judge.name == "balanced"
    assert got.lead == pytest.approx(100 * (90 / 95 + 1 - 1) / 2)
    assert got.candidate.recall == pytest.approx((90 / 95, 1))
    assert decide(
        label, base, other, algorithm="realmix", rule=RULE, judge="accuracy"
    ).lead == pytest.approx(0)


def test_arrays_that_do_not_fit_are_refused():
    label, base, other = case(5, 1, 1, 1)
    with pytest.raises(DataError):
        decide(label, base, other[:-1], algorithm="realmix", rule=RULE)
    with pytest.raises(DataError, match="finite"):
        decide(label, base, other * np.nan, algorithm="realmix", rule=RULE)
    with pytest.raises(UsageError, match="Did you mean 'balanced'"):
        decide(label, base, other, algorithm="realmix", rule=RULE, judge="balance")


@pytest.mark.parametrize(("n", "agreement"), [(25, 0.9), (50, 0.8), (250, 0.9)])
def test_of_equal_models_at_most_the_level_is_called_better_or_worse(n, agreement):
    """2,000 simulated comparisons of two equally good models."""
    rng = np.random.default_rng(n)
    flips = (1 - agreement) / 2
    draws = rng.multinomial(n, [0.7 * agreement, flips, flips, 0.3 * agreement], 2000)
    kinds, times = np.unique(draws, axis=0, return_counts=True)
    called = {"better": 0, "worse": 0}
    for cells, count in zip(kinds, times, strict=True):
        label, base, other = case(*cells)
        seen = compare(JUDGES["accuracy"], base, other, label)
        called["better"] += count * (seen.p_better <= 0.05)
        called["worse"] += count * (seen.p_worse <= 0.05)
    standard_error = (0.05 * 0.95 / len(draws)) ** 0.5
    assert max(called.values()) / len(draws) <= 0.05 + 2 * standard_error
