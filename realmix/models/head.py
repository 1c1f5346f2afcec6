"""The last layer."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Head(nn.Linear):
    """Features to logits, with dropout of the features in training.

    Args:
        num_features: D.
        num_classes: K.
        dropout: share of the features that is set to 0, in [0, 1).
    """

    def __init__(self, num_features: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__(num_features, num_classes)
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) to (B, K)."""
        return super().forward(F.dropout(features, self.dropout, self.training))
