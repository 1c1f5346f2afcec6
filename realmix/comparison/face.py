"""`realmix.compare`: the comparison from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.comparison.cells import Grid, processors
from realmix.comparison.compare import compare_grid, engine
from realmix.comparison.progress import Onlooker
from realmix.comparison.results import Results
from realmix.runs.config import Config

_SETTLED = ("data", "algorithm", "labels", "seed", "scenario", "gate", "fields", "judge", "single")


class Quiet:
    """Says nothing and never asks to stop."""

    def note(self, text: str) -> None: ...
    def stopping(self) -> bool:
        return False


def compare(
    data: str | Path,
    algorithms: Sequence[str],
    *,
    out: str | Path,
    labels: Sequence[int] = (),
    seeds: int | Sequence[int] = 5,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    trials: int | None = None,
    validation: float | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    executor: Any = None,
    watch: Onlooker | None = None,
    **options: Any,
) -> Results:
    """Compare methods, numbers of labels and scenarios over seeds.

    Args:
        data: as `realmix fit` takes it; labeled rows are drawn from all labels that it has.
        algorithms: names of methods, "auto", "NAME:field=value", "sklearn:CLASS" or
            "package.module:CLASS".
        out: folder of the comparison. What is done there is not done again; other algorithms,
            labels, seeds and scenarios extend it, other options are refused.
        labels: numbers of labels; none: the labels as they are.
        seeds: how many, from 0, or which.
        sweep: values by the name of a scenario, such as {"mismatch": [0, 50, 100]}; all are
            combined. See `realmix.data.scenarios.names.SCENARIOS`.
        trials: settings of each algorithm's fields that are tried in each cell; none by default.
        validation: percentage of a cell's labels on which they are measured; by default 25.
        workers: processes of one thread each; by default one for each processor.
        scheduler: address of a Dask scheduler, on whose workers the cells run instead.
        executor: of submitit, whose jobs do the cells instead, as on Slurm.
        watch: told of each cell; asked whether to stop.
        options: what all cells share: fields of `realmix.runs.config.Config`, such as steps,
            minutes, test, encoder, model or protocol.

    Returns:
        The results, which results.csv, results.json and compare.html in the folder show too.

    Raises:
        RealmixError: what was given does not fit; see `realmix.base.errors`. A cell that fails is
            no error: see `Results.failed`.
        Interrupted: the watch asked to stop; the same call continues.
    """
    known = [one.name for one in fields(Config) if one.name not in _SETTLED]
    for name in options:
        if name not in known:
            raise UsageError(
                f"compare has no parameter '{name}'.{suggestion(name, known)} What all cells may"
                f" share: {', '.join(known)}."
            )
    tuning = {"trials": trials, "validation": validation}
    asked = {name: value for name, value in tuning.items() if value is not None}
    grid = Grid(
        {"data": str(data), **options, **asked},
        tuple(algorithms),
        tuple(labels),
        tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds),
        {
            name: tuple(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
            for name, values in (sweep or {}).items()
        },
    )
    do_all = engine(processors() if workers is None else workers, scheduler, executor)
    return compare_grid(grid, Path(out), do_all, watch or Quiet())
