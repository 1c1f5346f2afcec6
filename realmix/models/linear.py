"""One layer for feature rows."""

from __future__ import annotations

from torch import Tensor, nn

from realmix.models.head import Head


class Linear(nn.Module):
    """Rows to logits.

    Args:
        num_features: D.
        num_classes: K.
        dropout: of the rows, in training.
    """

    def __init__(self, num_features: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.head = Head(num_features, num_classes, dropout)

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows, as they are."""
        return rows

    def forward(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logits."""
        return self.head(rows)  # type: ignore[no-any-return]
