"""How many rows an encoder sees in a time, counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from realmix.data.pools import Dataset
from realmix.encoders import encoding
from realmix.encoders.encoding import Encoding, affordable
from tests.encoders import tiny_encoder as small

WAITING = np.array([5, 1, 2, 8, 4, 6, 7, 9, 10, 11])  # of 12 places; 0 and 3 may not wait


class Slow:
    """An encoding of twelve rows that takes a second for each of those it has not seen."""

    digests, spent = (b"",) * 12, 0.0

    def __init__(self, missing, clock, places=()):
        self.places, self.clock, self._missing = places, clock, missing

    def missing(self):
        return self._missing

    def only(self, places):
        return Slow(self._missing, self.clock, places)

    def features(self, views, seed):
        self.clock.now += len(set(self._missing) & set(self.places))


@pytest.fixture
def clock(monkeypatch):
    made = SimpleNamespace(now=0.0)
    monkeypatch.setattr(encoding, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(encoding, "LEAST", 2)
    return made


def test_so_many_as_there_are_seconds(clock):
    rows = Slow(list(range(12)), clock)
    assert affordable(rows, WAITING, 5.0) == (3, 7.0), "two of the five are for those in front"
    assert clock.now == rows.spent == 4, "two that may not wait, two that are seen in any case"


def test_what_a_part_took_is_of_the_time_of_all(monkeypatch, tmp_path):
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path))
    pictures = small.pictures(4)
    data = Dataset(pictures, np.array([0, 1, -1, -1]), ("a", "b"), "photos")
    whole = Encoding(data, small.encoder())
    assert whole.missing() == [0, 1, 2, 3]
    whole.spent = 100.0
    assert 100.0 < whole.features(1, 0).seconds < 200.0
    assert whole.missing() == []
    some = whole.only([1, 3])
    np.testing.assert_array_equal(
        some.features(1, 0).plain.place, whole.features(1, 0).plain.place[[1, 3]]
    )


def test_what_was_seen_before_takes_no_time(clock):
    assert affordable(Slow([1, 2, 11], clock), WAITING, 2.0) == (9, 1.0)
    assert affordable(Slow([], clock), WAITING, 0.01) == (10, 0.0)
    assert affordable(Slow([0, 3], clock), WAITING, 0.01) == (10, 0.0)


def test_a_few_seconds_over_are_taken_rather_than_leave_rows_out(clock):
    assert affordable(Slow(list(range(12)), clock), WAITING, 11.0) == (10, 0.0)
    assert affordable(Slow(list(range(12)), clock), WAITING, 10.5) == (8, 2.0)


def test_some_are_seen_whatever_time_there_is(clock):
    assert affordable(Slow(list(range(12)), clock), WAITING, 0.01) == (2, 8.0)


def test_without_an_end_all_are_seen(clock):
    assert affordable(Slow(list(range(12)), clock), WAITING, float("inf")) == (10, 0.0)
    assert clock.now == 0
