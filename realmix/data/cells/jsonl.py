"""Files of JSON: one object a line, or one list of objects, whose keys are a table's columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.annotations import annotated
from realmix.data.cells.csv_text import decoded, kind_of
from realmix.data.cells.nested import columns_of, not_read
from realmix.data.cells.table import Table

SUFFIXES = (".jsonl", ".ndjson", ".json")


def read_json_table(path: Path) -> Table:
    """The objects of the lines, or of a list; a key that an object lacks is a missing cell.

    What Label Studio, doccano and Prodigy export is read, too. Cells that hold several values are
    left out, with a note; see `columns_of`.

    Raises:
        DataError: with the line, or the place in the list: no JSON, no object, two values of one
            name; no rows.
    """
    text, notes = decoded(path)
    whole = _whole(path, text) if kind_of(path) == ".json" else None
    if whole is not None:
        rows, unit = list(enumerate(whole, 1)), "row"
    else:
        lines = enumerate(text.split("\n"), 1)  # splitlines would divide texts
        filled = ((line, content) for line, content in lines if content.strip())
        rows = [(line, _parsed(it, f"'{printable(path)}', line {line}")) for line, it in filled]
        unit = "line"
    if not rows:
        raise DataError(f"'{printable(path)}' has no rows.")
    where = [f"'{printable(path)}', {unit} {place}" for place, _ in rows]
    objects = [_object(found, place) for (_, found), place in zip(rows, where, strict=True)]
    made, told = annotated(objects)
    cells, several = columns_of([row for _, row in made], [where[place] for place, _ in made])
    notes = (*notes, *told, *not_read(several))
    return Table(path, cells, unit, [rows[place][0] for place, _ in made], notes, several=several)


def _whole(path: Path, text: str) -> list[Any] | None:
    """The rows of a file that is one value: a list, the list in an object, or what pandas writes.

    That is `{column: {index: cell}}`, `{"columns": names, "index": ..., "data": rows}`, or as many
    databases do `{name of a row: {column: cell}}`, where rows are more than columns. None of
    anything else, which may be an object a line.
    """
    if text.lstrip().startswith("["):
        found = _parsed(text, f"'{printable(path)}'")
    else:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
    if isinstance(found, list):
        return found
    if not isinstance(found, dict) or not found:
        return None
    lists = [inside for inside in found.values() if isinstance(inside, list)]
    if found.keys() == {"columns", "index", "data"} and len(lists) == 3:
        rows = (row if isinstance(row, list) else [row] for row in found["data"])
        return [dict(zip(map(str, found["columns"]), row, strict=False)) for row in rows]
    inside = [cells for cells in found.values() if isinstance(cells, dict)]
    if len(inside) == len(found):
        names = dict.fromkeys(name for cells in inside for name in cells)
        if len(inside) > len(names) and not all(map(str.isdigit, names)):
            return inside
        if all(cells.keys() == names.keys() for cells in inside):
            return [{name: cells[row] for name, cells in found.items()} for row in names]
    return lists[0] if len(lists) == 1 and all(isinstance(o, dict) for o in lists[0]) else None


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
    return found
