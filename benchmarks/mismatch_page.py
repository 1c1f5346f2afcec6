"""The page and the figure of the mismatch record, made from its lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib.figure import Figure

from benchmarks.records import Line, by_seed, gain, spread
from realmix.base.files import whole_lines, write_atomically
from realmix.report.plots import STYLE

SWEEPS = {
    "swapped": "classes swapped, as in the paper",
    "added": "foreign rows added to 6,000 known ones",
}
CURVES = {  # of the figure: color and mark
    "mean_teacher": ("#9a9a9a", "s"),
    "mixmatch": ("#c8553d", "o"),
    "fixmatch": ("#8c6bb1", "v"),
    "fixmatch, Fix-A-Step": ("#8c6bb1", "^"),
    "realmix": ("#e0a458", "D"),
    "realmix, true share": ("#7fb2d9", "o"),
    "realmix, weight 10": ("#5a9a68", "D"),
    "realmix, estimated": ("#2f6db5", "o"),
}


def write_page(record: Path, methods: Iterable[str]) -> None:
    """README.md and figure.svg of a record's folder, from all its lines."""
    lines = whole_lines(record / "results.jsonl")
    good = [line for line in lines if "error" not in line]
    names = [name for name in methods if any(line["method"] == name for line in good)]
    if not good:
        return
    figure(good, record / "figure.svg")
    write_atomically(record / "README.md", page(lines, good, names))


def page(lines: Sequence[Line], good: Sequence[Line], names: Sequence[str]) -> str:
    steps = sorted({line["steps"] for line in good})
    devices = sorted({line["versions"].get("device", "cpu") for line in good})
    rows = [
        "# Pools that are partly foreign",
        "",
        "`python -m benchmarks.mismatch`: six animal classes of CIFAR-10, 400 labels each,"
        f" the small ConvNet, {' and '.join(f'{count:,}' for count in steps)} steps a training, on"
        f" {', '.join(devices)}. ± is the standard deviation over seeds of labels, pool and network"
        " together; a difference from the labels alone is paired by seed. Bold: the mean is below"
        " them.",
        "",
        "![Test accuracy by the share of the pool that is foreign](figure.svg)",
        "",
        f"The labels alone: {spread(alone(good))}, {len(alone(good))} seeds.",
    ]
    for sweep, words in SWEEPS.items():
        if any(line["sweep"] == sweep for line in good):
            rows += ["", f"## {words[0].upper()}{words[1:]}", "", *table(good, names, sweep)]
    rows += ["", "## Claims", "", *claims(good), *few(good)]
    failed = [line for line in lines if "error" in line]
    if failed:
        rows += ["", "## What failed", ""]
        rows += [f"- {which(line)}: {line['error'].splitlines()[0]}" for line in failed]
    used = sorted({json.dumps(line["versions"]) for line in good})
    return "\n".join([*rows, "", *(f"Versions: {one}" for one in used), ""])


def alone(lines: Iterable[Line]) -> dict[int, float]:
    """Accuracy of the labels alone by seed."""
    return by_seed(lines, method="supervised")


def which(line: Line) -> str:
    return f"{line['method']}, {line['sweep']} {line['mismatch']} %, seed {line['seed']}"


def shares_of(lines: Iterable[Line], sweep: str) -> list[int]:
    return sorted({line["mismatch"] for line in lines if line["sweep"] == sweep})


def table(lines: Sequence[Line], names: Sequence[str], sweep: str) -> Iterator[str]:
    """A row a method: accuracy and difference at each share."""
    shares, base = shares_of(lines, sweep), alone(lines)
    yield f"| method | {' | '.join(f'{share} %' for share in shares)} |"
    yield f"|---|{'---:|' * len(shares)}"
    for name in names:
        found = [by_seed(lines, method=name, sweep=sweep, mismatch=share) for share in shares]
        if any(found):
            yield f"| {name} | {' | '.join(cell(each, base) for each in found)} |"


def cell(found: dict[int, float], base: dict[int, float]) -> str:
    """Accuracy, and the mean difference from the labels alone over common seeds.

    >>> cell({0: 0.5, 1: 0.7}, {0: 0.6, 1: 0.5})
    '0.600 ± 0.141 (+0.050)'
    >>> cell({0: 0.5}, {0: 0.6})
    '**0.500 (-0.100)**'
    """
    if not found:
        return ""
    common = [found[seed] - base[seed] for seed in found if seed in base]
    if not common:
        return spread(found)
    change = float(np.mean(common))
    words = f"{spread(found)} ({change:+.3f})"
    return f"**{words}**" if change < 0 else words


def claims(lines: Sequence[Line]) -> Iterator[str]:
    """What each method is at worst, relative to the labels alone, in each sweep."""
    base = alone(lines)
    yield "| method | sweep | worst mean difference | at | 95 % interval | shares below |"
    yield "|---|---|---:|---:|---:|---|"
    for name in dict.fromkeys(line["method"] for line in lines):
        for sweep in SWEEPS:
            found = {}
            for share in shares_of(lines, sweep):
                each = by_seed(lines, method=name, sweep=sweep, mismatch=share)
                common = [each[seed] - base[seed] for seed in each if seed in base]
                if common:
                    found[share] = (float(np.mean(common)), gain(each, base))
            if not found:
                continue
            share = min(found, key=lambda at: found[at][0])
            change, interval = found[share]
            told = f"{interval[1]:+.3f} to {interval[2]:+.3f}" if interval else "one seed"
            below = ", ".join(f"{at} %" for at, (mean, _) in found.items() if mean < 0) or "none"
            yield f"| {name} | {sweep} | {change:+.3f} | {share} % | {told} | {below} |"


def few(lines: Sequence[Line]) -> Iterator[str]:
    """The paper's Table 5: what the extended pool is worth at 250 labels."""
    names = dict.fromkeys(line["method"] for line in lines if line["sweep"] == "250 labels")
    if not names:
        return
    yield from ("", "## 250 labels of all ten classes, nothing foreign", "")
    yield from ("| method | seeds | accuracy |", "|---|---:|---:|")
    for name in names:
        found = by_seed(lines, method=name, sweep="250 labels")
        yield f"| {name} | {len(found)} | {spread(found)} |"


def figure(lines: Sequence[Line], path: Path) -> None:
    """Accuracy over the foreign share, a panel a sweep, with the labels alone as a line."""
    base = alone(lines)
    with matplotlib.rc_context(STYLE):
        drawn = Figure(figsize=(10, 3.6), layout="constrained")
        panels = drawn.subplots(1, len(SWEEPS), sharey=True)
        for axes, (sweep, words) in zip(panels, SWEEPS.items(), strict=True):
            if base:
                mean = float(np.mean(list(base.values())))
                axes.axhline(mean, color="black", linestyle="--", label="labels alone")
            for name, (color, mark) in CURVES.items():
                found = {
                    share: by_seed(lines, method=name, sweep=sweep, mismatch=share)
                    for share in shares_of(lines, sweep)
                }
                points = {share: list(each.values()) for share, each in found.items() if each}
                means = [np.mean(values) for values in points.values()]
                spreads = [np.std(values, ddof=len(values) > 1) for values in points.values()]
                if points:
                    style = {"color": color, "marker": mark, "capsize": 2, "markersize": 4}
                    axes.errorbar(list(points), means, spreads, label=name, **style)
            axes.set(title=words, xlabel="foreign share of the pool, %", xlim=(-5, 105))
        panels[0].set(ylabel="test accuracy")
        drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
        drawn.savefig(path, metadata={"Date": None})
