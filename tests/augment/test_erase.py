"""Cutout and the random eraser: areas, rates, and one rectangle per image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realmix.augment.erase import cutout, erase, random_cutout, random_erase
from realmix.base.randomness import Draws, keys

REALMIX = 0.3, (0.02, 0.4)  # probability and area


def draws(count: int, seed: int = 0) -> Draws:
    return Draws(keys(seed, torch.arange(count)))


def whole(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers)


def test_erase_fills_exactly_its_rectangle():
    images = torch.zeros(2, 3, 6, 7, dtype=torch.uint8)
    result = erase(
        images, whole(1, -2), whole(2, 5), whole(3, 4), whole(4, 9), torch.tensor([9.0, 8.0])
    )
    expected = np.zeros((2, 3, 6, 7), np.uint8)
    expected[0, :, 1:4, 2:6] = 9
    expected[1, :, 0:2, 5:7] = 8
    assert np.array_equal(result.numpy(), expected)
    assert (images == 0).all()


@pytest.mark.parametrize(
    ("row", "column", "erased"),
    [(16, 16, 256), (0, 0, 64), (31, 31, 81), (0, 16, 128), (8, 8, 256), (7, 8, 240)],
)
def test_cutout_area_at_32_is_fixmatchs(row, column, erased):
    result = cutout(torch.ones(1, 3, 32, 32), whole(row), whole(column), 0.5, 0.0)
    assert (result == 0).sum() == 3 * erased


def test_cutout_covers_fixmatchs_rows_and_columns():
    result = cutout(torch.ones(1, 1, 32, 32), whole(10), whole(20), 0.5, 0.0)
    expected = torch.ones(32, 32)
    expected[2:18, 12:28] = 0
    assert torch.equal(result[0, 0], expected)


def test_cutout_share_follows_the_image_and_may_differ_per_image():
    images = torch.ones(3, 1, 8, 8)
    centre = whole(4, 4, 4)
    result = cutout(images, centre, centre, torch.tensor([0.0, 0.375, 0.5]), -1.0)
    assert (result == -1).sum((1, 2, 3)).tolist() == [0, 9, 16]


def test_random_cutout_centre_is_uniform_over_all_pixels():
    count = 6000
    result = random_cutout(torch.ones(count, 1, 8, 8), draws(count), 0.5)
    # the centre is in each of 64 pixels equally often, so the mean area follows from the clipping
    side = np.mean([min(8, c + 2) - max(0, c - 2) for c in range(8)])
    assert (result == 0).float().sum() / count == pytest.approx(side**2, rel=0.02)
    corner = ((result == 0).sum((1, 2, 3)) == 4).float().mean()
    assert corner == pytest.approx(1 / 64, abs=0.006)


def rectangles(count: int, side: int):
    erased = random_erase(torch.full((count, 3, side, side), -1.0), draws(count), *REALMIX) >= 0
    assert (erased[:, :1] == erased).all()
    height, width = erased[:, 0].any(2).sum(1), erased[:, 0].any(1).sum(1)
    assert torch.equal(erased[:, 0].sum((1, 2)), height * width)  # one full rectangle
    happened = height > 0
    return happened, height[happened].double(), width[happened].double()


def test_random_erase_rate_area_and_aspect_are_realmixs():
    happened, height, width = rectangles(5000, 32)
    assert happened.double().mean() == pytest.approx(0.3, abs=0.02)
    area = height * width / 32**2
    assert area.max() <= 0.4
    assert area.min() >= 12 / 1024  # 2 x 6 pixels: 20.5 with the sides cut off to whole pixels
    assert area.max() > 0.35
    # height / width lies in the range for the sides before they are cut off
    assert ((height + 1) / width).min() >= 0.3
    assert (height / (width + 1)).max() <= 1 / 0.3
    assert (height > width).double().mean() > 0.5  # the ratio is uniform in .3 .. 3.3


def test_random_erase_follows_the_rejecting_loop_of_the_original():
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(1500):
        while True:
            surface, ratio = rng.uniform(0.02, 0.4) * 1024, rng.uniform(0.3, 1 / 0.3)
            w, h = int(np.sqrt(surface / ratio)), int(np.sqrt(surface * ratio))
            if rng.integers(32) + w <= 32 and rng.integers(32) + h <= 32:
                break
        areas.append(w * h / 1024)
    _, height, width = rectangles(5000, 32)
    ours = height * width / 1024
    assert ours.mean().item() == pytest.approx(np.mean(areas), abs=0.012)
    assert ours.std().item() == pytest.approx(np.std(areas), abs=0.012)


def test_random_erase_fill_is_one_value_per_image_and_uniform():
    images = torch.full((4000, 3, 8, 8), -1.0)
    result = random_erase(images, draws(4000), 1.0, (0.02, 0.4))
    fill = result.amax((1, 2, 3))
    assert ((result == -1) | (result == fill[:, None, None, None])).all()
    fill = fill[fill >= 0]
    assert fill.mean() == pytest.approx(127.5, abs=5)
    assert fill.max() > 250
    assert fill.min() < 5


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(4, 20), width=st.integers(4, 20))
def test_erasing_keeps_shape_dtype_input_and_repeats(seed, height, width):
    images = torch.full((5, 1, height, width), 7, dtype=torch.uint8)
    for operation, told in ((random_erase, REALMIX), (random_cutout, ())):
        result = operation(images, draws(5, seed), *told)
        assert result.shape == images.shape
        assert result.dtype == torch.uint8
        assert torch.equal(result, operation(images, draws(5, seed), *told))
    assert (images == 7).all()
    assert torch.equal(random_erase(images, draws(5, seed), 0.0, (0.02, 0.4)), images)
