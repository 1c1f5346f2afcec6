"""Cells on this machine, in processes of their own that stay: one that dies takes one cell along.

They are started as programs and sent JSON, not forked: torch's threads do not survive a fork, and a
script that calls `realmix.compare` is not run again in each.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from realmix.comparison.engines.work import FAILED, STOPPED, do
from realmix.data.scenarios.read import reading_once

Outcome = dict[str, Any]
PATIENCE = 0.2  # seconds between looks whether to stop
GRACE = 30  # seconds in which a process that was asked to stop saves what it does
PROGRAM = "from realmix.comparison.engines.local import serve; serve()"


class Worker:
    """A process that does one task after another.

    Args:
        heard: where its answers go, each with the worker; None when it is gone.

    Attributes:
        task: what it does, or None.
    """

    def __init__(self, heard: queue.Queue[tuple[Worker, str | None]]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is the first process's, which asks this one to stop
        )
        self.task: Mapping[str, Any] | None = None
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def _listen(self, heard: queue.Queue[tuple[Worker, str | None]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            heard.put((self, line))
        heard.put((self, None))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def begin(self, task: Mapping[str, Any]) -> None:
        self.task = task
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(task) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it is gone, which is heard

    def outcome(self, line: str | None, asked: bool) -> Outcome:
        """Of the task that it did; of one that it died of, that."""
        task, self.task = self.task, None
        assert task is not None
        if line is not None:
            found: Outcome = json.loads(line)
            return found
        about = {"cell": task["cell"], "command": task["command"]}
        if asked:
            return {**about, "status": STOPPED}
        code = self.process.wait(GRACE)
        why = "killed, as when memory runs out" if code == -signal.SIGKILL else f"exit {code}"
        error = f"Its process died ({why}). The same command tries it again."
        return {**about, "status": FAILED, "error": error}

    def stop(self) -> None:
        """Ask it to save what it does and to end."""
        if self.alive:
            self.process.terminate()

    def close(self) -> None:
        """Wait until it has ended, at most `GRACE` seconds."""
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()


def outcomes(
    tasks: Sequence[Mapping[str, Any]], workers: int, stopping: Callable[[], bool]
) -> Iterator[Outcome]:
    """Do all tasks, as many at once as there are workers, and give each outcome when it is there.

    Args:
        tasks: see `realmix.comparison.engines.work.task_of`.
        workers: processes, of one thread each.
        stopping: looked at again and again; then no task is begun, those that run are saved, and
            their outcomes say that they were stopped.
    """
    left, asked = list(reversed(tasks)), False
    heard: queue.Queue[tuple[Worker, str | None]] = queue.Queue()
    crew = [Worker(heard) for _ in range(min(workers, len(tasks)))]
    try:
        while True:
            for place, worker in enumerate(crew):
                if worker.task is None and left and not asked:
                    if not worker.alive:
                        worker.close()
                        crew[place] = worker = Worker(heard)
                    worker.begin(left.pop())
            if all(worker.task is None for worker in crew):
                return
            try:
                worker, line = heard.get(timeout=PATIENCE)
                if worker.task is not None:
                    yield worker.outcome(line, asked)
            except queue.Empty:
                pass
            if stopping() and not asked:
                asked = True
                for worker in crew:
                    worker.stop()
    finally:
        for worker in crew:
            worker.stop()
        for worker in crew:
            worker.close()


def serve() -> None:
    """Do what stands in the lines of the standard input, until it ends or a signal asks to stop."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever an estimator prints is no answer
    asked = working = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        if not working:
            raise SystemExit

    signal.signal(signal.SIGTERM, ask)
    with reading_once():
        for line in sys.stdin:
            working = True
            outcome = do(json.loads(line), lambda: asked)
            working = False
            answers.write(json.dumps(outcome) + "\n")
            answers.flush()
            if asked:
                return
