"""Views of tables: whole columns take another row's value (SCARF; Bahri et al., 2022, ICLR)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from realmix.augment.replay import Replayed
from realmix.base.randomness import Draws
from realmix.contract.algorithm import Erasing
from realmix.data.pools import View

NOISE = 0.1  # of a column's deviation, weak view
RATE = 0.3  # of the columns, strong view
MOST_ROWS = 2**16  # that values are drawn from; as many as a draw can tell apart


class Corruption:
    """Each column of the table with the given probability as some other row has it.

    Values are drawn from a column's own distribution, each column's from a row of its own. All
    numbers that were made of one column change together: a category becomes another one.

    Args:
        table: (M, D) float32 rows that values are drawn from.
        groups: (D,) which column each number was made of, 0..G-1.
        rate: probability.
    """

    def __init__(self, table: Tensor, groups: Sequence[int], rate: float = RATE) -> None:
        some = table[:: -(-len(table) // MOST_ROWS)].clone()
        self.rate, self.count = rate, max(groups) + 1
        self.on = {some.device: (some, torch.tensor(groups, device=some.device))}

    def __call__(self, rows: Tensor, draws: Draws) -> Tensor:
        """(B, D) rows, standardized as the table."""
        table, groups = self._on(rows.device)
        changed = draws.happens(self.rate, (self.count,))[:, groups]
        other = draws.integers(len(table), (self.count,))[:, groups]
        return torch.where(changed, table.gather(0, other), rows)

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        if device not in self.on:
            table, groups = next(iter(self.on.values()))
            self.on[device] = table.to(device), groups.to(device)
        return self.on[device]


def table_views(table: Tensor, groups: Sequence[int]) -> dict[str, View]:
    """The views of rows that were made of a table's columns; names as in `presets`.

    Args:
        table: (N, D) float32, all rows of training, standardized.
        groups: see `Corruption`.
    """
    corrupted, deviations = Corruption(table, groups), {table.device: NOISE * table.std(0)}

    def weak(rows: Tensor, draws: Draws) -> Tensor:
        if rows.device not in deviations:
            deviations[rows.device] = next(iter(deviations.values())).to(rows.device)
        return rows + deviations[rows.device] * draws.normal(rows.shape[1:])

    def cutout(rows: Tensor, draws: Draws, erasing: Erasing) -> Tensor:
        return weak(corrupted(rows, draws.copy), draws)

    views: dict[str, View] = {
        "weak": weak,
        "strong": lambda rows, draws: weak(corrupted(rows, draws), draws),
        "cutout": cutout,
        "simple": lambda rows, draws: weak(weak(rows, draws.copy), draws),
    }
    replayed = {name: Replayed(view) for name, view in views.items()}
    return {"plain": lambda rows, draws: rows, **replayed}
