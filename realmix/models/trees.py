"""A random forest as a network: which leaf a row falls into, by comparisons of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.models.head import Head

FLOOR = 1e-3  # of a class' mean share, so that no class is impossible
_ARRAYS = ("feature", "threshold", "left", "right", "value", "roots")


class Forest(nn.Module):
    """The mean over the trees of the class shares in a row's leaf (Breiman, 2001).

    Nothing trains it: `store` fills it. A file has trees of its own number and size, so loading
    takes over how many nodes there are.

    Args:
        num_classes: K.
    """

    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor
    roots: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        nothing = torch.zeros(0, dtype=torch.int32)
        for name in _ARRAYS:
            self.register_buffer(name, nothing)
        self.threshold = torch.zeros(0)
        self.value = torch.zeros(0, num_classes)
        self.head = Head(num_classes, num_classes)
        nn.init.eye_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def store(self, arrays: Sequence[Tensor]) -> None:
        """Remember the arrays of a `realmix.models.tree_arrays.Trees`."""
        for name, array in zip(_ARRAYS, arrays, strict=True):
            setattr(self, name, array.clone())

    def shares(self, rows: Tensor) -> Tensor:
        """(B, D) float32 rows to (B, K) mean shares."""
        if not len(self.roots):
            raise UsageError(
                "The network 'forest' has no trees: --algorithm forest fills it, and nothing"
                " trains it. Use --model auto."
            )
        node = self.roots.long().expand(len(rows), -1)
        while True:
            low = rows.gather(1, self.feature[node].long()) <= self.threshold[node]
            child = torch.where(low, self.left[node], self.right[node]).long()
            if torch.equal(child, node):
                return self.value[node].mean(1)
            node = child

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logarithms of mean shares."""
        return self.shares(rows.float()).clamp(min=FLOOR).log()

    def forward(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logits."""
        return cast(Tensor, self.head(self.features(rows)))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any) -> None:
        for name in _ARRAYS:
            held, given = getattr(self, name), state_dict.get(prefix + name)
            if given is not None and given.shape[1:] == held.shape[1:]:
                setattr(self, name, held.new_empty(given.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
