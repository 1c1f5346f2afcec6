"""A multilayer perceptron for feature rows."""

from __future__ import annotations

from torch import Tensor, nn

from realmix.models.head import Head


class MLP(nn.Module):
    """Hidden layers with BatchNorm and ReLU, then one layer.

    Args:
        num_features: D.
        num_classes: K.
        widths: of the hidden layers.
        dropout: of the head's inputs.
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        widths: tuple[int, ...] = (256, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = num_features
        for width in widths:
            layers += [
                nn.Linear(previous, width, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(inplace=True),
            ]
            previous = width
        self.body = nn.Sequential(*layers)
        self.head = Head(previous, num_classes, dropout)

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, widths[-1])."""
        return self.body(rows)  # type: ignore[no-any-return]

    def forward(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logits."""
        return self.head(self.features(rows))  # type: ignore[no-any-return]
