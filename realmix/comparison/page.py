"""compare.html: one file that shows what was compared, what may be said of it, and what may not."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from realmix.base.files import write_atomically
from realmix.base.versions import versions
from realmix.base.wording import counted
from realmix.comparison import plots
from realmix.comparison.cells import Cell, words_of
from realmix.comparison.contenders import AUTO
from realmix.comparison.results import LABELS, Lead, Results, Setting
from realmix.comparison.statistics import Mean
from realmix.comparison.tables import rows_of
from realmix.data.scenarios.names import SCENARIOS
from realmix.report.page import UNKNOWN, environment

PAGE = "compare.html"
SURE = 0.05
MOST_PICTURES = 6
MOST_NAMES = 2  # in the headline


def write_page(results: Results) -> Path:
    """Write compare.html into the folder.

    Raises:
        StorageError: it cannot be written.
    """
    template = environment(Path(__file__).parent).get_template("compare.html")
    write_atomically(results.folder / PAGE, template.render(_context(results)))
    return results.folder / PAGE


def _context(results: Results) -> dict[str, Any]:
    names = results.algorithms
    colors = plots.colors_of(names, results.alone)
    return {
        "title": results.folder.resolve().name,
        "headline": headline(results),
        "alone": plots.short(results.alone),
        "facts": _facts(results),
        "protocol": results.common.get("protocol", "last"),
        "names": [plots.short(name) for name in names],
        "accuracy": _accuracy(results),
        "curves": _curves(results, colors),
        "intervals": _intervals(results, colors),
        "added": [_lead(lead) for lead in results.added],
        "between": [_lead(lead) for lead in results.between],
        "ranks": results.ranks,
        "ranks_picture": plots.critical(results.ranks) if results.ranks else None,
        "needed": [
            (words_of_setting(setting), plots.short(name), mean, str(need))
            for setting, name, mean, need in results.needed
        ],
        "shifts": [
            (axis, words_of_setting(rest), plots.short(name), shift)
            for axis, rest, name, shift in results.shifts
        ],
        "cost": _cost(results, colors),
        "failed": [(_cell(cell), outcome["error"]) for cell, outcome in results.failed.items()],
        "cells": list(rows_of(results)),
        "missing": len(results.outcomes) - len(results.done) - len(results.failed),
        "versions": versions(),
        "common": shlex.join(words_of(Cell(AUTO, None, 0).config(results.common))),
    }


def headline(results: Results) -> str:
    """What the comparison says, in a sentence or two."""
    sure = [lead for lead in results.added if lead.difference.corrected < SURE]
    better = [lead for lead in sure if lead.difference.mean.value > 0]
    worse = [lead for lead in sure if lead.difference.mean.value < 0]
    alone, of = plots.short(results.alone), len(results.added)
    if not of:
        failed = f" {counted(len(results.failed), 'cell')} failed." if results.failed else ""
        done = {cell.algorithm for cell in results.done}
        if done - {results.alone}:
            return f"Of {alone}, the labels alone, nothing is done to compare with.{failed}"
        return f"{'Only ' + alone if done else 'Nothing'} has been done so far.{failed}"
    if not sure:
        drawn = [lead for lead in results.added if lead.setting not in results.undrawn]
        many = max((lead.difference.mean.count for lead in drawn), default=10)
        hint = " More seeds would tell more." if many < 10 else ""
        hint = hint if drawn else " All labels are taken, the same for each seed."
        return f"Nothing is proved better or worse than {alone}, the labels alone.{hint}"
    parts = []
    for found, word in ((better, "better"), (worse, "worse")):
        if found:
            listed = list(dict.fromkeys(plots.short(lead.second) for lead in found))
            who = ", ".join(listed) if len(listed) <= MOST_NAMES else f"{len(listed)} algorithms"
            where = f" in {len(found)} of {of} comparisons" if of > 1 else ""
            parts.append(f"{who}: proved {word} than {alone}{where}")
    return f"{'. '.join(parts)}."


def words_of_setting(setting: Setting) -> str:
    """A setting in words.

    >>> words_of_setting((("labels", "40"), ("mismatch", "50")))
    '40 labels, mismatch 50%'
    """
    words = []
    for name, value in setting:
        percent = "%" if name in SCENARIOS and SCENARIOS[name].unit == "percent" else ""
        words.append(f"{value} labels" if name == LABELS else f"{name} {value}{percent}")
    return ", ".join(words) or "the labels as they are"


def _cell(cell: Cell) -> str:
    return f"{plots.short(cell.algorithm)}, {words_of_setting(cell.setting)}, seed {cell.seed}"


def _facts(results: Results) -> list[tuple[str, str]]:
    seeds = {cell.seed for cell in results.outcomes}
    done = results.done.values()
    tests = sorted({outcome["test_rows"] for outcome in done})
    return [
        ("Cells done", f"{len(results.done):,} of {len(results.outcomes):,}"),
        ("Algorithms", f"{len(results.algorithms)}"),
        ("Seeds", f"{len(seeds)}"),
        ("Test rows", " or ".join(f"{count:,}" for count in tests[:3]) or UNKNOWN),
        *_tuning(results),
    ]


def _tuning(results: Results) -> list[tuple[str, str]]:
    """How each cell's fields were found, where they were."""
    found = [outcome["tuning"] for outcome in results.done.values() if "tuning" in outcome]
    rows = sorted({one["validation_rows"] for one in found})
    if not found:
        return []
    labels = " to ".join(f"{count:,}" for count in dict.fromkeys((rows[0], rows[-1])))
    trials = results.common["trials"]
    return [("Trials of a cell", f"{trials:,}"), ("Labels that chose", labels)]


def _accuracy(results: Results) -> list[dict[str, Any]]:
    rows = []
    for setting in results.tried:
        means = [results.mean(setting, name) for name in results.algorithms]
        best = max((mean.value for mean in means if mean.count), default=None)
        cells = [(mean, mean.count > 0 and mean.value == best) for mean in means]
        rows.append({"setting": words_of_setting(setting), "cells": cells})
    return rows


def _curves(results: Results, colors: dict[str, str]) -> list[tuple[str, str]]:
    """(title, picture) of each axis and what else is fixed."""
    found = []
    for axis in sorted(results.axes, key=lambda name: name == LABELS):  # labels last
        for rest, points in results.axis(axis):
            series = []
            for name in results.algorithms:
                means = [(x, results.mean(setting, name)) for x, setting in points]
                known: list[tuple[float, Mean]] = [(x, mean) for x, mean in means if mean.count]
                if known:
                    series.append(
                        plots.Series(name, [x for x, _ in known], [mean for _, mean in known])
                    )
            fixed = f", {words_of_setting(rest)}" if rest else ""
            log = axis == LABELS or SCENARIOS[axis].unit in ("ratio", "count")
            percent = axis in SCENARIOS and SCENARIOS[axis].unit == "percent"
            if series:
                label = f"{axis} (%)" if percent else axis
                picture = plots.curves(series, colors, label, log)
                found.append((f"Accuracy over {axis}{fixed}", picture))
    return found[:MOST_PICTURES]


def _intervals(results: Results, colors: dict[str, str]) -> list[tuple[str, str]]:
    """Where there is no axis, each setting has a picture of its own."""
    if results.axes:
        return []
    found = []
    for setting in results.tried[:MOST_PICTURES]:
        rows = [(name, results.mean(setting, name)) for name in results.algorithms]
        if rows := [(name, mean) for name, mean in rows if mean.count]:
            found.append((words_of_setting(setting), plots.intervals(rows, colors)))
    return found


def _lead(lead: Lead) -> dict[str, Any]:
    difference = lead.difference
    return {
        "setting": words_of_setting(lead.setting),
        "of": plots.short(lead.second),
        "over": plots.short(lead.first),
        "mean": difference.mean,
        "p": difference.p,
        "corrected": difference.corrected,
        "sure": difference.corrected < SURE,
    }


def _cost(results: Results, colors: dict[str, str]) -> dict[str, Any] | None:
    """Of each algorithm over all of its cells that are done."""
    points, rows = [], []
    for name in results.algorithms:
        done = [out for cell, out in results.done.items() if cell.algorithm == name]
        if done:
            seconds = sum(out["seconds"] for out in done) / len(done)
            accuracy = sum(out["accuracy"] for out in done) / len(done)
            points.append((name, seconds, accuracy))
            rows.append((plots.short(name), accuracy, seconds, len(done)))
    return {"picture": plots.cost(points, colors), "rows": rows} if points else None
