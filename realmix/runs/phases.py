"""The trainings of a run: which algorithms, on which labeled rows; each done, continued or kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from realmix.training import checkpoint, parallel
from realmix.contract.algorithm import Algorithm, Method
from realmix.augment.presets import PRESETS
from realmix.runs.choose import resolved
from realmix.runs.classifier import Standardizer
from realmix.runs.config import Config
from realmix.data.pools import Data, Dataset, Pool
from realmix.data.splits import NO_PLAN, validation_plan
from realmix.training.devices import choose
from realmix.evaluate.gate import SUPERVISED
from realmix.runs.methods import method_class
from realmix.runs.networks import Networks
from realmix.training.predict import predict
from realmix.training.stages import Procedure, Stages
from realmix.base.randomness import derive
from realmix.runs.settings import default_steps, settings
from realmix.training.trainer import Record, Trainer, as_trained
from realmix.runs.watch import Silent, Watch

TRAINING = 20  # stream of randomness
TRIAL, WARM_UP = 16, 6  # steps, to learn what a step costs
LOGS = 50  # records of each training
EVALUATIONS = 10


@dataclass(frozen=True)
class Phase:
    """One training: which algorithm, on which labeled rows, checked on which."""

    name: str
    algorithm: str
    train_rows: np.ndarray
    held_rows: np.ndarray


@dataclass(frozen=True)
class Trained:
    """What a finished phase leaves.

    Attributes:
        network: the averaged network.
        model: its name, for `models.build`.
        held: (n, K) probabilities of the rows that were held out of it.
        seconds, images_seen: what it cost.
    """

    network: nn.Module
    model: str
    held: np.ndarray
    seconds: float
    images_seen: int


class Phases:
    """All trainings of a data set and a configuration, checked before the first.

    Args:
        dataset: what was read.
        config: what to do with it.
        folder: where finished phases and checkpoints are kept; None keeps nothing.
        watch: looks on.
        steps: of each training, where a run that goes on has settled them.

    Raises:
        UsageError: for whatever does not fit, before anything is trained or written.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        folder: Path | None,
        watch: Watch,
        steps: int | None = None,
    ) -> None:
        self.dataset, self.config, self.folder, self.watch = dataset, config, folder, watch
        self.device = choose(config.device)
        self.shape: tuple[int, ...] = dataset.inputs.shape[1:]
        self.known = np.flatnonzero(dataset.label >= 0)
        self.pool_rows = np.flatnonzero(dataset.label < 0)
        self.views = PRESETS[dataset.preset](self.shape)
        self.standardizer = None if dataset.is_images else Standardizer.of(dataset.inputs)
        rows = self.standardizer(dataset.inputs) if self.standardizer else dataset.inputs
        self.inputs = torch.from_numpy(np.ascontiguousarray(rows))
        self.plan = validation_plan(dataset.label, config.seed) if config.gate else NO_PLAN
        facts = self._data(self.known).facts
        budget = config.steps or default_steps(self.shape)
        asked, self.why = resolved(config.algorithm, facts, budget)
        fields, self.recipe = settings(method_class(asked), config.fields)
        useful = len(self.pool_rows) or method_class(asked).pool_optional
        self.candidate = asked if useful else SUPERVISED
        self.fields = fields if self.candidate == asked else {}
        self.networks = Networks(config, self.shape, len(dataset.classes), self.recipe)
        for algorithm in self.contenders:  # what cannot work is an error now, not after a training
            method = self.method(algorithm)
            method.check(facts)
            self.networks(0, method.final_model(self.networks.model))
        self.steps = steps or config.steps or self._affordable() or default_steps(self.shape)

    @property
    def contenders(self) -> tuple[str, ...]:
        """What is trained: the labels alone first, unless there is nothing to compare."""
        if self.config.gate and self.candidate != SUPERVISED:
            return SUPERVISED, self.candidate
        return (self.candidate,)

    @property
    def all(self) -> list[Phase]:
        """All trainings in order: those of each fold, then those on all labels."""
        parts = [(f"fold-{k}", *fold) for k, fold in enumerate(self.plan.folds, 1)]
        if self.plan.refit:
            parts.append(("final", self.known, np.zeros(0, np.int64)))
        return [
            Phase(f"{part}/{algorithm}", algorithm, train, held)
            for part, train, held in parts
            for algorithm in self.contenders
        ]

    def run(self) -> list[Trained]:
        """Do all of them, in order.

        Raises:
            Interrupted: when the watch asks to stop; the same call continues.
        """
        self.watch.plan({phase.name: self._length(phase, self.steps) for phase in self.all})
        return [self._train(phase) for phase in self.all]

    def _length(self, phase: Phase, steps: int) -> int:
        """Optimizer steps of a phase in all: a procedure trains several times."""
        method = self.method(phase.algorithm)
        return round(steps * (method.trainings if isinstance(method, Procedure) else 1))

    def _affordable(self) -> int | None:
        """Steps of each training so that all fit into `minutes`, from a trial of each contender."""
        if self.config.minutes is None:
            return None
        cost, first = 0.0, self.all[: len(self.contenders)]
        for phase in filter(lambda p: self._length(p, TRIAL), first):  # others are computed at once
            untold = replace(phase, held_rows=phase.held_rows[:0])
            seconds = []
            for steps in (WARM_UP, TRIAL):
                stages = self.stages(untold, steps, None, Silent())
                self.trained(untold, stages)
                seconds.append(stages.seconds)
            cost += max(seconds[1] - seconds[0], 1e-6) / (TRIAL - WARM_UP)
        seconds_of_each = self.config.minutes * 60 * len(first) / len(self.all)
        return max(int(seconds_of_each / cost), 1) if cost else None

    def method(self, algorithm: str) -> Method:
        """A contender with its fields; the labels alone have their defaults."""
        cls = method_class(algorithm)
        return cls(**self.fields) if algorithm == self.candidate else cls()

    def stages(self, phase: Phase, steps: int, folder: Path | None, watch: Watch) -> Stages:
        """What a phase trains with; every contender has the same recipe and first network."""
        return Stages(
            self._data(phase.train_rows),
            self.networks,
            steps=steps,
            seed=derive(self.config.seed, TRAINING),
            recipe=self.recipe,
            device=self.device,
            folder=folder,
            log_every=max(steps // LOGS, 1),
            evaluate_every=max(steps // EVALUATIONS, 1),
            evaluate=self._measure(phase) if len(phase.held_rows) else None,
            observe=lambda record: watch.record(phase.name, record),
            begin=lambda step: watch.phase(phase.name, step, self._length(phase, steps)),
            stop=self.watch.stopping,
        )

    def trainer(self, phase: Phase, steps: int, folder: Path | None = None) -> Trainer:
        """The one training of a phase whose method is a rule for one step."""
        stages = self.stages(phase, steps, folder, Silent())
        return stages.trainer(cast(Algorithm, self.method(phase.algorithm)))

    def trained(self, phase: Phase, stages: Stages) -> nn.Module:
        """The network that comes of a phase' method, whether it is one rule or a procedure."""
        method = self.method(phase.algorithm)
        if isinstance(method, Procedure):
            return method.train(stages)
        return stages.train(cast(Algorithm, method))

    def _data(self, rows: np.ndarray) -> Data:
        """The pool, and of the labeled rows those given."""
        dataset = self.dataset
        return Data(
            Pool.of(self.inputs[rows], dataset.label[rows]),
            Pool.of(self.inputs[self.pool_rows]),
            dataset.classes,
            self.views,
            dataset.preset,
            dataset.code_columns,
        )

    def _measure(self, phase: Phase) -> Callable[[nn.Module], Record]:
        label = self.dataset.label[phase.held_rows]

        def measure(network: nn.Module) -> Record:
            probs = self.probs(network, self.inputs[phase.held_rows])
            return {"accuracy": float((probs.argmax(1) == label).mean())}

        return measure

    def probs(self, network: nn.Module, rows: Tensor) -> np.ndarray:
        if len(rows) == 0:
            return np.zeros((0, len(self.dataset.classes)), np.float32)
        probs: np.ndarray = predict(network, rows, self.views["plain"]).numpy()
        return probs

    def _train(self, phase: Phase) -> Trained:
        """Train a phase, continue it, or read back what it left."""
        kept = self.folder / "phases" / f"{phase.name}.safetensors" if self.folder else None
        checkpoints = self.folder / "checkpoints" / phase.name if self.folder else None
        length = self._length(phase, self.steps)
        model = self.method(phase.algorithm).final_model(self.networks.model)
        if parallel.any_process(kept is not None and kept.exists(), self.device):
            tensors, header = checkpoint.read(cast(Path, kept))
            held = tensors.pop("held").numpy()
            network: nn.Module = as_trained(self.networks(0, model), self.device, self.shape)
            network.load_state_dict(tensors)
            self.watch.phase(phase.name, length, length)
            return Trained(network, model, held, header["seconds"], header["images_seen"])
        stages = self.stages(phase, self.steps, checkpoints, self.watch)
        network = self.trained(phase, stages)
        if not stages.begun or stages.steps_done < length:
            # it was killed after its last step, or ended early: nobody has seen it end
            self.watch.phase(phase.name, length, length)
        held = self.probs(network, self.inputs[phase.held_rows])
        trained = Trained(network, model, held, stages.seconds, stages.images_seen)
        if kept is not None and parallel.rank() == 0:
            tensors = {**network.state_dict(), "held": torch.from_numpy(held)}
            cost = {"seconds": trained.seconds, "images_seen": trained.images_seen}
            checkpoint.write(kept, tensors, cost)
            shutil.rmtree(cast(Path, checkpoints))
        return trained
