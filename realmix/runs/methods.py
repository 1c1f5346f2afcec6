"""All methods by name: those that are a rule for one step, and those that train more than once."""

from __future__ import annotations

from realmix.algorithms import ALGORITHMS
from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.contract.algorithm import Algorithm, Method
from realmix.procedures import PROCEDURES
from realmix.training.stages import Procedure

METHODS: dict[str, type[Algorithm] | type[Procedure]] = {**ALGORITHMS, **PROCEDURES}


def method_class(name: str) -> type[Method]:
    """The class of that name.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    if name not in METHODS:
        raise UsageError(
            f"There is no algorithm '{name}'.{suggestion(name, METHODS)}"
            f" Known: {', '.join(METHODS)}."
        )
    return METHODS[name]


def learns_from_pool(name: str) -> bool:
    """Whether a method is to learn from a pool, as its card says."""
    return "pool" in method_class(name).needs
