"""The report's pictures, each as a data URI: SVG for charts, PNG for examples of the pool.

Charts hold no text that came from data, so no class name meets matplotlib's fonts or its math
syntax. Inside an `<img>` an SVG can neither run a script nor load anything.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from realmix.evaluate.metrics import Calibration

BASELINE, MODEL, PAIR = "#8a94a6", "#2f6db5", "#6b4fa0"
INK, FAINT = "#3d4654", "#d9dee6"
STYLE: dict[Any, Any] = {  # matplotlib types the keys one by one
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "grid.color": "#eceff4",
    "svg.fonttype": "none",
    "svg.hashsalt": "realmix",  # the same run gives the same bytes
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}
MOST_POINTS = 300
TILE = 96  # pixels


class Bar(NamedTuple):
    """One accuracy with its interval, in [0, 1], and the color of its model."""

    name: str
    accuracy: float
    low: float
    high: float
    color: str


class Line(NamedTuple):
    """One training phase: steps and values of the same length."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    color: str
    is_final: bool


def share_of_one(value: float, _: float = 0) -> str:
    """A tick's label: 0.875 is 87.5%, not 88%."""
    return f"{round(100 * value, 1):g}%"


def accuracies(bars: Sequence[Bar]) -> str:
    """Each accuracy as a dot on its interval, one below the other."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 0.55 + 0.52 * len(bars)), layout="constrained")
        axes = figure.add_subplot()
        for row, bar in enumerate(bars):
            axes.hlines(row, bar.low, bar.high, color=bar.color, lw=7, alpha=0.28)
            axes.plot(bar.accuracy, row, "o", color=bar.color, ms=10)
            axes.annotate(
                f"{bar.accuracy:.1%}", (bar.accuracy, row), (0, 10), ha="center", weight="bold",
                textcoords="offset points",
            )  # fmt: skip
        axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
        axes.set_ylim(len(bars) - 0.5, -0.75)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(share_of_one)
        return svg(figure)


def curve(lines: Sequence[Line], is_share: bool) -> str:
    """One logged figure over the steps; folds thin, final training thick."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 2.3), layout="constrained")
        axes = figure.add_subplot()
        for line in lines:
            width, alpha = (2.0, 1.0) if line.is_final else (1.0, 0.4)
            steps, values = thinned(line.steps), thinned(line.values)
            marker = "o" if len(steps) == 1 else ""
            axes.plot(steps, values, color=line.color, lw=width, alpha=alpha, marker=marker)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # there is no half of a step
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        if is_share:
            axes.set_ylim(-0.03, 1.03)
            axes.yaxis.set_major_formatter(share_of_one)
        return svg(figure)


def reliability(calibration: Calibration) -> str:
    """Accuracy over confidence, with the number of predictions below."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.3), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        width = 1 / len(calibration.count)
        centers = (np.arange(len(calibration.count)) + 0.5) * width
        top.plot([0, 1], [0, 1], "--", color=BASELINE, lw=1)
        top.plot(calibration.confidence, calibration.accuracy, "o-", color=MODEL, lw=1.5)
        top.set_ylabel("right")
        top.set_ylim(-0.03, 1.03)
        bottom.bar(centers, calibration.count, width * 0.9, color=MODEL, alpha=0.35)
        bottom.set_ylabel("count")
        bottom.set_xlabel("confidence")
        bottom.set_xlim(0, 1.01)
        for axis in (top.yaxis, bottom.xaxis):
            axis.set_major_formatter(share_of_one)
        return svg(figure)


def confusion(table: NDArray[np.int64]) -> str:
    """Shares of each true class (row), for more classes than a table can show."""
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(6.4, 6.2), layout="constrained", dpi=110)
        axes: Axes = figure.add_subplot()
        shares = table / np.maximum(table.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xlabel("predicted class number")
        axes.set_ylabel("true class number")
        return svg(figure)


def tile(image: NDArray[np.uint8], side: int = TILE) -> str:
    """One (C, H, W) image: small ones enlarged pixel by pixel, ones above `side` scaled down."""
    channels, height, width = image.shape
    mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(channels)
    pixels = image[0] if mode in (None, "L") else np.ascontiguousarray(image.transpose(1, 2, 0))
    picture = Image.fromarray(np.asarray(pixels, np.uint8))
    factor = side // max(height, width)
    if factor >= 1:
        size = (width * factor, height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    else:
        picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")  # optimized: a thirtieth smaller, in ten times the time
    return _data_uri("image/png", buffer.getvalue())


def photo(image: NDArray[np.uint8]) -> str:
    """One (C, H, W) grey or colored image as it is, as JPEG: a sixth of the bytes of a PNG."""
    buffer = io.BytesIO()
    pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return _data_uri("image/jpeg", buffer.getvalue())


def thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most `MOST_POINTS` means of neighboring values; all of them if there are fewer."""
    if len(values) <= MOST_POINTS:
        return values
    return np.array([part.mean() for part in np.array_split(values, MOST_POINTS)])


def svg(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    # laid out with the font that matplotlib brings, shown in that of the page
    drawn = buffer.getvalue().replace(b"'DejaVu Sans'", b"system-ui, 'Segoe UI', 'DejaVu Sans'")
    return _data_uri("image/svg+xml", drawn)


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
