"""A pool that an encoder cannot see in the time given: a random part of it tells the shares."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from realmix.auditing import words
from realmix.auditing.audit import audit
from realmix.base.errors import UsageError
from realmix.encoders import encoding
from realmix.encoders.encoding import Encoding
from tests.encoders import tiny_encoder as small


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    """Bright and dark pictures, ten labels each, 200 in the pool; an encoder of a second each."""
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "kept"))
    made, now = Encoding.features, [0.0]

    def slowly(self, views, seed):
        now[0] += len(self.missing())
        return made(self, views, seed)

    monkeypatch.setattr(Encoding, "features", slowly)
    monkeypatch.setattr(encoding, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(encoding, "LEAST", 30)
    rng = np.random.default_rng(0)
    bright = np.arange(220) % 2
    x = rng.integers(0, 90, (220, 3, 32, 32)) + 150 * bright[:, None, None, None]
    encoder = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    return (x.astype(np.uint8), np.where(np.arange(220) < 20, bright, -1)), encoder


@pytest.mark.slow
def test_the_shares_come_from_a_part_and_it_is_said(pictures, tmp_path):
    data, encoder = pictures
    found = audit(data, encoder=encoder, image_size=32, minutes=0.5, out=tmp_path / "found")
    assert found.unseen == 170
    assert len(found.judged) == 30
    assert set(found.left_out) <= set(found.judged.tolist())
    assert found.shares.em == pytest.approx([0.5, 0.5], abs=0.25)
    told = [line for line in words.harm(found) if "looked at 30 of 200 rows" in line]
    assert "2 min 50 s more: begin again with --minutes 3." in told[0]
    kept = json.loads((tmp_path / "found" / "audit.json").read_text())
    assert kept["unseen"] == 170
    assert told[0] in kept["harm"]
    assert "looked at 30 of 200 rows" in (tmp_path / "found" / "audit.html").read_text()


@pytest.mark.slow
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


def test_a_pool_that_may_hold_nothing_foreign_is_not_said_to_hold_some(pictures):
    data, encoder = pictures
    found = audit(data, encoder=encoder, image_size=32, minutes=math.inf)

    def told(low, high):
        share = found.foreign.share._replace(share=low + 0.02, low=low, high=high)
        given = replace(found, foreign=found.foreign._replace(share=share), apart=False)
        return words.headline(given), " ".join(words.harm(given))

    headline, harm = told(0.0, 0.12)
    assert headline == "At most 12% of the pool belongs to none of the classes, perhaps none."
    assert "Perhaps no row is foreign." in harm
    headline, harm = told(0.01, 0.12)
    assert headline == "About 3% of the pool belongs to none of the classes (1% to 12%)."
    assert "Perhaps no row" not in harm
    headline, harm = told(0.0, 0.09)
    assert headline == "The pool looks like the classes: at most 9% belongs to none."
    assert "Little harm is to be expected" in harm
    assert "Perhaps no row" not in harm
