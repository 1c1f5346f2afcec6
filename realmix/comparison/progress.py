"""How far a comparison is, in a line for each cell, and about how long the others take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from realmix.base.wording import duration
from realmix.comparison.cells import Cell
from realmix.comparison.engines.work import BUSY, DONE, FAILED, STOPPED

LEAST, SHORT = 1.0, 10.0  # seconds of a cell
ENOUGH = 4  # short cells that tell how fast they go


class Onlooker(Protocol):
    """Is told how far it is, and asked whether to stop."""

    def note(self, text: str) -> None: ...
    def stopping(self) -> bool: ...


class Progress:
    """Says what each cell came to, and about how long the others take.

    Args:
        cells: that are to be done.
        watch: is told.
        clock: seconds that only grow.
    """

    def __init__(
        self, cells: Sequence[Cell], watch: Onlooker, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.left, self.count, self.watch, self.clock = list(cells), len(cells), watch, clock
        self.started = clock()
        self.first: float | None = None  # when the first cell was done
        self.seconds: dict[str, list[float]] = {}

    def tell(self, outcome: Mapping[str, Any]) -> None:
        """Of one cell."""
        cell = Cell.from_json(outcome["cell"])
        if outcome["status"] == STOPPED:
            return
        self.left.remove(cell)
        self.first = self.clock() if self.first is None else self.first
        done = self.count - len(self.left)
        words = ", ".join([cell.algorithm, *(f"{n} {v}" for n, v in cell.setting)])
        head = f"[{done:,} of {self.count:,}] {words}, seed {cell.seed}: "
        if outcome["status"] == DONE:
            self.seconds.setdefault(cell.algorithm, []).append(outcome["seconds"])
            tail = f"{outcome['accuracy']:.1%} in {duration(outcome['seconds'])}"
            self.watch.note(f"{head}{tail}{self.time_left}")
        else:
            kind = "in use" if outcome["status"] == BUSY else FAILED
            self.watch.note(f"{head}{kind.upper()}. {outcome['error'].splitlines()[0]}")

    @property
    def time_left(self) -> str:
        """By what a cell of each algorithm took, and how fast all went so far.

        A cell counts `LEAST` seconds at least, as it reads its data and keeps what it found. Where
        cells are that short, the first ones are mostly the start of the processes: they tell
        nothing, and the time since the first one does.
        """
        if not self.left or not self.seconds or self.first is None:
            return ""
        took = {name: [max(one, LEAST) for one in all_] for name, all_ in self.seconds.items()}
        mean = {name: sum(all_) / len(all_) for name, all_ in took.items()}
        ahead = sum(mean.get(cell.algorithm, max(mean.values())) for cell in self.left)
        spent, since = sum(map(sum, took.values())), self.started
        if max(mean.values()) < SHORT:
            if self.count - len(self.left) < ENOUGH:
                return ""
            spent, since = spent - LEAST, self.first
        return f"; about {duration((self.clock() - since) * ahead / spent)} left"
