"""The command line: parse, call, print. Imports no torch before a command needs it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import realmix
from realmix.base.errors import Interrupted, StorageError, UsageError
from realmix.base.wording import printable
from realmix.command.distilling import Distill, distilled
from realmix.command.examining import Audit, Data
from realmix.command.options import (
    Algorithms,
    Command,
    Decide,
    Fit,
    Predict,
    Report,
)
from realmix.command.parsing import parse
from realmix.command.process import Signals, Stopped, explain, is_first, out_of_memory
from realmix.command.several.options import Compare
from realmix.runs.config import Config

LEARNED = "The run learned from these rows, so the accuracy on them says nothing of new ones."
BROKEN_PIPE = 141  # as shells have it
NO_GATE = (
    "WARNING --no-gate: nothing will be held out and compared. The model ships even if the"
    " unlabeled data made it worse than the labels alone would be."
)


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
        code = _do(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains when it flushes at exit
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in words:
            traceback.print_exc()
        return _fail(error)


def _do(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"realmix {realmix.__version__}")
        return 0
    try:
        command = parse(words, speaks=is_first())
    except SystemExit as stop:  # the parser has printed a help text, or what is wrong
        return int(stop.code or 0)
    if command:
        _run(command)
    return 0


def _fail(error: BaseException) -> int:
    """Say what is wrong, and return the exit code."""
    from realmix.command.console import messages, tell

    message, code = explain(error)
    tell(messages(), f"realmix: {message}", "red")
    return code


def _run(command: Command) -> None:
    """Do it. What a command needs is imported when it is needed: torch takes seconds."""
    if isinstance(command, Fit):
        _fit(command)
    elif isinstance(command, Compare):
        from realmix.command.several.comparing import compared

        compared(command)
    elif isinstance(command, Predict):
        _predict(command)
    elif isinstance(command, Audit):
        _audit(command)
    elif isinstance(command, Decide):
        _decide(command)
    elif isinstance(command, Distill):
        distilled(command)
    elif isinstance(command, Report):
        from realmix.report.page import write_report

        print(printable(write_report(command.run)))
    else:
        _show(command)


def _show(command: Algorithms | Data) -> None:
    from realmix.command import catalogue
    from realmix.command.console import show

    name = command.name
    if isinstance(command, Data):
        root = command.data_root
        if command.out is not None or command.scenario or command.labels:
            from realmix.command.several.scenarios import written

            show(written(command))
            return
        show(catalogue.data_set(name, root) if name else catalogue.data_sets(root))
    else:
        show(catalogue.algorithm(name) if name else catalogue.algorithms())


def _fit(command: Fit) -> None:
    config = command.config()  # checked before torch is imported
    from realmix.command.console import Progress, messages, show, tell

    folder, console, signals = command.out or config.default_out(), messages(), Signals()
    if config.gate == "none":
        tell(console, NO_GATE, "bold yellow")
    tell(console, f"Learning {config.data}. The run is kept in {folder}.")
    try:
        with signals, Progress(console, signals) as watch:
            from realmix.runs import run  # takes seconds, during which something is shown

            result = run.fit(config, folder, watch, resume=command.resume)
    except Interrupted:
        raise Stopped("interrupted and saved; the same command continues.", signals) from None
    except KeyboardInterrupt:
        raise Stopped(
            "stopped at once; the same command goes on from what was saved.", signals
        ) from None
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise StorageError(_smaller(config, error)) from error
    if result:  # only the first process has one
        from realmix.command.summary import summary

        show(summary(folder))


def _audit(command: Audit) -> None:
    from realmix.command.console import Progress, messages, show, tell

    console, signals = messages(), Signals()
    tell(console, f"Examining {command.data}.")
    with signals, Progress(console, signals) as watch:
        from realmix.auditing.audit import keep  # takes seconds, during which something is shown
        from realmix.auditing.examine import audit_data
        from realmix.command.auditing import told

        found = audit_data(
            command.data,
            command.unlabeled,
            command.test,
            encoder=command.encoder,
            image_size=command.image_size,
            minutes=command.minutes,
            seed=command.seed,
            counting=watch.counting,
            note=watch.note,
            **command.reading,
        )
        following = keep(found, command.folder, command.reading)
    show(told(found, command.folder, following))


def _smaller(config: Config, error: BaseException) -> str:
    """What to do when a batch does not fit into the memory."""
    from realmix.contract.algorithm import Recipe
    from realmix.runs.methods import METHODS

    recipe = METHODS[config.algorithm].recipe if config.algorithm in METHODS else Recipe()
    size = int(config.fields.get("batch_size", recipe.batch_size))
    return (
        f"The memory was not enough: {str(error).splitlines()[0] if str(error) else 'no details'}\n"
        f"A batch holds {size} labeled examples and its share of the pool; make it smaller:"
        f" --set batch_size={max(size // 2, 1)}. Smaller images (--image-size) or a smaller network"
        " (--model) help too. A run with other options needs another --out."
    )


def _predict(command: Predict) -> None:
    from realmix.command.console import messages, show, tell
    from realmix.command.predictions import predict_all
    from realmix.command.several import many
    from realmix.evaluate.shares import parsed
    from realmix.report.predicted import replaces
    from realmix.runs.classifier import load_classifier
    from realmix.runs.run_folder import saved_config

    files = many.matches(command.input)
    if files is not None:
        out = many.FOLDER if command.out == Path("predictions.csv") else command.out
        given = {"class_shares": command.class_shares, "data_root": command.data_root}
        speak = partial(tell, messages())
        show(
            many.predict_files(
                command.run, files, out, **given, scheduler=command.scheduler, tell=speak
            )
        )
        return
    if command.scheduler is not None:
        raise UsageError("--scheduler is for many files: give a pattern, such as 'part-*.csv'.")
    replaced = replaces(command.out, command.input)
    classifier = load_classifier(command.run)
    if command.class_shares is not None:
        classifier = classifier.at_shares(parsed(command.class_shares, classifier.classes))
    found = predict_all(classifier, command.input, command.data_root, command.follow_links)
    config = saved_config(command.run) if found.accuracy and command.run.is_dir() else None
    if config and Path(config["config"]["data"]).resolve() == Path(command.input).resolve():
        found = replace(found, notes=(*found.notes, LEARNED))
    found.write(command.out)
    show(found.summary(command.out, replaced))


def _decide(command: Decide) -> None:
    from realmix.command import deciding
    from realmix.command.console import show
    from realmix.report.page import write_report
    from realmix.runs.decide import decide
    from realmix.runs.run import ship

    if command.ask and command.labels is not None:
        raise UsageError("Give --labels or --ask, not both.")
    winner_ships = partial(ship, command.run)
    if command.ask:
        case = deciding.ask(command.run, command.count, winner_ships)
    else:
        case = decide(command.run, command.labels, count=command.count, ship=winner_ships)
    if case.standing.winner is not None:
        write_report(command.run)
    show(deciding.found(case))
