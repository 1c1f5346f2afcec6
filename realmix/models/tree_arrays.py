"""Decision trees as arrays: what scikit-learn fits, without its objects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Trees(NamedTuple):
    """All nodes of several trees. A leaf is its own child on either side.

    Attributes:
        feature: (M,) int32 column that a node asks; any for a leaf.
        threshold: (M,) float32; a row whose number is at most that goes left.
        left: (M,) int32 node.
        right: (M,) int32 node.
        value: (M, K) float32 shares of the classes among a node's training rows.
        roots: (T,) int32 node at which each tree begins.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]


def forest(
    rows: NDArray[np.floating], label: NDArray[np.int64], num_classes: int, count: int, seed: int
) -> Trees:
    """A random forest (Breiman, 2001) by scikit-learn, with its defaults.

    Args:
        rows: (n, D), which are compared as float32.
        label: (n,) each in 0..K-1; a class without a label has the share 0 everywhere.
        num_classes: K.
        count: T trees.
        seed: of the rows and columns that each tree is given.
    """
    from sklearn.ensemble import RandomForestClassifier  # a second to import

    model = RandomForestClassifier(count, random_state=seed % 2**32)
    model.fit(rows, label)
    trees = [one.tree_ for one in model.estimators_]
    sizes = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    own = np.arange(sum(sizes))
    start = np.repeat(roots, sizes)
    left, right, feature = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature")
    )
    leaf = left < 0
    value = np.zeros((len(own), num_classes), np.float32)
    shares = np.concatenate([tree.value[:, 0] for tree in trees])
    value[:, model.classes_] = shares / shares.sum(1, keepdims=True)
    return Trees(
        np.where(leaf, 0, feature).astype(np.int32),
        rounded_down(np.concatenate([tree.threshold for tree in trees])),
        np.where(leaf, own, start + left).astype(np.int32),
        np.where(leaf, own, start + right).astype(np.int32),
        value,
        roots.astype(np.int32),
    )


def rounded_down(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is at most each: the same float32 are at most that."""
    near = numbers.astype(np.float32)
    below: NDArray[np.float32] = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > numbers, below, near)
