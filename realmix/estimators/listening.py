"""What an estimator keeps and prints of its trainings."""

from __future__ import annotations

import time

from realmix.base.wording import in_python
from realmix.runs.watch import Silent
from realmix.training.trainer import Record

History = dict[str, dict[str, list[Record]]]
"""By method and part ("final", "fold-1", ...) the records of a training, in the order of steps."""

HEARTBEAT = 10.0  # seconds between words of what takes long before the first training


class Listener(Silent):
    """Keeps the records of a run.

    Args:
        verbose: 0 prints nothing, 1 what is done, 2 every record too.
        every: seconds between records that are printed.

    Attributes:
        history: so far.
    """

    def __init__(self, verbose: int = 0, every: float = 1.0) -> None:
        self.history: History = {}
        self.verbose, self.every = verbose, every
        self.printed = -every
        self.counted = time.monotonic()

    def record(self, phase: str, record: Record) -> None:
        part, _, method = phase.partition("/")
        self.history.setdefault(method, {}).setdefault(part, []).append(record)
        if self.verbose > 1 and time.monotonic() - self.printed >= self.every:
            self.printed = time.monotonic()
            told = [f"{name} {value:.4g}" for name, value in record.items()]
            print(f"[realmix] {phase}: {', '.join(told)}")

    def doing(self, words: str) -> None:
        self._say(words)

    def counting(self, words: str, done: int, of: int) -> None:
        if time.monotonic() - self.counted >= HEARTBEAT:
            self.counted = time.monotonic()
            self._say(f"{words}: {done:,} of {of:,}")

    def plan(self, phases: object, words: str) -> None:
        self._say(words)

    def phase(self, name: str, start: int, steps: int) -> None:
        self._say(f"{name}, {steps:,} steps")

    def note(self, text: str) -> None:
        self._say(text)

    def _say(self, words: str) -> None:
        if self.verbose:
            print(f"[realmix] {in_python(words)}")
