"""CIFAR-10 with a tuned encoder: how much of lite0 to train, and by which method.

    python -m benchmarks.tuned [--labels 40 250] [--seeds 0 1] [--steps 1000] [--minutes 8]
    python -m benchmarks.tuned --table

Every cell is one training on all labels, without a gate; measured are all test rows, by the
averaged weights. The pool is what is left of the data. Each cell is done once, those of a seed
before the next; when the minutes are over, the one that runs is the last. `head` is what the frozen
encoder knows, with fresh views.
"""

from __future__ import annotations

import argparse
import itertools
import time

import torch

from benchmarks.records import RECORDS, Line, accuracy_of, lines_of
from realmix.base.files import append_line
from realmix.base.versions import versions
from realmix.data.reading.load import load
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

NAME, SIDE = "tuned", 160
CELLS = [
    *(("supervised", how) for how in ("head", "last", "all", "lora")),
    *(("fixmatch", how) for how in ("last", "all")),
    *(("mixmatch", how) for how in ("last", "all")),
    *((method, "all") for method in ("adamatch", "softmatch", "realmix")),
]


def run(labels: int, seed: int, algorithm: str, how: str, steps: int) -> Line:
    """One cell."""
    config = Config(
        f"cifar10@{labels}", algorithm=algorithm, encoder="lite0", tune=how,
        image_size=SIDE, steps=steps, seed=seed, gate="none",
    )  # fmt: skip
    dataset = load(config.data, seed=seed)
    phases = Phases(dataset, config, None, Silent())
    trainer = phases.trainer(phases.only, steps)
    trainer.run()
    return {
        "labels": labels,
        "seed": seed,
        "algorithm": algorithm,
        "tune": how,
        "steps": steps,
        "pool": len(phases.rows.pool_rows),
        "accuracy": accuracy_of(phases, trainer.nets.ema),
        "seconds": round(trainer.seconds, 1),
        "device": torch.cuda.get_device_name() if phases.device.type == "cuda" else "cpu",
        "versions": versions(),
    }


def table() -> str:
    """Mean accuracy in percent of each cell, how many draws, and the seconds of a training."""
    cells: dict[tuple[object, ...], list[Line]] = {}
    for line in lines_of(NAME):
        key = tuple(line[name] for name in ("labels", "pool", "steps", "algorithm", "tune"))
        cells.setdefault(key, []).append(line)
    rows = ["| labels | pool | steps | method | `--tune` | accuracy | draws | seconds |"]
    rows += ["|---:|---:|---:|---|---|---:|---:|---:|"]
    for (labels, pool, steps, method, how), lines in sorted(cells.items(), key=str):
        found = torch.tensor([100 * line["accuracy"] for line in lines])
        spread = f" ± {found.std():.1f}" if len(found) > 1 else ""
        seconds = sum(line["seconds"] for line in lines) / len(lines)
        rows.append(
            f"| {labels} | {pool:,} | {steps:,} | {method} | {how} | {found.mean():.1f}{spread} |"
            f" {len(lines)} | {seconds:.0f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=int, nargs="+", default=[40, 250])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    path = RECORDS / NAME / "results.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    todo = [] if asked.table else itertools.product(asked.seeds, CELLS, asked.labels)
    for seed, (algorithm, how), labels in todo:
        if time.monotonic() > end:
            break
        append_line(path, run(labels, seed, algorithm, how, asked.steps))
        print(lines_of(NAME)[-1], flush=True)
    print(table())


if __name__ == "__main__":
    main()
