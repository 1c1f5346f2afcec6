"""A comparison: a folder with one idempotent run a cell, done where it was not, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from realmix.base.errors import DataError, Interrupted, UsageError
from realmix.base.files import remove_leftovers, write_json
from realmix.base.wording import counted, printable
from realmix.comparison.cells import Cell, Grid, same_draw
from realmix.comparison.contenders import Contender, check_fields, check_truth
from realmix.comparison.engines.local import outcomes
from realmix.comparison.engines.work import DONE, saved_outcome, task_of
from realmix.comparison.page import write_page
from realmix.comparison.progress import Onlooker, Progress
from realmix.comparison.results import Results, Setting
from realmix.comparison.tables import (
    RECORD,
    read_results,
    saved_record,
    undrawn_of,
    write_tables,
)
from realmix.comparison.tuning import check_tuning, part_of
from realmix.data.fingerprints import fingerprints
from realmix.data.pools import Dataset
from realmix.data.scenarios.read import reading_once
from realmix.runs.augmentation import num_views, with_encoder
from realmix.runs.phases import Phases
from realmix.runs.run import read
from realmix.runs.run_folder import locked
from realmix.runs.watch import Silent

HELD = 0.3  # of the labels, to test on where nothing else is given
ALONE = "supervised"
PUBLISHED = 32  # pixels a side of the photos on which methods are published, from a random start

Outcomes = Callable[[Sequence[Mapping[str, Any]], Callable[[], bool]], Iterator[dict[str, Any]]]


def engine(workers: int, scheduler: str | None = None, executor: Any = None) -> Outcomes:
    """What does cells: processes here, the workers of a Dask scheduler, or jobs of submitit.

    Raises:
        UsageError: fewer than one worker, a scheduler that is not reachable, or no executor.
    """
    if scheduler is not None and executor is not None:
        raise UsageError("Give a scheduler or executor, not both.")
    if executor is not None:
        from realmix.comparison.engines.batch import outcomes_of as jobs_of

        return jobs_of(executor)
    if scheduler is not None:
        from realmix.comparison.engines.cluster import outcomes_of

        return outcomes_of(scheduler)
    if workers < 1:
        raise UsageError(f"--workers must be 1 or more, not {workers}.")
    return lambda tasks, stopping: outcomes(tasks, workers, stopping)


@dataclass(frozen=True)
class Prepared:
    """A grid that can be done.

    Attributes:
        grid: with the labels alone among the algorithms, and with what was left open settled.
        notes: what the user should be told of that.
        digest: fingerprints of the data.
        undrawn: settings in which all seeds have the same labels and pool.
    """

    grid: Grid
    notes: tuple[str, ...]
    digest: dict[str, str]
    undrawn: tuple[Setting, ...] = ()


def prepared(grid: Grid) -> Prepared:
    """Check all that can be checked before anything is trained.

    Raises:
        UsageError, DataError: for the first cell of any setting that cannot be.
    """
    contenders = [Contender.of(words) for words in grid.algorithms]
    for contender in contenders:
        check_fields(contender.told(share=0.5))
    check_tuning(grid.common, contenders)
    notes = []
    if not any(contender.alone for contender in contenders):
        grid = replace(grid, algorithms=(ALONE, *grid.algorithms))
        notes.append(f"{ALONE} is added: what the pool is worth is told from the labels alone.")
    cells = list(grid)
    dataset = read(replace(cells[0].config(grid.common), labels=None, scenario=(), test_share=None))
    if any(contender.asks_truth for contender in contenders):
        check_truth(dataset)
    if dataset.test_label is None and grid.common.get("test_share") is None:
        grid = replace(grid, common={**grid.common, "test_share": HELD})
        notes.append(
            f"There are no test rows, so {HELD:.0%} of the labels are: the same in every cell."
        )
    grid, more = _settled(grid, dataset, contenders)
    undrawn = []
    for cell in {one.setting: one for one in reversed(list(grid))}.values():
        with cell.named():
            made = read(cell.config(grid.common))
            if grid.common.get("trials"):
                read(part_of(cell.config(grid.common), grid.common.get("validation")))
        if not (made.label < 0).any():
            raise DataError(
                "All rows have labels, so there is no pool: --labels N keeps N of them."
            )
        _check_methods(made, cell, grid.common, contenders)
        others = (o for o in grid if o.setting == cell.setting and o.seed != cell.seed)
        other = next(others, None)
        if other is not None and same_draw(made, read(other.config(grid.common))):
            undrawn.append(cell.setting)
            told = f"All {(made.label >= 0).sum():,} labels are taken, the same for each seed"
            notes.append(f"{told}: ± is that of training anew, and no lead is proved.")
    return Prepared(grid, (*notes, *more), fingerprints(dataset), tuple(undrawn))


def _check_methods(
    dataset: Dataset, cell: Cell, common: Mapping[str, Any], contenders: Sequence[Contender]
) -> None:
    """Refuse now what would fail in every cell; what an encoder sees is known only there."""
    for contender in contenders:
        told = contender.told(share=0.5)
        config = replace(cell, algorithm=told.spelled).config(common)
        if contender.kind == "method" and not (config.encodes or dataset.is_texts):
            try:
                Phases(dataset, config, None, Silent(), steps=1)
            except UsageError as error:
                raise UsageError(f"--algorithms {printable(contender.words)}: {error}") from None


def _settled(
    grid: Grid, dataset: Dataset, contenders: Sequence[Contender]
) -> tuple[Grid, tuple[str, ...]]:
    """The encoder and its views, which must be the same for all that are compared."""
    config = replace(next(iter(grid)).config(grid.common), algorithm="auto")
    seen, notes = with_encoder(dataset, config, over=PUBLISHED)
    common = dict(grid.common)
    if notes:
        common["encoder"] = seen.encoder or "none"
    if (seen.freezes or dataset.is_texts) and common.get("views") is None:
        methods = [one.name for one in contenders if one.kind == "method"]
        common["views"] = max([1, *(num_views(replace(seen, algorithm=name)) for name in methods)])
    return replace(grid, common=common), notes


def compare_grid(
    grid: Grid, folder: Path, do_all: Outcomes, watch: Onlooker, root: Path | None = None
) -> Results:
    """Do the cells that are missing, and write the tables and the page of all that there are.

    Args:
        grid: what is asked for.
        folder: of the comparison; one process at a time.
        do_all: does tasks, here or elsewhere.
        watch: looks on.
        root: where relative paths begin.

    Raises:
        UsageError: the folder holds a comparison whose cells are of another kind.
        RealmixError: see `prepared`.
    """
    with reading_once():
        ready = prepared(grid)
    with locked(folder):
        remove_leftovers(folder)
        for note in (*ready.notes, *_take_up(folder, ready)):
            watch.note(note)
        try:
            _do_missing(ready.grid, folder, do_all, watch, root or Path.cwd())
        finally:  # of what was done until it was stopped, too
            results = read_results(folder)
            write_tables(results)
            write_page(results)
    return results


def _take_up(folder: Path, ready: Prepared) -> tuple[str, ...]:
    """Begin the folder, or extend what it holds by further cells; refuse cells of another kind."""
    common = ready.grid.common
    asked = {"common": common, "digest": ready.digest}
    there = saved_record(folder)
    undrawn = sorted({*ready.undrawn, *undrawn_of(there or {})})
    if there is None:
        foreign = sorted({path.name for path in folder.iterdir()} - {"lock", "lock-owner"})
        if foreign:
            raise UsageError(
                f"--out {printable(folder)} is not empty and holds no comparison"
                f" ({', '.join(foreign[:3])} ...). Choose another --out."
            )
        cells = [cell.to_json() for cell in ready.grid]
        write_json(folder / RECORD, {**asked, "undrawn": undrawn, "cells": cells})
        return ()
    theirs = {**there["common"]}
    differing = [
        f"  {name}: there {theirs.get(name)!r}, asked for {common.get(name)!r}"
        for name in {**theirs, **common}
        if _plain(theirs.get(name)) != _plain(common.get(name))
    ]
    if there["digest"] != ready.digest:
        differing.append("  the data are not what they were")
    if differing:
        raise UsageError(
            f"{printable(folder)} holds a comparison of another kind:\n"
            + "\n".join(differing[:8])
            + "\nChoose another --out, or give the same options: algorithms, labels, seeds and"
            " scenarios may be others, and extend it."
        )
    before = [Cell.from_json(values) for values in there["cells"]]
    new = [cell for cell in ready.grid if cell not in set(before)]
    cells = [cell.to_json() for cell in (*before, *new)]
    write_json(folder / RECORD, {**asked, "undrawn": undrawn, "cells": cells})
    if not new:
        return ()
    return (f"The comparison in {folder} is extended by {counted(len(new), 'cell')}.",)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _do_missing(grid: Grid, folder: Path, do_all: Outcomes, watch: Onlooker, root: Path) -> None:
    cells = list(grid)
    saved = {cell: saved_outcome(folder, cell) for cell in cells}
    missing = [cell for cell, found in saved.items() if not found or found["status"] != DONE]
    again = sum(saved[cell] is not None for cell in missing)
    if len(missing) < len(cells):
        watch.note(
            f"{counted(len(cells) - len(missing), 'cell')} of {len(cells):,} were done before."
        )
    if again:
        watch.note(f"{counted(again, 'cell')} failed before and are tried again.")
    progress = Progress(missing, watch)
    tasks = [task_of(cell, grid.common, folder, root) for cell in missing]
    for outcome in do_all(tasks, watch.stopping):
        progress.tell(outcome)
    if progress.left:
        raise Interrupted
