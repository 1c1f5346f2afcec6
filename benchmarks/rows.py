"""Feature rows: the methods that take milliseconds, beside scikit-learn's and the MLP.

    python -m benchmarks.rows [--jobs 2]

Four sets that scikit-learn ships, 8 labels a class, and the numeric tables of tabular.npz in
REALMIX_DATA, 10 labels a class. A third of the rows is for testing; of the others, those without a
label are the pool, at most 5,000. The seeds are not those of any choice that was made.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from benchmarks.records import (
    Line,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    spread,
    trained_accuracy,
    versions_of,
)
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays
from realmix.runs.choose import default_steps
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

NAME, POOL = "rows", 5000
SMALL: dict[str, Callable[..., Any]] = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}
TABLES = ("pendigits", "satimage", "magic", "spambase", "letter", "covtype15k", "adult", "bank")
OURS = ("linear", "label_spreading", "balanced_self_training", "gaussian_mixture")
THEIRS: dict[str, Callable[[], Any]] = {
    "LogisticRegression": lambda: LogisticRegression(max_iter=1000),
    "LabelSpreading(knn)": lambda: LabelSpreading(kernel="knn"),
    "SelfTrainingClassifier": lambda: SelfTrainingClassifier(LogisticRegression(max_iter=1000)),
}
DEFAULT = "the default"
METHODS = (*THEIRS, "supervised", *OURS, DEFAULT)
BASE = "LogisticRegression"


def split(name: str, seed: int) -> Dataset:
    """Labeled rows, pool and test rows."""
    if name in SMALL:
        per_class, (x, y) = 8, SMALL[name](return_X_y=True)
    else:
        with np.load(Path(os.environ["REALMIX_DATA"]) / "tabular.npz") as tables:
            per_class, x, y = 10, tables[f"X_{name}"], tables[f"y_{name}"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(x))
    test, train = order[: len(x) // 3], order[len(x) // 3 :]
    labeled = np.concatenate([train[y[train] == c][:per_class] for c in np.unique(y)])
    pool = np.setdiff1d(train, labeled)
    pool = np.random.default_rng(seed).permutation(pool)[:POOL]
    rows = np.concatenate([labeled, pool])
    known = np.concatenate([y[labeled], np.full(len(pool), -1)])
    dataset = from_arrays(x[rows].astype(np.float32), known)
    return dataclasses.replace(dataset, test_inputs=x[test].astype(np.float32), test_label=y[test])


def their_accuracy(dataset: Dataset, method: str) -> float:
    """Of scikit-learn's estimator with its defaults, on rows standardized as ours are."""
    standard = StandardScaler().fit(dataset.inputs)
    rows, label = standard.transform(dataset.inputs), dataset.label
    known = label >= 0 if method == BASE else np.ones(len(label), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows that no label reaches
        model = THEIRS[method]().fit(rows[known], label[known])
        return float(model.score(standard.transform(dataset.test_inputs), dataset.test_label))


def default_accuracy(dataset: Dataset, seed: int) -> float:
    """Of what `SemiSupervisedClassifier()` keeps: all methods, the comparison and the pair."""
    torch.set_num_threads(1)
    config = Config("rows", seed=seed, device="cpu")
    evidence = Experiment(Phases(dataset, config, None, Silent())).run().evidence
    return float((evidence["test_shipped"].argmax(1) == evidence["test_label"]).mean())


def run(name: str, method: str, seed: int) -> Line:
    """One fit and its accuracy on the test rows; seconds are the processor's."""
    dataset = split(name, seed)
    started = time.process_time()
    if method in THEIRS:
        accuracy = their_accuracy(dataset, method)
    elif method == DEFAULT:
        accuracy = default_accuracy(dataset, seed)
    else:
        accuracy = trained_accuracy(dataset, method, default_steps((1,)), seed, {})
    return {
        "data": name,
        "method": method,
        "seed": seed,
        "accuracy": accuracy,
        "seconds": round(time.process_time() - started, 3),
        "versions": versions(),
    }


def table(names: tuple[str, ...], lines: list[Line]) -> list[str]:
    rows = [f"| method | {' | '.join(names)} | mean |", f"|---|{'---|' * len(names)}---:|"]
    for method in METHODS:
        cells, means = [], []
        for name in names:
            found = by_seed(lines, data=name, method=method)
            base = by_seed(lines, data=name, method=BASE)
            change = gain(found, base) if method != BASE else None
            seconds = by_seed(lines, "seconds", data=name, method=method)
            if found:
                cost = float(np.mean(list(seconds.values())))
                cells.append(f"{spread(found)} {interval(change)} {cost:.2f} s")
                means.append(np.mean(list(found.values())))
            else:
                cells.append("")
        mean = f"{np.mean(means):.3f}" if len(means) == len(names) else ""
        rows.append(f"| {method} | {' | '.join(cells)} | {mean} |")
    return rows


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Feature rows, fitted at once",
        "",
        "`python -m benchmarks.rows`: test accuracy ± standard deviation over seeds, the difference"
        f" from scikit-learn's {BASE} (C = 1), paired by seed, with its 95 % interval, and seconds"
        " of one processor for one fit without cross-validation by the gate. `supervised` is the"
        " MLP on the labels alone.",
        "",
        "8 labels a class, ten seeds:",
        "",
        *table(tuple(SMALL), lines),
        "",
        "10 labels a class, a pool of at most 5,000 rows, five seeds; codes of categories in"
        " `adult` and `bank` are taken as numbers:",
        "",
        *table(TABLES, lines),
    ]
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    given = parser.parse_args()
    wanted = [(d, m, s) for d in SMALL for s in range(10) for m in given.methods]
    wanted += [(d, m, s) for d in TABLES for s in range(5) for m in given.methods]
    complete(NAME, run, wanted, ("data", "method", "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()
