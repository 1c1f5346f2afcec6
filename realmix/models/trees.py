"""Decision trees as networks: which leaf a row falls into, by comparisons of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.models.head import Head

FLOOR = 1e-3  # of a class' mean share, so that no class is impossible


class TreeNetwork(nn.Module):
    """Abstract. Nothing trains it: `store` fills it.

    A file has trees of its own number and size, so loading takes over how many nodes there are. It
    refuses nodes from which no way ends in a leaf, and columns that no row has.

    Args:
        num_features: D.
        num_classes: K.
        value: (0, ...) of nodes that are still to come.
        more: other arrays, empty.
    """

    name: str
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor
    roots: Tensor

    def __init__(self, num_features: int, num_classes: int, value: Tensor, **more: Tensor) -> None:
        super().__init__()
        self.num_features, self.num_classes = num_features, num_classes
        none = torch.zeros(0, dtype=torch.int32)
        self.arrays = {
            "feature": none,
            "threshold": torch.zeros(0),
            "left": none,
            "right": none,
            "value": value,
            "roots": none,
            **more,
        }
        for name, array in self.arrays.items():
            self.register_buffer(name, array.clone())
        self.head = Head(num_classes, num_classes)
        nn.init.eye_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def store(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Remember the arrays of `realmix.models.tree_arrays`, in their order."""
        for name, array in zip(self.arrays, arrays, strict=True):
            setattr(self, name, torch.from_numpy(array).to(getattr(self, name).device))

    def leaves(self, rows: Tensor) -> Tensor:
        """(B, D) float32 rows to (B, T) leaf of each tree that they fall into."""
        if not len(self.roots):
            raise UsageError(
                f"The network '{self.name}' has no trees: --algorithm {self.name} fills it, and"
                " nothing trains it. Use --model auto."
            )
        node = self.roots.long().expand(len(rows), -1)
        while True:
            low = rows.gather(1, self.feature[node].long()) <= self.threshold[node]
            child = torch.where(low, self.left[node], self.right[node]).long()
            if torch.equal(child, node):
                return node
            node = child

    def shares(self, rows: Tensor) -> Tensor:
        """(B, D) float32 rows to (B, K) probabilities."""
        raise NotImplementedError

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logarithms of probabilities."""
        return self.shares(rows.float()).clamp(min=FLOOR).log()

    def forward(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logits."""
        return cast(Tensor, self.head(self.features(rows)))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any) -> None:
        given = {name: state_dict.get(prefix + name) for name in self.arrays}
        for name, array in given.items():
            held = getattr(self, name)
            if array is not None and array.shape[1:] == held.shape[1:]:
                setattr(self, name, held.new_empty(array.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
        problem = self._problem() if len(self.roots) else ""
        if problem and not others[-1]:  # the messages of what does not fit
            others[-1].append(f"the trees of '{prefix}{self.name}' {problem}")

    def _problem(self) -> str:
        """What is wrong with trees of a file; "" where nothing is."""
        count = len(self.left)
        nodes = self.feature, self.threshold, self.right, self.value
        if any(len(array) != count for array in nodes):
            return "do not have equally many numbers for each node"
        own = torch.arange(count, device=self.left.device)
        leaf = (self.left == own) & (self.right == own)
        after = (self.left > own) & (self.right > own)
        if not bool((leaf | after).all()):
            return "have a node that leads back, so that a row would never come to a leaf"
        ends = max(int(array.max()) for array in (self.left, self.right, self.roots))
        if ends >= count or int(self.roots.min()) < 0:
            return "have a node that is not there"
        if int(self.feature.min()) < 0 or int(self.feature.max()) >= self.num_features:
            return f"ask a column that rows of {self.num_features} do not have"
        return "" if bool(self.value.isfinite().all()) else "hold numbers that are not finite"


class Forest(TreeNetwork):
    """The mean over the trees of the class shares in a row's leaf (Breiman, 2001).

    Args:
        num_features: D.
        num_classes: K.
    """

    name = "forest"

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_classes, torch.zeros(0, num_classes))

    def shares(self, rows: Tensor) -> Tensor:
        """(B, D) float32 rows to (B, K) mean shares."""
        return self.value[self.leaves(rows)].mean(1)


class Boosting(TreeNetwork):
    """softmax(s + the sum of what the leaves of a row add to their tree's class) (Friedman, 2001).

    Args:
        num_features: D.
        num_classes: K.
    """

    name = "boosting"
    classes: Tensor
    start: Tensor

    def __init__(self, num_features: int, num_classes: int) -> None:
        of_each = {"classes": torch.zeros(0, dtype=torch.int32), "start": torch.zeros(num_classes)}
        super().__init__(num_features, num_classes, torch.zeros(0), **of_each)

    def shares(self, rows: Tensor) -> Tensor:
        """(B, D) float32 rows to (B, K) probabilities."""
        added = self.value[self.leaves(rows)]
        scores = self.start.repeat(len(rows), 1).index_add(1, self.classes.long(), added)
        return scores.softmax(1)

    def _problem(self) -> str:
        if len(self.classes) != len(self.roots):
            return "do not have a class each"
        if int(self.classes.min()) < 0 or int(self.classes.max()) >= self.num_classes:
            return f"name a class that is none of the {self.num_classes}"
        if not bool(self.start.isfinite().all()):
            return "begin with numbers that are not finite"
        return super()._problem()
