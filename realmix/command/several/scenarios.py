"""`realmix data DATA --scenario ... --out FOLDER`: data made worse on purpose, for others."""

from __future__ import annotations

import shlex

import numpy as np
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.command.examining import Data
from realmix.data.scenarios.arrange import arranged
from realmix.data.scenarios.read import places_of
from realmix.data.scenarios.write import TRUTH, write_dataset


def written(command: Data) -> RenderableType:
    """Write it, and say what there is now.

    Raises:
        UsageError: words are missing, or what the scenarios refuse.
    """
    if command.name is None or command.out is None:
        raise UsageError("To write data give both: realmix data DATA --scenario ... --out FOLDER.")
    original, places = places_of(command.name, command.reading)
    dataset, truth = arranged(
        original,
        command.seed,
        labels=command.labels,
        test_share=command.test_share,
        scenario=command.scenario,
        places=places,
    )
    words = write_dataset(dataset, truth, original, command.out)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("written", Text(printable(dataset.described)))
    wrong = int((~truth.pool & (dataset.label != truth.label)).sum())
    copies = len(truth.row) - len(np.unique(truth.row))
    table.add_row("foreign", f"{truth.share:.1%} of the pool")
    table.add_row("wrong labels", f"{wrong:,}")
    table.add_row("near-duplicates", f"{copies:,}")
    table.add_row("truth", Text(printable(command.out / TRUTH)))
    table.add_row("learn it", Text(printable(shlex.join(("realmix", "fit", *words))), "bold"))
    return Padding(table, 1, expand=False)
