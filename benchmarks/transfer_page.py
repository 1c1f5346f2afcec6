"""The page of the transfer record, made from its lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.records import Line, by_seed, gain, interval, lines_of, place, spread, versions_of
from benchmarks.starts import LITE0, RANDOM, TINY, Setting
from realmix.base.files import whole_lines, write_atomically

TABLE_4 = ("supervised", "mixmatch", "realmix")
BOTH = ((TINY, "realmix"), (RANDOM, "mixmatch"))
SELF_TRAINING, DISTILLED = "self-training", "distilled"
WORDS = {"supervised": "labels alone", "mixmatch": "MixMatch", "realmix": "RealMix"}


def write_page(record: Path, setting: Setting) -> None:
    """README.md of a record's folder, from all its lines and those of cifar10's random starts."""
    lines = [line for line in whole_lines(record / "results.jsonl") if "error" not in line]
    if lines:
        write_atomically(record / "README.md", page([*lines, *random_starts(setting)], setting))


def random_starts(setting: Setting) -> list[Line]:
    """The trainings of the record `cifar10` that differ in the start alone."""
    return [
        {**line, "start": RANDOM, "method": line["algorithm"]}
        for line in lines_of(setting.data)
        if line["algorithm"] in TABLE_4 and line["labels"] in setting.few
        if line["steps"] == setting.steps and not line["fields"]
    ]


def page(lines: Sequence[Line], setting: Setting) -> str:
    rows = [
        "# Pre-training beside the pool",
        "",
        f"`python -m benchmarks.transfer`: {setting.data}, {setting.steps:,} steps a training,"
        f" {place(lines)}. ± is the standard deviation over seeds of labels and training together;"
        " differences are paired by seed, with their 95 % t-intervals where there are three. The"
        " small ConvNet starts at"
        f" random or from 175 classes of {TINY} (8,750 pictures, as many steps, none of CIFAR-10's"
        f" classes); {LITE0} is an EfficientNet-Lite0 of ImageNet whole, frozen, at 160 pixels,"
        " under a head that takes a tenth of the steps.",
        *("", "## After pre-training: labels alone, MixMatch, RealMix (the paper's Table 4)", ""),
        *table_4(lines, setting),
        *("", *brings(lines, setting)),
        *("", f"## More labels, of {setting.base:,}: pre-training and self-training (Zoph)", ""),
        "The pool is the same at each size: all rows beside these. Strong augmentation everywhere"
        " (noise on features).",
        *("", *shares(lines, setting)),
        *("", "## A small network that learns from a large one (SimCLRv2's third step)", ""),
        f"The ConvNet from random on the labels alone, and on them and what the head of {LITE0},"
        " which learned the same labels, says of the pool; weak augmentation.",
        *("", *taught(lines, setting)),
    ]
    return "\n".join([*rows, "", *versions_of(lines), ""])


def header(names: Iterable[str], labels: Iterable[int]) -> Iterator[str]:
    cells = [*names, *(f"{count:,} labels" for count in labels)]
    yield f"| {' | '.join(cells)} |"
    yield f"|{'---|' * len(tuple(names))}{'---:|' * len(tuple(labels))}"


def table_4(lines: Sequence[Line], setting: Setting) -> Iterator[str]:
    """A row a start and method, with the difference from the labels alone of random starts."""
    yield from header(("start", "learns by"), setting.few)
    for start in (RANDOM, TINY, LITE0):
        for method in TABLE_4:
            cells = []
            for labels in setting.few:
                found = by_seed(lines, start=start, method=method, labels=labels)
                base = by_seed(lines, start=RANDOM, method="supervised", labels=labels)
                cells.append(cell(found, base if found != base else {}))
            if any(cells):
                yield f"| {start} | {WORDS[method]} | {' | '.join(cells)} |"


def brings(lines: Sequence[Line], setting: Setting) -> Iterator[str]:
    """What pre-training adds to each method, and RealMix to it."""
    yield from header(("what it brings",), setting.few)
    pairs = [(f"{TINY}, {WORDS[method]}", (TINY, method), (RANDOM, method)) for method in TABLE_4]
    for start in (TINY, LITE0):
        for method in TABLE_4[:2]:
            words = f"RealMix over {WORDS[method]}, from {start}"
            pairs.append((words, (start, "realmix"), (start, method)))
    pairs.append((f"RealMix from {TINY} over MixMatch from random", *BOTH))
    for words, one, other in pairs:
        found = [
            [by_seed(lines, start=s, method=m, labels=labels) for s, m in (one, other)]
            for labels in setting.few
        ]
        changes = [change(mine, theirs) for mine, theirs in found]
        if any(changes):
            yield f"| {words} | {' | '.join(changes)} |"


def cell(found: dict[int, float], base: dict[int, float]) -> str:
    """Accuracy, and the difference from a base where both have seeds.

    >>> cell({0: 0.5, 1: 0.7}, {0: 0.4, 1: 0.6})
    '0.600 ± 0.141, +0.100 (two seeds: +0.100, +0.100)'
    """
    told = (spread(found) if found else "", change(found, base))
    return ", ".join(words for words in told if words)


def change(found: dict[int, float], base: dict[int, float]) -> str:
    """The difference of common seeds, with their number where they are fewer than three.

    >>> change({0: 0.5, 1: 0.7}, {0: 0.4, 2: 0.6})
    '+0.100 (one seed)'
    >>> change({0: 0.5, 1: 0.7}, {0: 0.4, 1: 0.5})
    '+0.150 (two seeds: +0.100, +0.200)'
    """
    each = [found[seed] - base[seed] for seed in found if seed in base]
    if len(each) > 2:
        return interval(gain(found, base))
    told = {1: "one seed", 2: f"two seeds: {', '.join(f'{one:+.3f}' for one in each)}"}
    return f"{np.mean(each):+.3f} ({told[len(each)]})" if each else ""


def shares(lines: Sequence[Line], setting: Setting) -> Iterator[str]:
    """Accuracy of each start before and after self-training, then what each brings."""
    yield from header(("start", "learns from"), setting.sizes)
    grid = {
        (start, value, labels): by_seed(
            lines, value, start=start, method=SELF_TRAINING, labels=labels
        )
        for start in (RANDOM, TINY, LITE0)
        for value in ("alone", "accuracy")
        for labels in setting.sizes
    }
    for start in (RANDOM, TINY, LITE0):
        for value, words in (("alone", "labels alone"), ("accuracy", "and self-training")):
            cells = [cell(grid[start, value, labels], {}) for labels in setting.sizes]
            if any(cells):
                yield f"| {start} | {words} | {' | '.join(cells)} |"
    yield from ("", *header(("what it brings",), setting.sizes))
    for words, with_it, without in (
        ("pre-training, labels alone", (TINY, "alone"), (RANDOM, "alone")),
        ("pre-training, with self-training", (TINY, "accuracy"), (RANDOM, "accuracy")),
        ("self-training, from random", (RANDOM, "accuracy"), (RANDOM, "alone")),
        (f"self-training, from {TINY}", (TINY, "accuracy"), (TINY, "alone")),
        (f"self-training, on {LITE0}", (LITE0, "accuracy"), (LITE0, "alone")),
        ("both", (TINY, "accuracy"), (RANDOM, "alone")),
    ):
        changes = [
            change(grid[(*with_it, labels)], grid[(*without, labels)]) for labels in setting.sizes
        ]
        if any(changes):
            yield f"| {words} | {' | '.join(changes)} |"


def taught(lines: Sequence[Line], setting: Setting) -> Iterator[str]:
    """The small network by itself and taught, and its teacher."""
    yield from header(("network",), setting.sizes)
    small = {"start": RANDOM, "method": DISTILLED}
    found = [
        (
            by_seed(lines, "alone", **small, labels=labels),
            by_seed(lines, **small, labels=labels),
            by_seed(lines, "alone", start=LITE0, method=SELF_TRAINING, labels=labels),
        )
        for labels in setting.sizes
    ]
    if any(alone for alone, _, _ in found):
        yield f"| the labels alone | {' | '.join(cell(alone, {}) for alone, _, _ in found)} |"
        yield f"| taught | {' | '.join(cell(student, alone) for alone, student, _ in found)} |"
    if any(teacher for _, _, teacher in found):
        yield f"| its teacher | {' | '.join(cell(teacher, {}) for _, _, teacher in found)} |"
