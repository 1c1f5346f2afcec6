"""Files of JSON: one object a line, or one list of objects, whose keys are a table's columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.csv_text import decoded, kind_of
from realmix.data.cells.table import Cells, Table

SUFFIXES = (".jsonl", ".ndjson", ".json")


def read_json_table(path: Path) -> Table:
    """The objects of the lines, or of a list; a key that an object lacks is a missing cell.

    Raises:
        DataError: with the line, or the place in the list: no JSON, no object, a cell that holds
            cells; no rows.
    """
    text, notes = decoded(path)
    if kind_of(path) == ".json" and text.lstrip().startswith("["):
        listed = enumerate(_parsed(text, f"'{printable(path)}'"), 1)
        rows, unit = list(listed), "row"
    else:
        lines = enumerate(text.split("\n"), 1)  # splitlines would divide texts
        filled = ((line, content) for line, content in lines if content.strip())
        rows = [(line, _parsed(it, f"'{printable(path)}', line {line}")) for line, it in filled]
        unit = "line"
    if not rows:
        raise DataError(f"'{printable(path)}' has no rows.")
    objects = [_object(found, f"'{printable(path)}', {unit} {place}") for place, found in rows]
    names = dict.fromkeys(name for one in objects for name in one)
    cells: dict[str, Cells] = {n.strip(): [one.get(n) for one in objects] for n in names}
    return Table(path, cells, unit, [place for place, _ in rows], notes)


def _parsed(content: str, where: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise DataError(f"{where}: no JSON ({reason}). Expected one object a line.") from None
    except RecursionError:
        raise DataError(f"{where}: JSON in JSON without end. Expected one object a line.") from None


def _object(found: Any, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        shown = printable(json.dumps(found))[:40]
        raise DataError(
            f"{where}: {shown} is no object. Expected one object a line, such as"
            ' {"text": "...", "label": "..."}.'
        )
    for name, cell in found.items():
        if isinstance(cell, (dict, list)):
            raise DataError(
                f"{where}: '{printable(name)}' holds several values. A cell is a text or a number."
            )
        if isinstance(cell, bool):
            found[name] = str(cell)
    return found
