"""All cells of a comparison as tables: what each came to, and what together they allow to say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from realmix.comparison.cells import Cell
from realmix.comparison.contenders import Contender
from realmix.comparison.curves import Needed, Shift, labels_needed, summed_up
from realmix.comparison.engines.work import DONE
from realmix.comparison.statistics import Difference, Mean, Ranks, holm, mean_of, paired, ranked
from realmix.data.scenarios.names import SCENARIOS

LABELS = "labels"
Setting = tuple[tuple[str, str], ...]
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Lead:
    """One algorithm's lead over another in one setting."""

    setting: Setting
    first: str
    second: str
    difference: Difference


@dataclass(frozen=True)
class Results:
    """The outcomes of all cells that a folder was ever asked for, in that order.

    Attributes:
        folder: of the comparison.
        common: what all cells share, as fields of `Config`.
        outcomes: by cell; None of one that is not done yet.
        undrawn: settings in which all seeds have the same labels and pool: there they are one draw,
            from which no lead can be proved.
    """

    folder: Path
    common: dict[str, Any]
    outcomes: dict[Cell, Outcome | None]
    undrawn: frozenset[Setting] = frozenset()

    @cached_property
    def algorithms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cell.algorithm for cell in self.outcomes))

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        return tuple(dict.fromkeys(cell.setting for cell in self.outcomes))

    @cached_property
    def tried(self) -> tuple[Setting, ...]:
        """Settings of which a cell is done, or failed."""
        begun = {cell.setting for cell, outcome in self.outcomes.items() if outcome}
        return tuple(setting for setting in self.settings if setting in begun)

    @cached_property
    def alone(self) -> str:
        """The first of the algorithms that learns from the labels alone."""
        return next(name for name in self.algorithms if Contender.of(name).alone)

    @cached_property
    def done(self) -> dict[Cell, Outcome]:
        return {c: out for c, out in self.outcomes.items() if out and out["status"] == DONE}

    @cached_property
    def failed(self) -> dict[Cell, Outcome]:
        return {c: out for c, out in self.outcomes.items() if out and out["status"] != DONE}

    def by_seed(
        self, setting: Setting, algorithm: str, figure: str = "accuracy"
    ) -> dict[int, float]:
        """One figure of each seed that is done."""
        return {
            cell.seed: outcome[figure]
            for cell, outcome in self.done.items()
            if cell.setting == setting and cell.algorithm == algorithm
        }

    def mean(self, setting: Setting, algorithm: str, figure: str = "accuracy") -> Mean:
        """Over seeds; the interval of a share ends at 0 and 1."""
        mean = mean_of(list(self.by_seed(setting, algorithm, figure).values()))
        if figure != "accuracy" or mean.count < 2:
            return mean
        low, high = mean.interval
        return dataclasses.replace(mean, interval=(max(low, 0.0), min(high, 1.0)))

    def leads(self, pairs: Sequence[tuple[str, str]]) -> list[Lead]:
        """The second's lead over the first in every setting, corrected over all of them."""
        found = []
        for setting in self.settings:
            for first, second in pairs:
                one, other = self.by_seed(setting, first), self.by_seed(setting, second)
                seeds = sorted(one.keys() & other.keys())
                if seeds:
                    lead = paired([one[s] for s in seeds], [other[s] for s in seeds])
                    if setting in self.undrawn:
                        lead = dataclasses.replace(lead, p=math.nan)
                    found.append(Lead(setting, first, second, lead))
        corrected = holm([lead.difference.p for lead in found])
        return [
            dataclasses.replace(
                lead, difference=dataclasses.replace(lead.difference, corrected=value)
            )
            for lead, value in zip(found, corrected, strict=True)
        ]

    @cached_property
    def added(self) -> list[Lead]:
        """What each algorithm adds to the labels alone."""
        return self.leads([(self.alone, name) for name in self.algorithms if name != self.alone])

    @cached_property
    def between(self) -> list[Lead]:
        """All pairs that do not hold the labels alone."""
        others = [name for name in self.algorithms if name != self.alone]
        return self.leads(list(combinations(others, 2)))

    @cached_property
    def ranks(self) -> Ranks | None:
        """Over all draws (setting and seed) that every algorithm has done."""
        rows = []
        for setting in self.settings:
            each = [self.by_seed(setting, name) for name in self.algorithms]
            seeds = sorted(set.intersection(*(set(one) for one in each)))
            for seed in seeds[: 1 if setting in self.undrawn else None]:
                rows.append([one[seed] for one in each])
        if not rows:
            return None
        return ranked(self.algorithms, np.array(rows, float))

    def axis(self, name: str) -> list[tuple[Setting, list[tuple[float, Setting]]]]:
        """The curves along an axis: what else is fixed, and (value, setting) of each point."""
        curves: dict[Setting, list[tuple[float, Setting]]] = {}
        for setting in dict.fromkeys(cell.setting for cell in self.done):
            values = dict(setting)
            if name in values and _number(values[name]) is not None:
                rest = tuple(pair for pair in setting if pair[0] != name)
                curves.setdefault(rest, []).append((float(_number(values[name]) or 0), setting))
        return [(rest, sorted(points)) for rest, points in curves.items() if len(points) > 1]

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Along which there is a curve."""
        names = dict.fromkeys(name for setting in self.settings for name, _ in setting)
        return tuple(name for name in names if self.axis(name))

    @cached_property
    def needed(self) -> list[tuple[Setting, str, Mean, Needed]]:
        """(setting, algorithm, its accuracy, the labels that the labels alone need for it)."""
        found = []
        for _, points in self.axis(LABELS):
            curve = [(x, self.mean(setting, self.alone).value) for x, setting in points]
            curve = [(x, y) for x, y in curve if y == y]
            labels, heights = [x for x, _ in curve], [y for _, y in curve]
            for _, setting in points:
                for name in self.algorithms:
                    mean = self.mean(setting, name)
                    need = labels_needed(labels, heights, mean.value)
                    if name != self.alone and mean.count and need:
                        found.append((setting, name, mean, need))
        return found

    @cached_property
    def shifts(self) -> list[tuple[str, Setting, str, Shift]]:
        """(axis, what else is fixed, algorithm, its curve summed up) along axes of percent."""
        found = []
        for axis in self.axes:
            if axis not in SCENARIOS or SCENARIOS[axis].unit not in ("percent", "text"):
                continue
            for rest, points in self.axis(axis):
                for name in self.algorithms:
                    means = [self.mean(setting, name) for _, setting in points]
                    shift = summed_up([x / 100 for x, _ in points], [mean.value for mean in means])
                    if shift is not None and all(mean.count for mean in means):
                        found.append((axis, rest, name, shift))
        return found


def _number(value: str) -> float | None:
    """Of a value such as 40, or 40:FILE."""
    try:
        return float(value.partition(":")[0])
    except ValueError:
        return None
