"""What a run tells whoever looks on, and how it is asked to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch

from realmix.base.wording import printable
from realmix.training.stages import Stages
from realmix.training.trainer import Record

LOOKED_AT = 500  # rows of the pool that a warning while training rests on


class Watch(Protocol):
    """What a run tells whoever looks on."""

    def doing(self, words: str) -> None: ...
    def counting(self, words: str, done: int, of: int) -> None: ...
    def plan(self, phases: Mapping[str, int], words: str) -> None: ...
    def phase(self, name: str, start: int, steps: int) -> None: ...
    def record(self, phase: str, record: Record) -> None: ...
    def note(self, text: str) -> None: ...
    def stopping(self) -> bool: ...


class Silent:
    """Looks on and says nothing."""

    def doing(self, words: str) -> None: ...
    def counting(self, words: str, done: int, of: int) -> None: ...
    def plan(self, phases: Mapping[str, int], words: str) -> None: ...
    def phase(self, name: str, start: int, steps: int) -> None: ...
    def record(self, phase: str, record: Record) -> None: ...
    def note(self, text: str) -> None: ...
    def stopping(self) -> bool:
        return False


class Observed:
    """Passes the records of a phase on, and says halfway if its pool had no say so far.

    Args:
        phase: its name.
        length: its steps in all.
        watch: is told.
        warned: what it was told of other phases, which is not said again.

    Attributes:
        stages: what trains; None where no pool is to be used.
    """

    def __init__(self, phase: str, length: int, watch: Watch, warned: set[str]) -> None:
        self.phase, self.length, self.watch, self.warned = phase, length, watch, warned
        self.stages: Stages | None = None

    def __call__(self, record: Record) -> None:
        self.watch.record(self.phase, record)
        if self.stages and 2 * record["step"] >= self.length:
            for sentence in complaints(self.stages):
                if sentence not in self.warned:
                    self.watch.note(f"Halfway through {self.phase}: {sentence}")
                self.warned.add(sentence)
            self.stages = None


def complaints(stages: Stages) -> list[str]:
    """What is wrong with how a training uses its pool, so far."""
    found = []
    if not stages.heard:
        found.append(
            "no row of the pool has counted in any step. If that lasts, the model learns from the"
            " labels alone: lower the threshold, take more steps, or another algorithm."
        )
    if stages.trainers and len(torch.unique(stages.data.labeled.label)) > 1:
        network = stages.trainers[-1].nets.ema
        named = stages.predict(network, stages.data.unlabeled.inputs[:LOOKED_AT]).argmax(1)
        network.train()
        if len(torch.unique(named)) == 1:
            name = stages.data.classes[int(named[0])]
            found.append(f"every row of the pool that was looked at is called '{printable(name)}'.")
    return found
