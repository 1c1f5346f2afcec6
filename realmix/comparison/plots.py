"""The charts of a comparison, as SVG in data URIs: curves, intervals, ranks, cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from realmix.base.wording import printable
from realmix.comparison.statistics import Mean, Ranks
from realmix.report.plots import BASELINE, FAINT, INK, MODEL, PAIR, STYLE, share_of_one, svg

COLORS = (MODEL, "#c9682b", "#2e8b6f", PAIR, "#b03a5b", "#a08418", "#3f9cc0", "#5d6878")
MARKERS = "osD^vPX*"
LONGEST = 44  # characters of a name
ASIDE = 0.012  # of an axis, between the intervals of one place


class Series(NamedTuple):
    """One algorithm along an axis."""

    name: str
    values: Sequence[float]
    means: Sequence[Mean]


def short(name: str) -> str:
    """An algorithm's name in a chart or a table."""
    text = printable(name).removeprefix("sklearn:")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def colors_of(names: Sequence[str], alone: str) -> dict[str, str]:
    """The labels alone are grey everywhere."""
    others = [name for name in names if name != alone]
    return {alone: BASELINE} | {
        name: COLORS[place % len(COLORS)] for place, name in enumerate(others)
    }


def curves(series: Sequence[Series], colors: dict[str, str], axis: str, log: bool) -> str:
    """Mean accuracies along an axis; bars are intervals of the mean."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 3.7), layout="constrained")
        axes = figure.add_subplot()
        ticks = sorted({x for line in series for x in line.values})
        places = [math.log(x) for x in ticks] if log else ticks
        aside = ASIDE * (places[-1] - places[0])
        for number, line in enumerate(series):
            color, mark = colors[line.name], MARKERS[number % len(MARKERS)]
            shift = aside * (number - (len(series) - 1) / 2)  # so that intervals stand side by side
            xs = [places[ticks.index(x)] + shift for x in line.values]
            heights = [mean.value for mean in line.means]
            axes.plot(xs, heights, color=color, lw=1.8, marker=mark, ms=6, label=short(line.name))
            for x, mean in zip(xs, line.means, strict=True):
                if mean.count > 1:
                    axes.vlines(x, *mean.interval, color=color, lw=4, alpha=0.28)
        axes.set_xticks(places, [f"{x:g}" for x in ticks])
        axes.set_xlabel(axis)
        axes.yaxis.set_major_formatter(share_of_one)
        _legend(axes, len(series))
        return svg(figure)


def intervals(rows: Sequence[tuple[str, Mean]], colors: dict[str, str]) -> str:
    """Each algorithm's mean accuracy in one setting as a dot on its interval."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 0.55 + 0.5 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for row, (name, mean) in enumerate(rows):
            if mean.count > 1:
                axes.hlines(row, *mean.interval, color=colors[name], lw=7, alpha=0.28)
            axes.plot(mean.value, row, "o", color=colors[name], ms=9)
            axes.annotate(
                f"{mean.value:.1%}", (mean.value, row), (0, 9), ha="center", weight="bold",
                textcoords="offset points",
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [short(name) for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.75)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(share_of_one)
        return svg(figure)


def critical(ranks: Ranks) -> str:
    """Demsar's diagram: mean ranks on a line, and a bar over those the test cannot tell apart."""
    count = len(ranks.names)
    half, bars = math.ceil(count / 2), len(ranks.alike)
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(6.8, 1.25 + 0.14 * bars + 0.32 * half), layout="constrained")
        axes = figure.add_subplot()
        low, high = 1.0, float(count)
        axes.hlines(0, low, high, color=INK, lw=1.2)
        for tick in range(1, count + 1):
            axes.vlines(tick, 0, 0.18, color=INK, lw=1.2)
            axes.text(tick, 0.3, str(tick), ha="center", va="bottom", fontsize=9)
        end = min(low + ranks.critical, high + (high - low) * 0.1)
        axes.hlines(1.25, low, end, color=INK, lw=1.6)
        axes.text(low, 1.38, f"critical difference {ranks.critical:.2f}", fontsize=9)
        for place, (first, last) in enumerate(ranks.alike):
            y = -0.3 - 0.28 * place
            axes.hlines(y, ranks.ranks[first] - 0.03, ranks.ranks[last] + 0.03, color=MODEL, lw=4)
        below = -0.3 - 0.28 * bars
        for place, (name, rank) in enumerate(zip(ranks.names, ranks.ranks, strict=True)):
            left = place < half
            row = place if left else count - 1 - place
            y, edge = below - 0.45 - 0.62 * row, low if left else high
            axes.plot([rank, rank, edge], [0, y, y], color=FAINT, lw=1.2, zorder=0)
            axes.plot(rank, 0, "o", color=INK, ms=5)
            words = f"{short(name)}  {rank:.2f}" if left else f"{rank:.2f}  {short(name)}"
            gap = -0.06 if left else 0.06
            axes.text(edge + gap, y, words, ha="right" if left else "left", va="center", fontsize=9)
        axes.axis("off")
        wide = 0.75 * (high - low)
        axes.set_xlim(low - wide, high + wide)
        return svg(figure)


def cost(points: Sequence[tuple[str, float, float]], colors: dict[str, str]) -> str:
    """Mean accuracy over mean seconds of a cell."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for place, (name, seconds, accuracy) in enumerate(points):
            mark = MARKERS[place % len(MARKERS)]
            axes.plot(
                max(seconds, 0.01), accuracy, mark, color=colors[name], ms=9, label=short(name)
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.set_xlabel("seconds of a cell")
        axes.yaxis.set_major_formatter(share_of_one)
        axes.margins(0.12)
        _legend(axes, len(points))
        return svg(figure)


def _legend(axes: Axes, count: int) -> None:
    columns = 2 if count > 1 else 1
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, frameon=False, fontsize=9
    )
