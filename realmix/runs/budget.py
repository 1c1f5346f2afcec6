"""How many steps a run takes, and about how long, before it spends them."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from realmix import models
from realmix.base.wording import duration
from realmix.data.splits import Plan
from realmix.runs.choose import Contenders, default_steps
from realmix.runs.config import Config
from realmix.runs.networks import Networks
from realmix.runs.prepared import Prepared
from realmix.runs.watch import Silent, Watch
from realmix.training.devices import fitting_threads
from realmix.training.distillation import LONGER
from realmix.training.parallel import agreed
from realmix.training.stages import Stages
from realmix.training.trainer import as_trained

MINUTES = 15.0  # that a run may take which names neither steps nor minutes
WARM_UP, TRIAL = 3, 13  # steps, to learn what a step costs
PATIENCE = 3.0  # seconds, after which a warm-up tells enough
LOADING = 8.0  # seconds, below which much of a first fit may be what it loads
WORTH_A_TRIAL = 200  # steps, from which the cost of a trial does not matter
ANSWERS = 64  # rows, to learn what an answer costs
EVALUATIONS = {"last": 10, "median20": 100}  # of each training, on the rows held out of it
LEAST = 100  # steps, below which a training means nothing
FITTED = 0.8  # share of its own labels that a network has right after enough steps


class Trainings(Protocol):
    """What is asked of `phases.Phases`, whose parts have their meaning there."""

    config: Config
    folder: Path | None
    watch: Watch
    device: torch.device
    rows: Prepared
    plan: Plan
    contenders: Contenders
    networks: Networks
    seconds: float | None

    def trainings(self, name: str) -> float: ...
    def may_settle(self, name: str) -> bool: ...
    def trial(self, name: str) -> Any: ...
    def stages(self, phase: Any, steps: int, folder: Path | None, watch: Watch) -> Stages: ...
    def trained(self, phase: Any, stages: Stages) -> nn.Module: ...


def plan(phases: Trainings, settled: int | None) -> tuple[int, float | None]:
    """Steps of each final training, and about how many seconds the whole run takes.

    Args:
        phases: of the run, with all but these two set.
        settled: steps of a run that goes on.

    Returns:
        The steps: as settled or asked for, or as many as fit into the minutes, or into `MINUTES`
        but not more than suit the data. The seconds: None where nobody waits for a word of it.
    """
    config, started = phases.config, time.monotonic()
    kept = phases.rows.dataset.encoded or phases.rows.dataset.beside  # the first holds both
    if kept and config.minutes:  # the minutes are those of the whole run
        started -= kept.seconds
    fixed = settled or config.steps
    if fixed and (phases.folder is None or fixed < WORTH_A_TRIAL):
        return fixed, None
    phases.watch.doing("trying some steps of each method, to tell how long they take")
    with fitting_threads(phases.device, phases.rows.shape):
        each = seconds_a_step(phases)
        beside = seconds_of_answers(phases) if each else 0.0
        beside += seconds_of_fits(phases) if phases.folder else 0.0
    if fixed:
        return fixed, fixed * each + beside
    beside += (spent := time.monotonic() - started)
    left = (config.minutes or MINUTES) * 60 - beside
    affordable = agreed(max(int(left / max(each, 1e-9)), 1), phases.device)
    usual = default_steps(phases.rows.shape)
    steps = affordable if config.minutes and each else min(affordable, usual)
    if steps < LEAST and steps < usual:
        minutes = math.ceil((LEAST * each + beside) / 60)
        size = "--image-size, " if phases.rows.dataset.is_images else ""
        phases.watch.note(
            f"Each training gets {steps} step{'s' * (steps > 1)} in this time, too few to mean"
            f" anything. Give it at least --minutes {minutes}, or make it cheaper: {size}--model,"
            " or --algorithm supervised."
        )
    return steps, steps * each + beside - spent


def words(phases: Trainings, lengths: set[int]) -> str:
    """What is trained, on what, and about how long that takes."""
    by_steps = [name for name in phases.contenders.all if phases.trainings(name)]
    ends = by_steps and all(map(phases.may_settle, by_steps))  # before its steps, where it can
    about = f", {'at most' if ends else 'about'} {duration(phases.seconds or 0)} in all"
    about = about if phases.seconds else ""
    if not any(lengths):
        return f"no steps, each fitted at once to {phases.rows.shape[0]:,} columns{about}"
    steps = " or ".join(f"{length:,}" for length in sorted(lengths - {0}))
    steps = f"at most {steps}" if 0 in lengths and len(lengths) > 1 else steps
    model = models.described(phases.networks.model, phases.networks(), phases.rows.shape)
    return f"{steps} step{'' if steps.split()[-1] == '1' else 's'}, {model}{about}"


def seconds_a_step(phases: Trainings) -> float:
    """Of all trainings of a run together, when each takes a step more; by a trial of each method.

    0 where no method is trained by steps.
    """
    parts = 1 + sum(phases.plan.share for _ in phases.plan.folds)
    each = [_seconds_a_step(phases, name) for name in phases.contenders.all]
    student = LONGER * max(each) if phases.config.single else 0.0  # about as the dearest
    return parts * sum(each) + student


def seconds_of_answers(phases: Trainings) -> float:
    """Of all that the networks are asked beside training.

    The two final ones answer for the pool and the test rows, those of the folds for the rows held
    out, while they are trained and at their end.
    """
    rows, names = phases.rows, phases.contenders.all
    tests = 0 if rows.test_inputs is None else len(rows.test_inputs)
    held = sum(len(part) for _, part in phases.plan.folds)
    asked = min(len(names), 2) * (len(rows.pool_rows) + tests)
    asked += len(names) * (EVALUATIONS[phases.config.protocol] + 1) * held
    some = rows.inputs[:ANSWERS]
    network = as_trained(phases.networks(), phases.device, rows.shape)
    rows.probs(network, some)  # the first pass prepares
    started = time.monotonic()
    rows.probs(network, some)
    return asked * (time.monotonic() - started) / len(some)


def seconds_of_fits(phases: Trainings) -> float:
    """Of what is fitted to the end, not by steps: in each fold, and once on all labels.

    By one fit of each such method on the rows of a fold; a quick one again, as the first time loads
    what it needs, which may take ten times as long.
    """
    fitted = [name for name in phases.contenders.all if not phases.trainings(name)]
    return (len(phases.plan.folds) + 1) * sum(_seconds_of_fit(phases, name) for name in fitted)


def _seconds_of_fit(phases: Trainings, name: str) -> float:
    phase, spent = phases.trial(name), 0.0
    for _ in range(2):
        started = time.monotonic()
        phases.trained(phase, phases.stages(phase, 1, None, Silent()))
        spent = time.monotonic() - started
        if spent > LOADING:
            break
    return spent


def _seconds_a_step(phases: Trainings, name: str) -> float:
    if not phases.trainings(name):
        return 0.0
    if phases.device.type != "cpu":
        _seconds_of(phases, name, WARM_UP)  # to load and compile may take as long as 100 steps
    first = _seconds_of(phases, name, WARM_UP)
    if first > PATIENCE:
        return first / WARM_UP
    return max(_seconds_of(phases, name, TRIAL) - first, 1e-6) / (TRIAL - WARM_UP)


def _seconds_of(phases: Trainings, name: str, steps: int) -> float:
    phase = phases.trial(name)
    stages = phases.stages(phase, steps, None, Silent())
    phases.trained(phase, stages)
    return stages.seconds


def undertrained(phases: Trainings, network: nn.Module, steps: int) -> str | None:
    """A sentence where the network of the labels alone has not even learned these."""
    rows, label = phases.rows, phases.rows.dataset.label
    probs = rows.probs(network, rows.inputs[rows.known])
    right = probs.argmax(1) == label[rows.known]
    if right.mean() >= FITTED:
        return None
    return (
        f"Undertrained: after {steps:,} steps the network that learned the labels alone has only"
        f" {right.mean():.0%} of them right. Give it more: --minutes or --steps."
    )
