"""The words of the command line as values: one dataclass a command. Imports no torch.

tyro makes the parser of a command from its dataclass. Measured on one core, `realmix --help` takes
0.1 s of processor time and `realmix fit --help` 0.3 s, which is all that a help text may take
(argparse would need 0.06 s, but has no suggestions and would need every option written twice).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from realmix.command.distilling import Distill
from realmix.command.examining import Audit, Data
from realmix.command.fields import parse_fields
from realmix.command.several.options import Compare
from realmix.command.words import Amount, Flag, Folder, Number, Pairs, Place, Unset, Values, Word
from realmix.runs.config import Config, Gate


@dataclass(frozen=True)
class Fit(Config):
    """Train with and without the pool, and keep the better model.

    Attributes:
        no_gate: ship the algorithm's model without any comparison; --gate none is the same.
        set: hyperparameters that differ from the paper's; `realmix algorithms NAME` lists them.
        out: folder of the run, by default runs/DATA-ALGORITHM-SEED; what was interrupted goes on.
        resume: insist that there is a run to continue.
        debug: show where in the program an error arose.
    """

    data: Positional[Annotated[str, arg(metavar="DATA", help_behavior_hint="")]]
    unlabeled: Unset[str | None] = None
    answers: Unset[str | None] = None
    bank: Unset[str | None] = None
    test: Unset[str | None] = None
    test_share: Amount = None
    labels: Number = None
    scenario: Values = ()
    encoder: Unset[str | None] = None
    views: Number = None
    embed_encoder: Flag = False
    tune: Unset[str | None] = None
    init: Unset[str | None] = None
    steps: Number = None
    minutes: Amount = None
    image_size: Number = None
    feature_columns: Unset[str | None] = None
    drop_columns: Unset[str | None] = None
    categorical: Unset[str | None] = None
    numeric: Unset[str | None] = None
    text_column: Unset[str | None] = None
    weak_label_column: Unset[str | None] = None
    unlabeled_marker: Values = ()
    class_value: Values = ()
    data_root: Unset[str | None] = None
    skip_bad: Flag = False
    group: Unset[str | None] = None
    allow_leakage: Flag = False
    follow_links: Flag = False
    gate: Unset[Gate] = "balanced"
    no_gate: Flag = False
    single: Flag = False
    class_weight: Unset[str | None] = None
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
        gate = "none" if self.no_gate else self.gate
        return Config(**{**given, "gate": gate, "fields": parse_fields(self.set)})


@dataclass(frozen=True)
class Predict:
    """Classify new inputs: a CSV table with labels and probabilities.

    Attributes:
        run: run folder, or the model.safetensors of one.
        input: folder or file of what the model takes, table, .npz with x, or built-in name (its
            test rows); of a .txt file each line is a text. A pattern in quotes, such as
            'part-*.parquet', stands for many files, each with a table of its own.
        out: the table, which may replace an earlier one of predictions, but no other file; of a
            pattern a folder, by default predictions.
        scheduler: of a pattern: address of a Dask scheduler, on whose workers the files are read.
        class_shares: how often each class occurs where the model is used, if not as among the
            labels: equal, or CLASS=SHARE,CLASS=SHARE,...
        follow_links: follow links in the folder that lead outside of it.
        data_root: folder of the built-in data sets; by default the variable REALMIX_DATA.
        debug: show where in the program an error arose.
    """

    run: Positional[Folder]
    input: Positional[Place]
    out: Path = Path("predictions.csv")
    class_shares: Unset[str | None] = None
    follow_links: Flag = False
    scheduler: Unset[str | None] = None
    data_root: Unset[str | None] = None
    debug: Flag = False


@dataclass(frozen=True)
class Decide:
    """Settle with a few labels which of the two final models is better.

    Attributes:
        run: run folder.
        labels: answers, a CSV table with the columns name and label; without it, what to label is
            listed. Answers given before are kept.
        count: rows to list; by default so many that nine of ten times they suffice.
        ask: ask on this terminal, row by row.
        debug: show where in the program an error arose.
    """

    run: Positional[Folder]
    labels: Unset[Path | None] = None
    count: Number = None
    ask: Flag = False
    debug: Flag = False


@dataclass(frozen=True)
class Report:
    """Write report.html of a finished run again.

    Attributes:
        run: run folder.
        debug: show where in the program an error arose.
    """

    run: Positional[Folder]
    debug: Flag = False


@dataclass(frozen=True)
class Algorithms:
    """List the algorithms; with NAME its equation, fields and recipe.

    Attributes:
        name: of an algorithm.
        debug: show where in the program an error arose.
    """

    name: Positional[Word] = None
    debug: Flag = False


Command = Fit | Audit | Compare | Predict | Decide | Distill | Report | Algorithms | Data
COMMANDS: dict[str, type[Command]] = {
    kind.__name__.lower(): kind
    for kind in (Fit, Audit, Compare, Predict, Decide, Distill, Report, Algorithms, Data)
}
