"""The papers' setting: WRN-28-2, the recipes as they are, for as long as there is time.

    python -m benchmarks.paper_scale --minutes 30 [--labels 250 4000] [--data-root DIR]
    python -m benchmarks.paper_scale --minutes 30 --data svhn  # RealMix's Table 3

The schedule is the papers' 2^20 steps whatever the time; the record says how far it came, with the
accuracy there. One command: run again, each training goes on from its checkpoint (in
runs/paper-scale), so any number of short leases of a GPU add up. Time is shared equally.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.records import accuracy_of
from realmix.base.files import append_line, write_atomically
from realmix.base.versions import versions
from realmix.data.reading.load import load
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

STEPS = 2**20
ALGORITHMS = ("supervised", "fixmatch", "mixmatch", "realmix")
RECORD = Path(__file__).parent / "records" / "paper_scale"
RUNS = Path("runs/paper-scale")
SVHN = {name: {"weight": 250.0} for name in ("mixmatch", "realmix")}  # MixMatch's authors' on it


def go_on(
    data: str, labels: int, algorithm: str, model: str, seconds: float, data_root: str | None
) -> dict[str, object]:
    """Train one cell of the table for some time and measure where it stands."""
    name = f"{data}@{labels}"
    dataset = load(name, data_root=data_root)
    fields: dict[str, Any] = dict(SVHN.get(algorithm, {})) if data == "svhn" else {}
    if algorithm == "realmix":
        fields["annealing"] = "linear" if labels <= 250 else "off"
    config = Config(name, algorithm=algorithm, model=model, steps=STEPS, gate="none", fields=fields)
    phases = Phases(dataset, config, None, Silent())
    trainer = phases.trainer(phases.only, STEPS, RUNS / f"{name}-{algorithm}-{model}")
    trainer.resume()
    began, end = trainer.step, time.monotonic() + seconds
    trainer.stop = lambda: time.monotonic() > end
    started = time.monotonic()
    trainer.run()
    return {
        "data": data,
        "labels": labels,
        "algorithm": algorithm,
        "model": model,
        "step": trainer.step,
        "share_of_schedule": trainer.step / STEPS,
        "accuracy": accuracy_of(phases, trainer.nets.ema),
        "steps_per_second": (trainer.step - began) / (time.monotonic() - started),
        "seconds": trainer.seconds,
        "device": describe(phases.device),
        "versions": versions(),
    }


def describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def table(lines: list[dict[str, object]]) -> str:
    """The cells as they stand, in words that say how far they are."""
    rows = [
        "# At paper scale: how far it came",
        "",
        f"Schedule: {STEPS:,} steps, the papers' recipes, seed 0. Averaged weights, all test rows.",
        "",
        "| data | labels | algorithm | network | steps | of the schedule | accuracy | steps/s |",
        "|---|---:|---|---|---:|---:|---:|---:|",
    ]
    for line in lines:
        rows.append(
            f"| {line['data']} | {line['labels']} | {line['algorithm']} | {line['model']} |"
            f" {line['step']:,} | {line['share_of_schedule']:.1%} | {line['accuracy']:.4f} |"
            f" {line['steps_per_second']:.1f} |"
        )
    return "\n".join([*rows, "", f"{lines[0]['device']}, {lines[0]['versions']}", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--data", choices=("cifar10", "svhn"), default="cifar10")
    parser.add_argument("--labels", type=int, nargs="+", default=[250, 4000])
    parser.add_argument("--model", default="wrn-28-2")
    parser.add_argument("--algorithms", nargs="+", default=list(ALGORITHMS))
    parser.add_argument("--data-root")
    given = parser.parse_args()
    cells = list(itertools.product(given.labels, given.algorithms))
    RECORD.mkdir(parents=True, exist_ok=True)
    end, lines = time.monotonic() + 60 * given.minutes, []
    for number, (labels, algorithm) in enumerate(cells):
        share = max(end - time.monotonic(), 0) / (len(cells) - number)
        line = go_on(given.data, labels, algorithm, given.model, share, given.data_root)
        print({k: v for k, v in line.items() if k != "versions"}, flush=True)
        append_line(RECORD / "results.jsonl", line)
        lines.append(line)
        write_atomically(RECORD / "README.md", table(lines))


if __name__ == "__main__":
    main()
