"""Tables as people have them: categories in words, blanks, and numbers, beside scikit-learn.

    python -m benchmarks.columns [--jobs 2] [--seeds 5]

CSV files of tabular.npz in REALMIX_DATA: categories as words, "?" as a blank cell, `bank` without
`duration`, which all but tells the label. Labels and a pool of 2,000 rows are drawn at random, and
3,000 rows are for testing. scikit-learn's learn from the labels, on the matrix that realmix makes
of the table, standardized for logistic regression.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.records import (
    RECORDS,
    Line,
    by_seed,
    do,
    gain,
    interval,
    lines_of,
    spread,
    versions_of,
)
from realmix.base.files import write_atomically
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

NAME, POOL, TEST = "columns", 2000, 3000
LABELS = {"adult": 200, "bank": 200, "magic": 40}
DROPPED = {"bank": "duration"}
THEIRS: dict[str, Callable[[], Any]] = {
    "LogisticRegression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
    "RandomForest": lambda: RandomForestClassifier(random_state=0),
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(random_state=0),
}
SHIPPED = "the default"
METHODS = (*THEIRS, "labels alone", SHIPPED)


def cells_of(name: str) -> tuple[list[str], list[list[str]], list[str]]:
    """Columns, rows of cells, and the label of each row, in words."""
    with np.load(Path(os.environ["REALMIX_DATA"]) / "tabular.npz") as tables:
        x, y, columns = tables[f"X_{name}"], tables[f"y_{name}"], tables[f"columns_{name}"].tolist()
        levels, classes = json.loads(str(tables[f"levels_{name}"])), tables[f"classes_{name}"]
    words = {column: ["" if w == "?" else w for w in levels.get(column, [])] for column in columns}
    cells = [
        [words[c][int(v)] if words[c] else f"{v:.7g}" for c, v in zip(columns, row, strict=True)]
        for row in x
    ]
    return [*columns, "label"], cells, classes[y].tolist()


def written(path: Path, header: list[str], rows: Iterable[list[str]]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def accuracies(data: Dataset, seed: int) -> dict[str, float]:
    """Test accuracy of each method, and of the best of the labels alone."""
    known = data.label >= 0
    assert data.test_inputs is not None
    found = {
        name: float(
            make()
            .fit(data.inputs[known], data.label[known])
            .score(data.test_inputs, data.test_label)
        )
        for name, make in THEIRS.items()
    }
    config = Config(NAME, seed=seed, judge="accuracy", device="cpu")
    seen = Experiment(Phases(data, config, None, Silent())).run().evidence
    for name, key in (("labels alone", "test_baseline"), (SHIPPED, "test_shipped")):
        found[name] = float((seen[key].argmax(1) == seen["test_label"]).mean())
    return found


def run(name: str, seed: int) -> Line:
    """One draw of labels, pool and test rows; seconds are of the whole."""
    torch.set_num_threads(1)
    started = time.process_time()
    header, cells, label = cells_of(name)
    order = np.random.default_rng(seed).permutation(len(cells))
    count = LABELS[name]
    with TemporaryDirectory() as folder:
        train, test = Path(folder) / "train.csv", Path(folder) / "test.csv"
        rows = [[*cells[i], label[i] if n < count else ""] for n, i in enumerate(order)]
        table = written(train, header, rows[: count + POOL])
        exam = written(test, header, [[*cells[i], label[i]] for i in order[-TEST:]])
        data = load(table, test=exam, drop_columns=DROPPED.get(name))
    found = accuracies(data, seed)
    seconds = round(time.process_time() - started, 1)
    return {"data": name, "seed": seed, **found, "seconds": seconds, "versions": versions()}


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        f"# {(__doc__ or '').splitlines()[0]}",
        "",
        *(__doc__ or "").split("\n\n")[2].splitlines(),
        "",
        "Test accuracy ± standard deviation over draws, and the difference from RandomForest,"
        " paired by draw, with its 95 % interval. `labels alone` is what cross-validation finds"
        " the best of linear, forest and MLP; `the default` is what ships.",
        "",
        f"| method | {' | '.join(f'{name}, {count} labels' for name, count in LABELS.items())} |",
        f"|---|{'---|' * len(LABELS)}",
    ]
    for method in METHODS:
        cells = []
        for name in LABELS:
            found, base = (by_seed(lines, value, data=name) for value in (method, "RandomForest"))
            change = interval(gain(found, base)) if method != "RandomForest" else ""
            cells.append(f"{spread(found)} {change}" if found else "")
        rows.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    done = {(line["data"], line["seed"]) for line in lines_of(NAME)}
    wanted = [(name, seed) for name in LABELS for seed in range(given.seeds)]
    do(NAME, run, [which for which in wanted if which not in done], given.jobs)
    write_atomically(RECORDS / NAME / "README.md", summary())


if __name__ == "__main__":
    main()
