"""The verdict in words: nothing is claimed that was not shown."""

import pytest

from realmix.report.words import OUTCOMES, SHIPS, decided, headline, rounded_up


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("shipped", SHIPS)
def test_every_verdict_says_how_it_ended_and_what_ships(outcome, shipped):
    line = headline({"outcome": outcome, "shipped": shipped, "algorithm": "vat", "gated": True})
    assert line.startswith(OUTCOMES[outcome])
    assert line.endswith(f"{SHIPS[shipped].format(algorithm='vat')}.")
    assert "did not help" not in line


def test_only_what_was_proved_is_said_without_a_doubt():
    plain = "The unlabeled data helped"
    assert {name for name, words in OUTCOMES.items() if words.startswith(plain)} == {"proved"}
    assert "likely" in OUTCOMES["likely"]
    assert "cannot be told" in OUTCOMES["unknown"]


def test_answers_that_decided_are_named():
    result = {"outcome": "likely", "shipped": "candidate", "algorithm": "vat", "gated": True}
    line = headline({**result, "decided_by_answers": {"answers": 13}})
    assert line == "13 answers of yours decided it: you get the vat model."
    none = headline({**result, "decided_by_answers": {"answers": 0}})
    assert none == headline(result)


def test_why_answers_decided_is_what_they_said():
    found = {"answers": 13, "right_candidate": 9, "right_baseline": 1}
    found |= {"gain": 0.04, "interval": [0.01, 0.066]}
    why = decided({"algorithm": "vat", "decided_by_answers": found})
    assert "Of 13 answers" in why
    assert "vat is right in 9, the labels alone in 1" in why
    assert "+4.0 points of accuracy on the pool (+1.0 to +6.6, 95%)" in why
    assert "nothing is to be decided" in decided(
        {"algorithm": "vat", "decided_by_answers": {"answers": 0}}
    )


def test_without_a_gate_or_a_pool_nothing_is_claimed():
    result = {"outcome": "unknown", "shipped": "candidate", "algorithm": "vat", "gated": False}
    assert "was not compared" in headline(result)
    alone = {"outcome": "alone", "shipped": "labels alone", "algorithm": "linear"}
    assert headline(alone) == "This model was trained on the labels alone."


@pytest.mark.parametrize(
    ("count", "shown"), [(7, 7), (99, 99), (101, 110), (813, 820), (8130, 8200)]
)
def test_estimates_have_two_digits(count, shown):
    assert rounded_up(count) == shown
