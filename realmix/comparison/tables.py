"""The tables of a comparison: read back from its folder, and written into it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from realmix.base.errors import DataError, StorageError
from realmix.base.files import write_atomically, write_json
from realmix.base.wording import harmless, printable
from realmix.comparison.cells import Cell
from realmix.comparison.engines.work import saved_outcome
from realmix.comparison.powered import OtherRows, other_rows
from realmix.comparison.results import Lead, Results, Setting

KEPT = ("tuning", "true_share", "versions")  # of an outcome, beside its row
RECORD, TABLE, RECORDS = "compare.json", "results.csv", "results.json"


def rows_of(results: Results) -> Iterator[dict[str, Any]]:
    """One for each cell, for tables."""
    axes = dict.fromkeys(name for cell in results.outcomes for name, _ in cell.scenario)
    others = other_rows(results)
    for cell, outcome in results.outcomes.items():
        values, out = dict(cell.scenario), outcome or {"status": "missing"}
        yield {
            "algorithm": cell.algorithm,
            **{axis: values.get(axis, "") for axis in axes},
            "labels": out.get("labels", cell.labels),
            "seed": cell.seed,
            **{
                name: out.get(name)
                for name in ("status", "accuracy", "balanced_accuracy", "test_rows")
            },
            **_other(others.get(cell)),
            **{name: out.get(name) for name in ("unlabeled", "steps", "seconds", "shipped")},
            "error": out.get("error"),
            "command": out.get("command") or cell.command(results.common),
        }


def _other(found: OtherRows | None) -> dict[str, float | None]:
    """What may be expected on other rows, and how many test rows that is worth."""
    accuracy, (low, high), worth = found or (None, (None, None), None)
    return {"other_rows": accuracy, "low": low, "high": high, "worth": worth}


def as_json(results: Results) -> dict[str, Any]:
    """All of it; see docs/compare.md."""
    return {
        "common": results.common,
        "labels_alone": results.alone,
        "cells": [
            {**row, **{name: (out or {}).get(name) for name in KEPT}}
            for row, out in zip(rows_of(results), results.outcomes.values(), strict=True)
        ],
        "accuracy": [
            {"setting": dict(setting), "algorithm": name, **_plain(results.mean(setting, name))}
            for setting in results.settings
            for name in results.algorithms
        ],
        "added_to_labels_alone": [_lead(lead) for lead in results.added],
        "between_algorithms": [_lead(lead) for lead in results.between],
        "ranks": None if results.ranks is None else _plain(results.ranks),
        "labels_needed": [
            {"setting": dict(setting), "algorithm": name, **_plain(need)}
            for setting, name, _, need in results.needed
        ],
        "over_shift": [
            {"axis": axis, "setting": dict(rest), "algorithm": name, **_plain(shift)}
            for axis, rest, name, shift in results.shifts
        ],
    }


def _plain(value: Any) -> dict[str, Any]:
    return dataclasses.asdict(value)


def _lead(lead: Lead) -> dict[str, Any]:
    mean, difference = lead.difference.mean, lead.difference
    return {
        "setting": dict(lead.setting),
        "of": lead.second,
        "over": lead.first,
        "lead": mean.value,
        "interval": mean.interval,
        "seeds": mean.count,
        "p": difference.p,
        "p_holm": difference.corrected,
    }


def saved_record(folder: Path) -> dict[str, Any] | None:
    """What compare.json holds, or None where there is no comparison.

    Raises:
        StorageError: it is damaged.
    """
    path = folder / RECORD
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not {"common", "cells", "digest"} <= found.keys():
            raise ValueError("parts are missing")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise StorageError(f"{printable(path)} cannot be read: {error}.") from None
    return dict(found)


def read_results(folder: Path) -> Results:
    """What a folder's cells came to so far.

    Raises:
        DataError: there is no comparison.
    """
    record = saved_record(folder)
    if record is None:
        raise DataError(f"{printable(folder)} holds no {RECORD}, so no comparison.")
    cells = [Cell.from_json(values) for values in record["cells"]]
    common = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record["common"].items()
    }
    outcomes = {cell: saved_outcome(folder, cell) for cell in cells}
    return Results(folder, common, outcomes, undrawn_of(record))


def undrawn_of(record: Mapping[str, Any]) -> frozenset[Setting]:
    """Of a folder's record, the settings in which all seeds have the same labels and pool."""
    return frozenset(
        tuple((str(name), str(value)) for name, value in setting)
        for setting in record.get("undrawn", ())
    )


def write_tables(results: Results) -> None:
    """Write results.csv and results.json into the folder.

    Raises:
        StorageError: they cannot be written.
    """
    text, rows = io.StringIO(), list(rows_of(results))
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({k: harmless(v) if isinstance(v, str) else v for k, v in row.items()})
    write_atomically(results.folder / TABLE, text.getvalue())
    write_json(results.folder / RECORDS, as_json(results))
