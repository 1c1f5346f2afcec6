"""Scores of the nearest of stored rows (Delalleau et al., 2005, AISTATS, equation 7)."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.models.head import Head

FLOOR = 1e-3  # of a class' mean score, so that no class is impossible


class Neighbors(nn.Module):
    """sum_j w_j F_j / sum_j w_j over the k nearest rows j, w_j = exp(-|x - x_j|^2 / d_k^2).

    d_k is the distance of the k-th. Nothing trains it: `store` fills it. A file has rows of its
    own number, so loading takes over how many there are.

    Args:
        num_features: D.
        num_classes: K.
        k: rows that are asked.
    """

    rows: Tensor
    scores: Tensor

    def __init__(self, num_features: int, num_classes: int, k: int) -> None:
        super().__init__()
        self.k = k
        self.register_buffer("rows", torch.zeros(0, num_features))
        self.register_buffer("scores", torch.zeros(0, num_classes))
        self.head = Head(num_classes, num_classes)
        nn.init.eye_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def store(self, rows: Tensor, scores: Tensor) -> None:
        """Remember (M, D) rows and their (M, K) scores, each row of which sums to one."""
        self.rows, self.scores = rows.clone(), scores.clone()

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logarithms of mean scores."""
        if not len(self.rows):
            raise UsageError(
                "The network 'neighbors' has no rows: --algorithm label_spreading fills one, and"
                " nothing trains it. Use --model auto."
            )
        found = torch.cdist(rows.float(), self.rows).topk(
            min(self.k, len(self.rows)), largest=False
        )
        width = found.values[:, -1:].clamp(min=1e-6)
        weight = torch.softmax(-((found.values / width) ** 2), 1)
        mean = (weight[:, :, None] * self.scores[found.indices]).sum(1)
        return mean.clamp(min=FLOOR).log()

    def forward(self, rows: Tensor) -> Tensor:
        """(B, D) standardized rows to (B, K) logits."""
        return cast(Tensor, self.head(self.features(rows)))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any) -> None:
        for name in ("rows", "scores"):
            held, given = getattr(self, name), state_dict.get(prefix + name)
            if given is not None and given.shape[1:] == held.shape[1:]:
                setattr(self, name, held.new_empty(given.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
