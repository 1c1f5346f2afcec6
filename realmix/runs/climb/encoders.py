"""Which of the encoders at hand see the photos of a run that names none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from realmix.base.wording import duration
from realmix.data.pools import Dataset
from realmix.encoders import catalogue
from realmix.encoders.encoding import Encoding
from realmix.encoders.joined import BETWEEN
from realmix.encoders.photos import photo_words
from realmix.runs.augmentation import encoding_of, num_views
from realmix.runs.budget import MINUTES
from realmix.runs.config import Config
from realmix.runs.pool.part import SHARE
from realmix.runs.watch import Watch
from realmix.training.devices import choose
from realmix.training.parallel import agreed

ENOUGH = 2_000  # rows of the pool, beyond which a better encoder is worth more than further rows


def best_in_time(
    asked: Config,
    seen: Config,
    told: tuple[str, ...],
    dataset: Dataset,
    begun: Mapping[str, Any],
    watch: Watch,
) -> tuple[Config, tuple[str, ...]]:
    """The configuration with the best encoder of photos for which there is time, if none is named.

    All that are at hand, then the better ones alone: each if it sees the labeled rows, the test
    rows and `ENOUGH` of the pool in its share of the run's time; the fastest in any case.

    Args:
        asked: of the run, as it was given.
        seen: the same with the first encoder at hand, if these are photos.
        told: what is said of that.
        dataset: what was read.
        begun: what config.json says of the run; what goes on keeps its encoder, or has none still.
        watch: looks on.
    """
    chooses = asked.encoder in (None, catalogue.AUTO) and dataset.is_images and seen.freezes
    if begun and chooses:
        kept = begun.get("encoder", seen.encoder)
        return replace(seen, encoder=kept), (photo_words(kept),) if kept else ()
    there = catalogue.at_hand() if chooses else ()
    if len(there) < 2:
        return seen, told
    best, others, least = BETWEEN.join(there), there[:0:-1], there[0]
    limit = SHARE * 60 * (seen.minutes or MINUTES)

    def fits(name: str) -> bool:
        return _seconds(name, dataset, seen, watch) <= limit

    needed = _seconds(best, dataset, seen, watch)
    name = best if needed <= limit else next(filter(fits, others), least)
    known = (best, *others, least)
    name = known[agreed(known.index(name), choose(seen.device))]
    words = photo_words(name)
    if name != best:
        words += (
            f" {best}, which mostly knows more, would take about {duration(needed)}: --minutes"
            f" {math.ceil(needed / 60 / SHARE)}."
        )
    return replace(seen, encoder=name), (words,)


def _seconds(name: str, dataset: Dataset, config: Config, watch: Watch) -> float:
    """What an encoder takes for all that it should see at least."""
    encoding = encoding_of(dataset, replace(config, encoder=name), watch)
    assert isinstance(encoding, Encoding)
    pool = int((dataset.label < 0).sum())
    tests = 0 if dataset.test_label is None else len(dataset.test_label)
    rows = len(dataset.label) - max(pool - ENOUGH, 0) + tests
    return encoding.seconds_each() * rows * num_views(config)
