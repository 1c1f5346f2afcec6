"""Cells on this machine, in processes of their own that stay: one that dies takes one cell along."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from realmix.comparison.work import FAILED, do

Outcome = dict[str, Any]
PATIENCE = 0.2  # seconds between looks whether to stop


class Worker:
    """A process that does one task after another.

    Attributes:
        task: what it does, or None.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Mapping[str, Any] | None = None

    def begin(self, task: Mapping[str, Any]) -> None:
        self.task = task
        self.pipe.send(task)

    def outcome(self) -> Outcome:
        """Of the task that it did; of one that it died of, that."""
        task, self.task = self.task, None
        assert task is not None
        try:
            found: Outcome = self.pipe.recv()
            return found
        except (EOFError, OSError):
            self.process.join(5)
            code = self.process.exitcode
            why = "killed, as when memory runs out" if code == -signal.SIGKILL else f"exit {code}"
            return {
                "cell": task["cell"],
                "command": task["command"],
                "status": FAILED,
                "error": f"Its process died ({why}). The same command tries it again.",
            }

    def stop(self) -> None:
        """Ask it to save what it does and to end."""
        if self.process.is_alive():
            self.process.terminate()


def outcomes(
    tasks: Sequence[Mapping[str, Any]], workers: int, stopping: Callable[[], bool]
) -> Iterator[Outcome]:
    """Do all tasks, as many at once as there are workers, and give each outcome when it is there.

    Args:
        tasks: see `realmix.comparison.work.task_of`.
        workers: processes, of one thread each.
        stopping: looked at again and again; then no task is begun, those that run are saved, and
            their outcomes say that they were stopped.
    """
    left = list(reversed(tasks))
    crew = [Worker() for _ in range(min(workers, len(tasks)))]
    asked = False
    try:
        while True:
            for place, worker in enumerate(crew):
                if worker.task is None and left and not asked:
                    if not worker.process.is_alive():
                        crew[place] = worker = Worker()
                    worker.begin(left.pop())
            busy: dict[Connection, Worker] = {w.pipe: w for w in crew if w.task is not None}
            if not busy:
                return
            for pipe in wait(list(busy), PATIENCE):
                assert isinstance(pipe, Connection)
                yield busy[pipe].outcome()
            if stopping() and not asked:
                asked = True
                for worker in crew:
                    worker.stop()
    finally:
        for worker in crew:
            worker.stop()


def _serve(pipe: Connection) -> None:
    """Do what comes through the pipe until it is closed, or a signal asks to stop."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        if not working:
            raise SystemExit

    working = False
    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it, and asks
    while not asked:
        try:
            task = pipe.recv()
        except EOFError:
            return
        working = True
        outcome = do(task, lambda: asked)
        working = False
        try:
            pipe.send(outcome)
        except OSError:
            return  # nobody waits any more; the outcome is in its file
