"""The algorithm that a procedure trains with, where a field names it."""

from __future__ import annotations

import dataclasses

from realmix.algorithms import ALGORITHMS
from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.contract.algorithm import Algorithm, Method, Recipe


def base_class(name: str, asker: Method) -> type[Algorithm]:
    """The class of that name.

    Raises:
        UsageError: there is none, with the nearest name.
    """
    if name not in ALGORITHMS:
        raise UsageError(
            f"{type(asker).__name__}.base cannot be {name!r}: no algorithm has that name."
            f"{suggestion(name, ALGORITHMS)} Known: {', '.join(ALGORITHMS)}."
        )
    return ALGORITHMS[name]


def base_recipe(own: Recipe, method: Method, run: Recipe) -> Recipe:
    """An algorithm's own recipe, with what the run changed of the procedure's.

    Args:
        own: of the algorithm.
        method: the procedure.
        run: the procedure's recipe as the run has it.
    """
    before, after = dataclasses.asdict(method.recipe), dataclasses.asdict(run)
    changed = {name: value for name, value in after.items() if value != before[name]}
    return dataclasses.replace(own, **changed)
