"""The types of hyperparameters: each carries its range, and its validator is made from it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from realmix.base.errors import UsageError

Share = Annotated[float, Ge(0), Le(1)]
Decay = Annotated[float, Ge(0), Lt(1)]
NonNegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1)]


def _read(given: Any) -> Any:
    return json.loads(given) if isinstance(given, str) else given


Fields = Annotated[dict[str, Any], BeforeValidator(_read)]
"""Hyperparameters of another method by name, or their JSON."""


def field_types(cls: type) -> dict[str, TypeAdapter[Any]]:
    """The validator of each field of a dataclass, made from its annotation."""
    return _field_types(cls)


@cache  # a run makes its methods again and again
def _field_types(cls: type) -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(cls, include_extras=True)
    strict = ConfigDict(allow_inf_nan=False)
    return {f.name: TypeAdapter(hints[f.name], config=strict) for f in dataclasses.fields(cls)}


def validated(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` converted to the types of the fields of a dataclass.

    Raises:
        UsageError: for a value that does not fit its field's type and range.
    """
    types, converted = field_types(cls), {}
    for name, given in values.items():
        try:
            converted[name] = types[name].validate_python(given)
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise UsageError(f"{cls.__name__}.{name} cannot be {given!r}: {problem}.") from None
    return converted
