"""This process among others: whether it speaks, what stops it, and its exit codes. No torch."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Self

from realmix.base.errors import RealmixError

LONGEST_MESSAGE = 12  # lines
_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def is_first() -> bool:
    """Whether this process is the one that speaks: `parallel.rank() == 0` without torch."""
    return int(os.environ.get("WORLD_SIZE", "1")) < 2 or os.environ.get("RANK", "0") == "0"


class Signals:
    """SIGINT and SIGTERM as a wish to stop, granted after the step that is being computed.

    Attributes:
        received: the last signal, None before any.
        patient: whether a first signal only leaves a wish. A second one, or any while there is
            nothing to save yet, raises KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.patient = False

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + (self.received or signal.SIGINT)

    def __enter__(self) -> Self:
        watched = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._receive) for number in watched}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        again, self.received = self.received is not None, number
        if again or not self.patient:
            raise KeyboardInterrupt


class Stopped(RealmixError):
    """Signals ended the command."""

    def __init__(self, message: str, signals: Signals) -> None:
        super().__init__(message)
        self.exit_code = signals.exit_code


def out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out, of this machine or of its accelerator."""
    words = str(error).lower()  # torch raises a plain RuntimeError where the machine's ran out
    is_torch = isinstance(error, RuntimeError) and any(sign in words for sign in _MEMORY)
    return is_torch or isinstance(error, MemoryError)


def explain(error: BaseException) -> tuple[str, int]:
    """A message of at most `LONGEST_MESSAGE` lines for an error, and its exit code."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped.", Signals().exit_code
    if isinstance(error, RealmixError):
        lines = str(error).splitlines() or [type(error).__name__]
        if len(lines) > LONGEST_MESSAGE:
            lines[LONGEST_MESSAGE - 1 :] = ["..."]
        return "\n".join(lines), error.exit_code
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    if out_of_memory(error):
        return f"The memory was not enough. Give less at a time. ({what})", 4
    return f"{what}\nThis is a bug in realmix; run with --debug to see where.", 1
