"""The part of a pool that an encoder can see in the time of a run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from realmix.base.randomness import derive
from realmix.base.wording import duration
from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import taken
from realmix.encoders.encoding import affordable
from realmix.runs.augmentation import AnyEncoding, num_views
from realmix.runs.budget import MINUTES
from realmix.runs.config import Config
from realmix.training.devices import choose
from realmix.training.parallel import agreed

SHARE = 0.5  # of the run's time, for what the encoder has not seen before
_DRAW = 46  # stream of randomness


def seen_in_time(
    dataset: Dataset,
    config: Config,
    encoding: AnyEncoding | None,
    settled: int | None,
    whole: bool,
) -> tuple[Dataset, AnyEncoding | None, int | None]:
    """The data set without what of the pool, drawn at random, the encoder has no time for.

    Nothing is left out where steps are asked for and no minutes, and where the encoder is tuned.

    Args:
        dataset: with the augmentation that it has.
        config: of the run.
        encoding: of these rows.
        settled: rows of the pool that a run learned from when it was begun.
        whole: whether all of the pool is to be learned from whatever time that takes.

    Returns:
        The data set, which says so in a note; the encoding of what is left; and how many rows of
        the pool these are, None for all.
    """
    pool = np.flatnonzero(dataset.label < 0)
    untimed = config.steps is not None and config.minutes is None
    if encoding is None or config.tune or not len(pool) or (settled is None and (whole or untimed)):
        return dataset, encoding, settled
    waiting = np.random.default_rng(derive(config.seed, _DRAW)).permutation(pool)
    seconds, left = SHARE * 60 * (config.minutes or MINUTES), 0.0
    most = settled
    if most is None:
        most, left = affordable(encoding, waiting, seconds / num_views(config))
        most = agreed(most, choose(config.device))
    if most == len(pool):
        return dataset, encoding, None
    rows = np.setdiff1d(np.arange(len(dataset.label)), waiting[most:])
    tests = np.arange(len(dataset.label), len(encoding.digests))
    note = (
        f"{config.encoder or 'The encoder'} sees {most:,} of the pool's {len(pool):,} rows, drawn"
        " at random, in half of the time of this run."
    )
    if left:
        needed = math.ceil((seconds + left * num_views(config)) / 60 / SHARE)
        note += f" All take about {duration(left * num_views(config))} more: --minutes {needed}."
    cut = replace(taken(dataset, rows), notes=(*dataset.notes, note))
    return cut, encoding.only(np.concatenate([rows, tests]).tolist()), most
