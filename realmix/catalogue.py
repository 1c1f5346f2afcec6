"""What there is: the algorithms and the built-in data sets, for the terminal.

Everything shown of an algorithm is read from its file: docstrings, fields and their comments.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from typing import Annotated, Any, Literal, Union

from annotated_types import Ge, Gt, Le, Lt
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.algorithm import Algorithm
from realmix.algorithms import ALGORITHMS
from realmix.data.builtin import BUILTIN, Card, describe
from realmix.methods import method_class
from realmix.wording import printable

_PAPER = re.compile(r"\(([^()]*?\d{4})")
_COMMENT = re.compile(r"^    (\w+):[^#]*#\s*(.*)$", re.MULTILINE)


def algorithms() -> RenderableType:
    """Name, paper, idea and needs of every algorithm."""
    table = Table.grid(padding=(0, 3, 0, 0))
    for name, cls in ALGORITHMS.items():
        paper = _PAPER.search(_source(cls))
        about = f"{paper[1] if paper else _source(cls)}; {_needs(cls)}"
        table.add_row(Text(name, "bold"), Text.assemble(_first_line(cls), "\n", (about, "dim")))
    return Padding(table, 1, expand=False)


def algorithm(name: str) -> RenderableType:
    """Equation, fields, recipe and source of one algorithm.

    Raises:
        UsageError: there is none of that name.
    """
    cls = method_class(name)
    comments = dict(_COMMENT.findall(inspect.getsource(cls)))
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = _table("field", "default", "takes", "")
    for f in dataclasses.fields(cls):
        fields.add_row(f.name, _value(f.default), _kind(hints[f.name]), comments.get(f.name, ""))
    recipe = _table("recipe", "value")
    for key, value in dataclasses.asdict(cls.recipe).items():
        recipe.add_row(key, _value(value))
    parts: list[RenderableType] = [Text(name, "bold"), "", Text(inspect.getdoc(cls) or ""), ""]
    parts += [fields, ""] if dataclasses.fields(cls) else []
    parts += [recipe, "", Text("Set any of these with --set name=value.", "dim"), ""]
    parts += [Text(_needs(cls)), Text(f"Source: {_source(cls)}")]
    return Padding(Group(*parts), 1, expand=False)


def data_sets(data_root: str | None) -> RenderableType:
    """Counts of every built-in data set, and whether it is here.

    Raises:
        UsageError: there is no folder `data_root`.
    """
    table = _table("data set", "classes", "training", "test", "unlabeled", "image", "found")
    for name in BUILTIN:
        card, found = describe(name, data_root).card, describe(name, data_root).found
        counts = (f"{n:,}" for n in (card.classes, card.train, card.test, card.unlabeled))
        here = "no" if found is None else "embedded" if not card.layouts else "yes"
        table.add_row(Text(name, "bold"), *counts, _size(card), here)
    hint = "realmix data NAME tells where one is looked for; fit NAME@N keeps N of its labels."
    return Padding(Group(table, "", Text(hint, "dim")), 1, expand=False)


def data_set(name: str, data_root: str | None) -> RenderableType:
    """Counts of one built-in data set, where it is, and how to get it.

    Raises:
        UsageError: there is none of that name, or no folder `data_root`.
    """
    card, found = describe(name, data_root).card, describe(name, data_root).found
    table = Table.grid(padding=(0, 3))
    table.add_column(style="dim")
    for title, count in (
        ("classes", card.classes),
        ("training rows", card.train),
        ("test rows", card.test),
        ("unlabeled rows", card.unlabeled),
    ):
        table.add_row(title, f"{count:,}")
    table.add_row("image", _size(card))
    table.add_row("found", Text(printable(found or "no")))
    if card.layouts:
        table.add_row("looked for", ", ".join(layout.mark for layout in card.layouts))
        table.add_row("in", "the folder of --data-root or of the variable REALMIX_DATA")
        table.add_row("download", Text(f"torchvision.datasets.{card.torchvision}"))
    return Padding(Group(Text(name, "bold"), "", table), 1, expand=False)


def _size(card: Card) -> str:
    channels, height, width = card.shape
    return f"{'grey' if channels == 1 else 'RGB'} {height} x {width}"


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, no_wrap=title != "")
    return table


def _first_line(cls: type[Algorithm]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _source(cls: type[Algorithm]) -> str:
    module = inspect.getmodule(cls)
    return " ".join((inspect.getdoc(module) or "").split())


def _needs(cls: type[Algorithm]) -> str:
    """Which views of the data it asks for."""
    views = cls().views
    pool = f"; unlabeled: {_times(views.unlabeled)}" if views.unlabeled else "; no unlabeled data"
    return f"labeled: {_times(views.labeled)}{pool}"


def _times(views: tuple[str, ...]) -> str:
    """View names with how often each is asked for.

    >>> _times(("weak", "weak", "strong"))
    '2 x weak, strong'
    """
    counts = {view: views.count(view) for view in views}
    return ", ".join(view if n == 1 else f"{n} x {view}" for view, n in counts.items())


def _value(value: object) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _kind(hint: Any) -> str:
    """The values that a field takes.

    >>> from realmix.fields import Count, Share
    >>> _kind(Share), _kind(Count | None), _kind(Literal["a", "b"])
    ('number >= 0, <= 1', 'whole number >= 1 or null', 'a, b')
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_kind, inner))
    if origin is Literal:
        return ", ".join(map(str, inner))
    if origin is Annotated:
        limits = ", ".join(_limit(bound) for bound in inner[1:])
        return f"{_kind(inner[0])} {limits}"
    words = {float: "number", int: "whole number", bool: "true or false", str: "text"}
    return words.get(hint, "null")


def _limit(bound: Ge | Gt | Le | Lt) -> str:
    sign = {Ge: ">=", Gt: ">", Le: "<=", Lt: "<"}[type(bound)]
    return f"{sign} {dataclasses.astuple(bound)[0]}"
