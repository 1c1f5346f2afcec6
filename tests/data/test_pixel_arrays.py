"""One scale from the numbers of pictures to bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realmix.base.errors import DataError
from realmix.data.pixels.arrays import common_scale, scale_notes, to_bytes
from realmix.data.reading.load import from_arrays, load
from realmix.estimators.semi_supervised_classifier import SemiSupervisedClassifier

pytestmark = pytest.mark.usefixtures("brief")


def deep(rng: np.random.Generator, count: int = 8, top: int = 4096) -> np.ndarray:
    return rng.integers(0, top, (count, 1, 8, 8)).astype(np.uint16)


@pytest.mark.parametrize(
    "images", [np.uint8([0, 255]), np.int64([0, 255]), np.float32([0, 1]), np.uint16([0, 9])]
)
def test_bytes_and_shares_need_no_scale(images: np.ndarray) -> None:
    assert common_scale([images.reshape(2, 1, 1, 1)]) is None


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (np.uint16([0, 2048, 4095]), [0, 128, 255]),
        (np.int32([-1000, 0, 1000]), [0, 128, 255]),
        (np.float32([-1, 0, 1]), [0, 128, 255]),
        (np.float64([0.0, 255.0, 51.0]), [0, 255, 51]),
    ],
)
def test_the_real_range_becomes_bytes(numbers: np.ndarray, expected: list[int]) -> None:
    images = numbers.reshape(3, 1, 1, 1)
    assert to_bytes(images, common_scale([images])).ravel().tolist() == expected


def test_what_lies_outside_of_the_scale_is_cut_off() -> None:
    assert to_bytes(np.uint16([[[[0, 110, 900]]]]), (50, 150)).ravel().tolist() == [0, 153, 255]


def test_data_pool_and_test_rows_have_one_scale(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, test, pool = deep(rng, top=1000), deep(rng, top=4096), deep(rng, top=200)
    x[0, 0, 0, 0], test[0, 0, 0, 0] = 0, 4095
    np.savez(tmp_path / "a.npz", x=x, y=[0, 1] * 4, x_test=test, y_test=[0, 1] * 4)
    np.savez(tmp_path / "pool.npz", x=pool)
    data = load(str(tmp_path / "a.npz"), unlabeled=str(tmp_path / "pool.npz"))
    assert data.scale == (0.0, 4095.0)
    assert np.array_equal(data.inputs[8:], np.round(pool * (255 / 4095)).astype(np.uint8))
    assert any("0 to 4095 (uint16)" in note for note in data.notes)


def test_types_that_mean_different_things_are_refused() -> None:
    images = deep(np.random.default_rng(0))
    with pytest.raises(DataError, match="different types"):
        common_scale([images, np.zeros((2, 1, 8, 8), np.uint8)])


def test_the_estimator_sees_new_pictures_by_the_scale_of_the_old() -> None:
    rng = np.random.default_rng(0)
    bright = np.arange(40) % 2
    images = deep(rng, 40, 500) + (3000 * bright[:, None, None, None]).astype(np.uint16)
    y = np.where(np.arange(40) < 20, bright, -1)
    model = SemiSupervisedClassifier("supervised", steps=30, gate=False, random_state=0)
    model.fit(images, y)
    assert model.classifier_.scale == (float(images.min()), float(images.max()))
    # dark pictures alone: by a scale of their own, half of them would be bright
    assert (model.predict(images[bright == 0]) == 0).mean() > 0.9


@pytest.mark.parametrize("values", [[0.0, 0.04], [0, 60_000]])
def test_levels_that_are_lost_are_said(values: Any) -> None:
    rng = np.random.default_rng(0)
    kind = np.float64 if isinstance(values[1], float) else np.uint16
    images = (rng.random((4, 1, 8, 8)) * (values[1] if kind == np.float64 else 900)).astype(kind)
    if kind == np.uint16:
        images[0, 0, 0, 0] = values[1]
    notes = scale_notes(images, common_scale([images]))
    assert "distinct values in the images" in notes[-1]
    assert not scale_notes(np.zeros((1, 1, 2, 2), np.uint8), None)


def test_images_of_shares_keep_their_levels_without_a_note() -> None:
    images = np.arange(256).reshape(4, 8, 8) / 255
    data = from_arrays(images, [0, 1, 0, 1])
    assert data.scale is None
    assert not any("distinct" in note for note in data.notes)
