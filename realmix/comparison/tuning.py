"""Fields by random search, on as few labels as a user has (Oliver et al., 2018, section 4.6).

Each trial trains on the cell's labels but a part, and is measured on that part. What was best there
trains on all of them. Every algorithm, the labels alone included, has as many trials on the same
part, of which the first is what was asked for; no test row is in any trial's data.
"""

from __future__ import annotations

import dataclasses
import inspect
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import Interrupted, RealmixError, UsageError
from realmix.base.randomness import derive
from realmix.comparison.contenders import Contender, built, estimator_class
from realmix.runs.choose import settings
from realmix.runs.config import Config
from realmix.runs.methods import method_class
from realmix.training.stages import Procedure

REACH = 4.0  # a number is tried from a REACHth of its default to REACH times it
RECIPE = ("learning_rate", "weight_decay")
PART = 0.25  # of the labels, to measure trials on
_DRAW = 33  # stream of randomness
_MOST_DRAWS = 100  # until a trial's fields fit together

Trial = dict[str, Any]


def check_tuning(common: Mapping[str, Any], contenders: Sequence[Contender]) -> None:
    """Refuse what cannot be tuned.

    Args:
        common: of a comparison, perhaps with "trials" and "validation", a percentage.
        contenders: all of them.

    Raises:
        UsageError: fewer than two trials, a part of the labels that is no part, or auto.
    """
    trials, part = common.get("trials"), common.get("validation")
    if trials is None and part is not None:
        raise UsageError("--validation is for --trials N: give both, or neither.")
    if trials is not None and trials < 2:
        raise UsageError(f"--trials must be 2 or more, not {trials}: the first has no field drawn.")
    if part is not None and not 0 < part < 100:
        raise UsageError(f"--validation is a percentage of the labels, not {part:g}.")
    if trials is not None and any(contender.kind == "auto" for contender in contenders):
        raise UsageError("auto chooses by itself and has no fields: leave it out of --trials.")


def part_of(config: Config, part: float | None) -> Config:
    """A cell's run on its labels but a part, of which its figures are.

    Args:
        config: of the cell.
        part: percentage of the labels; None is PART of them.
    """
    share = 100 * PART if part is None else part
    scenario = (*config.scenario, f"validation={share:g}")
    return dataclasses.replace(config, scenario=scenario, protocol="last")


def numbers_of(contender: Contender) -> dict[str, float]:
    """The fields that a search may change, with their defaults: numbers above 0 that are no counts,
    but for those that were asked for."""
    if contender.kind == "estimator":
        known = inspect.signature(estimator_class(contender.name)).parameters
        found = {name: one.default for name, one in known.items()}
    else:
        cls = method_class(contender.name)
        found = {one.name: one.default for one in dataclasses.fields(cls)}
        method = cls(**settings(cls, contender.fields)[0])
        if not isinstance(method, Procedure) or method.trainings:  # it takes steps
            found |= {name: getattr(cls.recipe, name) for name in RECIPE}
    return {
        name: value
        for name, value in found.items()
        if type(value) is float and value > 0 and name not in contender.fields
    }


def tried(contender: Contender, trial: int, seed: int) -> Contender:
    """What a trial trains: the contender itself, then with each of its numbers drawn anew.

    A number of 1 or more is multiplied by REACH^u, u uniform in (-1, 1); of one below 1, which may
    be a share, the odds are.

    Args:
        contender: as it was asked for.
        trial: which, from 0.
        seed: of the cell.
    """
    numbers, words = numbers_of(contender), zlib.crc32(contender.words.encode())
    if trial == 0 or not numbers:
        return contender
    rng = np.random.default_rng(derive(seed, _DRAW, words, trial))
    for _ in range(_MOST_DRAWS):
        factors = REACH ** rng.uniform(-1, 1, len(numbers))
        drawn = {
            name: float(f"{_scaled(value, factor):.3g}")
            for (name, value), factor in zip(numbers.items(), factors, strict=True)
        }
        made = dataclasses.replace(contender, fields={**contender.fields, **drawn})
        try:
            built(made, 0) if made.kind == "estimator" else settings(
                method_class(made.name), made.fields
            )
        except UsageError:
            continue
        return made
    return contender


def _scaled(value: float, factor: float) -> float:
    if value >= 1:
        return value * factor
    odds = factor * value / (1 - value)
    return float(odds / (1 + odds))


def tuned(
    contender: Contender,
    config: Config,
    trials: int,
    validation: float | None,
    measure: Callable[[Config, Contender, Path], Mapping[str, Any]],
    folder: Path,
) -> tuple[Contender, dict[str, Any]]:
    """The best of some trials on a part of the labels, and what each came to.

    Args:
        contender: as it was asked for.
        config: of the cell.
        trials: how many.
        validation: percentage of the labels to measure them on; None is PART of them.
        measure: does a run, in a folder of its own, and gives its result.
        folder: of the trials; gone when all are done.

    Returns:
        The contender to train on all labels, and a record: trials, validation rows, seconds, and
        fields and accuracy of each; None of one that failed.

    Raises:
        RealmixError: the last of the errors, where every trial failed.
    """
    held = part_of(config, validation)
    found: list[Trial] = []
    error: RealmixError | None = None
    for trial in range(trials):
        one = tried(contender, trial, config.seed)
        if trial and one == contender:
            break  # it has no number to draw
        fields = {"fields": one.fields, "accuracy": None, "rows": None, "seconds": 0.0}
        try:
            result = measure(with_fields(held, one), one, folder / f"trial-{trial}")
            test = result["test"]
            rows, right = test["count"], test["model"]["accuracy"]
            fields |= {"accuracy": right, "rows": rows, "seconds": result["seconds"]}
        except Interrupted:
            raise
        except RealmixError as failed:
            error = failed
        found.append(fields)
    known = [one for one in found if one["accuracy"] is not None]
    if not known and error is not None:
        raise error
    best = max(known, key=lambda one: one["accuracy"])  # of equal ones the first
    shutil.rmtree(folder, ignore_errors=True)
    told = {
        "trials": len(found),
        "validation_rows": best["rows"],
        "seconds": sum(one["seconds"] for one in found),
        "tried": [{name: one[name] for name in ("fields", "accuracy")} for one in found],
    }
    return dataclasses.replace(contender, fields=best["fields"]), told


def with_fields(config: Config, contender: Contender) -> Config:
    """The run of a contender's fields; of an estimator they are its own."""
    if contender.kind == "estimator":
        return config
    return dataclasses.replace(config, fields=contender.fields)
