"""`realmix decide` on the terminal: what the answers come to, and asking row by row."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion
from realmix.evaluate.dispute import ABOUT_EQUAL, EQUAL_GAIN, ERROR, Standing
from realmix.evaluate.gate import CANDIDATE
from realmix.runs.classifier import MODEL
from realmix.runs.decide import ANSWERS, PAGE, TABLE, Case, conclude, open_case, write_lists
from realmix.runs.run_folder import locked

Ship = Callable[[str], None]


def found(case: Case) -> RenderableType:
    """How it stands, the figures, and what to do next."""
    standing = case.standing
    style = "bold green" if standing.winner else "bold"
    return Padding(Group(Text(_headline(case), style), "", _facts(case)), 1, expand=False)


def ask(folder: Path, count: int | None, ship: Ship | None) -> Case:
    """Ask for one row after the other until it is decided, all are answered, or q.

    Raises:
        UsageError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UsageError("--ask needs a terminal to ask on. Use --labels with a table of answers.")
    case = open_case(folder)
    with locked(folder):
        classes = case.run.classes
        for number, name in enumerate(classes, 1):
            print(f"{number:4}  {printable(name)}")
        print("   s  none of these, or nobody can tell\n   q  stop")
        if "decide_images" in case.run.evidence and case.open_rows:
            write_lists(case, count or len(case.open_rows))
            print(f"The pictures, in this order: {printable(folder / PAGE)}")
        for place in case.open_rows[:count]:
            if case.standing.winner is not None:
                break
            answer = _answer(f"{case.standing.answers + 1}. {_shown(case, place)}: ", case)
            if answer is None:
                break
            case = case.with_answers({case.names[place]: answer})
        conclude(case, count, ship)
    return case


def _shown(case: Case, place: int) -> str:
    """What is asked about: a row's name, and its text where it is one."""
    texts = case.run.evidence.get("decide_texts")
    name = printable(case.names[place])
    return name if texts is None else f"{name}\n{printable(str(texts[place]))}\n"


def _answer(prompt: str, case: Case) -> int | None:
    """The class of a row, -1 for none of them, None to stop."""
    classes = case.run.classes
    while True:
        try:
            said = input(prompt).strip()
        except EOFError:
            return None
        if said in ("s", "q") and said not in classes:
            return -1 if said == "s" else None
        if said in classes:
            return classes.index(said)
        if said.isdecimal() and 1 <= int(said) <= len(classes):
            return int(said) - 1
        hint = printable(suggestion(said, classes))
        print(f"Give a number from 1 to {len(classes)}, a class, s or q.{hint}")


def _headline(case: Case) -> str:
    standing, algorithm = case.standing, case.run.result["algorithm"]
    after = f"after {standing.answers:,} answer{'' if standing.answers == 1 else 's'}"
    if standing.winner is None:
        return (
            f"Not decided yet {after}."
            if standing.answers
            else "Not decided: nothing is asked yet."
        )
    if standing.winner == ABOUT_EQUAL:
        return f"About equal, {after}: {_equal(standing)}"
    better = f"with {algorithm}" if standing.winner == CANDIDATE else "trained on the labels alone"
    return f"Decided {after}: the model {better} is better."


def _equal(standing: Standing) -> str:
    low, high = standing.interval
    if max(-low, high) < EQUAL_GAIN:
        return f"the models differ by less than {EQUAL_GAIN:.0%} of the pool."
    return "no row is left to ask, and no difference was proved."


def _facts(case: Case) -> Table:
    standing, dispute, folder = case.standing, case.dispute, case.run.folder
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    share = f"{dispute.disagreements:,} of {dispute.pool:,} pool rows get two different classes"
    table.add_row("disagreement", f"{share}; only these can tell the models apart")
    if standing.answers:
        told = f"{standing.right_candidate} for {printable(case.run.result['algorithm'])}"
        told += (
            f", {standing.right_baseline} for the labels alone, {standing.right_neither} neither"
        )
        table.add_row("answers", told)
        table.add_row("gain", _gain(standing))
    if standing.winner is None:
        table.add_row("expected", _expected(case))
        page = f" (shown in {printable(folder / PAGE)})" if (folder / PAGE).exists() else ""
        table.add_row("to label", Text(f"{printable(folder / TABLE)}{page}", "bold"))
        table.add_row(
            "then", f"realmix decide {printable(folder)} --labels {printable(folder / TABLE)}"
        )
    elif standing.winner != ABOUT_EQUAL:
        bound = f"{standing.error_rate:.1%}, {ERROR:.0%} was allowed"
        table.add_row("luck", f"equal models look this different in at most {bound}")
        table.add_row("ships", Text(f"that model alone: {printable(folder / MODEL)}", "bold"))
    if standing.winner is not None and standing.answers:
        again = f"the fit's command with --answers {printable(folder / ANSWERS)} and another --out"
        table.add_row("next", f"the answers are labels too: {again} learns from them")
    return table


def _gain(standing: Standing) -> str:
    low, high = (100 * end for end in standing.interval)
    return f"{100 * standing.gain:+.1f} points on the pool   {low:+.1f} to {high:+.1f} (95%)"


def _expected(case: Case) -> str:
    forecast = case.forecast
    words = f"about {forecast.median} {'more ' if case.standing.answers else ''}answers; "
    if forecast.settled < 0.9:
        chance = f"in {1 - forecast.settled:.0%} of cases"
        return f"{words}{chance} all {case.dispute.listed} rows to ask tell too little"
    return f"{words}{forecast.bound} suffice in nine of ten cases"
