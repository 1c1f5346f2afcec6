"""As many labels of each class, a pool and a test whose classes are unequal: what the vote does.

    python -m benchmarks.unequal [--jobs 2]

Features of lite0 at 160 pixels and of minilm, frozen. In an unequal pool class c, in random order,
is kept with the chance 1 / (1 + c); the test rows are drawn as the pool is. Beside the vote as it
is stands the same with the labels' class shares for the pool's, as it was, the labels alone and
scikit-learn's self-training. What was chosen, was chosen on the seeds 900 to 911 of the same data.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from benchmarks.ladder import read_by, texts_of
from benchmarks.records import (
    Line,
    accuracy_of,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    spread,
    versions_of,
)
from realmix.base.versions import versions
from realmix.data.encoded import Encoded, Kept, Reference
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.encoders.catalogue import photo_encoder
from realmix.encoders.encoding import Encoding
from realmix.procedures.rows.shared import labeled_rows, pool_shares, prior_of, rows_of
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.stages import Stages

NAME = "unequal"
SIZES = {"cifar10": (4, 10, 25), "agnews": (5, 10, 25), "sst2": (10, 25)}  # labels of a class
KINDS = ("equal", "unequal")
SEEDS = range(950, 955)
ROWS, POOL, TEST = 4500, 2500, 1000
METHODS = ("labels alone", "self-training", "labels' shares", "vote")
ASKING = (
    "balanced_self_training",
    "consensus",
    "gaussian_mixture",
    "label_spreading",
    "prototypes",
)


@cache
def everything(data: str) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """(N, D) features and (N,) classes."""
    whole = load(data) if data == "cifar10" else texts_of(data)
    chosen = np.random.default_rng(5).permutation(len(whole.label))[:ROWS]
    part = replace(
        whole, inputs=whole.inputs[chosen], label=whole.label[chosen], names=None, oracle=None,
        test_inputs=None, test_label=None,
    )  # fmt: skip
    if data == "cifar10":
        found = Encoding(part, photo_encoder("lite0", 160)).features(1, 0)
    else:
        found = read_by("minilm", part)
    rows: NDArray[np.float16] = found.plain.features[found.plain.place, 0]
    return rows, part.label


def drawn(data: str, each: int, kind: str, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Places of the labeled rows, the pool and the test rows."""
    rng, label = np.random.default_rng(seed), everything(data)[1]
    classes = int(label.max()) + 1
    rank, order = rng.permutation(classes), rng.permutation(len(label))
    labeled = np.concatenate([order[label[order] == c][:each] for c in range(classes)])
    rest = order[~np.isin(order, labeled)]
    if kind == "unequal":
        rest = rest[rng.random(len(rest)) < 1 / (1 + rank[label[rest]])]
    exam = rest[: min(len(rest) // 3, TEST)]
    return labeled, rest[len(exam) :][:POOL], exam


def dataset_of(data: str, each: int, kind: str, seed: int) -> tuple[Dataset, NDArray[np.float64]]:
    """A draw, and the true class shares of its pool."""
    rows, truth = everything(data)
    labeled, pool, exam = drawn(data, each, kind, seed)
    learned, classes = np.concatenate([labeled, pool]), int(truth.max()) + 1
    label = np.where(np.arange(len(learned)) < len(labeled), truth[learned], -1)
    kept = Kept(rows[:, None], np.concatenate([learned, exam]))
    blank, names = np.zeros((len(learned), 1), np.float32), tuple(map(str, range(classes)))
    dataset = Dataset(
        blank, label, names, "features", test_inputs=blank[: len(exam)], test_label=truth[exam],
        encoded=Encoded(kept, None, Reference(data, None, rows.shape[1], ""), 0.0),
    )  # fmt: skip
    return dataset, np.bincount(truth[pool], minlength=classes) / len(pool)


def trained(dataset: Dataset, algorithm: str, seed: int) -> tuple[float, Phases]:
    """Test accuracy of a method, and its run."""
    config = Config("x", algorithm=algorithm, steps=1, seed=seed, gate="none", device="cpu")
    phases = Phases(dataset, config, None, Silent())
    return accuracy_of(phases, phases.trained(phases.only, stages_of(phases))), phases


def stages_of(phases: Phases) -> Stages:
    return phases.stages(phases.only, 1, None, Silent())


@contextmanager
def labels_shares() -> Iterator[None]:
    """Within, methods suppose that the pool's classes have the labels' shares."""

    def given(stages: Stages) -> NDArray[np.float64]:
        label = labeled_rows(stages)[1]
        return prior_of(label, stages.data.num_classes)

    with ExitStack() as stack:
        for name in ASKING:
            stack.enter_context(patch(f"realmix.procedures.rows.{name}.pool_shares", given))
        # what was fitted with other shares is not remembered within, nor the other way round
        stack.enter_context(patch.dict("realmix.procedures.rows.shared._layers", clear=True))
        yield


def run(data: str, each: int, kind: str, seed: int) -> Line:
    """Test accuracy of each, and how far the supposed shares are from the pool's."""
    torch.set_num_threads(1)
    dataset, true = dataset_of(data, each, kind, seed)
    found = {"labels alone": trained(dataset, "linear", seed)[0]}
    found["vote"], phases = trained(dataset, "consensus", seed)
    with labels_shares():
        found["labels' shares"], _ = trained(dataset, "consensus", seed)
    stages = stages_of(phases)
    (rows, known), pool = labeled_rows(stages), rows_of(stages.data.unlabeled, stages)
    label = np.r_[known, np.full(len(pool), -1)]
    theirs = SelfTrainingClassifier(LogisticRegression(max_iter=1000))
    theirs.fit(np.concatenate([rows, pool]), label)
    assert phases.rows.test_inputs is not None
    exam = stages.plain(phases.rows.test_inputs).numpy()
    found["self-training"] = float(theirs.score(exam, dataset.test_label))
    shares = {"found": pool_shares(stages), "given": prior_of(known, len(true))}
    apart = {f"{name} apart": float(np.abs(s - true).sum() / 2) for name, s in shares.items()}
    case = {"case": [data, each, kind, seed], "seed": seed}
    return {**case, **found, **apart, "versions": versions()}


def summary() -> str:
    """Mean accuracies, and the gain of the vote over that with the labels' shares."""
    lines = lines_of(NAME)
    rows = [
        "# As many labels of each class, and an unequal pool",
        "",
        "`python -m benchmarks.unequal`, five draws: accuracy on test rows whose classes are as in"
        " the pool, ± its standard deviation over draws. The vote (consensus) supposes the pool's"
        " class shares as they are found beyond chance; beside it the same with the labels'. How"
        " far these shares lie from the pool's is half of the summed distance.",
        "",
        "| data | labels of a class | pool | labels alone | scikit-learn's self-training |"
        " the vote, labels' shares | the vote | its gain, paired | shares apart: labels', found |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for data, each, kind in cells():
        own = [line for line in lines if line["case"][:3] == [data, each, kind]]
        if own:
            found = {name: by_seed(own, name) for name in (*METHODS, "given apart", "found apart")}
            shown = " | ".join(spread(found[name]) for name in METHODS)
            gained = interval(gain(found["vote"], found["labels' shares"]))
            apart = ", ".join(
                f"{np.mean(list(found[f'{name} apart'].values())):.2f}"
                for name in ("given", "found")
            )
            rows.append(f"| {data} | {each} | {kind} | {shown} | {gained} | {apart} |")
    return "\n".join([*rows, "", *versions_of(lines), ""])


def cells() -> Iterator[tuple[str, int, str]]:
    for data, sizes in SIZES.items():
        for each in sizes:
            yield from ((data, each, kind) for kind in KINDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    for data in SIZES:
        everything(data)  # encoded once, before the processes need it
    wanted = [(*cell, seed) for seed in SEEDS for cell in cells()]
    complete(NAME, run, wanted, ("case",), summary, given.jobs)


if __name__ == "__main__":
    main()
