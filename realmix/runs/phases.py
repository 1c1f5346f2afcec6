"""The trainings of a run: which methods, on which labeled rows; each done, continued or kept."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from realmix.base.randomness import derive
from realmix.contract.algorithm import Algorithm, Method
from realmix.data.pools import Dataset
from realmix.data.splits import NO_PLAN
from realmix.evaluate.gate import STUDENT
from realmix.runs import budget
from realmix.runs.choose import TUNED, contenders, default_steps
from realmix.runs.config import Config
from realmix.runs.methods import learns_from_pool, method_class
from realmix.runs.networks import Networks, settings_of
from realmix.runs.parts.phase import COST, FINAL, Phase, Trained
from realmix.runs.prepared import Prepared
from realmix.runs.watch import Observed, Silent, Watch
from realmix.training import checkpoint, parallel
from realmix.training.devices import choose, fitting_threads
from realmix.training.distillation import LONGER, Distillation, distil
from realmix.training.stages import Procedure, Stages
from realmix.training.trainer import Trainer, as_trained

TRAINING = 20  # stream of randomness
LOGS = 50  # records of each training


class Phases:
    """All trainings of a data set and a configuration, checked before the first.

    Args:
        dataset, config: what was read, and what to do with it.
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
        self.device, self.rows = choose(config.device), Prepared(dataset, config.class_weight)
        self.warned, self.notes = set[str](), [*dataset.notes, *self.rows.notes]
        facts = self.rows.data(self.rows.known).facts
        asked = config.steps or default_steps(self.rows.shape)
        learner = TUNED if config.tune else config.learner
        self.contenders = contenders(config.algorithm, learner, facts, asked)
        if config.gate == "none":
            self.contenders = self.contenders.first
        recipe_of = self.contenders.asked
        self.fields, self.recipe = settings_of(config, recipe_of, facts.is_tokens)
        self.recipe.check(facts)
        self.networks = Networks(config, self.rows.shape, len(dataset.classes), self.recipe)
        for name in self.contenders.all:  # what cannot work is an error now, not after a training
            method = self.method(name)
            method.check(facts)
            method.check_recipe(self.recipe)
            self.networks(0, method.final_model(self.networks.model))
            self.notes += method.notes(facts)
        slow = facts.is_images or any(map(self.trainings, self.contenders.candidates))
        by_steps = any(map(self.trainings, self.contenders.all))
        compared = self.rows.plan(config.seed, not slow, by_steps)
        self.plan = compared if config.gate != "none" else NO_PLAN
        self.steps, self.seconds = budget.plan(self, steps)

    @property
    def folds(self) -> list[Phase]:
        """The trainings that are compared, fold by fold."""
        return [
            Phase(f"fold-{number}", name, train, held, self.plan.share)
            for number, (train, held) in enumerate(self.plan.folds, 1)
            for name in self.contenders.all
        ]

    @property
    def held_rows(self) -> np.ndarray:
        """The rows that the folds hold out, fold after fold."""
        return np.concatenate([np.zeros(0, np.int64), *(held for _, held in self.plan.folds)])

    def final(self, name: str) -> Phase:
        """The training of a method on all labeled rows."""
        return Phase(FINAL, name, self.rows.known, np.zeros(0, np.int64))

    def student(self, taught: np.ndarray) -> Phase:
        """The training of one network on (N, K) probabilities of the pool."""
        return Phase(FINAL, STUDENT, self.rows.known, np.zeros(0, np.int64), LONGER, taught)

    def trial(self, name: str) -> Phase:
        """A training that tells what a step of a method costs: on the rows of a fold."""
        rows = self.plan.folds[0][0] if self.plan.folds else self.rows.known
        return Phase("trial", name, rows, np.zeros(0, np.int64))

    @property
    def only(self) -> Phase:
        """The one training of a run that compares nothing."""
        return self.final(self.contenders.all[-1])

    def run(self, phases: Sequence[Phase], ahead: Sequence[Phase] = ()) -> list[Trained]:
        """Do some of them, in order.

        Args:
            phases: what to train.
            ahead: what is to come, so that the watch knows how much is left.

        Raises:
            Interrupted: when the watch asks to stop; the same call continues.
        """
        lengths = {phase.name: self._length(phase) for phase in (*phases, *ahead)}
        self.watch.plan(lengths, budget.words(self, set(lengths.values())))
        with fitting_threads(self.device, self.rows.shape):
            return [self._train(phase) for phase in phases]

    def trainings(self, name: str) -> float:
        """How many times the steps of a run a method trains: a procedure several times."""
        method = self.method(name)
        return method.trainings if isinstance(method, Procedure) else 1.0

    def may_settle(self, name: str) -> bool:
        """Whether a method's trainings end where more steps change nothing: of labels alone."""
        # a number that was asked for is kept, and so are the checkpoints that a protocol counts
        free = self.config.steps is None and self.config.protocol == "last"
        return free and not learns_from_pool(name)

    def _steps(self, phase: Phase) -> int:
        return max(round(self.steps * phase.share), 1)

    def _length(self, phase: Phase) -> int:
        """Optimizer steps of a phase in all."""
        return round(self._steps(phase) * self.trainings(phase.algorithm))

    def uses_pool(self, phase: Phase) -> bool:
        """Whether a training is to learn from the pool."""
        return phase.taught is not None or learns_from_pool(phase.algorithm)

    def method(self, name: str) -> Method:
        """A contender; the one that was asked for has its fields, the others their defaults."""
        if name == STUDENT:
            return Distillation()
        return method_class(name)(**(self.fields if name == self.contenders.asked else {}))

    def stages(self, phase: Phase, steps: int, folder: Path | None, watch: Watch) -> Stages:
        """What a phase trains with; every contender has the same recipe and first network."""
        length = round(steps * self.trainings(phase.algorithm))
        observe = Observed(phase.name, length, watch, self.warned)
        stages = Stages(
            self.rows.data(phase.train_rows),
            self.networks,
            steps=steps,
            seed=derive(self.config.seed, TRAINING),
            recipe=self.recipe,
            device=self.device,
            folder=folder,
            log_every=max(steps // LOGS, 1),
            evaluate_every=max(steps // budget.EVALUATIONS[self.config.protocol], 1),
            evaluate=self.rows.checks(phase.held_rows, self.config.protocol),
            observe=observe,
            begin=lambda step: watch.phase(phase.name, step, length),
            stop=self.watch.stopping,
            may_settle=phase.taught is None and self.may_settle(phase.algorithm),
        )
        observe.stages = stages if self.uses_pool(phase) else None
        return stages

    def trainer(self, phase: Phase, steps: int, folder: Path | None = None) -> Trainer:
        """The one training of a phase whose method is a rule for one step."""
        stages = self.stages(phase, steps, folder, Silent())
        return stages.trainer(cast(Algorithm, self.method(phase.algorithm)))

    def trained(self, phase: Phase, stages: Stages) -> nn.Module:
        """The network that comes of a phase' method, whether it is one rule or a procedure."""
        method = self.method(phase.algorithm)
        if phase.taught is not None:
            return distil(stages, torch.from_numpy(phase.taught))
        if isinstance(method, Procedure):
            return method.train(stages)
        return stages.train(cast(Algorithm, method))

    def kept(self, phase: Phase) -> Path | None:
        """The file that a finished phase leaves in the folder."""
        return self.folder / "phases" / f"{phase.name}.safetensors" if self.folder else None

    def _train(self, phase: Phase) -> Trained:
        """Train a phase, continue it, or read back what it left."""
        kept, length = self.kept(phase), self._length(phase)
        checkpoints = self.folder / "checkpoints" / phase.name if self.folder else None
        if parallel.any_process(kept is not None and kept.exists(), self.device):
            self.watch.phase(phase.name, length, length)
            return self.read_back(phase)
        stages = self.stages(phase, self._steps(phase), checkpoints, self.watch)
        network = self.trained(phase, stages)
        if not stages.begun or stages.steps_done < length:  # nobody has seen it end
            self.watch.phase(phase.name, length, length)
        held = self.rows.probs(network, self.rows.inputs[phase.held_rows])
        model = self.method(phase.algorithm).final_model(self.networks.model)
        heard = stages.heard or not self.uses_pool(phase)
        cost = stages.seconds, stages.images_seen, stages.steps_done
        if kept is not None and parallel.rank() == 0:
            tensors = {**network.state_dict(), "held": torch.from_numpy(held)}
            checkpoint.write(kept, tensors, dict(zip(COST, cost, strict=True), heard=heard))
            shutil.rmtree(cast(Path, checkpoints), ignore_errors=True)
        return Trained(network, model, held, *cost, heard)

    def read_back(self, phase: Phase) -> Trained:
        """What a finished phase left in the folder.

        Raises:
            StorageError: the file is damaged.
        """
        tensors, header = checkpoint.read(cast(Path, self.kept(phase)))
        held = tensors.pop("held").numpy()
        model = self.method(phase.algorithm).final_model(self.networks.model)
        network: nn.Module = as_trained(self.networks(0, model), self.device, self.rows.shape)
        network.load_state_dict(tensors)
        seconds, seen, steps = (header.get(name, self._length(phase)) for name in COST)
        return Trained(network, model, held, seconds, seen, steps, header.get("heard", True))
