"""What a run tells whoever looks on, and how it is asked to stop."""

from __future__ import annotations

from typing import Protocol

from realmix.train import Record


class Interrupted(Exception):
    """The run was asked to stop. What was done is saved and the same command continues."""


class Watch(Protocol):
    """What a run tells whoever looks on."""

    def plan(self, phases: list[str], steps: int) -> None: ...
    def phase(self, name: str, start: int, steps: int) -> None: ...
    def record(self, phase: str, record: Record) -> None: ...
    def note(self, text: str) -> None: ...
    def stopping(self) -> bool: ...


class Silent:
    """Looks on and says nothing."""

    def plan(self, phases: list[str], steps: int) -> None: ...
    def phase(self, name: str, start: int, steps: int) -> None: ...
    def record(self, phase: str, record: Record) -> None: ...
    def note(self, text: str) -> None: ...
    def stopping(self) -> bool:
        return False
