"""Equal and nearly equal rows: found, kept together, refused in the test set, and told of."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from realmix.base.errors import DataError
from realmix.data.examine.close import TOLERANCE, close
from realmix.data.examine.equal import Equal, copies_of, find_equal, firsts, groups_of
from realmix.data.examine.leakage import contradictions, examined
from realmix.data.examine.perceptual import alike, looks
from realmix.data.pools import Dataset
from realmix.data.splits import validation_plan


def features(rows: int, columns: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def photos(count: int, seed: int = 0, side: int = 32) -> np.ndarray:
    """Images with as much at large scales as photos have: (N, 3, side, side) uint8."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((count, 3, side, side)) + rng.standard_normal(
        (count, 1, side, side)
    )
    wave = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    smooth = np.fft.ifft2(np.fft.fft2(noise) / np.maximum(wave, 1 / side)).real
    smooth /= smooth.std((1, 2, 3), keepdims=True)
    return np.clip(smooth * 50 + 128, 0, 255).astype(np.uint8)


def dataset(inputs: np.ndarray, label: list[int], **more: object) -> Dataset:
    return Dataset(inputs, np.array(label), ("cat", "dog", "cow"), "photos", **more)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_the_first_of_equal_rows_is_found_across_parts(values: list[int], cut: int) -> None:
    rows = np.array(values, np.float32)[:, None] * [1, 2]
    expected = [values.index(value) for value in values]
    assert firsts(rows[:cut], rows[cut:]).tolist() == expected


def test_both_zeros_are_one_number() -> None:
    assert firsts(np.array([[0.0], [-0.0], [1.0]])).tolist() == [0, 0, 2]


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).transpose(2, 0, 1)


def resized(image: np.ndarray, side: int) -> np.ndarray:
    picture, size = Image.fromarray(image.transpose(1, 2, 0)), image.shape[1:]
    small = picture.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(small.resize(size, Image.Resampling.BILINEAR)).transpose(2, 0, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: jpeg(image, 90),
        lambda image: jpeg(image, 60),
        lambda image: resized(image, 24),
        lambda image: resized(image, 64),
        lambda image: image[..., ::-1],
        lambda image: jpeg(image[..., ::-1], 75),
    ],
)
@pytest.mark.parametrize("count", [6, 1000])
def test_copies_of_pictures_are_found_and_no_others(change, count: int) -> None:
    originals = photos(count)
    planted = min(count, 100)
    copies = np.stack([change(image) for image in originals[:planted]])
    pairs = alike(looks(np.concatenate([originals, copies])))
    expected = {(i, count + i) for i in range(planted)}
    found = set(map(tuple, pairs.tolist()))
    assert len(found & expected) >= 0.95 * planted
    assert not found - expected


@pytest.mark.slow
def test_many_pictures_take_seconds_and_raise_no_false_alarm() -> None:
    pictures = photos(5000, seed=1)
    start = time.perf_counter()
    assert len(alike(looks(pictures))) == 0
    assert time.perf_counter() - start < 5


def test_what_all_pictures_show_counts_for_nothing() -> None:
    """A fixed camera: one view, and on it a small thing at another place each time."""
    view = photos(1)[0].astype(int)
    rng = np.random.default_rng(0)
    scenes = np.repeat(view[None], 200, 0) + rng.integers(-3, 4, (200, *view.shape))
    for scene, (top, left) in zip(scenes, rng.integers(0, 25, (200, 2)), strict=True):
        scene[:, top : top + 7, left : left + 7] += 90
    assert len(alike(looks(np.clip(scenes, 0, 255).astype(np.uint8)))) < 100  # of 19,900 pairs


def test_flat_and_differently_colored_pictures_are_not_alike() -> None:
    flat = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 3 * 32 * 32).reshape(-1, 3, 32, 32)
    assert len(alike(looks(flat))) == 0
    one = photos(2)
    tinted = np.stack([one[0], np.clip(one[0] * [[[0.5]], [[1.0]], [[1.4]]], 0, 255), one[1]])
    assert len(alike(looks(tinted.astype(np.uint8)))) == 0


def test_real_pictures_have_few_alike(data_root: str) -> None:
    from realmix.data.reading.load import load

    whole = load("cifar10", data_root=data_root)
    start = time.perf_counter()
    found = find_equal(whole)
    assert time.perf_counter() - start < 20
    assert (found.first == np.arange(60_000)).all()
    truth = np.concatenate([whole.label, whole.test_label])  # type: ignore[list-item]
    assert 10 <= len(found.near) <= 60  # 0.1 % of 60,000
    assert (truth[found.near[:, 0]] == truth[found.near[:, 1]]).all()


@given(st.integers(0, 5), st.integers(4, 12))
@settings(max_examples=20, deadline=None)
def test_close_rows_are_those_that_all_pairs_would_give(seed: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    rows = features(200, columns, seed) * rng.uniform(0.01, 100, columns).astype(np.float32)
    rows = np.concatenate([rows, rows[:40] * (1 + rng.uniform(0, 2e-3, (40, 1)))]).astype(
        np.float32
    )
    low, high = np.quantile(rows.astype(float), [0.25, 0.75], axis=0)
    spread = np.minimum(rows.std(0, dtype=float), (high - low) / 1.35)
    apart = np.abs(rows[:, None] - rows[None].astype(float)) / spread
    expected = np.argwhere(np.triu((apart <= TOLERANCE).all(2), 1))
    assert close(rows).tolist() == expected.tolist()


def test_many_rows_take_a_second() -> None:
    rows = features(100_000, 20)
    rows[-50:] = rows[:50] * 1.0001
    start = time.perf_counter()
    found = find_equal(dataset(rows, [0] * 100_000))
    assert time.perf_counter() - start < 5
    assert len(found.near) == 50


def test_rows_of_few_values_are_not_close_by_their_codes() -> None:
    assert len(close(np.random.default_rng(0).integers(0, 3, (500, 8)).astype(np.float32))) == 0
    assert len(close(features(5000, 2))) == 0


def test_groups_join_equal_near_and_said_rows() -> None:
    label = np.array([0, 0, 1, 1, -1, 0, 1, 1, 0, 1, 0] + [0, 1] * 20)
    first = np.arange(len(label))
    first[1] = 0
    found = Equal(first, np.array([[2, 3], [3, 4]]), len(label))
    groups = groups_of(found, label, np.array([-1, 7, -1, -1, -1, 7] + [-1] * 45))
    assert groups is not None
    together = [np.flatnonzero(groups == g).tolist() for g in np.unique(groups)]
    assert [rows for rows in together if len(rows) > 1] == [[0, 1, 5], [2, 3, 4]]
    assert groups_of(Equal(np.arange(51), np.zeros((0, 2), int), 51), label, None) is None


def test_rows_that_are_all_alike_by_nature_stay_divided() -> None:
    chain = np.stack([np.arange(39), np.arange(1, 40)], 1)
    assert groups_of(Equal(np.arange(40), chain, 40), np.arange(40) % 2, None) is None


def test_copies_are_equal_rows_of_one_class_but_the_first() -> None:
    found = Equal(np.array([0, 0, 0, 0, 4]), np.zeros((0, 2), int), 5)
    assert copies_of(found, np.array([1, 0, 1, -1, 1])).tolist() == [0, 0, 1, 0, 0]
    assert copies_of(found, np.array([-1, 0, 0, 0, -1])).tolist() == [0, 0, 1, 1, 0]


def test_test_rows_among_the_labeled_are_an_error_unless_allowed() -> None:
    rows = features(20)
    given = dataset(rows, [0, 1] * 10, test_inputs=rows[5:8].copy(), test_label=np.array([0, 1, 0]))
    pairs = r"first: test row 0 is row 5; test row 1 is row 6; test row 2 is row 7\)"
    with pytest.raises(DataError, match=rf"3 of the 3 test rows .*\({pairs}"):
        examined(given)
    told = examined(given, allow_leakage=True).notes
    assert any("3 of the 3 test rows" in note and "--allow-leakage" in note for note in told)
    fresh = replace(given, test_inputs=features(3, seed=9))
    assert examined(fresh).notes == ()


def test_test_rows_in_the_pool_and_near_ones_are_told() -> None:
    rows = features(40)
    exam = np.concatenate([rows[30:33], rows[:2] * 1.0002, features(4, seed=5)])
    given = dataset(
        rows, [0, 1] * 10 + [-1] * 20, test_inputs=exam, test_label=np.zeros(9, np.int64)
    )
    notes = " ".join(examined(given).notes)
    assert "3 of the 9 test rows are in the pool too (first: test row 0 is row 30)" in notes
    assert (
        "Test rows that are nearly equal to a labeled row: 2 of 9 (first: test row 3 and row 0)"
        in notes
    )


def test_rows_of_few_values_are_equal_by_chance() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, (60, 3)).astype(np.float32)
    exam = rng.integers(0, 4, (20, 3)).astype(np.float32)
    given = dataset(rows, [0, 1] * 30, test_inputs=exam, test_label=np.zeros(20, np.int64))
    assert any("by chance" in note for note in examined(given).notes)
    many = replace(given, test_inputs=rows.repeat(2, 0), test_label=np.zeros(120, np.int64))
    with pytest.raises(DataError, match="120 of the 120"):
        examined(many)


def test_equal_rows_of_different_classes_are_listed() -> None:
    rows = features(12)
    rows[7], rows[9], rows[3] = rows[0], rows[0], rows[2]
    given = dataset(rows, [0, 1, 2, 2, 0, 0, 0, 1, 0, 0, 1, 1])
    pairs = contradictions(given, find_equal(given))
    assert pairs.tolist() == [[7, 0]]
    notes = " ".join(examined(given).notes)
    first = "1 equal an earlier one of another class: row 7 (dog) is row 0 (cat)."
    assert f"Of all 12 labeled rows {first}" in notes
    assert "Of all 12 labeled rows 2 are copies" in notes


@given(st.integers(0, 1000), st.integers(2, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_fold_divides_equal_rows_or_groups(seed: int, classes: int, quick: bool) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(6, 60))
    label = rng.integers(-1, classes, count)
    groups = rng.integers(0, max(count // 2, 2), count)
    copies = rng.random(count) < 0.2
    only = rng.random(count) < 0.1
    plan = validation_plan(label, seed, quick, only, groups, copies)
    for train, held in plan.folds:
        assert len(held)
        assert not set(groups[train]) & set(groups[held])
        assert not copies[held].any()
        assert not only[held].any()
        assert (label[train] >= 0).all()
        assert set(label[train]) == set(label[label >= 0])
        assert not set(train) & set(held)
    held = np.concatenate([np.zeros(0, int), *(h for _, h in plan.folds)])
    assert len(set(held.tolist())) == len(held)


def test_single_groups_are_as_no_groups() -> None:
    label = np.random.default_rng(0).integers(-1, 3, 90)
    alone = validation_plan(label, 4)
    grouped = validation_plan(label, 4, groups=np.random.default_rng(1).permutation(90))
    for (train, held), (other_train, other_held) in zip(alone.folds, grouped.folds, strict=True):
        assert train.tolist() == other_train.tolist()
        assert held.tolist() == other_held.tolist()


def test_a_class_with_one_group_always_trains() -> None:
    label = np.array([0] * 6 + [1] * 6 + [2] * 4)
    groups = np.array([*range(12), 20, 20, 20, 20])
    for train, held in validation_plan(label, 0, groups=groups).folds:
        assert (label[train] == 2).sum() == 4
        assert not (label[held] == 2).any()


@pytest.mark.parametrize("number", [2, 3, 10])
def test_groups_that_hold_every_class_are_held_out_too(number: int) -> None:
    label = np.tile([0, 1, 1, 2], number)
    groups = np.repeat(np.arange(number), 4)
    plan = validation_plan(label, 0, groups=groups)
    held = np.concatenate([held for _, held in plan.folds])
    assert sorted(held.tolist()) == list(range(len(label)))
    assert "always train" not in plan.rule


def test_two_groups_of_other_rarest_classes_are_two_folds() -> None:
    label = np.array([0, 1, 2, 0, 1, 3])
    plan = validation_plan(label, 0, groups=np.array([0, 0, 0, 1, 1, 1]))
    assert [set(label[train]) >= {0, 1, 2, 3} for train, _ in plan.folds] == [True] * len(
        plan.folds
    )


def test_one_group_cannot_be_held_out() -> None:
    assert validation_plan(np.array([0, 1, 0, 1]), 0, groups=np.zeros(4, int)).folds == ()


def test_simple_drawings_are_equal_by_chance_and_photos_are_not() -> None:
    bars = np.zeros((8, 1, 16, 16), np.uint8)
    for i, bar in enumerate(bars):
        bar[:, i % 4 * 4 : i % 4 * 4 + 2] = 200
    given = dataset(bars, [0, 1] * 4, test_inputs=bars[:2], test_label=np.array([0, 1]))
    assert any("by chance" in note for note in examined(given).notes)
    pictures = photos(8)
    with pytest.raises(DataError, match="2 of the 2 test rows"):
        examined(replace(given, inputs=pictures, test_inputs=pictures[:2]))


def texts(*said: str) -> np.ndarray:
    found = np.empty(len(said), object)
    found[:] = said
    return found


def test_equal_texts_share_a_group_and_a_test_text_among_them_is_an_error() -> None:
    rows = texts(
        "the cat sat here", "the dog ran away", " the cat sat here\n", "The cat sat, here!"
    )
    given = dataset(rows, [0, 1, 0, -1])
    found = find_equal(given)
    assert found.first.tolist() == [0, 1, 0, 3]
    assert found.near.tolist() == [[0, 3]]
    assert examined(given).groups is not None
    leaking = replace(given, test_inputs=texts("the dog ran away"), test_label=np.array([1]))
    with pytest.raises(DataError, match="1 of the 1 test rows are among the labeled rows"):
        examined(leaking)
    short = replace(
        dataset(texts("thank you", "go away", "yes"), [0, 1, -1]),
        test_inputs=texts("thank you"),
        test_label=np.array([0]),
    )
    assert "by chance" in " ".join(examined(short).notes)
