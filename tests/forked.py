"""Processes that are forked from this one, which has the slow imports behind it."""

from __future__ import annotations

import multiprocessing
import os
import socket
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
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    logs = [folder / f"process-{rank}.log" for rank in range(count)]
    world = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        FORK.Process(target=_child, args=({**world, "RANK": str(rank)}, log, target, given))
        for rank, log in enumerate(logs)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        process.kill()
        process.join()
    return [Ended(p.exitcode, log.read_text()) for p, log in zip(processes, logs, strict=True)]


def _child(
    environment: dict[str, str], log: Path, target: Callable[..., Any], given: tuple[Any, ...]
) -> None:
    os.environ.update(environment)
    sys.stdout = sys.stderr = open(log, "w", buffering=1)  # noqa: SIM115
    for stream in (1, 2):
        os.dup2(sys.stdout.fileno(), stream)
    sys.exit(target(*given))


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that would be new interpreters, each with its imports, are forked instead."""
    monkeypatch.setattr(multiprocessing, "get_context", lambda method=None: FORK)
