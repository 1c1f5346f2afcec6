"""Processes that are forked from this one, which has the slow imports behind it."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FORK = multiprocessing.get_context("fork")


class Ended(NamedTuple):
    """A process that has ended: its exit status and all that it wrote."""

    status: int | None
    said: str


def together(count: int, folder: Path, target: Callable[..., Any], *given: Any) -> list[Ended]:
    """Call `target` in processes that meet as those of torchrun do; what became of each.

    Args:
        count: of processes.
        folder: for what they write.
        target: may return an exit status.
        given: to it.
    """
    import torch._dynamo  # noqa: F401  once here, not in each at its first optimizer

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    logs = [folder / f"process-{rank}.log" for rank in range(count)]
    world = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        started(log, target, *given, environment={**world, "RANK": str(rank)})
        for rank, log in enumerate(logs)
    ]
    for process in processes:
        process.join(300)
        process.kill()
        process.join()
    return [Ended(p.exitcode, log.read_text()) for p, log in zip(processes, logs, strict=True)]


def started(
    log: Path, target: Callable[..., Any], *given: Any, environment: dict[str, str] | None = None
) -> multiprocessing.process.BaseProcess:
    """A process that calls `target`, which may return an exit status, and writes to `log`."""
    process = FORK.Process(target=_child, args=(environment or {}, log, target, given))
    process.start()
    return process


def _child(
    environment: dict[str, str], log: Path, target: Callable[..., Any], given: tuple[Any, ...]
) -> None:
    os.environ.update(environment)
    sys.stdout = sys.stderr = open(log, "w", buffering=1)  # noqa: SIM115
    for stream in (1, 2):
        os.dup2(sys.stdout.fileno(), stream)
    sys.exit(target(*given))


class Program:
    """What `subprocess.Popen` starts of `[python, "-c", code]` with pipes, as a fork.

    Args:
        words: of the command.
        given: of Popen; of its environment the process has this one's.
    """

    def __init__(self, words: list[str], **given: Any) -> None:
        import torch._dynamo  # noqa: F401  once here, not in each at its first optimizer

        theirs, ours = os.pipe()
        heard, told = os.pipe()
        self.stdin, self.stdout = open(ours, "w"), open(heard)  # noqa: SIM115
        self.process = FORK.Process(target=_run, args=(words[2], theirs, told, (ours, heard)))
        self.process.start()
        os.close(theirs)
        os.close(told)

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("a fork", timeout or 0.0)
        return self.process.exitcode

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()


def _run(code: str, stdin: int, stdout: int, others: tuple[int, int]) -> None:
    os.setsid()
    for other in others:
        os.close(other)
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    exec(code, {})


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of a comparison are forked; tests/comparison starts them as they are."""
    monkeypatch.setattr("realmix.comparison.engines.local.subprocess.Popen", Program)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that would be new interpreters, each with its imports, are forked instead."""
    monkeypatch.setattr(multiprocessing, "get_context", lambda method=None: FORK)
