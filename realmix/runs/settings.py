"""What a run trains with: the algorithm's fields, its recipe, and for how long."""

from __future__ import annotations

import dataclasses
from typing import Any

from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.contract.algorithm import Method, Recipe
from realmix.contract.fields import field_types, validated


def default_steps(shape: tuple[int, ...]) -> int:
    """Steps of a training that names none: few for feature rows and tiny images."""
    return 400 if len(shape) == 1 or min(shape[1:]) < 16 else 4000


def settings(cls: type[Method], given: dict[str, Any]) -> tuple[dict[str, Any], Recipe]:
    """Divide what the user set into fields of the algorithm and its recipe, checked.

    Raises:
        UsageError: for a name that is neither, with the nearest one that is, or a bad value.
    """
    own, around = field_types(cls), field_types(Recipe)
    for name in given.keys() - own.keys() - around.keys():
        known = [*own, *around]
        raise UsageError(
            f"--set {name}: neither {cls.__name__} nor its recipe has that field."
            f"{suggestion(name, known)} Fields: {', '.join(known)}."
        )
    fields = cls(**{name: given[name] for name in given.keys() & own.keys()}).fields()
    changes = {name: given[name] for name in given.keys() & around.keys()}
    return fields, dataclasses.replace(cls.recipe, **validated(Recipe, changes))
