"""A number for each class, as users write them, and labeled rows drawn by such weights."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion

BALANCED = "balanced"
GRAIN = 8  # copies of a row of the class that weighs least; weights are exact to some 6 %
MOST = 200  # of the class that weighs most; one that weighs less than a 200th of it has one


def class_numbers(option: str, text: str, classes: Sequence[str], word: str) -> dict[str, float]:
    """The numbers in "cat=1,dog=9", or in the JSON of a mapping.

    Args:
        option: for messages.
        text: what was given.
        classes: that there are.
        word: what else could be written.

    Raises:
        UsageError: a class that there is not, or twice; no number of 0 or more.

    >>> class_numbers("--class-weight", "cat=1,dog=9", ("cat", "dog"), "balanced")
    {'cat': 1.0, 'dog': 9.0}
    """
    if text.startswith("{"):
        parts = [(str(name), str(number), str(name)) for name, number in json.loads(text).items()]
    else:
        split = [(part, *part.rpartition("=")) for part in text.split(",")]
        parts = [(name.strip(), n.strip() if mark else "", part) for part, name, mark, n in split]
    found: dict[str, float] = {}
    for name, number, part in parts:
        if not number or name not in classes or name in found:
            raise UsageError(
                f"{option}: '{printable(part)}' is no number of a class."
                f"{printable(suggestion(name, classes))} Write {word}, or each class once, such as"
                f" {','.join(f'{printable(c)}=0.5' for c in classes[:2])}."
            )
        found[name] = _number(option, number)
    return found


def _number(option: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (0 <= value < float("inf")):
        raise UsageError(f"{option}: '{printable(text)}' is no number of 0 or more.")
    return value


def class_weights(
    asked: str, label: NDArray[np.int64], classes: Sequence[str]
) -> NDArray[np.float64]:
    """(K,) positive weights of the classes, as scikit-learn's `class_weight` has them.

    Args:
        asked: "balanced", n / (K n_c) for n_c of the n labels; or numbers of classes, others are 1.
        label: (n,) each in 0..K-1.
        classes: K names.

    Raises:
        UsageError: see `class_numbers`; or a weight of 0.
    """
    if asked == BALANCED:
        counts = np.bincount(label, minlength=len(classes))
        return np.where(counts > 0, len(label) / (len(classes) * np.maximum(counts, 1)), 1.0)
    found = class_numbers("--class-weight", asked, classes, BALANCED)
    weights = np.array([found.get(name, 1.0) for name in classes])
    if not weights.all():
        raise UsageError("--class-weight: a weight must be above 0. Leave a class out of the data.")
    return weights


def rows_by_weight(label: Tensor, weights: NDArray[np.float64]) -> Tensor:
    """(M,) int64 rows, each as often as the weight of its class says.

    To draw rows so is, in the mean, to weigh their losses so, for any loss.

    Args:
        label: (N,) int64, or (N, K) distributions, of which the likeliest class counts.
        weights: (K,) positive.

    >>> rows_by_weight(torch.tensor([0, 1]), np.array([1.0, 0.125])).bincount()
    tensor([64,  8])
    """
    named = label.argmax(-1) if label.ndim > 1 else label
    each = torch.as_tensor(weights, device=label.device)[named]
    scale = torch.minimum(GRAIN / each.min(), MOST / each.max())
    copies = (scale * each).round().long().clamp(min=1)
    return torch.arange(len(label), device=label.device).repeat_interleave(copies)
