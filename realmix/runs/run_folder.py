"""The folder of a run: one process at a time, one configuration, nothing ever overwritten."""

from __future__ import annotations

import fnmatch
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from realmix.base.errors import LockedError, StorageError, UsageError
from realmix.base.files import LEFTOVER, remove_leftovers, whole_lines, write_atomically, write_json
from realmix.evaluate.judges import judge_of
from realmix.runs.choose import AUTO
from realmix.runs.config import Config
from realmix.runs.networks import settings_of

CONFIG, RESULT, METRICS = "config.json", "result.json", "metrics.jsonl"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system frees it if the process dies.

    Raises:
        LockedError: another process has it, with its host and number.
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        owner = _read(folder / "lock-owner") or "another process"
        raise LockedError(
            f"{folder} is in use by {owner}.\nWait for it, stop it, or choose another --out."
        ) from None
    except OSError as error:
        raise StorageError(
            f"The run folder {folder} cannot be written: {error.strerror}."
        ) from None
    try:
        write_atomically(folder / "lock-owner", f"process {os.getpid()} on {socket.gethostname()}")
        remove_leftovers(folder)
        yield
    finally:
        (folder / "lock-owner").unlink(missing_ok=True)
        lock.release()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def check(folder: Path, config: Config, resume: bool) -> None:
    """Refuse an unknown method, field or judge, and a folder that holds something else, at once.

    Raises:
        UsageError: there is no such method, field or judge; or the folder holds a run of another
            configuration (saying what differs), or files that are no run's; or `resume` was asked
            for and there is nothing to continue.
    """
    if config.algorithm != AUTO:
        settings_of(config, config.algorithm)  # before a pool is read and encoded in vain
    judge_of(config.judge, np.zeros(0, np.int64))
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file, not a folder. Choose another --out.")
    there = saved_config(folder)
    if there is None:
        names = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
        # a run killed before its first file was whole leaves a lock and a temporary file
        ours = {"lock", "lock-owner", *fnmatch.filter(names, LEFTOVER)}
        foreign = [name for name in names if name not in ours]
        if foreign:
            raise UsageError(
                f"--out {folder} is not empty and holds no run ({', '.join(foreign[:3])} ...)."
                f" Choose another --out."
            )
        if resume:
            raise UsageError(f"There is no run in {folder} to resume. Leave out --resume.")
        return
    # what a run of an older version does not name had no other value than the default
    mine, theirs = config.to_json(), Config.from_json(there["config"]).to_json()
    differing = [k for k in mine if mine[k] != theirs[k]]
    if differing:
        lines = [f"  {k}: there {theirs[k]!r}, asked for {mine[k]!r}" for k in differing]
        raise UsageError(
            f"{folder} holds a run of another configuration:\n"
            + "\n".join(lines[:8])
            + "\nChoose another --out, or give the same options to continue that run."
        )


def saved_config(folder: Path) -> dict[str, Any] | None:
    """What config.json holds, or None where there is no run.

    Raises:
        StorageError: it cannot be read.
    """
    return _json(folder / CONFIG)


def saved_result(folder: Path) -> dict[str, Any] | None:
    """What result.json holds, or None where the run is not finished."""
    return _json(folder / RESULT)


def _json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}.") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path} is damaged: not a JSON object.")
    return value


def start(folder: Path, config: Config, details: dict[str, Any]) -> None:
    """Write config.json of a new run; of one that goes on, check that its data are the same.

    Args:
        folder: locked.
        config: what the user gave.
        details: what follows from it: digest of the data, steps, versions, command.

    Raises:
        UsageError: the data changed since the run was begun.
    """
    if saved_config(folder) is None:
        write_json(folder / CONFIG, {"config": config.to_json(), **details})
    else:
        check_same(folder, config, details["digest"])


def check_same(folder: Path, config: Config, now: Mapping[str, str]) -> None:
    """Refuse to go on with a run, or to show it, where what it learned from is not what it was.

    Args:
        folder: of a run that was begun.
        config: what the user gave.
        now: fingerprints of the data as they are, by what each is of.

    Raises:
        UsageError: naming what changed.
    """
    then = (saved_config(folder) or {})["digest"]
    if isinstance(then, str):  # of an older version, which had one for all
        return
    changed = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    if changed:
        raise UsageError(
            f"The data of {config.data} changed since the run in {folder} was begun:"
            f" {', '.join(changed)}. A run is its data, so this one is left as it is. Choose"
            " another --out for the new one."
        )


def forget_after(folder: Path, phase: str, step: int) -> None:
    """Drop the metrics of `phase` after `step`: they are about to be recorded again."""
    path = folder / METRICS
    records = whole_lines(path)
    kept = [r for r in records if r["phase"] != phase or r["step"] <= step]
    if len(kept) < len(records) or not path.exists():
        write_atomically(path, "".join(json.dumps(r) + "\n" for r in kept))
