"""A run in a process of its own that is killed in the middle."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from realmix.runs.config import Config
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer

CONFIG = Config("digits@20", steps=6, fields={"batch_size": 4})


def run(folder: Path, writes: int | None = None, seconds: float | None = None) -> None:
    """Fit with a checkpoint after every step.

    Args:
        folder: of the run.
        writes: kill this process (SIGKILL) in that many-th fsync: between a file's last byte and
            its renaming, or between the renaming and its becoming durable.
        seconds: kill it after that time, wherever it is.
    """
    Trainer.__init__.__kwdefaults__["save_seconds"] = 0.0
    if writes is not None:
        _kill_in_write(writes)
    if seconds is not None:
        threading.Thread(target=_kill_after, args=(seconds,), daemon=True).start()
    fit(CONFIG, folder, Silent())


def _kill_after(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_in_write(number: int) -> None:
    left, fsync = number, os.fsync

    def counted(file: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)

    os.fsync = counted
