"""Records: runs as lines of a file, done once each, several at a time, and the tables of them."""

from __future__ import annotations

import concurrent.futures
import json
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a run a core: threads that wait spin

import numpy as np
import torch
from scipy import stats
from torch import nn

from realmix.base.files import append_line, whole_lines, write_atomically
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.parts.outcome import Outcome
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

RECORDS = Path(__file__).parent / "records"
DEVICE = os.environ.get("BENCHMARK_DEVICE", "cpu")  # of the trainings; cuda: all share the GPU
Line = dict[str, Any]


def lines_of(name: str) -> list[Line]:
    """The runs of a record that are done."""
    return whole_lines(RECORDS / name / "results.jsonl")


def do(
    name: str | Path,
    run: Callable[..., Line],
    todo: Sequence[tuple[Any, ...]],
    jobs: int = os.cpu_count() or 1,
    end: float = math.inf,
) -> None:
    """Call `run` with each of the arguments, in processes of their own; a line each as it is done.

    Args:
        name: of the record, or another folder for it.
        run: gives the line.
        todo: arguments, in the order in which they are begun.
        jobs: how many at a time.
        end: on the monotonic clock; from then on none is begun. Those that run come to their end,
            as a process that is killed can take others with it where they share a GPU.
    """
    path = RECORDS / name / "results.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        runs = {pool.submit(until, end, run, which): which for which in todo}
        try:
            for number, done in enumerate(concurrent.futures.as_completed(runs), 1):
                line = done.result()
                if line is not None:
                    append_line(path, line)
                    print(f"{number}/{len(todo)}", *runs[done], shown(line), flush=True)
        except BaseException:  # what went wrong is said now, not after all that is still to do
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def complete(
    name: str,
    run: Callable[..., Line],
    wanted: Iterable[tuple[Any, ...]],
    keys: Sequence[str],
    summary: Callable[[], str],
    jobs: int,
) -> None:
    """Do what is missing of a record, then write its page anew.

    Args:
        name: of the record.
        run: gives the line.
        wanted: the arguments of all runs that are to be there, in the order to begin them.
        keys: the names in a line that tell its arguments; "case" holds them all.
        summary: gives the page.
        jobs: how many at a time.
    """
    done = done_of(lines_of(name), keys)
    do(name, run, [which for which in wanted if which not in done], jobs)
    write_atomically(RECORDS / name / "README.md", summary())


def done_of(lines: Iterable[Line], keys: Sequence[str]) -> set[tuple[Any, ...]]:
    """The arguments of the runs that have a line, and one without an error.

    >>> done_of([{"case": ["digits", 0]}, {"case": ["digits", 1], "error": "NaN"}], ["case"])
    {('digits', 0)}
    """
    good = [line for line in lines if "error" not in line]
    if list(keys) == ["case"]:
        return {tuple(line["case"]) for line in good}
    return {tuple(line[key] for key in keys) for line in good}


def until(end: float, run: Callable[..., Line], which: tuple[Any, ...]) -> Line | None:
    """The line of a run that begins in time; None of one that does not."""
    return run(*which) if time.monotonic() < end else None


def measured(line: Line, measure: Callable[[], Line]) -> Line:
    """`line` with what is measured, seconds and versions; what fails is a line that says so."""
    started = time.monotonic()
    try:
        line = line | measure()
    except Exception as error:  # one that diverges must not cost the others
        line = line | {"error": f"{type(error).__name__}: {error}"[:500]}
    return {**line, "seconds": round(time.monotonic() - started, 1)}


def shown(line: Line) -> str:
    if "error" in line:
        return str(line["error"])
    numbers = {k: v for k, v in line.items() if isinstance(v, float)}
    return " ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def trained(
    dataset: Dataset,
    algorithm: str,
    steps: int,
    seed: int,
    fields: dict[str, Any],
    init: str | None = None,
) -> Outcome:
    """Train once, on one core of the CPU or its share of DEVICE, without any comparison."""
    torch.set_num_threads(1)
    config = Config(
        "benchmark",
        algorithm=algorithm,
        init=init,
        steps=steps,
        seed=seed,
        gate="none",
        fields=fields,
        device=DEVICE,
    )
    return Experiment(Phases(dataset, config, None, Silent())).run()


def trained_accuracy(
    dataset: Dataset,
    algorithm: str,
    steps: int,
    seed: int,
    fields: dict[str, Any],
    init: str | None = None,
) -> float:
    """Accuracy on the test rows of the averaged weights, of one training as `trained` does it."""
    result = trained(dataset, algorithm, steps, seed, fields, init).evidence
    return float((result["test_model"].argmax(1) == result["test_label"]).mean())


def accuracy_of(phases: Phases, network: nn.Module) -> float:
    """Of a network of a run, on the test rows of its data."""
    inputs, truth = phases.rows.test_inputs, phases.dataset.test_label
    assert inputs is not None
    return float((phases.rows.probs(network, inputs).argmax(1) == truth).mean())


def by_seed(lines: Iterable[Line], value: str = "accuracy", **which: Any) -> dict[int, float]:
    """The figure of each seed, of the lines where all of `which` holds."""
    return {
        line["seed"]: line[value]
        for line in lines
        if all(line.get(name) == wanted for name, wanted in which.items())
    }


def spread(found: dict[int, float]) -> str:
    """Mean and standard deviation over seeds.

    >>> spread({0: 0.5, 1: 0.7})
    '0.600 ± 0.141'
    """
    values = np.array(list(found.values()))
    deviation = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{deviation}"


def gain(found: dict[int, float], base: dict[int, float]) -> tuple[float, float, float] | None:
    """Mean difference, paired by seed, and its 95 % t-interval; None without two common seeds."""
    paired = np.array([found[s] - base[s] for s in found if s in base])
    if len(paired) < 2:
        return None
    half = float(stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired))
    return float(paired.mean()), float(paired.mean()) - half, float(paired.mean()) + half


def interval(change: tuple[float, float, float] | None) -> str:
    """A difference in words.

    >>> interval((0.1, 0.05, 0.15))
    '+0.100 (+0.050 to +0.150)'
    """
    return f"{change[0]:+.3f} ({change[1]:+.3f} to {change[2]:+.3f})" if change else ""


def made_with() -> dict[str, str]:
    """The packages that a line depends on, and the device where it is no CPU."""
    return {**versions(), "device": torch.cuda.get_device_name()} if DEVICE != "cpu" else versions()


def place(lines: Iterable[Line]) -> str:
    """Where the runs of a record were made, in words.

    >>> place([{"versions": {"torch": "2.11"}}])
    'one core a run'
    """
    devices = {line["versions"].get("device") for line in lines}
    words = sorted(f"many at once on one {device}" for device in devices if device)
    return " or ".join((["one core a run"] if None in devices else []) + words)


def versions_of(lines: Iterable[Line]) -> Iterator[str]:
    for used in sorted({json.dumps(line["versions"]) for line in lines}):
        yield f"Versions: {used}"
