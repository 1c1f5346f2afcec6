"""Decision trees as arrays: what scikit-learn fits, without its objects."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realmix.functional.rows.threads import one_thread


class Trees(NamedTuple):
    """All nodes of several trees. A leaf is its own child on either side.

    Attributes:
        feature: (M,) int32 column that a node asks; any for a leaf.
        threshold: (M,) float32; a row whose number is at most that goes left.
        left: (M,) int32 node.
        right: (M,) int32 node.
        value: (M, K) float32 of a forest, the shares of the classes among a node's training rows;
            (M,) float32 of boosting, what a leaf adds to the score of its tree's class.
        roots: (T,) int32 node at which each tree begins.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]


class Boosted(NamedTuple):
    """Trees that add to scores.

    Attributes:
        trees: of one round after the other, in a round one of each class.
        classes: (T,) int32 class of each tree.
        start: (K,) float32 scores before the first.
    """

    trees: Trees
    classes: NDArray[np.int32]
    start: NDArray[np.float32]


FEW = 200  # rows: boosting of 100 took 22 ms with one thread and 35 with two, of 400 337 and 276
IMPOSSIBLE = -1e4  # score of a class without a label


def forest(
    rows: NDArray[np.floating],
    label: NDArray[np.int64],
    num_classes: int,
    count: int,
    seed: int,
    extra: bool = False,
) -> Trees:
    """A random forest (Breiman, 2001) by scikit-learn, with its defaults.

    Args:
        rows: (n, D), which are compared as float32.
        label: (n,) each in 0..K-1; a class without a label has the share 0 everywhere.
        num_classes: K.
        count: T trees.
        seed: of the rows and columns that each tree is given.
        extra: extremely randomized trees instead (Geurts et al., 2006, Machine Learning 63):
            thresholds are drawn at random, and each tree is given all rows.
    """
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier  # a second to import

    made = ExtraTreesClassifier if extra else RandomForestClassifier
    model = made(count, random_state=seed % 2**32)
    trees = [one.tree_ for one in model.fit(rows, label).estimators_]
    shares = np.concatenate([tree.value[:, 0] for tree in trees])
    value = np.zeros((len(shares), num_classes), np.float32)
    value[:, model.classes_] = shares / shares.sum(1, keepdims=True)
    names = ("feature", "threshold", "children_left", "children_right")
    return _end_to_end([[getattr(tree, name) for name in names] for tree in trees], value)


def boosting(
    rows: NDArray[np.floating],
    label: NDArray[np.int64],
    num_classes: int,
    seed: int,
    **settings: Any,
) -> Boosted:
    """Gradient boosting (Friedman, 2001) of trees on binned columns, by scikit-learn.

    Args:
        rows: (n, D) finite, which are compared as float32.
        label: (n,) each in 0..K-1.
        num_classes: K.
        seed: of the columns that each split is given.
        settings: of `HistGradientBoostingClassifier`.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # as above

    found = np.unique(label)
    start = np.full(num_classes, IMPOSSIBLE, np.float32)
    start[found] = 0.0
    if len(found) < 2:  # which scikit-learn refuses
        nodes, classes = [np.zeros(1, [(name, "f8") for name in _NODES])], found
        nodes[0]["is_leaf"] = 1
    else:
        model = HistGradientBoostingClassifier(random_state=seed % 2**32, **settings)
        with one_thread("openmp") if len(rows) < FEW else nullcontext():
            model.fit(rows, label)
        start[found[-model.n_trees_per_iteration_ :]] = model._baseline_prediction[0]
        nodes = [one.nodes for each in model._predictors for one in each]
        classes = np.tile(found[-model.n_trees_per_iteration_ :], model.n_iter_)
    parts = [[np.where(tree["is_leaf"], -1.0, tree[name]) for name in _NODES] for tree in nodes]
    value = np.concatenate([tree["value"] for tree in nodes]).astype(np.float32)
    return Boosted(_end_to_end(parts, value), classes.astype(np.int32), start)


_NODES = ("feature_idx", "num_threshold", "left", "right", "is_leaf", "value")


def _end_to_end(trees: Sequence[Sequence[NDArray[Any]]], value: NDArray[np.float32]) -> Trees:
    """Several trees' arrays end to end; children, -1 at leaves, are counted in each tree."""
    feature, threshold, left, right = (
        np.concatenate([tree[place] for tree in trees]) for place in range(4)
    )
    sizes = [len(tree[0]) for tree in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    own, start = np.arange(sum(sizes)), np.repeat(roots, sizes)
    leaf = np.asarray(left) < 0
    return Trees(
        np.where(leaf, 0, feature).astype(np.int32),
        rounded_down(threshold.astype(np.float64)),
        np.where(leaf, own, start + left).astype(np.int32),
        np.where(leaf, own, start + right).astype(np.int32),
        value,
        roots.astype(np.int32),
    )


def joined(forests: Sequence[Trees]) -> Trees:
    """The trees of several forests as one, which answers as their mean if each has as many."""
    start = np.cumsum([0, *(len(one.left) for one in forests)], dtype=np.int32)
    moved = [
        one._replace(left=one.left + first, right=one.right + first, roots=one.roots + first)
        for one, first in zip(forests, start, strict=False)
    ]
    return Trees(*map(np.concatenate, zip(*moved, strict=True)))


def rounded_down(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is at most each: the same float32 are at most that."""
    near = numbers.astype(np.float32)
    below: NDArray[np.float32] = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > numbers, below, near)
