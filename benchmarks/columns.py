"""Tables as people have them: categories in words, blanks, and numbers, beside scikit-learn.

    python -m benchmarks.columns [--jobs 2] [--seeds 10]

Data frames of tabular.npz in REALMIX_DATA, each row once: categories as words, "?" as a blank,
`bank` without `duration`, which all but tells the label. Labels, a pool of 2,000 rows and 3,000
rows for testing are drawn at random. `SemiSupervisedClassifier(judge="accuracy")` is fitted as it
comes. scikit-learn's have their defaults, on one-hot categories and standardized numbers; the last
two learn from the pool too. Methods and rules were chosen on draws of seeds 100 to 105.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from benchmarks.records import (
    Line,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    spread,
    versions_of,
)
from realmix import SemiSupervisedClassifier
from realmix.base.versions import versions

NAME, POOL, TEST = "columns", 2000, 3000
LABELS = {"adult": 200, "bank": 200, "covtype15k": 140, "letter": 260, "satimage": 60, "magic": 40}
DROPPED = {"bank": ["duration"]}
THEIRS: dict[str, Callable[[], Any]] = {
    "LogisticRegression": lambda: LogisticRegression(max_iter=1000),
    "RandomForest": lambda: RandomForestClassifier(random_state=0),
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(random_state=0),
    "SelfTraining(LogisticRegression)": lambda: SelfTrainingClassifier(
        LogisticRegression(max_iter=1000)
    ),
    "LabelSpreading(knn)": lambda: LabelSpreading(kernel="knn"),
}
WITH_POOL = ("SelfTraining(LogisticRegression)", "LabelSpreading(knn)")
ALONE, SHIPPED = "labels alone", "SemiSupervisedClassifier()"
METHODS = (*THEIRS, ALONE, SHIPPED)
POINT = 0.01


def frame_of(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns in words and numbers, no row twice, and the class of each row in words."""
    with np.load(Path(os.environ["REALMIX_DATA"]) / "tabular.npz") as tables:
        x, y, columns = tables[f"X_{name}"], tables[f"y_{name}"], tables[f"columns_{name}"].tolist()
        levels, classes = json.loads(str(tables[f"levels_{name}"])), tables[f"classes_{name}"]
    once = np.sort(np.unique(x, axis=0, return_index=True)[1])
    frame = pd.DataFrame(x[once], columns=columns)
    for column, words in levels.items():
        words = np.array([None if word == "?" else word for word in words], dtype=object)
        frame[column] = words[frame[column].astype(int)]
    return frame.drop(columns=DROPPED.get(name, [])), classes[y[once]].astype(object)


def their_accuracies(
    rows: pd.DataFrame, label: np.ndarray, test: pd.DataFrame, exam: np.ndarray
) -> dict[str, float]:
    """Of scikit-learn's estimators; `label` is None where unknown."""
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), _words),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    inputs, new = encode.fit_transform(rows), encode.transform(test)
    known = np.array([each is not None for each in label])
    classes, number = np.unique(label[known].astype(str), return_inverse=True)
    some = np.full(len(label), -1)
    some[known] = number
    found = {}
    for name, make in THEIRS.items():
        used = known | (name in WITH_POOL)
        model = make().fit(inputs[used], some[used])
        found[name] = float((classes[model.predict(new)] == exam).mean())
    return found


_words = make_column_selector(dtype_exclude="number")


def run(name: str, seed: int) -> Line:
    """One draw of labels, pool and test rows; seconds are those of our fit."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    frame, label = frame_of(name)
    order = np.random.default_rng(seed).permutation(len(frame))
    drawn, exam = order[: LABELS[name] + POOL], order[-TEST:]
    rows, known = frame.iloc[drawn], label[drawn].copy()
    known[LABELS[name] :] = None
    test, answers = frame.iloc[exam], label[exam].astype(str)
    found = their_accuracies(rows, known, test, answers)
    wall, processor = time.monotonic(), time.process_time()
    model = SemiSupervisedClassifier(judge="accuracy", random_state=seed).fit(rows, known)
    spent = time.monotonic() - wall, time.process_time() - processor
    alone = SemiSupervisedClassifier(model.result_["labels_alone"], gate=False, random_state=seed)
    found[ALONE] = float((alone.fit(rows, known).predict(test) == answers).mean())
    found[SHIPPED] = float((model.predict(test) == answers).mean())
    return {
        "data": name,
        "seed": seed,
        **found,
        **{key: model.result_[key] for key in ("labels_alone", "algorithm", "shipped", "outcome")},
        "seconds": round(spent[0], 1),
        "processor_seconds": round(spent[1], 1),
        "versions": versions(),
    }


def table(lines: list[Line]) -> list[str]:
    """Accuracies; the base of differences is the best of scikit-learn's in the mean."""
    names = [f"{name}, {count} labels" for name, count in LABELS.items()]
    rows = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(LABELS)}"]
    for method in METHODS:
        cells = []
        for name in LABELS:
            found = by_seed(lines, method, data=name)
            if not found:
                cells.append("")
                continue
            base = by_seed(lines, best_of_theirs(lines, name), data=name)
            change = interval(gain(found, base)) if method in (ALONE, SHIPPED) else ""
            cells.append(f"{spread(found)} {change}".strip())
        rows.append(f"| {method} | {' | '.join(cells)} |")
    return rows


def best_of_theirs(lines: list[Line], name: str) -> str:
    means = {m: np.mean(list(by_seed(lines, m, data=name).values())) for m in THEIRS}
    return max(means, key=lambda method: means[method])


def harm(lines: list[Line]) -> str:
    """How often what ships is more than a point above or below the labels alone."""
    changes = np.array([line[SHIPPED] - line[ALONE] for line in lines])
    below, above = (changes < -POINT - 1e-9).sum(), (changes > POINT + 1e-9).sum()
    return (
        f"What ships is more than a point below the labels alone in {below} of {len(lines)} runs,"
        f" and more than a point above in {above}; {changes.mean():+.4f} in the mean."
    )


def costs(lines: list[Line]) -> str:
    words = []
    for name in LABELS:
        wall, processor = (
            np.mean(list(by_seed(lines, value, data=name).values()))
            for value in ("seconds", "processor_seconds")
        )
        words.append(f"{name} {processor:.0f} ({wall:.0f})")
    return f"A fit took, in seconds of one processor (and of the clock): {', '.join(words)}."


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        f"# {(__doc__ or '').splitlines()[0]}",
        "",
        *(__doc__ or "").split("\n\n")[2].splitlines(),
        "",
        "Test accuracy ± standard deviation over draws. `labels alone` is what cross-validation"
        " takes of the committee (linear, forests, boosting) and the linear model;"
        f" `{SHIPPED}` is what ships. Both have the difference from the best of scikit-learn's in"
        " the mean over draws, paired by draw, with its 95 % interval.",
        "",
        *table(lines),
        "",
        harm(lines),
        "",
        costs(lines),
    ]
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    wanted = [(name, seed) for seed in range(given.seeds) for name in LABELS]
    complete(NAME, run, wanted, ("data", "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()
