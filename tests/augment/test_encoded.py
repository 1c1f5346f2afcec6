"""Views of kept features: a choice among them, by the row's draws."""

from __future__ import annotations

import numpy as np
import torch

from realmix.augment.encoded import encoded_views
from realmix.base.randomness import Draws, keys
from realmix.contract.algorithm import Erasing
from realmix.data.encoded import Encoded, Kept, Reference

ROWS, VIEWS, D = 6, 5, 3  # three weak views and two strong ones
PLACE = np.array([4, 2, 0, 5, 3, 1])
REFERENCE = Reference("tiny", 16, D, "0" * 16)


def numbered() -> np.ndarray:
    """(rows, views, D) in which view v of stored row r has r + v / 8 everywhere."""
    values = np.arange(ROWS)[:, None] + np.arange(VIEWS) / 8
    return np.repeat(values[:, :, None], D, 2).astype(np.float16)


def halved(rows: torch.Tensor) -> torch.Tensor:
    return (rows - 1) / 2


def kept(augmented: bool = True) -> Encoded:
    plain = Kept(np.full((ROWS, 1, D), 7, np.float16), PLACE)
    return Encoded(plain, Kept(numbered(), PLACE) if augmented else None, REFERENCE, 0.0)


def draws(count: int, key: int = 0, copy: int = 0) -> Draws:
    index = torch.arange(count)
    return Draws(keys(key, index), Draws(keys(copy, index)))


def seen(name: str, key: int = 0, copy: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Which stored row and which of its views each of 300 rows shows."""
    rows = torch.arange(300) % ROWS
    more = (Erasing(0.5, 0.5),) if name == "cutout" else ()
    shown = encoded_views(kept(), halved)[name](rows, draws(300, key, copy), *more)
    assert shown.shape == (300, D)
    assert shown.dtype == torch.float32
    values = shown[:, 0] * 2 + 1
    return values.floor().long(), ((values - values.floor()) * 8).long()


def test_the_plain_view_is_standardized() -> None:
    shown = encoded_views(kept(), halved)["plain"](torch.tensor([2, 5]), draws(2))
    assert torch.equal(shown, torch.full((2, D), 3.0))


def test_rows_show_their_own_features() -> None:
    for name in ("weak", "strong", "cutout", "simple"):
        row, _ = seen(name)
        assert torch.equal(row, torch.from_numpy(PLACE)[torch.arange(300) % ROWS])


def test_weak_and_strong_views_are_each_chosen_alike() -> None:
    for name, expected in (("weak", {0, 1, 2}), ("simple", {0, 1, 2}), ("strong", {3, 4})):
        _, view = seen(name)
        counts = torch.bincount(view, minlength=VIEWS)
        assert {int(v) for v in counts.nonzero()} == expected
        assert counts[counts > 0].min() > 0.7 * 300 / len(expected)


def test_the_choice_follows_from_the_draws() -> None:
    assert torch.equal(seen("weak", 1)[1], seen("weak", 1)[1])
    assert not torch.equal(seen("weak", 1)[1], seen("weak", 2)[1])


def test_a_stored_copy_stays_the_same_in_all_steps() -> None:
    for name in ("simple", "cutout"):
        assert torch.equal(seen(name, 1, copy=3)[1], seen(name, 2, copy=3)[1])
        assert not torch.equal(seen(name, 1, copy=3)[1], seen(name, 1, copy=4)[1])


def test_one_augmented_view_is_weak_and_strong() -> None:
    one = Encoded(kept().plain, Kept(numbered()[:, :1], PLACE), REFERENCE, 0.0)
    views = encoded_views(one, halved)
    rows = torch.arange(ROWS)
    assert torch.equal(views["weak"](rows, draws(ROWS)), views["strong"](rows, draws(ROWS)))


def test_without_augmented_views_features_get_noise() -> None:
    views, rows = encoded_views(kept(augmented=False), halved), torch.arange(ROWS).repeat(200)
    plain = views["plain"](rows, draws(len(rows)))
    for name in ("weak", "strong", "simple"):
        shown = views[name](rows, draws(len(rows)))
        assert not torch.equal(shown, plain)
    noise = views["weak"](rows, draws(len(rows))) - plain
    assert 0.09 < float(noise.std()) < 0.11  # as the preset "features" has it
