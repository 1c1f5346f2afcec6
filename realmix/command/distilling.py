"""`realmix distill`: its options, and what it says in the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from realmix.command.words import Amount, Flag, Folder, Number, Unset


@dataclass(frozen=True)
class Distill:
    """Teach a small network what a finished run ships.

    Attributes:
        run: run folder; what it ships labels its pool.
        network: the small one, which starts at random and has no encoder: auto (a ConvNet for
            pictures, an MLP for rows and texts), convnet, wrn-DEPTH-WIDTH, mlp, or timm:NAME.
        out: folder of the small model, by default small in the run's; what was interrupted goes on.
        steps: optimizer steps; by default as many as suit the data and fit into the minutes.
        minutes: about how long it may take; 15 by default.
        debug: show where in the program an error arose.
    """

    run: Positional[Folder]
    network: str = "auto"
    out: Unset[Path | None] = None
    steps: Number = None
    minutes: Amount = None
    debug: Flag = False


def distilled(command: Distill) -> None:
    """Do it, and show the figures of both models."""
    from realmix.base.errors import Interrupted, UsageError
    from realmix.command.console import Progress, messages, show, tell
    from realmix.command.process import Signals, Stopped

    if command.steps is not None and command.minutes is not None:
        raise UsageError("Give --steps or --minutes, not both.")
    out, console, signals = command.out or command.run / "small", messages(), Signals()
    tell(console, f"Teaching a small network what {command.run} ships. It is kept in {out}.")
    try:
        with signals, Progress(console, signals) as watch:
            from realmix.runs.climb.distill import distill  # takes seconds

            given = command.network, command.steps, command.minutes
            found = distill(command.run, out, *given, watch)
    except Interrupted:
        raise Stopped("interrupted and saved; the same command continues.", signals) from None
    show(told(found.figures, out))


def told(figures: dict[str, Any], out: Path) -> Any:
    """Both models side by side: accuracy on test rows, size; how often they agree."""
    from rich.console import Group, RenderableType
    from rich.padding import Padding
    from rich.table import Table

    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_row("", "the run's model", "the small one")
    encoder = figures["teacher_encoder"]
    seen = f"{figures['teacher']} on {encoder}" if encoder else figures["teacher"]
    table.add_row("network", seen, figures["network"])
    sizes = (f"{figures[name] / 1e6:.1f} MB" for name in ("teacher_bytes", "bytes"))
    table.add_row("file", *sizes)
    if figures["test"]:
        both = (figures[name] for name in ("teacher_test", "test"))
        table.add_row("test rows", *(_estimate(one) for one in both))
    rows: list[RenderableType] = [table, ""]
    if figures["agreement"] is not None:
        rows.append(
            f"They agree on {figures['agreement']:.1%} of {figures['agreement_rows']:,} pool rows"
            " that the small one did not see."
        )
    rows.append(f"realmix predict {out} NEW")
    return Padding(Group(*rows), 1, expand=False)


def _estimate(figures: dict[str, Any] | None) -> str:
    if figures is None or figures["accuracy"] is None:
        return "unknown"
    low, high = figures["interval"]
    return f"{figures['accuracy']:.1%} ({low:.1%} to {high:.1%})"
