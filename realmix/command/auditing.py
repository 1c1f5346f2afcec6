"""`realmix audit` on the terminal: what was found, what it means, and what to do next."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.auditing import words
from realmix.auditing.audit import PAGE
from realmix.auditing.findings import Findings
from realmix.auditing.lists import LEFT_OUT
from realmix.base.wording import counted, duration, printable, shortened
from realmix.command.console import bad_files

FIRST = 3  # rows that are named
MOST_CLASSES = 12


def told(found: Findings, folder: Path, following: str | None) -> RenderableType:
    """The findings as the terminal shows them.

    Args:
        found: the findings.
        folder: where they are kept.
        following: the command that trains on what is left.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    for name, text in (*_data(found), *_pool(found), *_after(found, folder, following)):
        table.add_row(name, Text(printable_lines(text)))
    return Padding(Group(Text(words.headline(found), "bold"), "", table), 1, expand=False)


def printable_lines(text: str) -> str:
    """`printable` line by line."""
    return "\n".join(printable(line) for line in text.splitlines())


def _data(found: Findings) -> list[tuple[str, str]]:
    tests = f", {found.tests:,} test rows" if found.tests else ""
    labels = counted(found.labels, "label")
    told = f"{labels} of {len(found.classes)} classes, {found.pool:,} in the pool{tests}"
    rows = [("data", told), *(("reading", note) for note in found.dataset.notes)]
    if found.dataset.bad_files:
        rows.append(("unreadable", bad_files(found.dataset.bad_files)))
    rows += [("copies", sentence) for sentence in words.copies_told(found)]
    if found.copies.disputed:
        pairs = counted(len(found.copies.disputed), "pair")
        rows.append(("contradictions", f"{pairs} of equal rows with different labels"))
    if found.doubted:
        listed = "; ".join(
            f"{found.name(d.row)} ({found.classes[d.given]}) looks like {found.classes[d.likely]}"
            for d in found.doubted[:FIRST]
        )
        rows.append(("labels", f"{len(found.doubted):,} look wrong to a classifier: {listed}"))
    return rows


def _pool(found: Findings) -> list[tuple[str, str]]:
    rows = []
    if found.foreign is not None:
        share = found.foreign.share
        range_ = f"{share.low:.0%} to {share.high:.0%} (90%)"
        unclear = ", which is not known well" if found.unclear else ""
        rows.append(("foreign", f"{share.share:.0%} of the pool, {range_}{unclear}"))
        most = shortened([found.name(row) for row, _ in found.most_foreign(FIRST)])
        rows.append(("most foreign", most))
    if found.shares is not None:
        parts = zip(
            found.classes, found.shares.em, found.shares.low, found.shares.high, strict=True
        )
        told = [f"{name} {em:.0%} ({low:.0%} to {high:.0%})" for name, em, low, high in parts]
        rows.append(("classes in it", shortened(told, MOST_CLASSES)))
    return rows


def _after(found: Findings, folder: Path, following: str | None) -> list[tuple[str, str]]:
    rows = [("", "")]
    rows += [("expect", sentence) for sentence in words.harm(found)]
    if found.weak:
        rows.append(("weak", found.weak))
    made = found.seconds["features"]
    whole = duration(sum(found.seconds.values()))
    cost = f"{whole}, {duration(made)} of it for features by {found.by}"
    rows += [("cost", cost), ("report", str(folder / PAGE))]
    if count := len(found.left_out) + len(found.leaked):
        tests = f" ({counted(len(found.leaked), 'test row')})" if found.leaked else ""
        what = f"{counted(count, 'row')}{tests}, each with its reason in {folder / LEFT_OUT}"
        rows.append(("left out", what))
    if following:
        rows.append(("next", following))
    return rows
