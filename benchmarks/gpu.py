"""One visit to a GPU: its tests, where a step's time goes there, and CIFAR-10@250 by the clock.

    python -m benchmarks.gpu [--minutes 8] [--data-root DIR] [--only tests steps clock]
    python -m benchmarks.gpu --dry --record DIR

Every figure is a line of records/gpu/results.jsonl as soon as it is known, and README.md is written
anew after each, so a visit that is cut off leaves what it measured. `--dry` does the same with next
to nothing on the CPU, to see that it runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch

from benchmarks.paper_scale import describe
from benchmarks.records import Line, accuracy_of
from benchmarks.speed import bare, noise, noted_passes
from realmix.base.files import append_line, whole_lines, write_atomically
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.parallel import Divided
from realmix.training.trainer import Trainer

RECORD = Path(__file__).parent / "records" / "gpu"
LABELS, MEASURED = 250, 16  # labels; how often the test error is measured
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Visit:
    """How much is done, on what.

    Attributes:
        device: where.
        record: the folder of the record.
        networks, algorithms: of the step table, every pair.
        side: of the step table's pictures, pixels.
        rounds: steps that a time is taken over.
        compiled: the pairs that are compiled too, which takes a minute each.
        model, steps: the network of the training, and its number of steps or None for as many as
            the time allows.
        end: on the monotonic clock.
        began: when, so that the lines of one visit are known.
    """

    device: torch.device
    record: Path
    networks: tuple[str, ...]
    algorithms: tuple[str, ...]
    side: int
    rounds: int
    compiled: tuple[tuple[str, str], ...]
    model: str
    steps: int | None
    end: float
    began: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S"))

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def note(self, line: Line) -> None:
        """One more figure: into the record, the page, and onto the screen."""
        self.record.mkdir(parents=True, exist_ok=True)
        about = {"visit": self.began, "device": describe(self.device), "versions": versions()}
        append_line(self.record / "results.jsonl", {**line, **about})
        write_atomically(
            self.record / "README.md", page(whole_lines(self.record / "results.jsonl"))
        )
        print(line, flush=True)


def tests(visit: Visit, dataset: Dataset) -> None:
    """What can only be seen on a GPU."""
    command = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/test_gpu.py"]
    limit = max(visit.left / 3, 1)
    try:
        run = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=limit
        )
        said = run.stdout.strip().splitlines()
    except subprocess.TimeoutExpired:
        said = [f"cut off after {limit:.0f} s"]
    failed = [line for line in said if line.startswith(("FAILED", "ERROR"))]
    visit.note({"part": "tests", "said": said[-1] if said else run.stderr[-300:], "failed": failed})


def trainer_of(
    dataset: Dataset, visit: Visit, algorithm: str, model: str, steps: int
) -> tuple[Trainer, Phases]:
    fields = {"annealing": "linear"} if algorithm == "realmix" else {}
    config = Config(
        "gpu",
        algorithm=algorithm,
        model=model,
        steps=steps,
        device=visit.device.type,
        gate="none",
        fields=fields,
    )
    phases = Phases(dataset, config, None, Silent())
    return phases.trainer(phases.only, steps), phases


def seconds_of(action: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds that one takes, of many in a row that the device may work through without a pause."""
    for _ in range(3):
        action()
    wait(device)
    started = time.perf_counter()
    for _ in range(times):
        action()
    wait(device)
    return (time.perf_counter() - started) / times


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def kinds(visit: Visit, network: str, algorithm: str) -> Iterator[tuple[str, bool]]:
    yield from ((precision, False) for precision in PRECISIONS)
    if (network, algorithm) in visit.compiled:
        yield "bfloat16", True


def steps(visit: Visit, dataset: Dataset) -> None:
    """The share of a step that is the network's own passes, for each precision and compiled."""
    for network in visit.networks:
        for algorithm in visit.algorithms:
            for precision, compiled in kinds(visit, network, algorithm):
                trainer, _ = trainer_of(noise(visit.side, 3), visit, algorithm, network, 10**6)
                for net in cast(tuple[Divided, ...], trainer.nets):
                    net.precision = PRECISIONS[precision]
                    net.train()
                    if compiled:
                        net.network.compile()
                trainer.step = trainer.steps // 2  # past every warm-up
                with noted_passes() as passes:
                    trainer._advance()
                seen = trainer.images_seen / trainer.step
                step = seconds_of(trainer._advance, visit.rounds, visit.device)
                alone = seconds_of(bare(passes), visit.rounds, visit.device)
                kind = precision + (", compiled" if compiled else "")
                visit.note(
                    {"part": "steps", "network": network, "algorithm": algorithm, "kind": kind}
                    | {"step": step, "alone": alone, "images": seen / step}
                )


def clock(visit: Visit, dataset: Dataset) -> None:
    """Train with the time that is left, shared equally, and measure the error on the way."""
    algorithms = ("fixmatch", "realmix")
    for number, algorithm in enumerate(algorithms):
        share = max(visit.left - 10, 1) / (len(algorithms) - number)
        end = time.monotonic() + share
        tried, _ = trainer_of(dataset, visit, algorithm, visit.model, 10**6)
        step = seconds_of(tried._advance, visit.rounds, visit.device)
        steps = visit.steps or max(int((end - time.monotonic()) * 0.93 / step), MEASURED)
        trainer, phases = trainer_of(dataset, visit, algorithm, visit.model, steps)
        train_until(end, trainer, phases, visit, algorithm)


def train_until(end: float, trainer: Trainer, phases: Phases, visit: Visit, algorithm: str) -> None:
    """Train, with a line for each time that the averaged network is tested."""
    trainer.stop = lambda: time.monotonic() > end
    trainer.evaluate_every = max(trainer.steps // MEASURED, 1)

    def error(network: torch.nn.Module) -> dict[str, float]:
        return {"error": 1 - accuracy_of(phases, network)}

    def observe(record: dict[str, float]) -> None:
        if "error" in record:
            line = {"part": "clock", "algorithm": algorithm, "network": visit.model}
            visit.note({**line, "steps": trainer.steps, **record})

    trainer.evaluate, trainer.observe = error, observe
    trainer.run()


def page(lines: list[Line]) -> str:
    """What the last visit measured, as tables."""
    lines = [line for line in lines if line["visit"] == lines[-1]["visit"]]
    text = ["# On a GPU", "", f"`python -m benchmarks.gpu`, {lines[-1]['device']}.", ""]
    for line in [line for line in lines if line["part"] == "tests"][-1:]:
        text += [f"Tests marked `gpu`: {line['said']}", *line["failed"], ""]
    measured = [line for line in lines if line["part"] == "steps"]
    if measured:
        text += ["A step, and the network's own passes of it alone, one after the other without a"]
        text += ["pause; images of all pools and batches a second.", ""]
        text += ["| network | algorithm | precision | step, ms | passes, ms | share | images/s |"]
        text += ["|---|---|---|---:|---:|---:|---:|"]
    for line in measured:
        step, alone = 1e3 * line["step"], 1e3 * line["alone"]
        text.append(
            f"| {line['network']} | {line['algorithm']} | {line['kind']} | {step:.1f} |"
            f" {alone:.1f} | {alone / step:.0%} | {line['images']:,.0f} |"
        )
    clocked = [line for line in lines if line["part"] == "clock"]
    if clocked:
        text += ["", f"CIFAR-10@{LABELS}, seed 0, averaged weights, all test rows.", ""]
        text += ["| algorithm | network | step | seconds | error |", "|---|---|---:|---:|---:|"]
    for line in clocked:
        text.append(
            f"| {line['algorithm']} | {line['network']} | {line['step']:,} of {line['steps']:,} |"
            f" {line['seconds']:.0f} | {line['error']:.4f} |"
        )
    return "\n".join([*text, "", f"{lines[-1]['versions']}", ""])


PARTS = {"tests": tests, "steps": steps, "clock": clock}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--data-root")
    parser.add_argument("--model", default="wrn-16-2", help="the network trained by the clock")
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--dry", action="store_true", help="next to nothing, on the CPU")
    given = parser.parse_args()
    end = time.monotonic() + 60 * given.minutes
    dataset = (
        load("digits@40") if given.dry else load(f"cifar10@{LABELS}", data_root=given.data_root)
    )
    if given.dry:
        few = ("supervised",)
        visit = Visit(
            torch.device("cpu"), given.record, ("convnet",), few, 8, 2, (), "convnet", 3, end
        )
    else:
        networks = ("wrn-28-2", "convnet")
        algorithms = ("supervised", "mixmatch", "fixmatch", "realmix")
        compiled = (("wrn-28-2", "fixmatch"),)
        device = torch.device("cuda")
        visit = Visit(
            device,
            given.record,
            networks,
            algorithms,
            side=32,
            rounds=20,
            compiled=compiled,
            model=given.model,
            steps=None,
            end=end,
        )
    for name in given.only:
        PARTS[name](visit, dataset)


if __name__ == "__main__":
    main()
