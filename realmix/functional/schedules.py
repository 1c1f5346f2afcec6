"""Numbers that change during training, as functions of progress = step / steps in [0, 1]."""

from __future__ import annotations

import math
from typing import Literal

Annealing = Literal["linear", "log", "exp", "off"]


def ramp_up(progress: float, end: float) -> float:
    """Linear from 0 to 1 at `end`, then 1; both in shares of training or both in steps.

    An `end` of 0 is 1 from the start.

    >>> ramp_up(0.1, 0.4)
    0.25
    """
    return min(progress / end, 1.0) if end > 0 else 1.0


def delayed_ramp(progress: float, start: float, end: float) -> float:
    """0 until `start`, linear to 1 at `end`, then 1 (Pseudo-Label, eq. 16).

    An `end` at or before the start is a step from 0 to 1 at the start.

    >>> delayed_ramp(350, 100, 600)
    0.5
    """
    return ramp_up(progress - start, end - start) if progress >= start else 0.0


def sigmoid_ramp(progress: float, end: float) -> float:
    """exp(-5 (1 - s)^2) with s = progress / end, at most 1 (Temporal Ensembling, section 2.1).

    >>> round(sigmoid_ramp(0.2, 0.4), 6)
    0.286505
    """
    return math.exp(-5 * (1 - ramp_up(progress, end)) ** 2)


def cosine_ramp(progress: float, end: float) -> float:
    """Half a cosine wave from 0 to 1 at `end`, then 1 (AdaMatch, section 3).

    >>> [round(cosine_ramp(progress, 0.5), 6) for progress in (0, 0.125, 0.25, 0.5, 1)]
    [0.0, 0.146447, 0.5, 1.0, 1.0]
    """
    return (1 - math.cos(math.pi * ramp_up(progress, end))) / 2


def early_decay(index: int, decay: float) -> float:
    """min(decay, (1 + t) / (10 + t)): of an average that is to forget its start in a short run.

    Args:
        index: t, steps taken so far.
        decay: in [0, 1), the decay from step 10 decay / (1 - decay) on (8,990 for 0.999).

    >>> early_decay(0, 0.999), early_decay(90, 0.999), early_decay(90, 0.9)
    (0.1, 0.91, 0.9)
    """
    return min(decay, (1 + index) / (10 + index))


def cosine(progress: float) -> float:
    """cos(7 pi / 16 * progress): from 1 to 0.195 (FixMatch, section 2.3)."""
    return math.cos(7 * math.pi / 16 * progress)


def signal_annealing(progress: float, num_classes: int, schedule: Annealing) -> float:
    """The threshold of training signal annealing: from 1/K to 1 (UDA, section 2.3).

    "log" releases labels early, for when there are many; "exp" late, for when there are few.
    "off" is infinite, which releases everything.

    >>> [round(signal_annealing(0.5, 10, name), 6) for name in ("linear", "log", "exp")]
    [0.55, 0.926124, 0.173876]
    """
    if schedule == "off":
        return math.inf
    share = {
        "linear": progress,
        "log": 1 - math.exp(-5 * progress),
        "exp": math.exp(5 * (progress - 1)),
    }[schedule]
    return share * (1 - 1 / num_classes) + 1 / num_classes
