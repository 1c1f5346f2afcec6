"""Predictions where the classes have other shares than among the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.data.class_numbers import class_numbers
from realmix.evaluate.metrics import Floats

EQUAL = "equal"


def reweighted(probs: Floats, given: Floats, wanted: Floats) -> NDArray[np.float32]:
    """p'_k = p_k wanted_k / given_k, divided by its sum over the classes.

    Args:
        probs: (n, K) predictions of a model that learned from classes of the shares `given`.
        given: (K,) of the labels; a class without any keeps the prediction that it has.
        wanted: (K,) of where the model is used.

    Reference:
        Saerens, Latinne and Decaestecker, 2002, Neural Computation 14:21, equation 2.4.
    """
    ratio = np.divide(wanted, given, out=np.ones(len(given)), where=given > 0)
    weighted = probs * ratio
    total = weighted.sum(1, keepdims=True)
    # where nothing is left (all of it was on classes that never occur), the prediction stays
    shares: NDArray[np.float32] = np.where(total > 0, weighted / np.maximum(total, 1e-300), probs)
    return shares.astype(np.float32)


def parsed(text: str, classes: Sequence[str]) -> NDArray[np.float64]:
    """Shares as the command line has them: "equal", or "cat=1,dog=9" with all classes.

    They need not sum to one.

    Raises:
        UsageError: a class that there is not, or twice, or not at all; no number of 0 or more.

    >>> parsed("cat=1,dog=9", ("cat", "dog"))
    array([0.1, 0.9])
    """
    if text == EQUAL:
        return np.full(len(classes), 1 / len(classes))
    found = class_numbers("--class-shares", text, classes, EQUAL)
    missing = [name for name in classes if name not in found]
    if missing or not sum(found.values()):
        what = f"there is none for {printable(missing[0])}" if missing else "all are 0"
        raise UsageError(f"--class-shares: {what}. Give each class a share.")
    shares = np.array([found[name] for name in classes])
    normal: NDArray[np.float64] = shares / shares.sum()
    return normal
