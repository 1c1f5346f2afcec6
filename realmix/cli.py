"""The command line: parse, call, print. Imports no torch before a command needs it.

tyro makes the parser from dataclasses. Measured alone, the median of seven runs of `realmix --help`
costs 0.15 s of processor time and `realmix fit --help` 0.2 s (argparse: 0.06 s), which is below
the 0.3 s that a help text may take.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from tyro.conf import (
    DisallowNone,
    FlagCreatePairsOff,
    OmitArgPrefixes,
    OmitSubcommandPrefixes,
    Positional,
    UseAppendAction,
    arg,
    subcommand,
)

import realmix
from realmix.config import Config
from realmix.errors import RealmixError, UsageError, printable, suggestion

T = TypeVar("T")
Unset = Annotated[T, arg(help_behavior_hint="")]
"""An option whose help says what happens without it; no "(default: None)" behind that."""
Flag = Annotated[bool, arg(help_behavior_hint="")]
Pairs = Annotated[
    UseAppendAction[tuple[tuple[str, ...], ...]],
    arg(name="set", metavar="FIELD=VALUE", help_behavior_hint="(repeatable)"),
]

LONGEST_MESSAGE = 12  # lines
ABOUT = """Semi-supervised learning you can trust on real data.

  realmix fit digits@40            train on 40 labels and an unlabeled pool
  realmix predict RUN images/      classify new inputs
  realmix COMMAND --help           what a command can do
  realmix --version"""


@dataclass(frozen=True)
class Fit(Config):
    """Train with and without the unlabeled data, compare on held-out labels, keep the better model.

    Attributes:
        set: hyperparameters that differ from the paper's; `realmix algorithms NAME` lists them.
        out: folder of the run; by default runs/DATA-ALGORITHM-SEED. The same command continues
            an interrupted run.
        resume: insist that there is a run to continue.
        debug: show where in the program an error arose.
    """

    data: Positional[str]
    unlabeled: Unset[str | None] = None
    test: Unset[str | None] = None
    steps: Unset[int | None] = None
    minutes: Unset[float | None] = None
    image_size: Unset[int | None] = None
    data_root: Unset[str | None] = None
    skip_bad: Flag = False
    gate: Annotated[
        bool, arg(help="ship the algorithm's model without any comparison.", help_behavior_hint="")
    ] = True
    fields: dict[str, Any] = dataclass_field(init=False, default_factory=dict)
    set: Pairs = ()
    out: Unset[Path | None] = None
    resume: Flag = False
    debug: Flag = False

    def __post_init__(self) -> None:
        """Nothing: `config` checks, outside of the parser, which has words of its own."""

    def config(self) -> Config:
        """What to run."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(Config)}
        return Config(**{**given, "fields": parse_fields(self.set)})


@dataclass(frozen=True)
class Predict:
    """Classify new inputs and write a CSV table: input, label, confidence, and all probabilities.

    Attributes:
        run: run folder, or the model.safetensors of one.
        input: folder of images, image, table, .npz with x, or built-in name (its test rows).
        out: the table.
        data_root: folder of the built-in data sets; by default the variable REALMIX_DATA.
        debug: show where in the program an error arose.
    """

    run: Positional[Path]
    input: Positional[str]
    out: Path = Path("predictions.csv")
    data_root: Unset[str | None] = None
    debug: Flag = False


@dataclass(frozen=True)
class Report:
    """Write report.html of a finished run again.

    Attributes:
        run: run folder.
        debug: show where in the program an error arose.
    """

    run: Positional[Path]
    debug: Flag = False


@dataclass(frozen=True)
class Algorithms:
    """List the algorithms, or the equation, fields, recipe and source of one.

    Attributes:
        name: of an algorithm.
        debug: show where in the program an error arose.
    """

    name: Positional[Unset[str | None]] = None
    debug: Flag = False


@dataclass(frozen=True)
class Data:
    """List the built-in data sets and where they are, or what is known of one.

    Attributes:
        name: of a built-in data set.
        data_root: folder of the built-in data sets; by default the variable REALMIX_DATA.
        debug: show where in the program an error arose.
    """

    name: Positional[Unset[str | None]] = None
    data_root: Unset[str | None] = None
    debug: Flag = False


Command = Fit | Predict | Report | Algorithms | Data
COMMANDS = {kind.__name__.lower(): kind for kind in (Fit, Predict, Report, Algorithms, Data)}


def parse_fields(groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The fields of all --set: values that read as JSON are that, all others are text.

    Raises:
        UsageError: a word that is not field=value.

    >>> parse_fields([["threshold=0.9", "copies=null"], ["extension=simple"]])
    {'threshold': 0.9, 'copies': None, 'extension': 'simple'}
    """
    fields = {}
    for word in (word for group in groups for word in group):
        name, mark, text = word.partition("=")
        if not (name and mark):
            raise UsageError(
                f"--set takes field=value, such as --set weight=75; '{printable(word)}' is none."
                " (DATA and other words come before --set.)"
            )
        try:
            fields[name] = json.loads(text)
        except ValueError:
            fields[name] = text
    return fields


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Args:
        arguments: the words behind `realmix`; by default those of this process.

    Returns:
        The exit code: 0, or 2 usage, 3 data, 4 disk or memory, 5 diverged, 6 run folder locked,
        130 and 143 interrupted, 1 anything else.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words == ["--version"]:
            print(f"realmix {realmix.__version__}")
        else:
            _run(parse(words))
        sys.stdout.flush()
    except SystemExit as stop:  # the parser's, which has printed why
        return int(stop.code or 0)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains when it flushes at exit
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in words:
            traceback.print_exc()
        return fail(error)
    return 0


def parse(words: Sequence[str]) -> Command:
    """The command that the words give.

    Raises:
        UsageError: there is no such command, with the nearest one.
        SystemExit: with 2, after a message about an option; with 0, after a help text.
    """
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        raise UsageError(
            f"There is no command '{printable(words[0])}'.{suggestion(words[0], COMMANDS)}"
            f" Commands: {', '.join(COMMANDS)}."
        )
    kinds = tuple(Annotated[kind, subcommand(name)] for name, kind in COMMANDS.items())
    command: Command = tyro.cli(
        Union[kinds],  # type: ignore[arg-type]
        prog="realmix",
        description=ABOUT,
        args=list(words) or ["--help"],
        config=(FlagCreatePairsOff, DisallowNone, OmitArgPrefixes, OmitSubcommandPrefixes),
        console_outputs=is_first(),
    )
    return command


def _run(command: Command) -> None:
    if isinstance(command, Fit):
        return _fit(command)
    if isinstance(command, Predict):
        return _predict(command)
    from realmix import catalogue  # noqa: PLC0415

    if isinstance(command, Algorithms):
        shown = catalogue.algorithm(command.name) if command.name else catalogue.algorithms()
        return show(shown)
    if isinstance(command, Data):
        return show(catalogue.data(command.name, command.data_root))
    from realmix.evaluate.report import write_report

    return show(str(write_report(command.run)))
