"""Smaller pools, near-duplicates and other styles."""

import numpy as np
import pytest

from realmix.base.errors import DataError, UsageError
from realmix.data.pools import Dataset
from realmix.data.scenarios.pool import near_duplicates, noise_rows, pool_of_size, styled


def rows(count=40, labeled=8):
    rng = np.random.default_rng(0)
    label = np.where(np.arange(count) < labeled, np.arange(count) % 2, -1)
    true = np.arange(count) % 2
    names = tuple(f"r{i}" for i in range(count))
    inputs = rng.normal(size=(count, 5))
    groups = np.full(count, -1)
    return Dataset(inputs, label, ("a", "b"), "features", names=names, oracle=true, groups=groups)


def pictures(count=12, labeled=4, channels=3):
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 200, 16)[None, None, :, None] + rng.integers(
        0, 55, (count, channels, 1, 16)
    )
    label = np.where(np.arange(count) < labeled, np.arange(count) % 2, -1)
    return Dataset(
        smooth.astype(np.uint8), label, ("a", "b"), "photos", oracle=np.arange(count) % 2
    )


def test_a_smaller_pool_is_part_of_a_larger_one():
    small, few = pool_of_size(rows(), 10, seed=2)
    large, many = pool_of_size(rows(), 20, seed=2)
    assert (small.label < 0).sum() == 10
    assert (small.label >= 0).sum() == 8
    assert set(few.row) < set(many.row)
    assert len(large.inputs) == 28
    with pytest.raises(UsageError, match="it has 32"):
        pool_of_size(rows(), 33, 0)


def test_near_duplicates_are_the_share_that_was_asked_for():
    made, truth = near_duplicates(rows(), 0.5, seed=1)
    pool = made.label < 0
    assert pool.sum() == 64
    copies = np.arange(40, 72)
    assert sorted(truth.row[copies]) == sorted(np.flatnonzero(rows().label < 0))
    distance = np.abs(made.inputs[copies] - rows().inputs[truth.row[copies]]).max(1)
    assert (distance > 0).all()
    assert (distance < 0.15).all()
    assert np.array_equal(made.oracle, rows().oracle[truth.row])
    assert len(np.unique(made.groups[copies])) == 32
    assert made.names[40].startswith("copy 1 of r")


def test_near_duplicates_beyond_the_pool_copy_again():
    made, truth = near_duplicates(rows(), 0.75, seed=1)
    assert (made.label < 0).sum() == 128
    assert np.bincount(truth.row)[8:].tolist() == [4] * 32


def test_near_duplicates_of_pictures_look_alike():
    made, truth = near_duplicates(pictures(), 0.5, seed=1)
    copies = np.arange(12, len(made.label))
    given = pictures().inputs[truth.row[copies]].astype(float)
    assert made.inputs.dtype == np.uint8
    assert not np.array_equal(made.inputs[copies], given)
    apart = np.abs(made.inputs[copies] - given).mean()
    strangers = np.abs(made.inputs[copies] - np.roll(given, 1, axis=0)).mean()
    assert apart < strangers


def test_near_duplicates_of_texts_keep_the_words():
    label = np.array([0, 1, -1, -1, -1, -1])
    ends = ["", "", " .", "!", " .", ""]
    texts = np.array([f"word{i} other words here{end}" for i, end in enumerate(ends)], object)
    texts[5] = "WORDS"
    for seed in range(5):
        made, truth = near_duplicates(Dataset(texts, label, ("a", "b"), "words"), 0.5, seed)
        for text, row in zip(made.inputs[6:], truth.row[6:], strict=True):
            assert text != texts[row]
            assert text.lower().rstrip(" .").split() == texts[row].lower().rstrip(" .").split()


def test_what_has_no_pool_and_shares_out_of_range_are_refused():
    everything = Dataset(rows().inputs, rows().oracle, ("a", "b"), "features")
    with pytest.raises(DataError, match="no pool"):
        near_duplicates(everything, 0.5, 0)
    with pytest.raises(UsageError, match="below 100 %"):
        near_duplicates(rows(), 1.0, 0)
    assert near_duplicates(rows(), 0.0, 0)[0].inputs is not None


@pytest.mark.parametrize("style", ["grey", "blur", "contrast", "jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_style_changes_the_pool_alone_and_more_with_strength(style, channels):
    given = pictures(channels=channels)
    pool = given.label < 0
    mild, strong = (styled(given, style, strength)[0].inputs for strength in (0.3, 1.0))
    assert np.array_equal(mild[~pool], given.inputs[~pool])
    if style == "grey" and channels == 1:
        assert np.array_equal(strong, given.inputs)
        return
    near, far = (
        np.abs(made[pool] - given.inputs[pool].astype(float)).mean() for made in (mild, strong)
    )
    assert 0 < near < far
    assert np.array_equal(styled(given, style, 0.0)[0].inputs, given.inputs)


def test_grey_at_full_strength_has_no_color():
    made, truth = styled(pictures(), "grey", 1.0)
    pool = made.inputs[truth.pool].astype(int)
    assert np.abs(pool[:, 0] - pool[:, 1]).max() <= 1


def test_contrast_at_full_strength_leaves_a_tenth():
    made, truth = styled(pictures(), "contrast", 1.0)
    given = pictures().inputs[truth.pool]
    left = made.inputs[truth.pool].std(axis=(1, 2, 3)) / given.std(axis=(1, 2, 3))
    assert left.max() < 0.13


def test_styles_of_rows_and_unknown_ones_are_refused():
    with pytest.raises(UsageError, match="changes pictures"):
        styled(rows(), "blur", 0.5)
    with pytest.raises(UsageError, match="Did you mean 'blur'"):
        styled(pictures(), "blurr", 0.5)
    with pytest.raises(UsageError, match="0 to 100 %"):
        styled(pictures(), "blur", 1.5)


def test_noise_has_the_form_of_the_data():
    noise = noise_rows(pictures(), 500, 0)
    assert noise.shape == (500, 3, 16, 16)
    assert noise.dtype == np.uint8
    assert noise.mean() == pytest.approx(127.5, abs=1)
    columns = noise_rows(rows(), 300, 0)
    for c in range(5):
        assert np.isin(columns[:, c], rows().inputs[:, c]).all()
    assert not (columns[:, None] == rows().inputs[None]).all(-1).any(1).all()
    with pytest.raises(UsageError, match="give a file"):
        noise_rows(Dataset(np.array(["a"], object), np.array([-1]), ("a",), "words"), 1, 0)
