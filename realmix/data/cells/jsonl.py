"""Files of JSON lines: one object a line, whose keys are the columns of a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.csv_text import decoded
from realmix.data.cells.table import Table

SUFFIXES = (".jsonl", ".ndjson")


def read_jsonl_table(path: Path) -> Table:
    """The objects of the lines; a key that an object lacks is a missing cell.

    Raises:
        DataError: with the line: no JSON, no object, a cell that holds cells; no rows.
    """
    text, notes = decoded(path)
    objects, places = [], []
    for line, content in enumerate(text.split("\n"), 1):  # splitlines would divide texts
        if content.strip():
            objects.append(_object(content, f"'{printable(path)}', line {line}"))
            places.append(line)
    if not objects:
        raise DataError(f"'{printable(path)}' has no rows.")
    names = dict.fromkeys(name for one in objects for name in one)
    cells = {name: [one.get(name) for one in objects] for name in names}
    return Table(
        path, {name.strip(): column for name, column in cells.items()}, "line", places, notes
    )


def _object(content: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise DataError(f"{where}: no JSON ({reason}). Expected one object a line.") from None
    except RecursionError:
        raise DataError(f"{where}: JSON in JSON without end. Expected one object a line.") from None
    if not isinstance(found, dict):
        raise DataError(
            f"{where}: {printable(content)[:40]} is no object. Expected one object a line, such as"
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
