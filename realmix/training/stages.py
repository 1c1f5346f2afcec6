"""Methods that train more than once, and what they may ask of a run."""

from __future__ import annotations

import copy
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from realmix.base.errors import Interrupted
from realmix.base.randomness import derive
from realmix.contract.algorithm import Algorithm, Method, Recipe
from realmix.data.pools import Data
from realmix.training import checkpoint, parallel
from realmix.training.predict import features, predict, seen
from realmix.training.trainer import Record, Trainer, as_trained

COMPUTED = "computed.safetensors"  # in the folder of a stage without steps


class Build(Protocol):
    """Makes the network of a stage.

    Takes the stage's number, the name of a network (None: the run's own), and a recipe for its
    dropout and stochastic depth (None: the run's own).
    """

    def __call__(
        self, number: int, model: str | None, recipe: Recipe | None = None, /
    ) -> nn.Module: ...


class Stages:
    """The trainings of a procedure. Each resumes, reports and stops as a single training does.

    A stage that is finished is read back from its checkpoint, so a procedure whose steps follow
    from what earlier stages learned needs no state of its own: it is run again from the start.

    Attributes:
        data: the labeled and unlabeled rows, on the device.
        steps, recipe: optimizer steps of a stage, and how they are taken.
        trainers: the stages so far, in order.
        begun: those of them that took a step since, and what was computed since.

    Args:
        data: what to learn from.
        build: makes networks.
        steps, seed, recipe: of the run.
        folder: where each stage has a folder for its checkpoints; None keeps nothing.
        evaluate: figures of an averaged network, to record.
        observe: is given each record; its "step" and "seconds" are of all stages so far.
        begin: is told how many steps were done before a stage begins or continues.
        options: for every `Trainer`.
    """

    def __init__(
        self,
        data: Data,
        build: Build,
        *,
        steps: int,
        seed: int,
        recipe: Recipe,
        folder: Path | None = None,
        evaluate: Callable[[nn.Module], Record] | None = None,
        observe: Callable[[Record], None] = lambda record: None,
        begin: Callable[[int], None] = lambda step: None,
        **options: Any,
    ) -> None:
        self.device: torch.device = options.get("device") or torch.device("cpu")
        self.data, self.build = data.to(self.device), build
        self.steps, self.seed, self.recipe, self.folder = steps, seed, recipe, folder
        self.evaluate, self.observe, self.begin, self.options = evaluate, observe, begin, options
        self.trainers = list[Trainer]()
        self.begun = list[Trainer | nn.Module]()
        self.computing, self.computed = 0.0, False  # seconds, and whether there was anything

    def train(self, algorithm: Algorithm, name: str = "", **changes: Any) -> nn.Module:
        """A whole stage: see `trainer` for the arguments and `finish` for what comes back."""
        return self.finish(self.trainer(algorithm, name, **changes))

    def trainer(
        self,
        algorithm: Algorithm,
        name: str = "",
        *,
        data: Data | None = None,
        network: nn.Module | None = None,
        model: str | None = None,
        recipe: Recipe | None = None,
        steps: int | None = None,
        classifies: bool = True,
    ) -> Trainer:
        """The next stage, not begun, or as far as its last checkpoint.

        Args:
            algorithm: how to train.
            name: of the stage's folder; different for each stage of a procedure.
            data: on what, where it is not the run's data.
            network: what to train; by default a new one.
            model: name of the new network, where it is not the run's.
            recipe: where it is not the run's.
            steps: where they are not the run's.
            classifies: whether the network's accuracy means anything yet.
        """
        number = len(self.trainers)
        trainer = Trainer(
            network or self.build(number, model, recipe),
            algorithm,
            data or self.data,
            steps=self.steps if steps is None else steps,
            seed=derive(self.seed, number) if number else self.seed,
            recipe=recipe or self.recipe,
            folder=self.folder / name if self.folder else None,
            evaluate=self.evaluate if classifies else None,
            observe=self._observed,
            **self.options,
        )
        trainer.resume()
        self.trainers.append(trainer)
        return trainer

    def finish(self, trainer: Trainer, until: int | None = None) -> nn.Module:
        """Train a stage to step `until` (default: its end).

        Returns:
            Its averaged network; call it, or give it to `predict` or `features`.

        Raises:
            Interrupted: the run was asked to stop; the same procedure continues later.
        """
        goal = trainer.steps if until is None else until
        # only now: what comes after the steps done is forgotten, and finished stages are kept
        if trainer.step < goal and not trainer.ended and trainer not in self.begun:
            self.begun.append(trainer)
            self.begin(self.steps_done)
        trainer.run(goal)
        if trainer.step < goal and not trainer.ended:
            raise Interrupted
        return trainer.nets.ema

    def compute(
        self,
        make: Callable[[nn.Module], Record],
        model: str | None,
        name: str = "",
        *,
        classifies: bool = True,
    ) -> nn.Module:
        """A stage without steps: a network whose weights are computed at once.

        Args:
            make: sets the weights of the new network that it is given, with `torch.no_grad`, and
                returns figures to record.
            model: name of the new network; None is the run's.
            name: of the stage's folder; different for each stage of a procedure.
            classifies: whether the network's accuracy means anything yet.

        Raises:
            Interrupted: the run was asked to stop; the same procedure continues later.
        """
        if self.options.get("stop", bool)():
            raise Interrupted
        self.computed = True
        new = self.build(len(self.trainers), model)
        network = as_trained(new, self.device, self.data.shape).requires_grad_(False)
        path = self.folder / name / COMPUTED if self.folder else None
        if path and parallel.any_process(path.exists(), self.device):
            tensors, header = checkpoint.read(path)
            network.load_state_dict(tensors)
            self.computing += header["seconds"]
            return network
        self.begun.append(network)
        self.begin(self.steps_done)
        started = time.monotonic()
        with torch.no_grad():
            figures = make(network.network)
        seconds = time.monotonic() - started
        self.computing += seconds
        if self.evaluate and classifies:
            figures = {**figures, **self.evaluate(network)}
        self._observed(figures)
        if path and parallel.rank() == 0:
            checkpoint.write(path, network.state_dict(), {"seconds": seconds})
        return network

    def predict(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """(N, K) probabilities of stored inputs, on the CPU, without any noise."""
        return predict(network, inputs, self.data.views["plain"])

    def plain(self, inputs: Tensor) -> Tensor:
        """(N, *shape) network inputs of stored inputs, without any noise."""
        return seen(inputs, self.data.views["plain"])

    def features(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """(N, D) features of stored inputs, on the CPU, without any noise."""
        return features(network, inputs, self.data.views["plain"])

    def _observed(self, record: Record) -> None:
        self.observe({**record, "step": self.steps_done, "seconds": self.seconds})

    @property
    def steps_done(self) -> int:
        return sum(trainer.step for trainer in self.trainers)

    @property
    def seconds(self) -> float:
        """Time spent in training, over all interruptions."""
        return sum(trainer.seconds for trainer in self.trainers) + self.computing

    @property
    def heard(self) -> bool:
        """Whether any row of the pool has counted: in a loss, as labeled, or in a computation."""
        own = len(self.data.labeled)
        counted = (t.said > 0 or len(t.data.labeled) > own for t in self.trainers)
        return self.computed or len(self.data.unlabeled) == 0 or any(counted)

    @property
    def images_seen(self) -> int:
        return sum(trainer.images_seen for trainer in self.trainers)


def trainable_copy(network: nn.Module) -> nn.Module:
    """Of what a stage returned, for a later stage to go on with."""
    inner = cast(parallel.Divided, network).network
    return copy.deepcopy(inner).requires_grad_(True)


@dataclass(eq=False)
class Procedure(Method):
    """A method that trains more than once, or computes its network without any step."""

    @property
    @abstractmethod
    def trainings(self) -> float:
        """How many times the steps of a run it trains in all; 0 if it computes its network."""

    @abstractmethod
    def train(self, stages: Stages) -> nn.Module:
        """Do all of it.

        Returns:
            The network that is evaluated and shipped, as a stage returned it.
        """
