"""`realmix compare`: from options to a grid, and the table of what came of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.base.errors import Interrupted, UsageError
from realmix.base.wording import counted, printable
from realmix.command.console import messages, show, tell
from realmix.command.process import Signals, Stopped
from realmix.command.several.options import Compare
from realmix.comparison.cells import TUNING, Grid, processors, seeds_of
from realmix.comparison.page import PAGE, SURE, headline, words_of_setting
from realmix.comparison.plots import short
from realmix.comparison.results import Results, Setting
from realmix.comparison.statistics import Difference
from realmix.comparison.tables import RECORDS, TABLE
from realmix.runs.config import Config

SWEPT = ("mismatch", "imbalance", "label_noise", "pool_size")
MOST_COLUMNS = 6  # of algorithms beside each other


class Watch:
    """Prints what it is told, and hears signals."""

    def __init__(self, console: Console, signals: Signals) -> None:
        self.console, self.signals = console, signals

    def note(self, text: str) -> None:
        tell(self.console, text)

    def stopping(self) -> bool:
        return self.signals.received is not None


def grid_of(command: Compare) -> Grid:
    """What the options ask for.

    Raises:
        UsageError: numbers that are none.
    """
    names = {one.name for one in dataclasses.fields(Config)} - {"labels"}
    given = {one.name: getattr(command, one.name) for one in dataclasses.fields(Compare)}
    common = {name: value for name, value in given.items() if name in names}
    common |= {name: given[name] for name in TUNING if given[name] is not None}
    sweep = {
        name.replace("_", "-"): _listed(given[name]) for name in SWEPT if given[name] is not None
    }
    for words in command.sweep:
        name, mark, values = words.partition("=")
        if not mark or not _listed(values):
            raise UsageError(
                f"--sweep takes NAME=VALUE,VALUE,..., such as blur=0,50,100; '{printable(words)}'"
                " is none."
            )
        sweep[name] = _listed(values)
    try:
        labels = tuple(int(word) for word in _listed(command.labels or ""))
    except ValueError:
        raise UsageError(
            f"--labels takes whole numbers, such as 40,250, not '{printable(command.labels)}'."
        ) from None
    return Grid(common, _listed(command.algorithms), labels, seeds_of(command.seeds), sweep)


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def compared(command: Compare) -> None:
    """Do it, and show what came of it.

    Raises:
        RealmixError: see `realmix.comparison.compare.compare_grid`.
    """
    grid, console, signals = grid_of(command), messages(), Signals()
    workers = command.workers or processors()
    count = len(list(grid))
    where = f"on {command.scheduler}" if command.scheduler else f"in {workers} processes"
    tell(console, f"Comparing on {command.data}: {count:,} cells {where}, kept in {command.out}.")
    from realmix.comparison.compare import compare_grid, engine  # takes seconds

    do_all = engine(workers, command.scheduler)
    try:
        with signals:
            signals.patient = True
            results = compare_grid(grid, command.out, do_all, Watch(console, signals))
    except Interrupted:
        raise Stopped("interrupted and saved; the same command continues.", signals) from None
    show(summary(command.out, results))


def summary(folder: Path, results: Results) -> RenderableType:
    """Accuracies with intervals, what each adds to the labels alone, and where everything lies."""
    missing = len(results.outcomes) - len(results.done) - len(results.failed)
    table_of = Table.grid(padding=(0, 2))
    table_of.add_column(style="dim", no_wrap=True)
    table_of.add_column(overflow="fold")
    for title, value in (
        ("says", headline(results)),
        ("failed", counted(len(results.failed), "cell") if results.failed else ""),
        ("not done", f"{counted(missing, 'cell')} of earlier commands" if missing else ""),
        ("tables", f"{folder / TABLE}, {folder / RECORDS}"),
        ("page", str(folder / PAGE)),
    ):
        if value:
            table_of.add_row(title, Text(printable(value)))
    note = f"± 95% over seeds. Added to {short(results.alone)}, the labels alone; * proved (Holm)."
    return Padding(Group(_figures(results), Text(note, "dim"), "", table_of), 1, expand=False)


def _figures(results: Results) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("algorithm", overflow="fold")  # the setting, which may be long
    for title in ("accuracy", "added, points", "seconds"):
        table.add_column(title, justify="right" if title == "seconds" else "left", no_wrap=True)
    leads = {(lead.setting, lead.second): lead.difference for lead in results.added}
    for setting in results.tried:
        if setting:
            table.add_row(Text(words_of_setting(setting), "dim"))
        for name in results.algorithms:
            mean, seconds = (results.mean(setting, name, f) for f in ("accuracy", "seconds"))
            shown = Text(f"{mean.value:6.1%}", "bold")
            if mean.count > 1:
                shown.append(f" ± {100 * mean.half:.1f}", "dim")
            if not mean.count:
                shown = _why_none(results, setting, name)
            cost = f"{seconds.value:.1f}" if seconds.count else ""
            lead = _lead(leads.get((setting, name)))
            table.add_row(f"  {short(name)}", shown, lead, cost)
    return table


def _why_none(results: Results, setting: Setting, name: str) -> Text:
    cells = [c for c in results.failed if c.setting == setting and c.algorithm == name]
    return Text("failed", "yellow") if cells else Text("not done", "dim")


def _lead(difference: Difference | None) -> Text:
    """In percentage points."""
    if difference is None:
        return Text()
    mean, sure = difference.mean, difference.corrected < SURE
    style = "" if not sure else "green" if mean.value > 0 else "red"
    shown = Text(f"{100 * mean.value:+5.1f}{'*' if sure else ' '}", f"bold {style}")
    if mean.count > 1:
        shown.append(f"± {100 * mean.half:.1f}", "dim")
    return shown
