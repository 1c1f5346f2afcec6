"""What the user sets goes to the algorithm or its recipe, or is an error that helps."""

from __future__ import annotations

import inspect

import pytest

from realmix.algorithms.fixmatch import FixMatch
from realmix.base.errors import UsageError
from realmix.data.reading.load import load
from realmix.runs.choose import default_steps, settings
from realmix.runs.config import Config


def test_fields_are_divided_between_algorithm_and_recipe() -> None:
    fields, recipe = settings(FixMatch, {"threshold": "0.9", "batch_size": "32"})
    assert fields == {**FixMatch().fields(), "threshold": 0.9}
    assert (recipe.batch_size, recipe.unlabeled_ratio, recipe.optimizer) == (32, 7, "sgd")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"treshold": 1}, "Did you mean 'threshold'"),
        ({"learning_rat": 1}, "Did you mean 'learning_rate'"),
        ({"threshold": 1.5}, "FixMatch.threshold cannot be 1.5.*less than or equal to 1"),
        ({"batch_size": 0}, "Recipe.batch_size cannot be 0"),
        ({"optimizer": "lbfgs"}, "Recipe.optimizer cannot be 'lbfgs'.*'adam' or 'sgd'"),
        ({"weight": float("nan")}, "FixMatch.weight cannot be nan"),
    ],
)
def test_what_does_not_fit_is_said(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings(FixMatch, given)


def test_small_inputs_need_fewer_steps() -> None:
    assert default_steps((20,)) == default_steps((1, 8, 8)) < default_steps((3, 32, 32))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 5, "minutes": 1.0}, "not both"),
        ({"steps": 0}, "--steps must be 1 or more, not 0"),
        ({"minutes": -1.0}, "--minutes"),
        ({"seed": -1}, "--seed must be 0 or more"),
        ({"image_size": 4}, "--image-size must be 8 or more"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Config("digits@40", **options)  # type: ignore[arg-type]


def test_a_configuration_survives_json() -> None:
    config = Config("digits@40", fields={"threshold": 0.9}, seed=3)
    assert Config.from_json(config.to_json()) == config


def test_whatever_reading_asks_for_a_run_can_say():
    asked = set(inspect.signature(load).parameters) - {"data"}
    assert set(Config("d").reading) == asked
