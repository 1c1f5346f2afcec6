"""The verdict in words: nothing is claimed that was not shown."""

import pytest

from realmix.report.words import OUTCOMES, SHIPS, headline, rounded_up


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
