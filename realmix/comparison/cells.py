"""What is asked for, as a grid, and each of its cells as one run with a command that repeats it."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import re
import shlex
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable
from realmix.comparison.contenders import Contender
from realmix.data.pools import Dataset
from realmix.data.reading.builtin import BUILTIN
from realmix.data.scenarios.names import Asked
from realmix.runs.config import Config

PATHS = ("data", "unlabeled", "answers", "test", "init")
_OWN = ("algorithm", "labels", "seed", "scenario", "gate", "fields")  # what a cell settles
TUNING = ("trials", "validation")  # of a comparison, not of a run


@dataclass(frozen=True)
class Cell:
    """One run of a comparison.

    Attributes:
        algorithm: as `Contender.of` reads it.
        labels: rows that keep their label; None: all that have one.
        seed: draws labels, scenario and training.
        scenario: (name, value) of each.
    """

    algorithm: str
    labels: int | None
    seed: int
    scenario: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Of its folder, the same whenever it is asked for."""
        shape = [f"{name}={value}" for name, value in self.scenario]
        labels = [] if self.labels is None else [f"labels={self.labels}"]
        whole = ",".join([self.algorithm, *labels, *shape, f"seed={self.seed}"])
        plain = re.sub(r"[^A-Za-z0-9._=,-]", "-", whole)
        if plain == whole and len(plain) < 150:
            return plain
        return f"{plain[:140]}-{zlib.crc32(whole.encode()):08x}"

    @property
    def setting(self) -> tuple[tuple[str, str], ...]:
        """What all algorithms share in it but the seed."""
        labels = () if self.labels is None else (("labels", str(self.labels)),)
        return (*labels, *self.scenario)

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Where its data are refused, the words say of which setting: others may be possible."""
        try:
            yield
        except (UsageError, DataError) as error:
            setting = ", ".join(f"{name}={value}" for name, value in self.setting)
            raise type(error)(f"{setting}: {error}" if self.scenario else str(error)) from None

    def config(self, common: Mapping[str, Any]) -> Config:
        """The run of a method or of auto.

        Args:
            common: what all cells share, as fields of `Config`.
        """
        contender = Contender.of(self.algorithm)
        ours = contender.kind != "estimator"
        return Config(
            **{name: value for name, value in common.items() if name not in (*_OWN, *TUNING)},
            algorithm=contender.name if ours else "supervised",
            fields=contender.fields if ours else {},
            labels=self.labels,
            seed=self.seed,
            scenario=tuple(f"{name}={value}" for name, value in self.scenario),
            gate="balanced" if contender.kind == "auto" else "none",
        )

    def command(self, common: Mapping[str, Any], settled: Contender | None = None) -> str:
        """What repeats it.

        Args:
            common: what all cells share.
            settled: the contender with the fields that it had, where that was found out.
        """
        config, contender = self.config(common), settled or Contender.of(self.algorithm)
        if contender.kind != "estimator":
            config = dataclasses.replace(config, fields=contender.fields)
            return shlex.join(["realmix", "fit", *words_of(config)])
        labels = [] if self.labels is None else ["--labels", str(self.labels)]
        sweep = [word for name, value in self.scenario for word in ("--sweep", f"{name}={value}")]
        plain = dataclasses.replace(
            config, algorithm="auto", labels=None, seed=0, scenario=(), gate="balanced"
        )
        asked = ["--algorithms", contender.spelled, *labels, "--seeds", f"{self.seed}-{self.seed}"]
        return shlex.join(["realmix", "compare", *words_of(plain), *asked, *sweep, "--out", "NEW"])

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Cell:
        scenario = tuple((str(name), str(value)) for name, value in values["scenario"])
        return cls(values["algorithm"], values["labels"], values["seed"], scenario)


def same_draw(one: Dataset, other: Dataset) -> bool:
    """Whether two seeds drew the same labels, pool and test rows."""
    pairs = ((one.label, other.label), (one.test_label, other.test_label))
    return all(map(np.array_equal, *zip(*pairs, strict=True))) and np.array_equal(
        one.inputs, other.inputs
    )


def words_of(config: Config) -> list[str]:
    """The words behind `realmix fit` that give a configuration."""
    words = [config.data]
    for one in dataclasses.fields(Config):
        value = getattr(config, one.name)
        option = f"--{one.name.replace('_', '-')}"
        if one.name in ("data", "fields") or value == one.default:
            continue
        if isinstance(value, bool):
            words.append(option)
        elif isinstance(value, tuple):
            words += [word for item in value for word in (option, str(item))]
        else:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    for name, value in config.fields.items():
        shown = str(value).lower() if isinstance(value, bool) or value is None else value
        words += ["--set", f"{name}={'null' if value is None else shown}"]
    return words


@dataclass(frozen=True)
class Grid:
    """All that a comparison was asked for.

    Attributes:
        common: what all cells share, as fields of `Config`.
        algorithms: as `Contender.of` reads them.
        labels: numbers of labels; none: the labels as they are.
        seeds: of each cell of a setting.
        sweep: values by scenario; all are combined.
    """

    common: dict[str, Any]
    algorithms: tuple[str, ...]
    labels: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (0,)
    sweep: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("algorithms", "seeds"):
            if not getattr(self, name):
                raise UsageError(f"--{name}: give one or more.")
        for name in ("algorithms", "labels", "seeds"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise UsageError(f"--{name}: each once, not {', '.join(map(str, values))}.")
        for name, values in self.sweep.items():
            for value in values:
                Asked.of(f"{name}={value}")

    def __iter__(self) -> Iterator[Cell]:
        """All cells, seed after seed, so that the first ones tell something of every algorithm."""
        sweeps = itertools.product(*([(n, v) for v in values] for n, values in self.sweep.items()))
        settings = list(itertools.product(sweeps, self.labels or (None,)))
        for seed in self.seeds:
            for scenario, labels in settings:
                for algorithm in self.algorithms:
                    yield Cell(algorithm, labels, seed, tuple(scenario))


def at_root(config: Config, root: Path) -> Config:
    """The configuration with its files as absolute paths, for a process that works elsewhere."""

    def whole(name: str) -> str:
        is_file = name.partition("@")[0] not in BUILTIN and (root / name).exists()
        return str((root / name).resolve()) if is_file else name

    given = {name: getattr(config, name) for name in PATHS}
    found: dict[str, Any] = {name: whole(value) for name, value in given.items() if value}
    parts = [words.rpartition(":") for words in config.scenario]
    scenario = tuple(f"{head}{mark}{whole(name) if mark else name}" for head, mark, name in parts)
    return dataclasses.replace(config, **found, scenario=scenario)


def processors() -> int:
    """Of this machine that this process may use."""
    mine = getattr(os, "sched_getaffinity", None)
    return len(mine(0)) if mine else os.cpu_count() or 1


def seeds_of(words: str) -> tuple[int, ...]:
    """Seeds as the command line has them: a number of them, a range, or a list.

    >>> seeds_of("3"), seeds_of("4-6"), seeds_of("7,9")
    ((0, 1, 2), (4, 5, 6), (7, 9))
    """
    try:
        if "," in words:
            return tuple(int(word) for word in words.split(",") if word)
        first, mark, last = words.partition("-")
        return tuple(range(int(first), int(last) + 1)) if mark else tuple(range(int(first)))
    except ValueError:
        raise UsageError(
            f"--seeds takes how many (5), a range (5-9) or a list (1,4), not '{printable(words)}'."
        ) from None
