"""Replayed views, with a recording that only calls: what a GPU does is in tests/test_gpu.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from realmix.augment import replay
from realmix.augment.presets import views_of
from realmix.augment.replay import Replayed
from realmix.base.randomness import Draws, keys
from realmix.contract.algorithm import Erasing
from realmix.contract.state import BIN_SHAPE

ROWS = torch.arange(6)
IMAGES = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)


class Called:
    """In place of a recording."""

    def __init__(self, function: Callable[..., Any], given: tuple[Any, ...]) -> None:
        self.function = function

    def __call__(self, given: tuple[Any, ...]) -> Any:
        return self.function(*given)


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_Recording", Called)
    monkeypatch.setattr(torch.Tensor, "is_cuda", property(lambda tensor: True))


def drawn(seed: int, apart: bool) -> Draws:
    return Draws(keys(seed, ROWS), Draws(keys(seed + 50, ROWS)) if apart else None)


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("name", ["weak", "strong", "cutout", "simple", "learned"])
def test_random_streams_and_settings_arrive(name: str, apart: bool) -> None:
    view: Any = views_of("photos", (3, 16, 16))[name]
    given = {"cutout": (Erasing(0.5, (0.1, 0.4)),), "learned": (torch.full(BIN_SHAPE, 0.8),)}
    settings = given.get(name, ())
    for seed in range(2):
        wanted = view.view(IMAGES, drawn(seed, apart), *settings)
        assert torch.equal(view(IMAGES, drawn(seed, apart), *settings), wanted)


@pytest.mark.usefixtures("on_a_gpu")
def test_each_size_of_batch_and_each_setting_is_recorded_once() -> None:
    view = Replayed(lambda images, draws, factor=1: images * factor)
    for size in (6, 6, 4):
        view(IMAGES[:size], Draws(keys(0, ROWS[:size])))
    assert len(view.recordings) == 2
    assert torch.equal(view(IMAGES, drawn(0, False), 2), IMAGES * 2)
    assert torch.equal(view(IMAGES, drawn(0, False), 3), IMAGES * 3)
    assert len(view.recordings) == 4


def test_on_a_cpu_nothing_is_recorded() -> None:
    view: Any = views_of("photos", (3, 16, 16))["strong"]
    view(IMAGES, drawn(0, True))
    assert not view.recordings


def test_the_plain_view_is_not_wrapped() -> None:
    assert not isinstance(views_of("photos", (3, 16, 16))["plain"], Replayed)
    rows_alone = views_of("none", (4,))
    assert rows_alone["cutout"](torch.ones(2, 4), drawn(0, True), None).shape == (2, 4)
