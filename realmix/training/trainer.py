"""The one loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from realmix.base.errors import StorageError
from realmix.base.memory import fastest_order, freed_memory_kept, has_depthwise
from realmix.base.randomness import derive, generator
from realmix.contract.algorithm import Algorithm, Batch, Losses, Nets, Recipe, Step
from realmix.contract.state import Ema
from realmix.data.pools import Data
from realmix.data.sampling import batch_at
from realmix.functional.forward import follow_weights
from realmix.training import checkpoint, parallel
from realmix.training.devices import best_precision, seed_dropout
from realmix.training.divergence import diverged
from realmix.training.fix_a_step import mixed_labels
from realmix.training.optimizer import Optimizer
from realmix.training.settled import Settled

NOISE, DROPOUT = 10, 11  # streams of randomness

Record = dict[str, float]


def as_trained(
    network: nn.Module,
    device: torch.device,
    shape: tuple[int, ...],
    precision: torch.dtype | None = None,
) -> parallel.Divided:
    """The network where and how it is trained; `shape` is of one input."""
    order = fastest_order(has_depthwise(network), device)
    network = parallel.share_moments(follow_weights(network).to(memory_format=order).to(device))
    return parallel.Divided(network, precision or best_precision(device, shape))


class Trainer:
    """Trains a network by an algorithm. State: weights, their average, optimizer, buffers, step.

    Args:
        network: what to train; moved to `device`.
        algorithm: how.
        data: on what.
        steps: optimizer steps in the whole run.
        seed: with the step number, the source of everything random.
        recipe: batch sizes, optimizer and averaging; the algorithm's own by default.
        device: where; the CPU by default.
        precision: of the network's passes; by default the fastest that is safe there.
        folder: where checkpoints go; None keeps none.
        save_seconds: time between checkpoints.
        log_every, evaluate_every: steps between records.
        evaluate: figures of the averaged network, to record.
        observe: is given each record; it must not change anything.
        stop: asked after each step; True ends `run` early, with a checkpoint.
        may_settle: end where more steps change nothing: of labels alone, at a constant rate.
    """

    def __init__(
        self,
        network: nn.Module,
        algorithm: Algorithm,
        data: Data,
        *,
        steps: int,
        seed: int = 0,
        recipe: Recipe | None = None,
        device: torch.device | None = None,
        precision: torch.dtype | None = None,
        folder: Path | None = None,
        save_seconds: float = 30.0,
        log_every: int = 50,
        evaluate_every: int | None = None,
        evaluate: Callable[[nn.Module], Record] | None = None,
        observe: Callable[[Record], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
        may_settle: bool = False,
    ) -> None:
        self.recipe = recipe or algorithm.recipe
        self.device = device or torch.device("cpu")
        self.algorithm, self.steps, self.seed, self.folder = algorithm, steps, seed, folder
        self.log_every, self.save_seconds, self.stop = log_every, save_seconds, stop
        self.evaluate, self.evaluate_every = evaluate, evaluate_every or steps
        self.observe = observe
        self.data = data.to(self.device)
        self.student = as_trained(network, self.device, data.shape, precision)
        self.ema = Ema(self.student, self.recipe.ema_decay)
        self.nets = Nets(self.student, self.ema.network)
        algorithm.check(self.data.facts)
        algorithm.check_recipe(self.recipe)
        self.recipe.check_network(self.student)
        algorithm.setup(self.nets, self.data.facts)
        algorithm.to(self.device)
        apart = {name: algorithm.get_submodule(name) for name in algorithm.trained_apart}
        self.optimizer = Optimizer([self.student, algorithm], self.recipe, apart)
        settles = may_settle and self.recipe.schedule == "constant" and len(data.unlabeled)
        self.settled = Settled(self.data, steps) if settles else None
        self.step = 0
        self.said = torch.zeros((), device=self.device)  # the most that the pool added to a loss
        self._spent, self._unchecked = 0.0, list[Tensor]()
        self._began: float | None = None

    def run(self, until: int | None = None) -> Self:
        """Train to step `until` (default: the end). Safe to call again: it continues.

        Raises:
            DivergedError: when a loss is NaN or infinite; the last checkpoint is from before.
        """
        goal = self.steps if until is None else until
        self._saved = self._began = time.monotonic()
        self.nets.student.train()
        self.nets.ema.train()
        with freed_memory_kept(), torch.random.fork_rng(enabled=self.device.type != "mps"):
            while self.step < goal and not self.ended and not self._stopped():
                losses = self._advance()
                self._check_finite(losses.total)
                if self.settled:
                    self.settled.after(self.step, losses.total, self.nets.ema)
                if self._due(self.log_every):
                    self._record(losses)
                if self.evaluate and self._due(self.evaluate_every):
                    self._report(self.evaluate(self.nets.ema))
                    self.nets.ema.train()
                if time.monotonic() - self._saved > self.save_seconds:
                    self.save()
        self._spent, self._began = self.seconds, None
        self.save()
        return self

    def _advance(self) -> Losses:
        """One optimizer step: everything random in it comes from (seed, step)."""
        step = Step(self.step, self.steps, generator(self.seed, NOISE, self.step))
        seed_dropout(derive(self.seed, DROPOUT, self.step, parallel.rank()), self.device)
        batch = self._batch(self.step)
        if self.recipe.mixed_labels:
            batch = mixed_labels(self.nets, batch, step, self.data.num_classes)
        self.optimizer.anneal(step.progress)
        losses = self.algorithm.update(self.nets, self.optimizer, batch, step)
        self.ema.update(self.student, self.step, self.algorithm.ema_decay(step))
        self.said = torch.maximum(self.said, losses.beside_labels)
        self.step += 1
        return losses

    def _batch(self, step: int) -> Batch:
        size, ratio = self.recipe.batch_size, self.recipe.unlabeled_ratio
        return batch_at(self.data, self.algorithm.views, step, size, ratio, self.seed)

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.steps or self.ended

    @property
    def ended(self) -> bool:
        """Whether it has converged, so that no further step is taken."""
        return self.settled is not None and self.settled.ended

    def _stopped(self) -> bool:
        if parallel.num_processes() > 1 and self.step % self.log_every:
            return False  # the processes agree, which costs a message, at the logging cadence
        return parallel.any_process(self.stop(), self.device)

    def _check_finite(self, loss: Tensor) -> None:
        """Every step on the CPU; elsewhere at the logging cadence, to keep the device running."""
        self._unchecked.append(loss.detach())
        if self.device.type != "cpu" and not self._due(self.log_every):
            return
        finite = torch.stack(self._unchecked).isfinite().tolist()
        self._unchecked.clear()
        if not all(finite):
            first = self.step - len(finite) + finite.index(False)
            raise diverged(first, self.steps, self._batch(first), self.recipe)

    def _record(self, losses: Losses) -> None:
        """The only place where tensors of the loop become floats."""
        values = {"loss": losses.total, **losses.terms, **losses.metrics}
        numbers = torch.stack([value.detach().float() for value in values.values()]).tolist()
        self._report(dict(zip(values, numbers, strict=True)))

    def _report(self, figures: Record) -> None:
        if self.observe:
            self.observe({"step": self.step, "seconds": self.seconds, **figures})

    @property
    def seconds(self) -> float:
        """Time spent in `run`, over all its interruptions."""
        return self._spent + (time.monotonic() - self._began if self._began else 0.0)

    @property
    def images_seen(self) -> int:
        """Rows of all batches so far, each counted once however many views it had."""
        views, ratio = self.algorithm.views, self.recipe.unlabeled_ratio
        each = bool(views.labeled) + (ratio if views.unlabeled else 0)
        return self.step * self.recipe.batch_size * each

    def state(self) -> dict[str, Tensor]:
        """All that training remembers, by name."""
        parts = {
            "student": self.student.state_dict(),
            "ema": self.nets.ema.state_dict(),
            "optimizer": self.optimizer.state(),
            "algorithm": self.algorithm.state_dict(),
            "pool": {"said": self.said},
            "settled": self.settled.state_dict() if self.settled else {},
        }
        return {f"{part}.{k}": v for part, state in parts.items() for k, v in state.items()}

    def save(self) -> None:
        """Write a checkpoint, if there is a folder for it."""
        self._saved = time.monotonic()
        if self.folder is not None and parallel.rank() == 0:
            header = {"steps": self.steps, "seed": self.seed, "seconds": self.seconds}
            checkpoint.save_generation(self.folder, self.step, self.state(), header)

    def resume(self) -> bool:
        """Continue from the newest whole checkpoint of the folder; False if there is none.

        Raises:
            StorageError: if none can be read, or they belong to a run of other length or seed.
        """
        found = checkpoint.newest(self.folder) if self.folder is not None else None
        if found is None:
            return False
        tensors, header = found
        mine, theirs = (self.steps, self.seed), (header["steps"], header["seed"])
        if mine != theirs:
            raise StorageError(
                f"The checkpoint in {self.folder} is of a run of {theirs[0]} steps with seed"
                f" {theirs[1]}, this run has {mine[0]} and {mine[1]}."
            )
        self._load(tensors)
        self.step, self._spent = header["step"], header["seconds"]
        return True

    def _load(self, tensors: dict[str, Tensor]) -> None:
        def part(name: str) -> dict[str, Any]:
            return {k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{name}.")}

        self.student.load_state_dict(part("student"))
        self.nets.ema.load_state_dict(part("ema"))
        self.algorithm.load_state_dict(part("algorithm"))
        self.optimizer.load(part("optimizer"))
        self.said = part("pool")["said"].to(self.device)
        if self.settled:
            self.settled.load_state_dict(part("settled"))
