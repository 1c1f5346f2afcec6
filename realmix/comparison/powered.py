"""How far each cell's accuracy holds for other rows than its test rows: by these, and by its pool.

The labels alone have seen neither, so that how sure they are of both makes the interval shorter;
see `realmix.evaluate.powered`. That asks for test rows and pool of one kind, which most scenarios
undo: there it is Wilson's.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from realmix.comparison.cells import Cell
from realmix.comparison.contenders import Contender
from realmix.comparison.engines.work import RUNS
from realmix.comparison.results import Results
from realmix.evaluate.intervals import Interval, wilson
from realmix.evaluate.powered import powered, refusal
from realmix.report.record import UNREADABLE

HARMLESS = ("pool-size",)
"""Scenarios that leave the pool's rows of the test rows' kind."""


class OtherRows(NamedTuple):
    """What a cell's accuracy is on other rows of this kind.

    Attributes:
        accuracy: in [0, 1]; as on the test rows, where the pool does not count.
        interval: of it, 95 %.
        worth: test rows that alone would give an interval of this width.
    """

    accuracy: float
    interval: Interval
    worth: float


class Answers(NamedTuple):
    """What a cell's model said: right, sureness of the test rows, and of the pool's."""

    correct: np.ndarray
    sure: np.ndarray
    pool_sure: np.ndarray


def other_rows(results: Results) -> dict[Cell, OtherRows]:
    """Of each cell that is done."""
    alone: dict[tuple[object, int], Answers | None] = {}
    found = {}
    for cell, outcome in results.done.items():
        where = cell.setting, cell.seed
        if where not in alone:
            first = Cell(results.alone, cell.labels, cell.seed, cell.scenario)
            alone[where] = answers(results.folder, first) if first in results.done else None
        last = "last_accuracy" not in outcome  # what the run keeps are the last network's answers
        own = _with_pool(results.folder, cell, alone[where]) if last else None
        accuracy, count = outcome["accuracy"], outcome["test_rows"]
        found[cell] = own or OtherRows(accuracy, wilson(accuracy * count, count), float(count))
    return found


def _with_pool(folder: Path, cell: Cell, alone: Answers | None) -> OtherRows | None:
    """By the sureness of the labels alone; None where that may not be asked."""
    if alone is None or any(name not in HARMLESS for name, _ in cell.scenario):
        return None
    if refusal(alone.sure, alone.pool_sure) or (own := answers(folder, cell)) is None:
        return None
    best = powered(own.correct, alone.sure, alone.pool_sure)
    return OtherRows(best.accuracy, best.interval, best.worth)


def answers(folder: Path, cell: Cell) -> Answers | None:
    """What a cell's run keeps of its model; None of an estimator, or where it is not there."""
    if Contender.of(cell.algorithm).kind == "estimator":
        return None
    try:
        with np.load(folder / RUNS / cell.name / "evidence.npz", allow_pickle=False) as kept:
            probs, label, pool = (kept[n] for n in ("test_shipped", "test_label", "pool_shipped"))
    except (*UNREADABLE, KeyError):
        return None
    return Answers(probs.argmax(1) == label, probs.max(1), pool.max(1))
