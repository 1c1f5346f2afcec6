"""A run: a configuration and a folder. Read, train, gate, evaluate, write the record."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.files import append_line, cut_to_whole_lines, write_atomically, write_json
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.scenarios.read import read_arranged
from realmix.evaluate.gate import ALONE
from realmix.models import described
from realmix.report.record import read_run
from realmix.runs import run_folder
from realmix.runs.augmentation import augmented, encoding_of, with_encoder
from realmix.runs.classifier import MODEL, Classifier
from realmix.runs.climb.encoders import best_in_time
from realmix.runs.climb.tuning import climbed, learned_from, with_tuning_beyond
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.parts.digests import check_alike, digests
from realmix.runs.parts.outcome import Outcome
from realmix.runs.phases import Phases
from realmix.runs.pool.part import seen_in_time
from realmix.runs.pool.sentences import with_sentences
from realmix.runs.pool.weak import with_worth
from realmix.runs.watch import Silent, Watch
from realmix.training import parallel
from realmix.training.devices import choose
from realmix.training.trainer import Record

REPORT = "report.html"


class Recorder:
    """Writes each record to the run's log before it passes it on."""

    def __init__(self, folder: Path, watch: Watch) -> None:
        self.folder, self.watch = folder, watch

    def phase(self, name: str, start: int, steps: int) -> None:
        if parallel.rank() == 0:
            run_folder.forget_after(self.folder, name, start)
        self.watch.phase(name, start, steps)

    def record(self, phase: str, record: Record) -> None:
        if parallel.rank() == 0:
            append_line(self.folder / run_folder.METRICS, {"phase": phase, **record})
        self.watch.record(phase, record)

    def doing(self, words: str) -> None:
        self.watch.doing(words)

    def counting(self, words: str, done: int, of: int) -> None:
        self.watch.counting(words, done, of)

    def plan(self, phases: Mapping[str, int], words: str) -> None:
        self.watch.plan(phases, words)

    def note(self, text: str) -> None:
        self.watch.note(text)

    def stopping(self) -> bool:
        return self.watch.stopping()


def fit(
    config: Config, folder: Path, watch: Watch, resume: bool = False, whole: bool = False
) -> dict[str, Any]:
    """Do a run, or continue it, or read what it came to.

    Args:
        config: what to do.
        folder: of the run; made if it is not there.
        watch: looks on.
        resume: insist that there is a run to continue.
        whole: learn from all of the pool, whatever time an encoder takes for it.

    Returns:
        The contents of result.json.

    Raises:
        RealmixError: see `realmix.base.errors`; a bad configuration or bad data leave no folder.
        Interrupted: the watch asked to stop; the same call continues.
    """
    parallel.join(choose(config.device))
    try:
        return _fit(config, folder, watch, resume, whole)
    finally:
        parallel.leave()


def _fit(config: Config, folder: Path, watch: Watch, resume: bool, whole: bool) -> dict[str, Any]:
    run_folder.check(folder, config, resume)
    if (finished := run_folder.saved_result(folder)) is not None:
        run_folder.check_same(folder, config, _digests_now(config, folder))
        watch.note(f"The run in {folder} is finished; this is its result.")
        if not (folder / REPORT).exists():
            _report(folder)
        return finished
    begun = run_folder.saved_config(folder) or {}
    watch.doing("reading the data")
    read_here = read(config)
    check_alike(digests(read_here, config, None), config)
    seen, told = with_encoder(read_here, config)
    seen, told = climbed(seen, told, read_here, choose(config.device).type, begun)
    seen, told = best_in_time(config, seen, told, read_here, begun, watch)
    read_here = dataclasses.replace(read_here, notes=(*read_here.notes, *told))
    augmentation = augmented(read_here, seen, begun.get("augmentation"), watch)
    dataset = augmentation.dataset
    encoding = encoding_of(dataset, seen, watch)
    found_here = digests(dataset, config, encoding)  # the bank's rows follow from these
    dataset, encoding = with_sentences(dataset, seen, encoding, watch)
    part, whole = begun.get("pool_rows"), whole or bool(begun)
    dataset, encoding, part = seen_in_time(dataset, seen, encoding, part, whole)
    dataset = learned_from(dataset, encoding, seen)
    phases = Phases(dataset, seen, folder, Recorder(folder, watch), begun.get("steps"))
    found = with_tuning_beyond(phases, None if seen.tune else encoding)
    experiment = Experiment(phases)
    for note in filter(None, (dataset.described, *phases.notes, found.chosen, *found.beyond)):
        watch.note(note)
    if parallel.rank() > 0:
        experiment.run()
        parallel.wait_for_all()
        return {}
    with run_folder.locked(folder):
        details = {
            "digest": found_here,
            "algorithm": phases.fields,
            "contenders": found.all,
            "recipe": dataclasses.asdict(phases.recipe),
            "steps": phases.steps,
            "pool_rows": part,
            "tune": seen.tune,
            "encoder": seen.encoder,
            "augmentation": augmentation.settled,
            "versions": versions(),
            "command": ["realmix", *sys.argv[1:]],
        }
        run_folder.start(folder, config, details)
        cut_to_whole_lines(folder / run_folder.METRICS)
        outcome = experiment.run()
        result = _finish(folder, config, phases, outcome)
    parallel.wait_for_all()
    return result


def read(config: Config) -> Dataset:
    """The data that a configuration names, with the labels and scenarios that it asks for."""
    return with_worth(read_arranged(config.data, config.reading, **config.arrangement)[0])


def _finish(folder: Path, config: Config, phases: Phases, outcome: Outcome) -> dict[str, Any]:
    """Write model and evidence, then the result, which marks the run as finished; then show it."""
    result = {
        **outcome.result,
        **phases.dataset.origin,
        "seed": config.seed,
        "versions": versions(),
        "notes": [*_columns(phases.dataset), *phases.notes, *phases.contenders.beyond],
        "bad_files": [list(pair) for pair in phases.dataset.bad_files],
    }
    outcome.classifier.save(folder / MODEL)
    for name, classifier in outcome.singles.items() if len(outcome.singles) > 1 else ():
        classifier.save(single_model(folder, name))
    _write_evidence(folder, outcome.evidence)
    write_json(folder / run_folder.RESULT, result)
    _report(folder)
    return result


def _columns(dataset: Dataset) -> tuple[str, ...]:
    """What a table's columns were taken for, if not for plain numbers."""
    return (dataset.described,) if dataset.is_mixed else ()


def single_model(folder: Path, name: str) -> Path:
    """The file of one of the two models that were compared: "labels alone" or "candidate"."""
    place = folder / "models" / f"{name.replace(' ', '_')}.safetensors"
    place.parent.mkdir(exist_ok=True)
    return place


def ship(folder: Path, name: str) -> None:
    """Let one of the two models that were compared be what a finished run ships.

    Args:
        folder: of the run; its lock is held.
        name: "labels alone" or "candidate".

    Raises:
        StorageError: its file is missing or damaged.
    """
    chosen = Classifier.load(single_model(folder, name))
    run = read_run(folder)
    key, evidence = ("baseline" if name == ALONE else "model"), dict(run.evidence)
    for part in ("heldout", "test", "pool"):
        if f"{part}_{key}" in evidence:
            evidence[f"{part}_shipped"] = evidence[f"{part}_{key}"]
    test = run.result["test"]
    network = described(chosen.model, chosen.network, chosen.shape)
    result = {**run.result, "shipped": name, "network": [network]}
    result["test"] = test and {**test, "shipped": test[key]}
    chosen.save(folder / MODEL)
    _write_evidence(folder, evidence)
    write_json(folder / run_folder.RESULT, result)


def _report(folder: Path) -> None:
    from realmix.report.page import write_report  # takes seconds, and not before it is written

    write_report(folder)


def _write_evidence(folder: Path, evidence: Mapping[str, np.ndarray]) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, **evidence)  # type: ignore[arg-type]
    write_atomically(folder / "evidence.npz", packed.getvalue())


def _digests_now(config: Config, folder: Path) -> dict[str, str]:
    """Of the data as they are now, for a run that is finished."""
    try:
        dataset = read(config)
        seen, told = with_encoder(dataset, config)
        begun = run_folder.saved_config(folder) or {}
        seen, _ = best_in_time(config, seen, told, dataset, begun, Silent())
        return digests(dataset, config, encoding_of(dataset, seen))
    except (UsageError, DataError, OSError) as error:
        raise UsageError(
            f"{error}\nThe run in {folder} is finished, and its data can no longer be read."
            f" `realmix report {folder}` shows what it came to; other data need another --out."
        ) from None
