"""What a finished run came to, for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.base.wording import duration, printable
from realmix.command.console import bad_files
from realmix.evaluate.gate import CANDIDATE, STUDENT
from realmix.evaluate.intervals import paired_interval, worth
from realmix.report.record import Run, read_run
from realmix.report.sections import examples, next_command, tried, worst_class
from realmix.report.words import TOGETHER, headline
from realmix.runs.classifier import MODEL
from realmix.runs.run import REPORT

MOST_UNSURE = 3  # pool rows that are named; the report has more
WARNING = "bold yellow"
CAPTION = "Accuracies with 95% intervals; what was added is in percentage points."


class Part(NamedTuple):
    """Rows that the models were measured on: name in evidence.npz, figures, title."""

    name: str
    figures: dict[str, Any]
    title: str


def summary(folder: Path) -> RenderableType:
    """The verdict, the figures, and where everything lies.

    Args:
        folder: of a finished run.

    Raises:
        StorageError: a record of the run is damaged.
    """
    run = read_run(folder)
    result = run.result
    gained = result["outcome"] in ("proved", "likely") and result["gated"]
    shown: list[RenderableType] = [Text(headline(result), "bold green" if gained else "bold"), ""]
    parts = _parts(run)
    if parts:
        shown += [_figures(run, parts), Text(CAPTION, "dim"), ""]
    return Padding(Group(*shown, _facts(run)), 1, expand=False)


def _parts(run: Run) -> list[Part]:
    """Held-out labels, these with the pool, and test rows, as far as there are any."""
    result = run.result
    held = {**result, "shipped": result["pair"]}
    parts = [Part("heldout", held, f"{result['held_out']:,} held-out labels")]
    if run.with_pool:
        parts.append(Part("pool", run.with_pool, f"and {run.with_pool['rows']:,} pool rows"))
    if result["test"]:
        parts.append(Part("test", result["test"], f"{result['test']['count']:,} test rows"))
    return [part for part in parts if part.figures["model"]["accuracy"] is not None]


def _figures(run: Run, parts: list[Part]) -> Table:
    """A column for each part; a row for each model, for their difference, and for the pair."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("", *(Text(part.title, "dim") for part in parts))
    result, apart = run.result, "\n  " if len(parts) > 2 else "   "  # or 80 columns would not do
    algorithm, alone = result["algorithm"], result["outcome"] == "alone"
    if alone or result["gated"]:
        key = "model" if alone else "baseline"
        table.add_row("labels alone", *(_estimate(part.figures[key], apart) for part in parts))
    if not alone:
        table.add_row(
            f"with {algorithm}", *(_estimate(part.figures["model"], apart) for part in parts)
        )
    if not alone and result["gated"]:
        table.add_row("added by the pool", *(_added(run, part, apart) for part in parts))
    if together := TOGETHER.get(result["shipped"]):
        cells = [_estimate(part.figures["shipped"], apart) for part in parts]
        if result["shipped"] == STUDENT and parts[0].name == "heldout":
            cells[0] = Text("learned from them all", "dim")
        table.add_row(together, *cells)
    if result["judge"] == "balanced":
        which = "model" if result["shipped"] == CANDIDATE or alone else "baseline"
        rows = {"of what ships": "shipped" if together else which}
        if not alone and rows["of what ships"] != "baseline":
            rows = {"of labels alone": "baseline", **rows}
        for whose, key in rows.items():
            told = [_balanced(part.figures[key], f"{apart}{whose}") for part in parts]
            table.add_row("balanced accuracy", *told)
    return table


def _estimate(figures: dict[str, Any], apart: str) -> Text:
    low, high = figures["interval"]
    return Text.assemble(
        (f"{figures['accuracy']:7.1%}", "bold"), apart, (f"{low:5.1%} to {high:.1%}", "dim")
    )


def _balanced(figures: dict[str, Any], whose: str) -> Text:
    if "balanced_accuracy" not in figures:
        return Text()
    return Text.assemble((f"{figures['balanced_accuracy']:7.1%}", "bold"), (whose, "dim"))


def _added(run: Run, part: Part, apart: str) -> Text:
    """The candidate's lead in percentage points, from the predictions that the run keeps."""
    label = run.evidence.get(f"{part.name}_label")
    if label is None:
        return Text()
    base, other = (
        run.evidence[f"{part.name}_{which}"].argmax(1) == label for which in ("baseline", "model")
    )
    lead = 100 * float(other.mean() - base.mean())
    each = worth(run.result.get("folds", 1)) if part.name == "heldout" else 1.0
    low, high = (100 * end for end in paired_interval(base, other, worth=each))
    style = "green" if low > 0 else "red" if high < 0 else ""
    return Text.assemble(
        (f"{lead:+6.1f}", f"bold {style}"), apart, (f" {low:+5.1f} to {high:+.1f}", "dim")
    )


def _facts(run: Run) -> Table:
    """Why, what it took, what else is known, and where the files are."""
    result = run.result
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    why = Text(printable(result["reason"]))
    table.add_row("why", why if result["gated"] else Text.assemble(("WARNING: ", WARNING), why))
    if result["undertrained"]:
        table.add_row("", Text(result["undertrained"], WARNING))
    if (worst := worst_class(run)) and worst["recall"] < 1:
        found = f"{worst['recall']:.0%} found of {worst['count']:,}"
        table.add_row("worst class", Text(f"{printable(worst['name'])}: {found}"))
    if seen := tried(run):
        table.add_row("tried", Text(f"{seen['score']}, and {seen['gained']}; * compared"))
        for row in seen["rows"]:
            mark = "*" if row["taken"] else "x" if row.get("collapse") else " "
            scored = f"{mark} {row['algorithm']:<24}{row['score']:.1%}  {row['gain']:<23}"
            table.add_row("", Text(f"{scored}{duration(row['seconds'])}"))
        for row in seen["rows"]:
            if row.get("collapse"):
                table.add_row("", Text(f"x {row['algorithm']} collapsed: {row['collapse']}"))
    table.add_row("", "")
    counts = f"{result['labels']:,} labels, {result['unlabeled']:,} unlabeled rows"
    table.add_row("data", counts)
    if result["bad_files"]:
        table.add_row("skipped", Text(bad_files(result["bad_files"])))
    if oracle := result["pseudo_labels"]:
        right = f"{oracle['accuracy']:.1%} of {oracle['count']:,} pool rows classified right"
        table.add_row("oracle", f"{right} (by true labels that training never saw)")
    table.add_row("cost", f"{duration(result['seconds'])} of training")
    if ended := result.get("ended"):  # runs of before have none
        steps = f"{ended:,} of {result['steps']:,}"
        table.add_row("", f"the labels alone ended at step {steps}: converged")
    table.add_row("network", Text("; ".join(result["network"])))
    if seen_by := result.get("encoder"):  # runs of before encoders have none
        size = seen_by["size"]
        what = f"{size} x {size} pixels" if size else "texts"
        words = f"{printable(seen_by['name'])} on {what}, fingerprint {seen_by['fingerprint']}"
        table.add_row("encoder", Text(words))
    table.add_row("model", Text(printable(run.folder / MODEL), "bold"))
    table.add_row("report", Text(printable(run.folder / REPORT), "bold"))
    if unsure := [row["file"] for row in examples(run, "unsure")[:MOST_UNSURE] if row["file"]]:
        table.add_row("label next", Text(", ".join(printable(name) for name in unsure)))
    if command := next_command(run):
        table.add_row("next", Text(f"{printable(command)} settles it with a few labels"))
    return table
