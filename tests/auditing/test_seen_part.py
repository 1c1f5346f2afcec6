"""A pool that an encoder cannot see in the time given: a random part of it tells the shares."""

import json
import math

import numpy as np
import pytest

from realmix.auditing import features, words
from realmix.auditing.audit import audit
from realmix.auditing.features import affordable
from realmix.base.errors import UsageError
from realmix.encoders.encoding import Encoding
from tests.encoders import tiny_encoder as small


class Slow:
    """An encoding of ten rows and two tests that takes a second for each of those not kept."""

    digests = (b"",) * 12
    now = 0.0

    def __init__(self, missing, places=()):
        self.missing, self.places = lambda: missing, places

    def only(self, places):
        return Slow(self.missing(), places)

    def features(self, views, seed):
        Slow.now += len(set(self.missing()) & set(self.places))


LABEL = np.array([0, -1, -1, 1, -1, -1, -1, -1, -1, -1])


@pytest.fixture
def at_least_two(monkeypatch):
    monkeypatch.setattr(features, "LEAST", 2)
    monkeypatch.setattr(features.time, "monotonic", lambda: Slow.now)


def test_labels_are_always_seen_then_so_much_of_the_pool_as_there_is_time_for(at_least_two):
    seen, left = affordable(Slow(list(range(12))), LABEL, 5.0, 0)
    assert seen[[0, 3]].all()
    assert seen.sum() == 2 + 5
    assert not seen[10:].any(), "test rows come last"
    assert left == 5.0
    assert (seen != affordable(Slow(list(range(12))), LABEL, 5.0, 1)[0]).any(), "drawn by the seed"


def test_what_was_seen_before_takes_no_time(at_least_two):
    seen, left = affordable(Slow([1, 2, 11]), LABEL, 2.0, 0)
    assert seen.tolist() == [True] * 11 + [False]
    assert left == 1.0
    assert affordable(Slow([]), LABEL, 0.01, 0)[0].all()


def test_some_of_the_pool_is_seen_in_any_case(at_least_two):
    seen, _ = affordable(Slow(list(range(12))), LABEL, 0.01, 0)
    assert seen.sum() == 2 + 2


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    """Bright and dark pictures, ten labels each, 200 in the pool; an encoder of a second each."""
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "kept"))
    made, now = Encoding.features, [0.0]

    def slowly(self, views, seed):
        now[0] += len(self.missing())
        return made(self, views, seed)

    monkeypatch.setattr(Encoding, "features", slowly)
    monkeypatch.setattr(features.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(features, "LEAST", 30)
    rng = np.random.default_rng(0)
    bright = np.arange(220) % 2
    x = rng.integers(0, 90, (220, 3, 32, 32)) + 150 * bright[:, None, None, None]
    encoder = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    return (x.astype(np.uint8), np.where(np.arange(220) < 20, bright, -1)), encoder


def test_the_shares_come_from_a_part_and_it_is_said(pictures, tmp_path):
    data, encoder = pictures
    found = audit(data, encoder=encoder, image_size=32, minutes=0.5, out=tmp_path / "found")
    assert found.unseen == 170
    assert len(found.judged) == 30
    assert set(found.left_out) <= set(found.judged.tolist())
    assert found.shares.em == pytest.approx([0.5, 0.5], abs=0.25)
    told = [line for line in words.harm(found) if "looked at 30 of 200 rows" in line]
    assert "2 min 50 s more: --minutes 3." in told[0]
    kept = json.loads((tmp_path / "found" / "audit.json").read_text())
    assert kept["unseen"] == 170
    assert told[0] in kept["harm"]
    assert "looked at 30 of 200 rows" in (tmp_path / "found" / "audit.html").read_text()


def test_again_it_sees_more_and_with_the_time_it_named_all(pictures):
    data, encoder = pictures
    first = audit(data, encoder=encoder, image_size=32, minutes=0.5)
    again = audit(data, encoder=encoder, image_size=32, minutes=1)
    assert again.unseen == 200 - 30 - 60
    assert set(first.judged) < set(again.judged)
    whole = audit(data, encoder=encoder, image_size=32, minutes=math.inf)
    assert (whole.unseen, whole.left) == (0, 0.0)
    assert len(whole.judged) == 200
    assert not any("looked at" in line for line in words.harm(whole))


@pytest.mark.parametrize("minutes", [0, -1, math.nan])
def test_minutes_that_are_no_time(pictures, minutes):
    with pytest.raises(UsageError, match="--minutes must be a positive number"):
        audit(pictures[0], minutes=minutes)
