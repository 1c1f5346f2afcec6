"""A linear model, a forest and boosted trees that answer together."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from realmix.models.head import Head
from realmix.models.linear import Linear
from realmix.models.trees import FLOOR, Boosting, Forest

SHARES = (0.25, 0.5, 0.25)  # of linear, forest (of two kinds of trees) and boosting


class Committee(nn.Module):
    """The mean of their probabilities, the forest's twice. Nothing trains it: its parts are filled.

    Args:
        num_features: D.
        num_classes: K.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.linear = Linear(num_features, num_classes)
        self.forest = Forest(num_features, num_classes)
        self.boosting = Boosting(num_features, num_classes)
        self.head = Head(num_classes, num_classes)
        nn.init.eye_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def shares(self, rows: Tensor) -> Tensor:
        """(B, D) float32 rows to (B, K) probabilities."""
        trees = self.forest.shares(rows), self.boosting.shares(rows)  # refuses where none are
        each = torch.stack([self.linear(rows).softmax(1), *trees])
        mean: Tensor = torch.tensordot(each.new_tensor(SHARES), each, 1)
        return mean

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logarithms of probabilities."""
        return self.shares(rows.float()).clamp(min=FLOOR).log()

    def forward(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logits."""
        return cast(Tensor, self.head(self.features(rows)))
