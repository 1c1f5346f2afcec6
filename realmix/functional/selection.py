"""Which predictions of a pool become pseudo-labels: by confidence, per class, and balanced."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def quota(count: int, num_classes: int, rounds: int = 1) -> int:
    """Rows of each class a round, so that `rounds` of them take all `count`; 1 or more.

    >>> quota(100, 10), quota(100, 10, rounds=4)
    (10, 3)
    """
    return max(math.ceil(count / (num_classes * rounds)), 1)


def confident_of_each_class(
    probs: Float[Tensor, "N K"], per_class: int | Sequence[int] | None, threshold: float
) -> Bool[Tensor, " N"]:
    """The most confident rows of each predicted class, of those above a threshold.

    Args:
        probs: predictions; a row's class is its largest entry, and that its confidence.
        per_class: at most so many of each class, or of class c the c-th number; of equal ones the
            earlier. None: all.
        threshold: that the confidence must exceed.
    """
    confidence, label = probs.max(-1)
    order = confidence.argsort(descending=True, stable=True)
    order = order[confidence[order] > threshold]
    chosen = torch.zeros(len(probs), dtype=torch.bool, device=probs.device)
    for c in range(probs.shape[1]):
        most = per_class[c] if isinstance(per_class, Sequence) else per_class
        chosen[order[label[order] == c][:most]] = True
    return chosen


def likeliest_of_each_class(probs: Float[Tensor, "N K"], per_class: int) -> Bool[Tensor, " N"]:
    """For each class the rows that are likeliest of it, predicted as it or not (UDA, data filter).

    A row may be among the likeliest of two classes, so that fewer than K times as many are chosen.

    Args:
        probs: predictions.
        per_class: rows of each class; of equal ones the earlier.
    """
    order = probs.argsort(dim=0, descending=True, stable=True)[:per_class]
    chosen = torch.zeros(len(probs), dtype=torch.bool, device=probs.device)
    chosen[order.flatten()] = True
    return chosen


def labeled_further(
    probs: Float[Tensor, "N K"],
    label: Int[Tensor, " N"],
    per_class: int | None,
    threshold: float,
    recompute: bool = False,
) -> Int[Tensor, " N"]:
    """The next round's pseudo-labels of a pool (self-training), -1 where a row has none.

    Args:
        probs: the classifier's predictions.
        label: the pseudo-labels so far, -1 where a row has none. They stay, and are joined by at
            most `per_class` of each class.
        per_class: None is without limit.
        threshold: that the confidence of a new one must exceed.
        recompute: forget those so far, so that every row may change its label or lose it.
    """
    start = torch.full_like(label, -1) if recompute else label
    unlabeled = torch.where((start < 0)[:, None], probs, -1.0)
    chosen = confident_of_each_class(unlabeled, per_class, threshold)
    return torch.where(chosen, probs.argmax(-1), start)


def balanced(
    probs: Float[Tensor, "N K"],
    rows: Bool[Tensor, " N"],
    per_class: int,
    rng: torch.Generator,
) -> Int[Tensor, " M"]:
    """Indices of the chosen rows, of each predicted class about `per_class` (Noisy Student).

    The most confident where a class has more. Where it has n < per_class, each is repeated
    floor(per_class / n) times and once more with the probability that is left, so that there are
    `per_class` in expectation. A class without rows stays without.

    Args:
        probs: predictions.
        rows: which may be taken.
        per_class: of each class, 1 or more.
        rng: CPU generator; a draw for each row, whichever are taken.
    """
    confidence, label = probs.max(-1)
    uniform = torch.rand(len(probs), generator=rng).to(probs.device)
    order = confidence.argsort(descending=True, stable=True)
    order, parts = order[rows[order]], []
    for c in range(probs.shape[1]):
        own = order[label[order] == c][:per_class]
        copies = per_class / max(len(own), 1)
        more = uniform[own] < copies - math.floor(copies)
        parts.append(own.repeat_interleave(math.floor(copies) + more.long()))
    return torch.cat(parts)
