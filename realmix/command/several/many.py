"""`realmix predict RUN 'part-*.parquet'`: file after file, here or on a Dask cluster."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.base.errors import DataError, RealmixError, UsageError
from realmix.base.files import write_json
from realmix.base.wording import counted, printable, shortened
from realmix.command.predictions import predict_all
from realmix.evaluate.shares import parsed
from realmix.runs.classifier import MODEL, Classifier, load_classifier

MARK = "predictions.json"  # what all files of a folder were made by
FOLDER = Path("predictions")
Told = Callable[[str], None]


def matches(given: str) -> list[Path] | None:
    """The files that a pattern such as ``part-*.parquet`` stands for; None where it is none.

    Raises:
        UsageError: no file matches.
    """
    if Path(given).exists() or not glob.has_magic(given):
        return None
    found = sorted(Path(name) for name in glob.glob(given, recursive=True) if Path(name).is_file())
    if not found:
        raise UsageError(f"No file matches '{printable(given)}'. Check the pattern and the folder.")
    return found


def predict_files(
    run: Path,
    files: Sequence[Path],
    out: Path,
    *,
    class_shares: str | None = None,
    data_root: str | None = None,
    scheduler: str | None = None,
    tell: Told = print,
) -> RenderableType:
    """Classify files, each to a table of its own; those whose table is there are not read again.

    Args:
        run: run folder or model file.
        files: each of a kind that `predict_all` reads.
        out: folder of the tables; each is called as its file, with .csv.
        class_shares: as of `realmix predict`.
        data_root: likewise.
        scheduler: address of a Dask scheduler; by default one file after another here.
        tell: told of each file.

    Raises:
        UsageError: two files of one name, or a folder that holds another model's predictions.
        DataError: files that could not be classified, after all others were.
    """
    tables = {file: out / f"{file.stem}.csv" for file in files}
    if len(set(tables.values())) < len(files):
        raise UsageError(
            "Two of the files have one name, so their tables would be one. Rename one."
        )
    model = run / MODEL if run.is_dir() else run
    load_classifier(run)  # or say here what is wrong with it
    _mark(out, {"model": _digest(model), "class_shares": class_shares})
    missing = [file for file, table in tables.items() if not table.exists()]
    if len(missing) < len(files):
        tell(f"{counted(len(files) - len(missing), 'file')} of {len(files):,} were done before.")
    tasks = [
        {
            "run": str(run.resolve()),
            "file": str(file.resolve() if scheduler else file),
            "table": str(tables[file].resolve()),
            "class_shares": class_shares,
            "data_root": data_root,
        }
        for file in missing
    ]
    failed, rows = [], 0
    for number, (task, found) in enumerate(_each(tasks, scheduler), 1):
        error, name = found.get("error"), Path(task["file"]).name
        if error:
            failed.append(f"{name}: {error}")
        rows += found.get("rows", 0)
        what = "FAILED" if error else f"{found['rows']:,} rows"
        tell(f"[{number:,} of {len(tasks):,}] {printable(name)}: {what}")
    if failed:
        raise DataError(
            f"{counted(len(failed), 'file')} of {len(files):,} could not be classified:\n"
            + "\n".join(f"  {line}" for line in failed[:5])
            + "\nThe others are done; the same command tries these again."
        )
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("predictions", f"{rows:,} rows of {counted(len(missing), 'file')} now")
    table.add_row(
        "tables", Text(f"{printable(out)}: {shortened([t.name for t in tables.values()], 3)}")
    )
    return Padding(table, 1, expand=False)


def predict_file(task: Mapping[str, Any]) -> dict[str, Any]:
    """One file, as a process is sent it: the number of its rows, or what is wrong with it."""
    try:
        classifier = _classifier(task["run"], task["class_shares"])
        found = predict_all(classifier, task["file"], task["data_root"])
        found.write(Path(task["table"]))
    except RealmixError as error:
        return {"error": str(error)}
    return {"rows": len(found.names)}


@lru_cache(maxsize=1)
def _classifier(run: str, class_shares: str | None) -> Classifier:
    found = load_classifier(Path(run))
    return found.at_shares(parsed(class_shares, found.classes)) if class_shares else found


def _each(
    tasks: Sequence[Mapping[str, Any]], scheduler: str | None
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    if scheduler is None or not tasks:
        yield from ((task, predict_file(task)) for task in tasks)
        return
    from realmix.comparison.engines.cluster import client_of, each_done

    with client_of(scheduler) as client:
        for task, found in each_done(client, predict_file, tasks, lambda: False):
            yield task, found if isinstance(found, dict) else {"error": f"{found}"}


def _mark(out: Path, made_by: dict[str, Any]) -> None:
    """Say in the folder what its tables are made by; refuse one of another model."""
    path = out / MARK
    if out.is_file():
        raise UsageError(f"--out {printable(out)} is a file; many files need a folder.")
    try:
        there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except (OSError, ValueError):
        there = {}
    if there is not None and there != made_by:
        raise UsageError(
            f"--out {printable(out)} holds predictions of another model or other class shares."
            " Choose another folder."
        )
    if there is None:
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"--out {printable(out)} is not empty. Choose another folder.")
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, made_by)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
