"""CIFAR-10 with lite0, tuned by what the vote says of the pool: what each part of it brings.

    python -m benchmarks.taught [--labels 40 250] [--seed 0] [--seconds 50] [--pool 50000]
        [--tests 10000] [--bases adamatch softmatch] [--record DIR]

Each number of labels has `--seconds` for its trainings: half for the network that learns the vote's
labels, the other half divided among the algorithms that go on from there. A line of results.jsonl
as each is done: accuracy on all test rows, steps and seconds. No gate. With `--views`, at the
end, heads of features in so many cached views of the first `--views-pool` pictures.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.records import RECORDS, accuracy_of
from realmix.base.files import append_line
from realmix.base.versions import versions
from realmix.data.pools import Data
from realmix.data.reading.load import load
from realmix.data.splits import stratified_labels
from realmix.encoders.catalogue import photo_encoder
from realmix.encoders.encoding import Encoding
from realmix.procedures.base import base_class
from realmix.procedures.noisy_student import Noised
from realmix.procedures.rows.consensus import Consensus
from realmix.procedures.rows.shared import set_linear
from realmix.procedures.taught.taught import Taught
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.devices import best_precision, choose
from realmix.training.stages import Stages, trainable_copy

NAME, TRIAL = "taught", 12


class Visit:
    """All cells, and what they share: features of all pictures, made once."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.device = asked, choose()
        self.record = Path(asked.record or RECORDS / NAME)
        self.record.mkdir(parents=True, exist_ok=True)
        whole = load("cifar10")
        rows = np.random.default_rng(asked.seed).permutation(len(whole.inputs))[: asked.pool]
        assert whole.test_inputs is not None
        assert whole.test_label is not None
        self.whole = replace(
            whole,
            inputs=whole.inputs[rows],
            label=whole.label[rows],
            names=None,
            oracle=None,
            test_inputs=whole.test_inputs[: asked.tests],
            test_label=whole.test_label[: asked.tests],
        )
        side, began = asked.image_size, time.monotonic()
        encoder = photo_encoder("lite0", side)
        self.encoder = encoder.on(self.device, best_precision(self.device, (3, side, side)))
        self.beside = Encoding(self.whole, encoder).features(1, 0)
        self.note("features", 0, time.monotonic() - began, 0)

    def note(self, what: str, labels: int, seconds: float, steps: int, **more: float) -> None:
        device = torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"
        asked = {"seed": self.asked.seed, "pool": self.asked.pool, "side": self.asked.image_size}
        line = {"what": what, "labels": labels, "steps": steps, "seconds": round(seconds, 1)}
        line |= {**more, **asked, "tune": self.asked.tune, "device": device}
        append_line(self.record / "results.jsonl", {**line, "versions": versions()})
        print(line, flush=True)

    def phases(self, labels: int) -> Phases:
        """A run that trains `taught` once on so many labels."""
        asked = self.asked
        label = np.full(len(self.whole.label), -1)
        known = stratified_labels(self.whole.label, labels, asked.seed)
        label[known] = self.whole.label[known]
        dataset = replace(self.whole, label=label, beside=self.beside)
        fields = {"batch_size": asked.batch_size, "unlabeled_ratio": asked.unlabeled_ratio}
        config = Config(
            "cifar10", algorithm="taught", encoder="lite0", tune=asked.tune,
            image_size=asked.image_size, steps=2, seed=asked.seed, gate="none", fields=fields,
        )  # fmt: skip
        return Phases(dataset, config, None, Silent())

    def cell(self, labels: int) -> None:
        phases, asked = self.phases(labels), self.asked
        began = time.monotonic()
        method, stages = Taught(), self.stages(phases)
        layer, _ = Consensus().computed(stages)
        data = method.told(stages, layer)

        def vote(network: nn.Module) -> dict[str, float]:
            set_linear(network, *layer, data.moments)
            return {}

        seconds = time.monotonic() - began
        self.tell("vote", labels, phases, stages.compute(vote, None), seconds, 0)
        teaching = Noised(float(phases.recipe.unlabeled_ratio), 0.1)
        each = self.cost(phases, data)
        steps = max(int(asked.seconds / 2 / each), 1)
        began, stages = time.monotonic(), self.stages(phases)
        network = method.first(stages, layer)
        taught = stages.train(teaching, "taught", data=data, network=network, steps=steps)
        self.tell("taught", labels, phases, taught, time.monotonic() - began, steps)
        for base in asked.bases:
            steps = max(int(asked.seconds / 2 / len(asked.bases) / each / 1.4), 1)
            began, stages = time.monotonic(), self.stages(phases)
            last = stages.train(
                base_class(base, method)(), base, network=trainable_copy(taught), steps=steps
            )
            self.tell(f"taught, {base}", labels, phases, last, time.monotonic() - began, steps)

    def heads(self, labels: int) -> None:
        """The same without tuning: a head of features in cached views of a smaller pool."""
        asked, whole = self.asked, self.whole
        label = np.full(len(whole.label), -1)
        known = stratified_labels(whole.label, labels, asked.seed)
        label[known] = whole.label[known]
        rows = np.r_[known, np.setdiff1d(np.arange(asked.views_pool), known)]
        part = replace(whole, inputs=whole.inputs[rows], label=label[rows])
        kept = Encoding(part, self.encoder).features(asked.views, asked.seed)
        part = replace(part, encoded=kept)
        cells: list[tuple[str, str, dict[str, Any]]] = [("consensus", "auto", {})]
        for model, base, own in itertools.product(
            ("linear", "mlp"), ("fixmatch", "softmatch", "adamatch", "mixmatch"), (0.0, 0.5, 1.0)
        ):
            if own or base == "fixmatch":
                cells.append(("taught", model, {"base": base, "own": own}))
        for algorithm, model, fields in cells:
            began = time.monotonic()
            config = Config(
                "x", algorithm=algorithm, model=model, steps=300, seed=asked.seed, gate="none",
                fields=fields,
            )  # fmt: skip
            phases = Phases(part, config, None, Silent())
            network = phases.run([phases.only])[0].network
            seconds = time.monotonic() - began
            self.tell(f"head: {algorithm} {model} {fields}", labels, phases, network, seconds, 300)

    def cost(self, phases: Phases, data: Data) -> float:
        """Seconds of a step that teaches."""
        teaching = Noised(float(phases.recipe.unlabeled_ratio), 0.1)

        def seconds(steps: int) -> float:
            stages = self.stages(phases)
            stages.train(teaching, data=data, steps=steps)
            return stages.seconds

        seconds(3)  # the first passes on a GPU take seconds
        return max(seconds(TRIAL) - seconds(3), 1e-4) / (TRIAL - 3)

    def stages(self, phases: Phases) -> Stages:
        return phases.stages(phases.only, 2, None, Silent())

    def tell(
        self, what: str, labels: int, phases: Phases, net: nn.Module, seconds: float, steps: int
    ) -> None:
        self.note(what, labels, seconds, steps, accuracy=accuracy_of(phases, net))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=int, nargs="+", default=[40, 250])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=50.0)
    parser.add_argument("--pool", type=int, default=50_000)
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--tune", default="all")
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--unlabeled-ratio", type=int, default=7)
    parser.add_argument("--views", type=int, default=0)
    parser.add_argument("--views-pool", type=int, default=4000)
    parser.add_argument("--bases", nargs="*", default=["adamatch", "softmatch"])
    parser.add_argument("--record")
    visit = Visit(parser.parse_args())
    for labels in visit.asked.labels:
        visit.cell(labels)
    for labels in visit.asked.labels if visit.asked.views else ():
        visit.heads(labels)


if __name__ == "__main__":
    main()
