"""Columns that take another row's value."""

from __future__ import annotations

import torch

from realmix.augment.corruption import Corruption, table_views
from realmix.augment.presets import PRESETS
from realmix.base.randomness import Draws

COUNT = 4000
CODES = torch.arange(COUNT) % 3
TABLE = torch.cat([torch.eye(3)[CODES], (torch.arange(COUNT) % 7).float()[:, None]], 1)
GROUPS = (0, 0, 0, 1)


def draws() -> Draws:
    return Draws(torch.arange(COUNT))


def test_values_of_a_column_come_together_from_rows_of_the_table() -> None:
    found = Corruption(TABLE, GROUPS, rate=1.0)(torch.full_like(TABLE, -1), draws())
    codes, numbers = found[:, :3], found[:, 3]
    assert (codes.sum(1) == 1).all()
    assert ((codes == 0) | (codes == 1)).all()
    assert (codes.mean(0) - 1 / 3).abs().max() < 0.03
    assert (torch.bincount(numbers.long()) / COUNT - 1 / 7).abs().max() < 0.03
    # of rows of their own: the pairs are independent
    pairs = torch.bincount(codes.argmax(1) * 7 + numbers.long(), minlength=21) / COUNT
    assert (pairs - 1 / 21).abs().max() < 0.015


def test_so_many_columns_change_as_the_rate_says() -> None:
    blank = torch.full_like(TABLE, -1)
    found = Corruption(TABLE, GROUPS, rate=0.3)(blank, draws())
    changed = found != -1
    assert torch.equal(changed[:, 0], changed[:, 2])
    assert (changed.float().mean(0) - 0.3).abs().max() < 0.03
    assert abs((changed[:, 0] & changed[:, 3]).float().mean() - 0.09) < 0.02
    assert torch.equal(Corruption(TABLE, GROUPS, rate=0.0)(blank, draws()), blank)


def test_noise_is_a_tenth_of_each_columns_deviation() -> None:
    views = table_views(TABLE, GROUPS)
    assert views.keys() == PRESETS["features"]((4,)).keys()
    noise = views["weak"](TABLE, draws()) - TABLE
    assert (noise.std(0) / TABLE.std(0) - 0.1).abs().max() < 0.01
    assert torch.equal(views["plain"](TABLE, draws()), TABLE)


def test_copies_are_corrupted_alike() -> None:
    copy = torch.arange(COUNT) + 10_000
    views, erasing = table_views(TABLE, GROUPS), None
    one, other = (
        views["cutout"](TABLE, Draws(torch.arange(COUNT) + shift, Draws(copy)), erasing)
        for shift in (0, 5_000)
    )
    assert (one - other).abs().max() < 3  # of the noise alone; corrupted numbers lie up to 6 apart
    assert not torch.equal(one, other)
