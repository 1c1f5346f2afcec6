"""What a person sees on the terminal: results, messages, and the progress of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from realmix.base.wording import duration, printable
from realmix.command.process import Signals, is_first

HEARTBEAT = 30.0  # seconds between lines where there is no terminal to draw on
SOON = 3.0  # seconds, after which the time that something takes can be told
MOST_BAD_FILES = 20  # that are listed
ALONE = {
    "supervised": "labels alone",
    "linear": "labels alone, linear",
    "forest": "labels alone, forest",
    "boosting": "labels alone, boosting",
    "committee": "labels alone, trees and linear",
}
_NOT_FIGURES = ("step", "seconds")
_SHARES = ("accuracy", "confidence", "disagreement")


def messages() -> Console:
    """Where progress, notes and errors go: standard error, plain where it is no terminal."""
    return Console(stderr=True, quiet=not is_first(), highlight=False, emoji=False, markup=False)


def show(renderable: RenderableType) -> None:
    """Print a command's result on standard output."""
    Console(quiet=not is_first(), highlight=False, emoji=False, markup=False).print(renderable)


def tell(console: Console, text: str, style: str = "") -> None:
    """Print text of any origin: broken at words on a terminal, left whole elsewhere."""
    lines = "\n".join(printable(line) for line in text.splitlines())
    console.print(Text(lines, style), soft_wrap=not console.is_terminal)


def figures(record: dict[str, float]) -> str:
    """A record of training in one line.

    >>> figures({"step": 9, "loss": 0.5, "supervised": 0.4, "unlabeled": 0.1, "mask_rate": 0.93})
    'loss 0.500  supervised 0.400  unlabeled 0.100  mask 93%'
    """
    words = []
    for name, value in record.items():
        if name.endswith("_rate") or name in _SHARES:
            words.append(f"{name.removesuffix('_rate')} {value:.0%}")
        elif name == "loss" or (name not in _NOT_FIGURES and value != record.get("loss")):
            words.append(f"{name.replace('_', ' ')} {value:.3f}")
    return "  ".join(words)


def bad_files(pairs: Sequence[Sequence[str]]) -> str:
    """The (path, reason) of files that were left out, the first of them if they are many.

    >>> print(bad_files([("a.png", "empty")]))
    1 file could not be used:
    a.png: empty
    """
    count = "1 file" if len(pairs) == 1 else f"{len(pairs):,} files"
    lines = [f"{printable(path)}: {printable(why)}" for path, why in pairs[:MOST_BAD_FILES]]
    more = [f"... and {len(pairs) - len(lines):,} more"] if len(pairs) > len(lines) else []
    return "\n".join([f"{count} could not be used:", *lines, *more])


class Progress:
    """A `realmix.runs.watch.Watch` that shows how far all trainings together are.

    On a terminal: a bar that redraws itself, and a line for each training that is done.
    Elsewhere: lines only, when a training is done and at least every `HEARTBEAT` seconds.

    Args:
        console: where to show it.
        signals: what asks to stop.
        clock: seconds that only grow.
    """

    def __init__(
        self, console: Console, signals: Signals, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console, self.signals, self.clock = console, signals, clock
        self.phases: dict[str, int] = {}  # steps of each training
        self.name, self.step, self.start, self._fresh = "", 0, 0, False
        self.latest, self.accuracy, self.before = "", "", "starting"
        self.cost: dict[str, float] = {}  # seconds a step of each algorithm
        self.fits: dict[str, float] = {}  # seconds of each that takes no steps
        self._opened = self._began = self._spoke = clock()  # training, stage of it, line
        self._spent = self._counted = 0.0
        self._counting, self._first, self._told = "", 0, False
        self._draws = console.is_terminal and not console.is_dumb_terminal and not console.quiet
        self._live = Live(console=console, get_renderable=self._draw, transient=True)

    def __enter__(self) -> Self:
        if self._draws:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._live.stop()

    def doing(self, words: str) -> None:
        """Something before the first training, from now on."""
        self.before = words
        if not self._draws:
            self._say(f"{words[0].upper()}{words[1:]} ...", "dim")

    def counting(self, words: str, done: int, of: int) -> None:
        """Before the first training: so many things of so many are done."""
        now = self.clock()
        if done == 0 or words != self._counting:
            self._counting, self._first, self._counted, self._told = words, done, now, False
        seconds, since = now - self._counted, done - self._first
        left = f", about {duration(seconds / since * (of - done))} left" if since else ""
        self.before = f"{words}: {done:,} of {of:,}{left}"
        early = since > 0 and not self._told and seconds > SOON
        if not self._draws and (early or now - self._spoke > HEARTBEAT):
            self._told = True
            self._say(f"{self.before[0].upper()}{self.before[1:]}", "dim")

    def plan(self, phases: Mapping[str, int], words: str) -> None:
        """All trainings by name with the steps of each, again where a comparison settled the last.

        Args:
            phases: steps by name.
            words: what is trained, and about how long.
        """
        first, names = not self.phases, list(self.phases)
        begun = names[: names.index(self.name) + 1] if self.name else []
        self.phases = {**{name: self.phases[name] for name in begun}, **phases}
        self.signals.patient = True
        if first:
            trainings = "One training" if len(phases) == 1 else f"{len(phases)} trainings"
            self._say(f"{trainings} of {words}.")

    def phase(self, name: str, start: int, steps: int) -> None:
        """A training begins, continues, comes to its next stage, ends early, or is found done."""
        self._finish()
        self._began = self.clock()
        if self._fresh and self.name != name and not self.phases[self.name]:
            self.fits[self.name.rpartition("/")[2]] = self._began - self._opened
        if name != self.name:
            self._opened, self._fresh = self._began, False
        if name != self.name or start < steps:  # of a stage; at the end the last one's are shown
            self.latest, self.accuracy = "", ""
        self.name, self.start, self.step = name, start, start

    def record(self, phase: str, record: dict[str, float]) -> None:
        """Figures of the training."""
        self.step, self._fresh = int(record["step"]), True
        if "accuracy" in record:
            self.accuracy = f"held-out accuracy {record['accuracy']:.1%}"
        else:
            self.latest = figures(record)
        self._spent = self.clock() - self._opened
        if self.step > self.start:
            cost = (self.clock() - self._began) / (self.step - self.start)
            self.cost[phase.rpartition("/")[2]] = cost
        self._beat()

    def note(self, text: str) -> None:
        """Something the user should know."""
        self._say(f"Note: {text}", "yellow")

    def stopping(self) -> bool:
        """Asked after each step, so it is a heartbeat too."""
        self._beat()
        return self.signals.received is not None

    @property
    def share(self) -> float:
        """Of all steps of all trainings, those done; a training without steps counts as one."""
        names = list(self.phases)
        before = names[: names.index(self.name)] if self.name else []
        done = sum(max(self.phases[name], 1) for name in before) + self.step
        return done / max(sum(max(steps, 1) for steps in self.phases.values()), 1)

    @property
    def left(self) -> str:
        """Time left, by what a step of each algorithm has cost, or what one without steps has.

        It is a bound while the cost of one is unknown.
        """
        if not self.name or not (self.cost or self.fits):
            return ""
        names, seconds, known = list(self.phases), 0.0, True
        for name in names[names.index(self.name) :]:
            steps, algorithm = self.phases[name], name.rpartition("/")[2]
            times = max(steps, 1)
            if name == self.name:
                times -= self.step if steps else self._fresh  # a record is the end of a fit
            costs = self.cost if steps else self.fits
            seconds += times * costs.get(algorithm, max(costs.values(), default=0.0))
            known &= not times or algorithm in costs
        return f"{'about' if known else 'at least'} {duration(seconds)} left"

    @property
    def where(self) -> str:
        """The current training in words."""
        part, _, algorithm = self.name.rpartition("/")
        folds = len({name.rpartition("/")[0] for name in self.phases} - {"final"})
        words = ALONE.get(algorithm, algorithm)
        if not folds:
            return words
        if part == "final":
            return f"all labels, {words}"
        return f"fold {part.removeprefix('fold-')} of {folds}, {words}"

    def _finish(self) -> None:
        """Say that the current training is done, if it is."""
        if not self.name or self.step < self.phases[self.name]:
            return
        if not self.phases[self.name]:
            return  # of what takes no steps there are many, and they take no time
        cost = f"done in {duration(self._spent)}" if self._fresh else "done before"
        self._say(", ".join(filter(None, [f"{self.where}: {cost}", self.accuracy])))

    def _beat(self) -> None:
        if self._draws or not self.name or self.clock() - self._spoke < HEARTBEAT:
            return
        parts = [self.latest, self.accuracy, f"{self.share:.0%} of all", self.left]
        line = ", ".join(filter(None, parts))
        self._say(f"{self.where}: step {self.step:,} of {self.phases[self.name]:,}, {line}")

    def _say(self, text: str, style: str = "") -> None:
        self._spoke = self.clock()
        tell(self.console, text, style)

    def _draw(self) -> RenderableType:
        """Two lines of figures above a bar of all trainings."""
        if not self.name:
            return Text(f"{self.before} ...", "dim")
        step = f"step {self.step:,} of {self.phases[self.name]:,}"
        head = Text("   ".join(filter(None, [self.where, step, self.accuracy])), no_wrap=True)
        bar = Table.grid(padding=(0, 2), expand=True)
        bar.add_column(ratio=1)
        bar.add_row(ProgressBar(1.0, self.share), f"{self.share:4.0%}", self.left)
        return Group(head, Text(self.latest, "dim", no_wrap=True, overflow="ellipsis"), bar)
