"""Whether a run tunes its encoder, what it learns from then, and what it leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from realmix.base.errors import UsageError
from realmix.base.wording import duration
from realmix.data.pools import Dataset
from realmix.encoders.encoding import Encoding
from realmix.encoders.joined import BETWEEN
from realmix.encoders.texts.written import TextEncoding
from realmix.models.tuned.texts import trainable
from realmix.runs.augmentation import AnyEncoding, encoding_of, num_views
from realmix.runs.budget import MINUTES
from realmix.runs.choose import AUTO, Contenders, wants_features
from realmix.runs.config import Config
from realmix.runs.networks import TUNING
from realmix.runs.phases import Phases
from realmix.training.devices import choose

CLIMB = 20.0  # minutes, from which the encoder is tuned where there is a GPU
STEPS = 1000  # of a training of it, for the estimate
PASSES = 4.5  # forwards that a step costs: backwards are two, and half of the steps see two views
TOLD = "As there is a GPU and time, the encoder is tuned too (--tune all)."


def climbed(
    config: Config, told: tuple[str, ...], dataset: Dataset, device: str, begun: Mapping[str, Any]
) -> tuple[Config, tuple[str, ...]]:
    """The configuration with the encoder tuned, where auto is given a GPU and enough minutes.

    Args:
        config: of the run, with its encoder.
        told: what is said of that.
        dataset: what was read.
        device: type of the one that computes.
        begun: what config.json says of the run; what goes on climbs as it began, also elsewhere.
    """
    able = device == "cuda" and (config.minutes or 0.0) >= CLIMB
    able = able if "tune" not in begun else begun["tune"] is not None
    if able and dataset.is_texts and _open(config) and _trains(config.encoder or AUTO):
        return replace(config, encoder=config.encoder or AUTO, tune="all"), (*told, TOLD)
    if able and dataset.is_images and may_tune(config):
        return replace(config, tune="all"), (*told, TOLD)
    return config, told


def may_tune(config: Config) -> bool:
    """Whether auto learns from one encoder that torch can train, and nothing speaks against it."""
    name = config.encoder or ""
    in_torch = config.freezes and BETWEEN not in name and not name.endswith(".onnx")
    return in_torch and _open(config)


def _open(config: Config) -> bool:
    """Whether auto chooses, and no network, start or views are named."""
    plain = config.model == AUTO and config.init is None and config.views is None
    return plain and config.tune is None and config.algorithm == AUTO


def _trains(name: str) -> bool:
    """Whether torch can train an encoder of texts."""
    try:
        trainable(name)
    except UsageError:
        return False
    return True


def learned_from(dataset: Dataset, encoding: AnyEncoding | None, config: Config) -> Dataset:
    """What is learned from: features of an encoder, or pictures or tokens for one that is tuned.

    Raises:
        UsageError: views are asked for, and none is kept.
        StorageError: features cannot be kept.
        DataError: a picture can no longer be read.
    """
    if config.tune and isinstance(encoding, Encoding):
        if config.views is not None:
            raise UsageError(
                "Where an encoder is tuned, views of pictures are drawn anew: leave out --views."
            )
        return encoding.pictures(wants_features(config.algorithm))
    if config.tune and isinstance(encoding, TextEncoding):
        views, beside = num_views(config), wants_features(config.algorithm)
        kept, seen = encoding.tokens(views, config.seed, beside)
        return replace(dataset, encoded=kept, beside=seen)
    if encoding:
        return replace(dataset, encoded=encoding.features(num_views(config), config.seed))
    return dataset


def with_tuning_beyond(phases: Phases, encoding: AnyEncoding | None) -> Contenders:
    """What a run compares; above it the tuned encoder is named, with about how long it takes.

    Args:
        phases: of a run on features.
        encoding: what made these.
    """
    found = phases.contenders
    config = phases.config
    one = replace(config, encoder=(config.encoder or AUTO).partition(BETWEEN)[0])
    photos = isinstance(encoding, Encoding) and may_tune(one)
    texts = isinstance(encoding, TextEncoding) and encoding.trains and _open(config)
    if isinstance(encoding, Encoding) and photos and one != config:  # several are not tuned
        encoding = encoding_of(encoding.dataset, one)
    if encoding and found.candidates and (photos or texts):
        told = words(phases, str(one.encoder), encoding.seconds_each())
        found = found._replace(beyond=(*found.beyond, told))
        phases.contenders = found
    return found


def words(phases: Phases, name: str, each: float) -> str:
    """The tuned encoder as a rung that was not tried.

    Args:
        phases: of the run, whose folds would all be trained.
        name: of the encoder.
        each: seconds that the encoder takes for a picture or text.
    """
    trainings = 1 + sum(phases.plan.share for _ in phases.plan.folds)
    rows = STEPS * TUNING["batch_size"] * (1 + TUNING["unlabeled_ratio"])
    seconds, device = each * rows * PASSES * trainings, choose(phases.config.device).type
    minutes = "" if seconds < MINUTES * 60 else f" --minutes {math.ceil(seconds / 60)}"
    return (
        f"Nor was the encoder itself tuned, about {duration(seconds)} on this {device.upper()}:"
        f" --encoder {name} --tune all{minutes}; on a GPU --minutes {CLIMB:.0f} or more does it by"
        " itself."
    )
