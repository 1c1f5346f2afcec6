"""The gate after a choice: several candidates are judged by the labels that also chose among them.

    python -m benchmarks.selection [--jobs 2]

Every run is `auto` on rows: columns of a table, or features of an encoder, where the vote is
preferred. Here all candidates are trained on all labels, so that each rule of choosing can be
asked what would have shipped. The seeds are none of those on which anything was chosen.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ladder import everything
from benchmarks.records import Line, complete, lines_of, versions_of
from realmix.base.versions import versions
from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays
from realmix.evaluate.gate import UNSETTLED, Verdict, decide
from realmix.evaluate.judges import judge_of
from realmix.evaluate.ranking import preferred, ranked
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

NAME = "gate/selection"
FIRST = 410  # seed of the record; those before were seen while choosing
POINTS, BINS = 100.0, (0.3, 0.5, 0.7)
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


def phases_of(dataset: Dataset, seed: int) -> Phases:
    """Of `auto`, with all its contenders."""
    torch.set_num_threads(1)
    config = Config("x", algorithm="auto", steps=250, seed=seed, device="cpu")
    return Phases(dataset, config, None, Silent())


def answers(phases: Phases) -> Answers:
    """All contenders, in the folds and on all labels."""
    names, rows, dataset = phases.contenders.all, phases.rows, phases.dataset
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
    return {
        "alone": base,
        "held_out": len(found.label),
        "favorite": found.favorite,
        **by_rule,
        "baseline": _accuracy(found.test[base], found.truth),
        "candidates": {name: candidate(found, base, name) for name in found.candidates},
    }


def candidate(found: Answers, base: str, name: str) -> Line:
    """What the gate says of one candidate, as if it were the only one and as one of several."""
    plain, chosen = (verdict(found, base, name, several) for several in (False, True))
    assert plain.seen is not None
    assert chosen.seen is not None
    pairs = [each.pairing(found.test[base], found.test[name]) for each in (plain, chosen)]
    return {
        "outcome": plain.outcome,
        "outcome_chosen": chosen.outcome,
        "gain": plain.seen.gain / plain.judge.point,
        "error": plain.seen.standard_error / plain.judge.point,
        "p_better": plain.seen.p_better,
        "p_chosen": chosen.seen.p_better,
        "better": plain.posterior.better,
        "safe": plain.posterior.is_safe,
        "weight": plain.pairing.weight,
        "weight_chosen": chosen.pairing.weight,
        "model": _accuracy(found.test[name], found.truth),
        "pair": _accuracy(pairs[0], found.truth),
        "pair_chosen": _accuracy(pairs[1], found.truth),
    }


def verdict(found: Answers, base: str, name: str, several: bool) -> Verdict:
    others = [found.held[other] for other in found.candidates if other != name]
    return decide(
        found.label,
        found.held[base],
        found.held[name],
        algorithm=name,
        rule="",
        rivals=others if several else (),
        pool=(found.pool[base], found.pool[name]),
    )


def taken(line: Line, by: str, key: str) -> str:
    """The first candidate in that order which has not collapsed; if all have, the first."""
    fine = [name for name in line[by] if line["candidates"][name][key] != "collapsed"]
    return str((fine or line[by])[0])


def student(phases: Phases, found: Answers, line: Line) -> float | None:
    """Test accuracy of the one network that `--single` ships; None where it ships no student."""
    name, base = taken(line, "preferred", "outcome_chosen"), line["alone"]
    if line["candidates"][name]["outcome_chosen"] not in UNSETTLED:
        return None
    pairing = verdict(found, base, name, True).pairing
    (one,) = phases.run([phases.student(pairing(found.pool[base], found.pool[name]))])
    assert phases.rows.test_inputs is not None
    return _accuracy(phases.rows.probs(one.network, phases.rows.test_inputs), found.truth)


def _accuracy(probs: Probs, truth: NDArray[np.int64]) -> float:
    return float((probs.argmax(1) == truth).mean())


def run(data: str, labels: int, kind: str, seed: int) -> Line:
    started = time.process_time()
    phases = phases_of(drawn(data, labels, kind, seed), seed)
    found = answers(phases)
    line = figures(found)
    line["student"] = student(phases, found, line)
    spent = round(time.process_time() - started, 1)
    return {"case": [data, labels, kind, seed], **line, "seconds": spent, "versions": versions()}


def ships(line: Line, by: str, how: str) -> float:
    """Points gained over the labels alone by what ships.

    Args:
        line: a run.
        by: how the candidate is taken: "preferred" or "ranked".
        how: "alone": judged as the only one; "chosen": as one of several; "student": and one
            network ships; "single": or one by the bounded posterior; "candidate": it always ships.
    """
    key = {"alone": "outcome", "single": "outcome"}.get(how, "outcome_chosen")
    seen, base = line["candidates"][taken(line, by, key)], line["baseline"]
    unsettled = {
        "alone": seen["pair"],
        "chosen": seen["pair_chosen"],
        "student": line["student"],
        "single": seen["model"] if seen["safe"] else base,
        "candidate": seen["model"],
    }[how]
    settled = {"proved": seen["model"], "worse": base, "collapsed": base}
    if how == "candidate":
        settled = {}
    return POINTS * float(settled.get(seen[key], unsettled) - base)


RULES = {
    "the candidate, always": "candidate",
    "the gate, as if it were the only candidate": "alone",
    "**the gate, which knows of the others**": "chosen",
    "one network by the bounded posterior (`--single`, before)": "single",
    "**one network, a student of both (`--single`)**": "student",
}


def table(lines: Sequence[Line], by: str) -> Iterator[str]:
    yield "| what ships | gain | regret | harmed | worst |"
    yield "|---|---:|---:|---:|---:|"
    possible = np.maximum([ships(line, by, "candidate") for line in lines], 0)
    for words, how in RULES.items():
        if by == "ranked" and how == "student":
            continue  # they were trained for what is preferred
        got = np.array([ships(line, by, how) for line in lines]).round(6)
        yield (
            f"| {words} | {got.mean():+.2f} | {(possible - got).mean():.2f}"
            f" | {(got < -1).sum()} of {len(got)} | {got.min():+.1f} |"
        )


def reliability(lines: Sequence[Line]) -> Iterator[str]:
    """Printed chance that the pool helped, against how often it did."""
    yield "| runs | chance told | number | mean chance | it helped |"
    yield "|---|---|---:|---:|---:|"
    parts = {"all": lines, "features of encoders": [line for line in lines if line["favorite"]]}
    for words, own in parts.items():
        if not own:
            continue
        seen = [line["candidates"][taken(line, "preferred", "outcome_chosen")] for line in own]
        left = np.array([each["outcome_chosen"] in UNSETTLED for each in seen])
        chance = np.array([each["better"] for each in seen])[left]
        helped = np.array(
            [each["model"] > line["baseline"] for each, line in zip(seen, own, strict=True)]
        )
        helped = helped[left]
        for low, high in (*pairwise((0.0, *BINS, 1.0)), (0.0, 1.0)):
            part = (chance >= low) & (chance < high)
            if part.any():
                yield (
                    f"| {words} | {low:.0%} to {high:.0%} | {part.sum()}"
                    f" | {chance[part].mean():.0%} | {helped[part].mean():.0%} |"
                )


def listed(lines: Sequence[Line]) -> Iterator[str]:
    yield "| data | labels | pool | draw | alone | candidate | | ships | student | outcome |"
    yield "|---|---:|---|---:|---:|---|---:|---:|---:|---|"
    for line in lines:
        name = taken(line, "preferred", "outcome_chosen")
        data, labels, kind, seed = line["case"]
        seen = line["candidates"][name]
        got = line["baseline"] + ships(line, "preferred", "chosen") / POINTS
        one = "" if line["student"] is None else f"{line['student']:.3f}"
        settled = "open" if seen["outcome_chosen"] in UNSETTLED else seen["outcome_chosen"]
        yield (
            f"| {data} | {labels} | {kind} | {seed} | {line['baseline']:.3f} | {name}"
            f" | {seen['model']:.3f} | {got:.3f} | {one} | {settled} |"
        )


def summary() -> str:
    lines = lines_of(NAME)
    encoded = [line for line in lines if line["favorite"]]
    rows = [
        "# The gate after a choice among several candidates",
        "",
        f"`python -m benchmarks.selection`: {len(lines)} runs of `auto`, {len(encoded)} on features"
        " of encoders (where the vote is preferred), the others"
        " on tables, whose candidates are ranked. Labels of a class for tables, in all for the"
        " others. Pools as the labels are, or with a third of the classes unlabeled (`foreign`), or"
        " with 1 / (1 + c) of class c (`unequal`). All candidates were trained on all labels, so"
        " each rule can be asked. Points on test rows; harmed is worse by over a point. What was"
        " tried and chosen: [NOTES](NOTES.md); made-up models: [SIMULATED](SIMULATED.md). Nothing"
        " was chosen on these seeds.",
    ]
    parts = {
        "All runs": lines,
        "Features of encoders, the vote preferred": encoded,
    }
    for words, own in parts.items():
        if own:
            rows += ["", f"## {words}", "", *table(own, "preferred")]
    if encoded:
        rows += ["", "## Without a preferred one: the best on held-out labels", ""]
        rows += table(encoded, "ranked")
    rows += ["", "## Is the printed chance right?", ""]
    rows += [*reliability(lines), "", "## All runs, one by one", "", *listed(lines), ""]
    return "\n".join([*rows, *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    complete(NAME, run, cases(), ("case",), summary, given.jobs)


if __name__ == "__main__":
    main()
