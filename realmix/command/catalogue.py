"""What there is: the algorithms and the built-in data sets, for the terminal.

Everything shown of an algorithm is read from its file: docstrings, fields and their comments.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from annotated_types import Ge, Gt, Le, Lt
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.contract.algorithm import Method
from realmix.data.reading.builtin import BUILTIN, Card, describe
from realmix.data.scenarios.names import SCENARIOS
from realmix.runs.methods import METHODS, method_class

GENERATED = "<!-- generated -->"  # what follows in a page are tables
_CITED = re.compile(r"\(([^()]*?\d{4})")
_COMMENT = re.compile(r"^    (\w+):[^#]*#\s*(.*)$", re.MULTILINE)
_SIGNS: dict[type, str] = {Ge: ">=", Gt: ">", Le: "<=", Lt: "<"}
_PAGES = (Path(__file__).parents[1] / "pages", Path(__file__).parents[2] / "docs" / "algorithms")


def algorithms() -> RenderableType:
    """Name, year, idea, needs and cost of every method."""
    table = _table("algorithm", "year", "idea", "needs", "cost")
    table.columns[2].no_wrap = table.columns[3].no_wrap = False
    for name, cls in METHODS.items():
        cost = f"{cls.cost:.1f}"
        table.add_row(Text(name, "bold"), paper(cls)[-4:], cls.idea, cls.needs, cost)
    hint = (
        "cost: arithmetic of a training with the paper's batches, relative to the labels alone."
        " realmix algorithms NAME shows equation, fields and sources."
    )
    return Padding(Group(table, "", Text(hint, "dim")), 1, expand=False)


def algorithm(name: str) -> RenderableType:
    """Page, fields, recipe and source of one method.

    Raises:
        UsageError: there is none of that name.
    """
    cls = method_class(name)
    fields = _table("field", "default", "takes", "")
    for row in field_rows(cls):
        fields.add_row(*row)
    recipe = _table("recipe", "value")
    for key, value in dataclasses.asdict(cls.recipe).items():
        recipe.add_row(key, _value(value))
    parts: list[RenderableType] = [
        Text(name, "bold"),
        "",
        Markdown(page(name), hyperlinks=False),
        "",
    ]
    parts += [fields, ""] if dataclasses.fields(cls) else []
    parts += [recipe, "", Text("Set any of these with --set name=value.", "dim"), ""]
    parts += [Text(f"Needs: {cls.needs}"), Text(f"Source: {_source(cls)}")]
    return Padding(Group(*parts), 1, expand=False)


def field_rows(cls: type[Method]) -> list[tuple[str, str, str, str]]:
    """Name, default, values and meaning of each hyperparameter."""
    comments = dict(_COMMENT.findall(inspect.getsource(cls)))
    hints = typing.get_type_hints(cls, include_extras=True)
    return [
        (f.name, _value(f.default), _kind(hints[f.name]), comments.get(f.name, ""))
        for f in dataclasses.fields(cls)
    ]


def paper(cls: type[Method]) -> str:
    """Authors and year.

    >>> from realmix.algorithms import FixMatch
    >>> paper(FixMatch)
    'Sohn et al., 2020'
    """
    cited = _CITED.search(_source(cls))
    return cited[1] if cited else ""


def page(name: str) -> str:
    """What is written of a method by hand: equation, differences from the paper and its code."""
    for folder in _PAGES:
        if (folder / f"{name}.md").exists():
            text = (folder / f"{name}.md").read_text(encoding="utf-8")
            written = text.partition(GENERATED)[0].partition("\n")[2]  # without title and tables
            return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", written).strip()
    return inspect.getdoc(method_class(name)) or ""


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
    return Padding(Group(table, "", Text(hint, "dim"), "", _scenarios()), 1, expand=False)


def _scenarios() -> RenderableType:
    """What --scenario takes."""
    table = Table.grid(padding=(0, 3, 0, 0))
    for name, scenario in SCENARIOS.items():
        value = {"percent": "50", "ratio": "10", "count": "500"}.get(scenario.unit, "...")
        table.add_row(Text(f"{name}={value}", "bold"), scenario.means)
    return Group(Text("--scenario, of fit, data and compare:", "dim"), table)


def data_set(name: str, data_root: str | None) -> RenderableType:
    """Counts of one built-in data set, where it is, and how to get it.

    Raises:
        UsageError: there is none of that name, or no folder `data_root`.
    """
    if name not in BUILTIN and "\0" not in name and Path(name).exists():
        shown = printable(name)
        raise UsageError(
            f"'{shown}' is no built-in data set but a place of yours: `realmix audit {shown}` says "
            f"what is in it, `realmix fit {shown}` learns from it. To write it made worse, say how"
            " and where: --scenario or --labels, and --out."
        )
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


def _source(cls: type[Method]) -> str:
    module = inspect.getmodule(cls)
    return " ".join((inspect.getdoc(module) or "").split())


def _value(value: object) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _kind(hint: Any) -> str:
    """The values that a field takes.

    >>> from realmix.contract.fields import Count, Fields, Share
    >>> _kind(Share), _kind(Count | None), _kind(Literal["a", "b"]), _kind(Fields)
    ('number >= 0, <= 1', 'whole number >= 1 or null', 'a, b', 'fields as JSON')
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_kind, inner))
    if origin is Literal:
        return ", ".join(map(str, inner))
    if origin is Annotated:
        limits = [_limit(bound) for bound in inner[1:] if type(bound) in _SIGNS]
        return f"{_kind(inner[0])} {', '.join(limits)}".rstrip()
    if origin is dict:
        return "fields as JSON"
    words = {float: "number", int: "whole number", bool: "true or false", str: "text"}
    return words.get(hint, "null")


def _limit(bound: Ge | Gt | Le | Lt) -> str:
    return f"{_SIGNS[type(bound)]} {dataclasses.astuple(bound)[0]}"
