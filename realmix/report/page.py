"""report.html of a run: one file that shows what shipped, why, and how far to believe it.

The file is self-contained: no script, no request, pictures inside as data URIs. Every text passes
Jinja's autoescape and `printable`, and a Content-Security-Policy forbids the rest.
"""

from __future__ import annotations

import functools
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from realmix.base.files import write_atomically
from realmix.base.wording import duration, printable
from realmix.evaluate.judges import JUDGES
from realmix.report import galleries, plots, sections
from realmix.report.record import Run, read_run
from realmix.report.words import headline, rounded_up

LARGE_TILE = 192  # pixels of a picture that somebody labels
LONGEST_NAME = 60  # characters of a class name in a table
LONGEST_FILE = 40
MOST_BAD_FILES = 50
UNKNOWN = "\N{EN DASH}"


def write_report(folder: Path) -> Path:
    """Write `report.html` into a run folder, from its records.

    Args:
        folder: holds result.json; config.json, metrics.jsonl and evidence.npz where they exist.

    Returns:
        The path of the report.

    Raises:
        DataError: the folder holds no finished run.
        StorageError: a record is damaged, or the report cannot be written.
    """
    path = folder / "report.html"
    write_atomically(path, render(read_run(folder)))
    return path


def render(run: Run) -> str:
    """The report as HTML."""
    return environment().get_template("report.html").render(_context(run))


def label_page(
    title: str, rows: Sequence[tuple[str, NDArray[np.uint8] | str]], classes: Sequence[str]
) -> str:
    """to_label.html: the pictures or texts to label, and not what the models predict.

    Who knows that is no independent judge.

    Args:
        title: of the run.
        rows: name and (C, H, W) image or text of each row, in the order in which they are asked.
        classes: what they can be.
    """
    shown = [
        {
            "number": number,
            "name": name,
            "text": row if isinstance(row, str) else None,
            "picture": None if isinstance(row, str) else galleries.large(name, row, LARGE_TILE),
        }
        for number, (name, row) in enumerate(rows, 1)
    ]
    kind = "text" if rows and isinstance(rows[0][1], str) else "picture"
    template = environment().get_template("to_label.html")
    return template.render(title=title, rows=shown, classes=classes, side=LARGE_TILE, kind=kind)


@functools.cache
def environment(*folders: Path) -> Environment:
    """Where templates, of this folder and of others, find their filters; all text is escaped."""
    found = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        percent=_percent,
        points=_points,
        places=_places,
        number=_number,
        rounded_up=rounded_up,
        duration=duration,
        short=_short,
        file=_file,
    )
    found.globals["colors"] = {"baseline": plots.BASELINE, "model": plots.MODEL}
    return found


def _context(run: Run) -> dict[str, Any]:
    result = run.result
    bad_files = result.get("bad_files") or []
    judge = JUDGES[result["judge"]]
    settings = {key: value for key, value in run.config.items() if key != "command"}
    return {
        "title": run.folder.resolve().name,
        "headline": headline(result),
        "result": result,
        "judge": judge,
        "unit": 100 * judge.point,  # what is a share for accuracy
        # without a gate nothing was compared, and only the rule says so
        "reason": result.get("reason" if result.get("gated", True) else "rule"),
        "worst": sections.worst_class(run),
        "next": sections.next_command(run),
        "held_out": sections.accuracies(result, result),
        "with_pool": sections.accuracies(result, run.with_pool),
        "held_out_scores": sections.scores(run, "heldout"),
        "tried": sections.tried(run),
        "test": sections.accuracies(result, result.get("test")),
        "test_scores": sections.scores(run, "test"),
        "curves": sections.curves(run),
        "judged": sections.judged(run),
        "views": galleries.views(run),
        "mistakes": galleries.mistakes(run),
        "sure": sections.examples(run, "sure"),
        "unsure": sections.examples(run, "unsure"),
        "pool": sections.pool_shares(run),
        "oracle": result.get("pseudo_labels"),
        "notes": result.get("notes") or [],
        "bad_files": bad_files[:MOST_BAD_FILES],
        "more_bad_files": max(0, len(bad_files) - MOST_BAD_FILES),
        "settings": sections.settings(settings) if settings else [],
        "versions": result.get("versions") or {},
        # a number of steps is kept, and these ended before it
        "command": _command(
            run.config.get("command"), None if result.get("ended") else result.get("steps")
        ),
    }


def _command(given: object, steps: int | None) -> str | None:
    """The command that gives the same model: with the steps that a time limit came to.

    >>> _command(["realmix", "fit", "x", "--minutes", "3"], 56)
    'realmix fit x --steps 56'
    """
    if not isinstance(given, list):
        return str(given) if given else None
    words = [str(word) for word in given]
    if "fit" in words and "--steps" not in words and steps:
        if "--minutes" in words:
            place = words.index("--minutes")
            del words[place : place + 2]
        words += ["--steps", str(steps)]
    return shlex.join(words)


def _shown(value: Any) -> Any:
    """Text with control characters as escapes; what Jinja built itself stays as it is."""
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    return printable(value)


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None or math.isnan(share) else f"{share:.1%}"


def _points(share: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    return UNKNOWN if share is None else f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _file(name: str) -> str:
    """The end of a path, where the name is."""
    text = name.replace("\\", "/").rpartition("/")[2] or name
    return text if len(text) <= LONGEST_FILE else "…" + text[1 - LONGEST_FILE :]


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _places(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}"
