"""The first ten losses of every algorithm are what they were (see regenerate.py)."""

import json

import pytest

from realmix.algorithms import ALGORITHMS
from tests.golden.regenerate import CASES, FOLDER, STEPS, losses


@pytest.mark.parametrize("case", CASES)
def test_the_first_losses_are_what_they_were(case):
    stored = json.loads((FOLDER / f"{case}.json").read_text())
    got = losses(case)
    assert len(stored) == len(got) == STEPS
    for index, (one, other) in enumerate(zip(got, stored, strict=True)):
        assert one.keys() == other.keys()
        for term in one:
            assert one[term] == pytest.approx(other[term], rel=1e-9, abs=1e-12), (index, term)


def test_every_algorithm_has_golden_losses():
    assert {name for name, _ in CASES.values()} == set(ALGORITHMS)
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_no_golden_term_is_trivially_zero(case):
    stored = json.loads((FOLDER / f"{case}.json").read_text())
    for term in stored[0]:
        assert sum(record[term] != 0 for record in stored) >= STEPS - 1, term
