"""Which of the encoders at hand see the photos, or read the texts, of a run that names none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from realmix.base.wording import duration
from realmix.data.pools import Dataset
from realmix.encoders import catalogue
from realmix.encoders.joined import BETWEEN
from realmix.encoders.photos import photo_words
from realmix.encoders.texts import packaged
from realmix.encoders.texts.chosen import chosen_words, e5_to_learn_from, quick_to_learn_from
from realmix.encoders.texts.packaged import E5
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
    """The configuration with the best encoder for which there is time, if none is named.

    Each that is tried must see the labeled rows, the test rows and `ENOUGH` of the pool in its
    share of the run's time; the fastest is taken in any case. Of photos all that are at hand, then
    the better ones alone; of texts e5.

    Args:
        asked: of the run, as it was given.
        seen: the same with the first encoder at hand, if these are photos.
        told: what is said of that.
        dataset: what was read.
        begun: what config.json says of the run; what goes on keeps its encoder, or has none still.
        watch: looks on.
    """
    open_still = asked.encoder in (None, catalogue.AUTO)
    if open_still and dataset.is_texts and seen.tune is None:
        return _with_reader(seen, told, dataset, begun, watch)
    chooses = open_still and dataset.is_images and seen.freezes
    if begun and chooses:
        kept = begun.get("encoder", seen.encoder)
        return replace(seen, encoder=kept), (photo_words(kept),) if kept else ()
    there = catalogue.at_hand() if chooses else ()
    if len(there) < 2:
        return seen, told
    best, others, least = BETWEEN.join(there), there[:0:-1], there[0]
    name, needed = _first_in_time((best, *others), least, dataset, seen, watch)
    words = photo_words(name)
    return replace(seen, encoder=name), (words if name == best else words + _beyond(best, needed),)


def _with_reader(
    seen: Config,
    told: tuple[str, ...],
    dataset: Dataset,
    begun: Mapping[str, Any],
    watch: Watch,
) -> tuple[Config, tuple[str, ...]]:
    """The same for texts; what was begun before their encoder was kept has the quick one."""
    read = list(dataset.inputs)
    quick = quick_to_learn_from(read)
    if begun:
        kept = begun.get("encoder") or quick
        return replace(seen, encoder=kept), (*told, chosen_words(kept))
    if E5 not in packaged.at_hand() or seen.bank:  # a bank of millions of sentences is read too
        return replace(seen, encoder=quick), (*told, chosen_words(quick))
    name, needed = _first_in_time((E5,), quick, dataset, seen, watch)
    if name == E5:
        name, beyond = e5_to_learn_from(read), ""
    else:
        beyond = _beyond(E5, needed)
    return replace(seen, encoder=name), (*told, chosen_words(name) + beyond)


def _first_in_time(
    better: tuple[str, ...], least: str, dataset: Dataset, config: Config, watch: Watch
) -> tuple[str, float]:
    """The first of these encoders for which there is time, or else the least; and the seconds that
    the first of all would take."""
    limit = SHARE * 60 * (config.minutes or MINUTES)
    needed = list[float]()
    for name in better:
        needed.append(_seconds(name, dataset, config, watch))
        if needed[-1] <= limit:
            break
    known = (*better, least)
    place = len(needed) - 1 if needed[-1] <= limit else len(better)
    return known[agreed(place, choose(config.device))], needed[0]


def _beyond(name: str, seconds: float) -> str:
    """That a better encoder takes longer than there is time."""
    return (
        f" {name}, which mostly knows more, would take about {duration(seconds)}: --minutes"
        f" {math.ceil(seconds / 60 / SHARE)}."
    )


def _seconds(name: str, dataset: Dataset, config: Config, watch: Watch) -> float:
    """What an encoder takes for all that it should see at least."""
    encoding = encoding_of(dataset, replace(config, encoder=name), watch)
    assert encoding is not None
    pool = int((dataset.label < 0).sum())
    tests = 0 if dataset.test_label is None else len(dataset.test_label)
    rows = len(dataset.label) - max(pool - ENOUGH, 0) + tests
    return encoding.seconds_each() * rows * num_views(config)
