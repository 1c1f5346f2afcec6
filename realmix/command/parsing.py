"""From the words of the command line to the command that they give. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import tyro
from tyro.conf import DisallowNone, FlagCreatePairsOff

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion
from realmix.command.options import COMMANDS, Command

ABOUT = "Semi-supervised learning you can trust on real data."
EXAMPLES = """  realmix fit digits@40          learn from 40 labels and an unlabeled pool
  realmix predict RUN images/    classify new inputs
  realmix fit --help             what a command can do
  realmix --version"""


def parse(words: Sequence[str], speaks: bool = True) -> Command | None:
    """The command that the words give; None after the help text, which no words ask for too.

    Args:
        words: as the shell divided them.
        speaks: whether help and errors are printed.

    Raises:
        UsageError: there is no such command, with the nearest one.
        SystemExit: with 2, after a message about an option; with 0, after a command's help text.
    """
    if not words or words[0] in ("-h", "--help"):
        print(overview() if speaks else "", end="")
        return None
    if words[0] not in COMMANDS:
        raise UsageError(
            f"There is no command '{printable(words[0])}'.{suggestion(words[0], COMMANDS)}"
            f" Commands: {', '.join(COMMANDS)}."
        )
    command: Command = tyro.cli(
        COMMANDS[words[0]],
        prog=f"realmix {words[0]}",
        args=words[1:],
        config=(FlagCreatePairsOff, DisallowNone),
        console_outputs=speaks,
    )
    return command


def overview() -> str:
    """The help text of `realmix` itself."""
    lines = [f"  {name:12}{_first_line(kind)}" for name, kind in COMMANDS.items()]
    return "\n".join(["usage: realmix COMMAND ...", "", ABOUT, "", *lines, "", EXAMPLES, ""])


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]
