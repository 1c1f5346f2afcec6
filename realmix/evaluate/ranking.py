"""Several models on the same held-out labels: their order, and a line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from realmix.evaluate.judges import JUDGES, Judge
from realmix.evaluate.metrics import Estimate, Floats, Integers


def ranked(
    judge: Judge, label: Integers, probs: Mapping[str, Floats], names: Sequence[str]
) -> list[str]:
    """Methods by their figure on held-out labels, of equal ones the likelier first.

    Args:
        judge: what they are compared by.
        label: (n,) classes; with n = 0 the order stays.
        probs: (n, K) of each method.
        names: which methods.
    """
    if len(label) == 0:
        return list(names)
    likelihood = JUDGES["log_loss"]
    return sorted(names, key=lambda n: (-judge(probs[n], label), -likelihood(probs[n], label)))


def attempts(
    label: Integers,
    probs: Mapping[str, Floats],
    seconds: Mapping[str, float],
    candidates: Sequence[str],
) -> list[dict[str, Any]]:
    """What each method came to, for result.json; the best is chosen by these very labels.

    Args:
        label: (n,) classes of the held-out rows.
        probs: (n, K) of each method.
        seconds: that its trainings for the comparison took.
        candidates: those that use the pool.
    """
    return [
        {
            "algorithm": name,
            "uses_pool": name in candidates,
            **Estimate.of(probs[name], label).to_json(),
            "seconds": round(seconds[name], 3),
        }
        for name in probs
    ]
