"""The ladder on features of encoders: labels alone, each rung, what ships, and scikit-learn's.

    python -m benchmarks.ladder [--jobs 2] [--seeds 0 1 2 3 4]

CIFAR-10 by lite0 at 160 pixels, with all 50,000 images to learn from or 2,000, and by lite0 and
lite2; AG News, SST-2 and CLINC150 (10 labels an intent, its out-of-scope queries in the pool) by
minilm, alone or beside others, and by e5. Of AG News the 7,600 test rows are divided, 5,600 to
learn from and 2,000. Data from REALMIX_DATA. Features are kept, so that they cost once. Rules were
chosen on seeds of 100 and more, tested on rows of the training parts.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import time
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading

from benchmarks.records import (
    RECORDS,
    Line,
    by_seed,
    do,
    gain,
    interval,
    lines_of,
    spread,
    trained_accuracy,
    versions_of,
)
from realmix.base.files import write_atomically
from realmix.base.versions import versions
from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.data.splits import stratified_labels
from realmix.encoders.catalogue import photo_encoder, text_encoder
from realmix.encoders.encoding import Encoding
from realmix.encoders.texts.written import TextEncoding
from realmix.runs.choose import RUNGS
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.parts.outcome import Outcome
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.devices import best_precision

NAME, CHOICES = "ladder", 100  # from that seed on rules were chosen
THEIRS = ("LogisticRegression", "LabelSpreading(knn)")
TASKS = {  # data and who sees or reads them, labels, rows to learn from, rows of the test
    "CIFAR-10@40, 50,000": ("cifar10", 40, 50_000, 4000),
    "CIFAR-10@250, 50,000": ("cifar10", 250, 50_000, 4000),
    "CIFAR-10@40, 2,000": ("cifar10", 40, 2000, 4000),
    "CIFAR-10@250, 2,000": ("cifar10", 250, 2000, 4000),
    "CIFAR-10@40, 2,000, lite0 and lite2": ("cifar10@lite0,lite2", 40, 2000, 4000),
    "CIFAR-10@250, 2,000, lite0 and lite2": ("cifar10@lite0,lite2", 250, 2000, 4000),
    "AG News@40, 5,600": ("agnews", 40, 5600, 2000),
    "AG News@40, 5,600, minilm and wordllama": ("agnews@minilm,wordllama", 40, 5600, 2000),
    "AG News@40, 5,600, minilm and tfidf": ("agnews@minilm,tfidf", 40, 5600, 2000),
    "AG News@40, 5,600, e5": ("agnews@e5", 40, 5600, 2000),
    "SST-2@20, 5,600": ("sst2", 20, 5600, 1821),
    "SST-2@100, 5,600": ("sst2", 100, 5600, 1821),
    "SST-2@20, 5,600, minilm and tfidf": ("sst2@minilm,tfidf", 20, 5600, 1821),
    "SST-2@100, 5,600, minilm and tfidf": ("sst2@minilm,tfidf", 100, 5600, 1821),
    "SST-2@20, 5,600, e5": ("sst2@e5", 20, 5600, 1821),
    "SST-2@100, 5,600, e5": ("sst2@e5", 100, 5600, 1821),
    "CLINC150@1500, 6,000": ("clinc150_oos", 1500, 6000, 2250),
    "CLINC150@1500, 6,000, e5": ("clinc150_oos@e5", 1500, 6000, 2250),
}
FOREIGN = "oos"
METHODS = (*THEIRS, "linear", *RUNGS, "shipped")


@cache
def everything(data: str) -> Dataset:
    """All rows that may be drawn, with features; foreign ones have the label -1 and no class."""
    if data.startswith("cifar10"):
        dataset, encoded = pictures(data).dataset, pictures(data).features(1, 0)
    else:
        name, _, reader = data.partition("@")
        dataset = texts_of(name)
        encoded = read_by(reader or "minilm", dataset)
    plain = encoded.plain.features[encoded.plain.place]
    return _with(dataset, Encoded(Kept(plain, np.arange(len(plain))), None, encoded.reference, 0.0))


@cache
def pictures(data: str) -> Encoding:
    """CIFAR-10 and the encoders that see it, side by side."""
    cpu, names = torch.device("cpu"), data.partition("@")[2]
    encoder = photo_encoder(names or "lite0", 160).on(cpu, best_precision(cpu, (3, 160, 160)))
    return Encoding(load("cifar10"), encoder)


def seen(data: str, places: NDArray[np.int64]) -> Encoded:
    """The features of these rows, a test row's number behind those of the others."""
    if not data.startswith("cifar10"):
        encoded = everything(data).encoded
        assert encoded is not None
        return replace(encoded, plain=Kept(encoded.plain.features, places))
    wanted, place = np.unique(places, return_inverse=True)
    encoded = pictures(data).only(wanted.tolist()).features(1, 0)
    kept = Kept(encoded.plain.features, encoded.plain.place[place])
    return replace(encoded, plain=kept, seconds=0.0)


def rows_of(data: str) -> Dataset:
    """All that may be drawn, if need be without features."""
    return pictures(data).dataset if data.startswith("cifar10") else everything(data)


def read_by(encoder: str, dataset: Dataset) -> Encoded:
    """Features of all texts; tfidf is fitted to all but those of the test part."""
    cpu = torch.device("cpu")
    reader = text_encoder(encoder, dataset.inputs.tolist()).on(cpu, best_precision(cpu, (1, 256)))
    return TextEncoding(dataset, reader, lambda views, seed: (_same, "")).features(1, 0)


def _same(text: str, key: int) -> list[str]:
    return [text]


def _with(dataset: Dataset, encoded: Encoded, **others: Any) -> Dataset:
    return Dataset(**{**vars(dataset), "encoded": encoded, **others})


def texts_of(data: str) -> Dataset:
    """Texts of a file of REALMIX_DATA; of AG News those of its test part, of which some test."""
    place = Path(os.environ["REALMIX_DATA"]) / f"{data}.jsonl.xz"
    with lzma.open(place, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    if data == "agnews":
        train = test
    if data == "clinc150_oos":
        train, test = _of_each(train, 50), _of_each(test, 15)
        extra = ("oos_train", "oos_train_plus", "oos_val")
        train += [row for row in rows if row["split"] in extra]
    names = sorted({str(row["label"]) for row in test})
    place_of = {name: number for number, name in enumerate(names)} | {FOREIGN: -1}
    return Dataset(
        np.array([row["text"] for row in train], object),
        np.array([place_of[str(row["label"])] for row in train]),
        tuple(names),
        "texts",
        test_inputs=np.array([row["text"] for row in test], object),
        test_label=np.array([place_of[str(row["label"])] for row in test]),
    )


def _of_each(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The first rows of each class."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kept.setdefault(row["label"], []).append(row)
    return [row for each in kept.values() for row in each[:most]]


def split(task: str, seed: int) -> Dataset:
    """Labels, pool and test rows of a draw."""
    data, labels, size, tested = TASKS[task]
    whole, rng = rows_of(data), np.random.default_rng(seed)
    order, count = rng.permutation(len(whole.inputs)), len(whole.inputs)
    assert whole.test_inputs is not None
    assert whole.test_label is not None
    labeled = stratified_labels(whole.label, labels, seed)
    rest = np.setdiff1d(order, labeled)
    rest = rng.permutation(rest)
    exam = count + np.random.default_rng(0).permutation(len(whole.test_inputs))[:tested]
    truth = whole.test_label[exam - count]
    if seed >= CHOICES or data.startswith("agnews"):
        rest, exam = rest[:-tested], rest[-tested:]
        exam = exam[whole.label[exam] >= 0]
        truth = whole.label[exam]
    rows = np.concatenate([labeled, rest[: size - labels]])
    known = np.where(np.arange(len(rows)) < labels, whole.label[rows], -1)
    inputs = np.concatenate([whole.inputs, whole.test_inputs])
    return _with(
        whole,
        seen(data, np.concatenate([rows, exam])),
        inputs=whole.inputs[rows],
        label=known,
        test_inputs=inputs[exam],
        test_label=truth,
        oracle=None,
        names=None,
        test_names=None,
    )


def their_accuracy(dataset: Dataset, method: str) -> float:
    """Of scikit-learn's estimator with its defaults, on rows of length 1."""
    assert dataset.encoded is not None
    kept = dataset.encoded.plain
    rows = kept.features[kept.place, 0].astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    rows, exam = rows[: len(dataset.label)], rows[len(dataset.label) :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows that no label reaches
        known = dataset.label >= 0
        if method == THEIRS[0]:
            model = LogisticRegression(max_iter=1000).fit(rows[known], dataset.label[known])
        else:
            model = LabelSpreading(kernel="knn").fit(rows, dataset.label)
        return float(model.score(exam, dataset.test_label))


def figures(found: Outcome) -> Line:
    """What a whole run came to, on test rows and on held-out ones."""
    truth, result = found.evidence["test_label"], found.result
    probs = {name: found.evidence[f"test_{name}"] for name in ("baseline", "model", "shipped")}
    return {
        **{name: float((each.argmax(1) == truth).mean()) for name, each in probs.items()},
        **{name: result[name] for name in ("algorithm", "labels_alone", "outcome")},
        "ships": result["shipped"],
        "weight": result["pair"]["weight"],
        "held": {each["algorithm"]: each["accuracy"] for each in result["tried"]},
    }


def run(task: str, method: str, seed: int) -> Line:
    """One fit and its accuracy on the test rows; or, for "shipped", a whole run of auto."""
    torch.set_num_threads(1)
    dataset, line = split(task, seed), {"data": task, "method": method, "seed": seed}
    began = time.process_time()
    if method == "shipped":
        config = Config(data="x", seed=seed, device="cpu")
        told = figures(Experiment(Phases(dataset, config, None, Silent())).run())
        line |= {"accuracy": told["shipped"], **told}
    elif method in THEIRS:
        line["accuracy"] = their_accuracy(dataset, method)
    else:
        line["accuracy"] = trained_accuracy(dataset, method, 250, seed, {})
    return line | {"seconds": round(time.process_time() - began, 2), "versions": versions()}


def table(tasks: list[str], lines: list[Line]) -> list[str]:
    rows = ["| data | " + " | ".join(METHODS) + " |", "|---|" + "---:|" * len(METHODS)]
    for task in tasks:
        base = by_seed(lines, data=task, method="linear")
        cells = []
        for method in METHODS:
            found = by_seed(lines, data=task, method=method)
            change = gain(found, base) if method in ("consensus", "shipped") else None
            cells.append(f"{spread(found)} {interval(change)}".strip() if found else "")
        rows.append(f"| {task} | {' | '.join(cells)} |")
    return rows


def shipped(lines: list[Line]) -> list[str]:
    """Each run of auto: what it compared, chose and shipped."""
    rows = [
        "| data | draw | labels alone | candidate | | ships | accuracy | points gained | seconds |",
        "|---|---:|---|---|---:|---|---:|---:|---:|",
    ]
    for line in (line for line in lines if line["method"] == "shipped"):
        what = (
            f"{line['ships']} ({line['weight']:.2f})" if line["ships"] == "pair" else line["ships"]
        )
        rows.append(
            f"| {line['data']} | {line['seed']} | {line['labels_alone']} {line['baseline']:.3f}"
            f" | {line['algorithm']} | {line['model']:.3f} | {what}, {line['outcome']}"
            f" | {line['shipped']:.3f} | {100 * (line['shipped'] - line['baseline']):+.1f}"
            f" | {line['seconds']:.0f} |"
        )
    return rows


def summary() -> str:
    lines = lines_of(NAME)
    lines.sort(key=lambda line: (list(TASKS).index(line["data"]), line["seed"]))
    runs = [line for line in lines if line["method"] == "shipped"]
    gains = np.array([line["shipped"] - line["baseline"] for line in runs])
    rows = [
        "# The ladder on encoders' features",
        "",
        "`python -m benchmarks.ladder`: test accuracy ± standard deviation over draws of labels"
        " and pool, seeds on which nothing was chosen but that the linear model stands for the"
        " labels alone ([NOTES](NOTES.md)); of the vote and of what ships also the"
        " difference from `linear` (the labels alone), paired by draw, with its 95 % interval. The"
        " number behind a name is that of the rows to learn from. scikit-learn's are on rows of"
        " length 1, with their defaults; `LabelSpreading(knn)` has no figure where it is too slow.",
        "",
        *table(list(dict.fromkeys(line["data"] for line in lines)), lines),
        "",
        f"Of {len(runs)} runs of `auto`, what ships is {100 * gains.mean():+.1f} points from the"
        f" labels alone in the mean, and worse by more than a point in {(gains < -0.01).sum()}."
        " Seconds are of one processor, all rungs and their cross-validation together, without the"
        " encoder.",
        "",
        *shipped(lines),
    ]
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    given = parser.parse_args()
    done = {(line["data"], line["method"], line["seed"]) for line in lines_of(NAME)}
    wanted = [(t, m, s) for s in given.seeds for t in given.tasks for m in given.methods]
    wanted = [which for which in wanted if which not in done and not too_slow(*which)]
    do(NAME, run, wanted, given.jobs)
    write_atomically(RECORDS / NAME / "README.md", summary())


def too_slow(task: str, method: str, seed: int) -> bool:
    return method == THEIRS[1] and (
        TASKS[task][2] > 10_000 or TASKS[task][0].startswith("clinc150_oos")
    )


if __name__ == "__main__":
    main()
