"""The gate after a choice: several candidates are judged by the labels that also chose among them.

    python -m benchmarks.selection [--jobs 2]

Every run is `auto` on rows: columns of a table, or features of an encoder, where the vote is
preferred. Here all candidates are trained on all labels, so that each rule of choosing can be
asked what would have shipped. The seeds are none of those on which anything was chosen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ladder import everything
from benchmarks.records import Line
from realmix.base.versions import versions
from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays
from realmix.evaluate.gate import decide
from realmix.evaluate.judges import judge_of
from realmix.evaluate.ranking import preferred, ranked
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

NAME = "gate/selection"
FIRST = 400  # seeds from here on belong to the record
POOL, WIDE, TEST = 2500, 1000, 3000  # the second: of features with 1,280 columns
ENCODED: dict[str, tuple[int, ...]] = {
    "cifar10": (40, 250),
    "agnews": (40, 100),
    "sst2": (20, 40, 100),
}
TABLES: dict[str, tuple[int, ...]] = {
    "pendigits": (4, 10),
    "satimage": (5, 15),
    "magic": (10, 40),
    "spambase": (10, 40),
}
TABLES |= {"letter": (5,), "covtype15k": (5, 20), "digits": (3, 8)}
"""Labels of a class."""
BINARY = ("sst2", "magic", "spambase")
KINDS = ("as labels", "foreign", "unequal")
"""Of a pool: as the labels are; a third of the classes have no label; class c has 1 / (1 + c)."""
Probs = NDArray[np.float32]
Case = tuple[str, int, str, int]


def cases(first: int = FIRST, turns: int = 6) -> Iterator[Case]:
    """(data, labels, kind of pool, seed), cheap ones first."""
    for turn in range(turns):
        for data, sizes in {**TABLES, **ENCODED}.items():
            kinds = [kind for kind in KINDS if kind != "foreign" or data not in BINARY]
            for place, labels in enumerate(sizes):
                yield data, labels, kinds[(turn + place) % len(kinds)], first + turn


def drawn(data: str, labels: int, kind: str, seed: int) -> Dataset:
    """Labeled rows, a pool of that kind, and test rows of the labeled classes."""
    rng = np.random.default_rng(seed)
    whole = everything(data) if data in ENCODED else None
    rows, truth = _all_rows(data)
    count = int(truth.max()) + 1
    known = count if kind != "foreign" else count - count // 3
    order = rng.permutation(len(rows))
    of_known = order[truth[order] < known]
    each = labels if whole is None else max(labels // count, 1)
    labeled = np.concatenate([of_known[truth[of_known] == c][:each] for c in range(known)])
    rest = np.setdiff1d(order, labeled)
    rest = rng.permutation(rest)
    exam = rest[truth[rest] < known][: min(TEST, len(rest) // 3)]
    left = rng.permutation(np.setdiff1d(rest, exam))
    if kind == "unequal":
        left = left[rng.random(len(left)) < 1 / (1 + truth[left])]
    pool = np.sort(left[: POOL if data != "cifar10" else WIDE])
    learned = np.concatenate([labeled, pool])
    label = np.where(np.arange(len(learned)) < len(labeled), truth[learned], -1)
    if whole is None:
        found = from_arrays(rows[learned], label)
        return replace(found, test_inputs=rows[exam], test_label=truth[exam])
    assert whole.encoded is not None
    kept = Kept(whole.encoded.plain.features, np.concatenate([learned, exam]))
    return replace(
        whole,
        encoded=Encoded(kept, None, whole.encoded.reference, 0.0),
        classes=whole.classes[:known],
        inputs=rows[learned],
        label=label,
        test_inputs=rows[exam],
        test_label=truth[exam],
        oracle=None,
        names=None,
        test_names=None,
    )


@cache
def _all_rows(data: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All rows of a table, or as many zeros as there are features, and their classes."""
    if data == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        return x.astype(np.float32), y.astype(np.int64)
    if data in ENCODED:
        whole = everything(data)
        assert whole.test_label is not None
        truth = np.concatenate([whole.label, whole.test_label])
        return np.zeros((len(truth), 1), np.float32), truth
    with np.load(Path(os.environ["REALMIX_DATA"]) / "tabular.npz") as tables:
        return tables[f"X_{data}"].astype(np.float32), tables[f"y_{data}"].astype(np.int64)


@dataclass(frozen=True)
class Answers:
    """What all contenders of a run say, by name: of the held-out rows, the pool and the test.

    Attributes:
        alone, candidates: names.
        favorite: of the candidates, or "".
        label: (n,) classes of the held-out rows.
        truth: (m,) classes of the test rows.
    """

    alone: tuple[str, ...]
    candidates: tuple[str, ...]
    favorite: str
    label: NDArray[np.int64]
    truth: NDArray[np.int64]
    held: dict[str, Probs]
    pool: dict[str, Probs]
    test: dict[str, Probs]


def answers(dataset: Dataset, seed: int) -> Answers:
    """All contenders of `auto`, in the folds and on all labels."""
    torch.set_num_threads(1)
    config = Config("x", algorithm="auto", steps=250, seed=seed, device="cpu")
    phases = Phases(dataset, config, None, Silent())
    names, rows = phases.contenders.all, phases.rows
    held = Experiment(phases)._held_out(phases.run(phases.folds))
    finals = phases.run([phases.final(name) for name in names])
    networks = {name: each.network for name, each in zip(names, finals, strict=True)}
    assert dataset.test_label is not None
    assert rows.test_inputs is not None
    return Answers(
        phases.contenders.alone,
        phases.contenders.candidates,
        phases.contenders.favorite,
        dataset.label[phases.held_rows],
        dataset.test_label,
        held,
        {name: rows.probs(each, rows.inputs[rows.pool_rows]) for name, each in networks.items()},
        {name: rows.probs(each, rows.test_inputs) for name, each in networks.items()},
    )


def figures(found: Answers) -> Line:
    """Each candidate beside the labels alone: what the gate says, and the test accuracies."""
    judge = judge_of("auto", found.label)
    base = ranked(judge, found.label, found.held, found.alone)[0]
    by_rule = {
        "preferred": preferred(judge, found.label, found.held, found.candidates, found.favorite),
        "ranked": ranked(judge, found.label, found.held, found.candidates),
    }
    told = {name: candidate(found, base, name) for name in found.candidates}
    return {
        "alone": base,
        "judge": judge.name,
        "held_out": len(found.label),
        "favorite": found.favorite,
        **by_rule,
        "baseline": _accuracy(found.test[base], found.truth),
        "candidates": told,
        "right": {name: _bits(found, name) for name in (*found.alone, *found.candidates)},
    }


def candidate(found: Answers, base: str, name: str) -> Line:
    """What the gate says of one candidate, as if it were the only one."""
    said = found.pool[base], found.pool[name]
    verdict = decide(
        found.label, found.held[base], found.held[name], algorithm=name, rule="", pool=said
    )
    seen = verdict.seen
    assert seen is not None
    pair = verdict.pairing(found.test[base], found.test[name])
    return {
        "outcome": verdict.outcome,
        "gain": seen.gain / verdict.judge.point,
        "error": seen.standard_error / verdict.judge.point,
        "p_better": seen.p_better,
        "p_worse": seen.p_worse,
        "weight": verdict.pairing.weight,
        "model": _accuracy(found.test[name], found.truth),
        "pair": _accuracy(pair, found.truth),
    }


def _bits(found: Answers, name: str) -> str:
    """Which held-out rows a contender has right: "1"."""
    right = found.held[name].argmax(1) == found.label
    return "".join(map(str, right.astype(int)))


def _accuracy(probs: Probs, truth: NDArray[np.int64]) -> float:
    return float((probs.argmax(1) == truth).mean())


def run(data: str, labels: int, kind: str, seed: int) -> Line:
    started = time.process_time()
    line = figures(answers(drawn(data, labels, kind, seed), seed))
    spent = round(time.process_time() - started, 1)
    return {"case": [data, labels, kind, seed], **line, "seconds": spent, "versions": versions()}
