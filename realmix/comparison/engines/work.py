"""One cell, from what is asked to the file that keeps its outcome. What processes are sent."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from realmix.base.errors import Interrupted, LockedError, RealmixError
from realmix.base.files import plain, whole_lines, write_json
from realmix.base.versions import versions
from realmix.comparison.cells import Cell, at_root
from realmix.comparison.contenders import Contender
from realmix.comparison.tuning import tuned, with_fields
from realmix.runs.config import Config
from realmix.runs.watch import Silent

RUNS, OUTCOMES, TRIALS = "runs", "outcomes", "trials"
DONE, FAILED, STOPPED, BUSY = "done", "failed", "stopped", "busy"
LAST = 20  # checkpoints, of which the median counts


class Asking(Silent):
    """Looks on, says nothing, and passes on the wish to stop."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self.asked = stopping

    def stopping(self) -> bool:
        return self.asked()


def outcome_file(folder: Path, cell: Cell) -> Path:
    return folder / OUTCOMES / f"{cell.name}.json"


def saved_outcome(folder: Path, cell: Cell) -> dict[str, Any] | None:
    """What a cell came to, or None where that is not known."""
    try:
        found = json.loads(outcome_file(folder, cell).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "status" in found else None


def do(
    task: Mapping[str, Any], stopping: Callable[[], bool] = lambda: False, threads: int | None = 1
) -> dict[str, Any]:
    """Do one cell, or continue it. Whatever goes wrong in it is its outcome, not an error.

    Args:
        task: as `task_of` makes it: plain values, so that any process can be sent it.
        stopping: asked after each step.
        threads: that it may use; None leaves them.

    Returns:
        Its outcome, which its file holds too if it is done or failed.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    cell, folder = Cell.from_json(task["cell"]), Path(task["folder"])
    outcome: dict[str, Any] = {"cell": cell.to_json(), "command": task["command"]}
    try:
        found = _figures(cell, task, folder, stopping)
    except Interrupted:
        return {**outcome, "status": STOPPED}
    except LockedError as error:
        return {**outcome, "status": BUSY, "error": str(error)}
    except RealmixError as error:
        found = {"status": FAILED, "error": str(error)}
    except Exception as error:  # an estimator may raise anything; the other cells go on
        found = {"status": FAILED, "error": f"{type(error).__name__}: {error}"[:500]}
    outcome |= found
    outcome["versions"] = versions()
    path = outcome_file(folder, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, outcome)
    return dict(plain(outcome))


def task_of(cell: Cell, common: Mapping[str, Any], folder: Path, root: Path) -> dict[str, Any]:
    """What a process needs to do a cell.

    Args:
        cell: which.
        common: what all cells share.
        folder: of the comparison.
        root: where relative paths of the data begin.
    """
    return {
        "cell": cell.to_json(),
        "common": dict(common),
        "folder": str(folder.resolve()),
        "root": str(root.resolve()),
        "command": cell.command(common),
    }


def _figures(
    cell: Cell, task: Mapping[str, Any], folder: Path, stopping: Callable[[], bool]
) -> dict[str, Any]:
    common, place = task["common"], folder / RUNS / cell.name
    contender, config = Contender.of(cell.algorithm), cell.config(common)
    known: dict[str, Any] = {}

    def measure(config: Config, contender: Contender, place: Path) -> Mapping[str, Any]:
        config = at_root(config, Path(task["root"]))
        if contender.kind == "estimator":
            from realmix.comparison.baselines import measured

            return measured(config, contender)
        from realmix.runs.run import fit

        return fit(config, place, Asking(stopping), whole=True)  # the same pool for all

    if contender.asks_truth:
        known["true_share"] = _true_share(at_root(config, Path(task["root"])))
        contender = contender.told(known["true_share"])
    if trials := common.get("trials"):
        part, trying = common.get("validation"), folder / TRIALS / cell.name
        contender, known["tuning"] = tuned(contender, config, trials, part, measure, trying)
    if known:
        config = with_fields(config, contender)
        known["command"] = cell.command(common, contender)
    result = measure(config, contender, place)
    told = known | _told(result, "shipped" if contender.kind == "auto" else "model")
    if config.protocol == "median20" and contender.kind == "method":
        told["last_accuracy"], told["accuracy"] = told["accuracy"], _median(place, told["accuracy"])
    if contender.kind == "auto":
        told["shipped"] = f"{result['shipped']} ({result['algorithm']})"
    return told


def _true_share(config: Config) -> float:
    """Of the pool's rows, those that belong to no class, as the scenario knows."""
    from realmix.data.scenarios.read import read_arranged

    return read_arranged(config.data, config.reading, **config.arrangement)[1].share


def _told(result: Mapping[str, Any], which: str) -> dict[str, Any]:
    """Of a result, what a comparison shows."""
    test = result["test"]
    if test is None:
        raise ValueError("there are no test rows")
    # a run with nothing to compare ships its one model
    figures = test.get(which) or test["model"]
    return {
        "status": DONE,
        "accuracy": figures["accuracy"],
        "balanced_accuracy": figures["balanced_accuracy"],
        "test_rows": test["count"],
        "labels": result["labels"],
        "unlabeled": result["unlabeled"],
        "classes": len(result["classes"]),
        "steps": result["steps"],
        "seconds": result["seconds"],
        "undertrained": bool(result.get("undertrained")),
    }


def _median(folder: Path, last: float) -> float:
    """The median test accuracy of the last checkpoints; `last` of a method without any."""
    records = whole_lines(folder / "metrics.jsonl")
    seen = [r["accuracy"] for r in records if r["phase"].startswith("final/") and "accuracy" in r]
    return statistics.median(seen[-LAST:]) if seen else last
