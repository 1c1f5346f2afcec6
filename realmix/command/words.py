"""The kinds of words that options take, as tyro reads them. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

from tyro.conf import UseAppendAction, arg

T = TypeVar("T")
Unset = Annotated[T, arg(help_behavior_hint="")]
"""An option whose help says what happens without it; no "(default: None)" behind that."""
Number = Annotated[int | None, arg(constructor=int, metavar="N", help_behavior_hint="")]
Amount = Annotated[float | None, arg(constructor=float, metavar="M", help_behavior_hint="")]
Word = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
Folder = Annotated[Path, arg(metavar="RUN", help_behavior_hint="")]
Place = Annotated[str, arg(metavar="INPUT", help_behavior_hint="")]
Flag = Annotated[bool, arg(help_behavior_hint="")]
Values = Annotated[
    UseAppendAction[tuple[str, ...]], arg(metavar="VALUE", help_behavior_hint="(repeatable)")
]
Pairs = Annotated[
    UseAppendAction[tuple[tuple[str, ...], ...]],
    arg(name="set", metavar="FIELD=VALUE", help_behavior_hint="(repeatable)"),
]
