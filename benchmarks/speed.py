"""Where a step's time goes: the network's own passes against the whole step, as a ratio.

    python -m benchmarks.speed [--device auto] [--rounds 15]

For each algorithm the network's passes of one step (inputs, with or without gradient) are noted in
the middle of a training, then whole steps and those bare passes, forward and backward, take turns;
a ratio of medians of 1.1 says that a tenth of the network's time stands beside it. Also the start
of the command line. Written to records/speed/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from realmix.algorithms import ALGORITHMS
from realmix.base.files import write_atomically
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.parallel import Divided
from realmix.training.trainer import Trainer

RECORD = Path(__file__).parent / "records" / "speed" / "README.md"
WARM_UP = 3


def noise(side: int, channels: int) -> Dataset:
    """Pictures of noise: what they show does not change the time."""
    rng = np.random.default_rng(0)
    shape = (2000, side, side, channels) if channels == 3 else (2000, side, side)
    label = np.arange(2000) % 10
    label[100:] = -1
    return from_arrays(rng.integers(0, 256, shape, dtype=np.uint8), label)


Pass = tuple[Divided, Callable[[Tensor], tuple[Tensor, ...]], Tensor, bool]
"""A network, what it computes, of which rows, and whether with gradient."""


@contextlib.contextmanager
def noted_passes() -> Iterator[list[Pass]]:
    """Within, every pass of a network is noted with its input."""
    passes: list[Pass] = []
    original = Divided.through

    def noting(
        self: Divided, function: Callable[[Tensor], tuple[Tensor, ...]], inputs: Tensor
    ) -> tuple[Tensor, ...]:
        rows = inputs.detach().requires_grad_(inputs.requires_grad)
        passes.append((self, function, rows, torch.is_grad_enabled()))
        return original(self, function, inputs)

    Divided.through = noting  # type: ignore[method-assign]
    try:
        yield passes
    finally:
        Divided.through = original  # type: ignore[method-assign]


def bare(passes: list[Pass]) -> Callable[[], None]:
    """The same passes and nothing else."""

    def run() -> None:
        for network, function, inputs, gradient in passes:
            with torch.set_grad_enabled(gradient):
                values = network.through(function, inputs)
            if gradient:
                total = torch.stack([v.sum() for v in values if v.requires_grad]).sum()
                total.backward()  # type: ignore[no-untyped-call]

    return run


def timed(action: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(trainer: Trainer, rounds: int) -> tuple[float, float]:
    """Median seconds of a whole step and of its bare passes, taken in turns."""
    for net in trainer.nets:
        net.train()
    trainer.step = trainer.steps // 2  # past every warm-up
    with noted_passes() as passes:
        trainer._advance()
    passes_alone = bare(passes)
    steps, alone = [], []
    for number in range(WARM_UP + rounds):
        step, network = (timed(f, trainer.device) for f in (trainer._advance, passes_alone))
        if number >= WARM_UP:
            steps.append(step)
            alone.append(network)
    return statistics.median(steps), statistics.median(alone)


def rows(device: str, rounds: int) -> Iterator[str]:
    yield "| images | network | algorithm | step, ms | its passes alone, ms | ratio |"
    yield "|---|---|---|---:|---:|---:|"
    for side, channels in ((32, 3), (8, 1)):
        dataset = noise(side, channels)
        for name in ALGORITHMS:
            fields = {"unlabeled_ratio": 2} if name == "fixmatch" else {}
            config = Config("noise", algorithm=name, steps=10**6, gate="none", device=device)
            config.fields.update(fields)
            phases = Phases(dataset, config, None, Silent())
            trainer = phases.trainer(phases.only, phases.steps)
            step, alone = compare(trainer, rounds)
            yield (
                f"| {side} x {side} x {channels} | ConvNet | {name} | {step * 1e3:.1f} |"
                f" {alone * 1e3:.1f} | {step / alone:.2f} |"
            )


def starts(repeats: int = 7) -> Iterator[str]:
    """Seconds of processor time to start, the median of several."""
    yield "| command | processor time, s | wall time, s |"
    yield "|---|---:|---:|"
    for command in (["-m", "realmix", "--help"], ["-c", "import realmix"], ["-c", "pass"]):
        used, wall = [], []
        for _ in range(repeats):
            before, started = os.times(), time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            after = os.times()
            wall.append(time.perf_counter() - started)
            used.append(
                after.children_user
                + after.children_system
                - before.children_user
                - before.children_system
            )
        name = "python " + " ".join(command)
        yield f"| `{name}` | {statistics.median(used):.2f} | {statistics.median(wall):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    where = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    if torch.cuda.is_available() and arguments.device != "cpu":
        where += f", {torch.cuda.get_device_name()}"
    command = f"python -m benchmarks.speed {' '.join(sys.argv[1:])}".strip()
    lines = ["# Speed", "", f"`{command}`, {where}.", ""]
    for part in (starts(), rows(arguments.device, arguments.rounds)):
        for line in part:
            print(line, flush=True)
            lines.append(line)
        lines.append("")
    lines.append(f"Versions: {versions()}")
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(RECORD, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
