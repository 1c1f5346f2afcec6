"""Augmentations described by numbers: their schema, what each key does, what must not happen."""

import json
from dataclasses import replace

import pytest
import torch

from realmix.augment.described import Augmentation, read_augmentation
from realmix.augment.erase import background
from realmix.augment.geometry import identity, translate, warp
from realmix.augment.presets import PRESETS, SYMBOLS, none, plain, views_of
from realmix.augment.rand_augment import BLENDS, TABLES
from realmix.base.errors import DataError, UsageError
from realmix.base.randomness import Draws, keys
from realmix.contract.algorithm import Erasing
from realmix.contract.state import BIN_SHAPE

IMAGE_VIEWS = ("plain", "weak", "strong", "cutout", "simple", "probe", "learned", "uncovered")


def streams(count: int) -> Draws:
    return Draws(keys(3, torch.arange(count)), copy=Draws(keys(4, torch.arange(count))))


def pictures(count: int, shape=(3, 12, 10)) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


def seen(views, name, images):
    """The network inputs of a view."""
    if name in ("learned", "uncovered"):
        return views[name](images, streams(len(images)), torch.ones(BIN_SHAPE))
    if name == "cutout":
        return views[name](images, streams(len(images)), Erasing(0.3, (0.02, 0.4)))
    made = views[name](images, streams(len(images)))
    return made[0] if name == "probe" else made


@pytest.mark.parametrize("name", IMAGE_VIEWS)
def test_none_gives_the_plain_image_bit_for_bit(name):
    images = pictures(64)
    exact = images.float() * (2 / 255) - 1
    assert torch.equal(seen(none((3, 12, 10)), name, images), exact)


def test_none_leaves_feature_rows_as_they_are():
    rows = torch.randn(20, 5)
    views = none((5,))
    assert set(views) == {"plain", "weak", "strong", "cutout", "simple"}
    assert all(torch.equal(view(rows, streams(20)), rows) for view in views.values())


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "features"])
def test_the_plain_view_is_the_same_for_every_preset_of_images(preset):
    images = pictures(3)
    expected = PRESETS[preset]((3, 12, 10))["plain"](images, streams(3))
    assert torch.equal(plain((3, 12, 10))(images, streams(3)), expected)


@pytest.mark.parametrize("side", [8, 28, 64])
@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("name", ["weak", "strong", "simple", "learned"])
def test_symbols_are_never_mirrored_or_inverted(side, bright, name):
    ink, paper = (255, 0) if bright else (0, 255)
    image = torch.full((1, 1, side, side), paper, dtype=torch.uint8)
    image[..., side // 8 : -side // 8, side // 8 : side // 3] = ink  # a bar on the left
    views = views_of("symbols", (1, side, side))
    made = seen(views, name, image.expand(600, -1, -1, -1))
    made = made if bright else -made
    half = side // 2
    left, right = made[..., :half].mean((1, 2, 3)), made[..., half:].mean((1, 2, 3))
    assert (right > left + 0.05).float().mean() < 0.01  # mirrored ones would be a half of all


def test_mirrored_pictures_are_half_of_them_and_exact():
    images = pictures(400)
    made = Augmentation(mirror=True).move(images, streams(400))
    same = (made == images).flatten(1).all(1)
    mirrored = (made == images.flip(3)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.08)


def test_shifts_are_whole_pixels_up_to_the_share_of_the_side():
    image = torch.zeros(1, 1, 20, 20, dtype=torch.uint8)
    image[0, 0, 9, 9] = 200
    made = Augmentation(shift=0.15).move(image.expand(500, -1, -1, -1), streams(500))
    places = made.flatten(1).argmax(1)
    assert (made.flatten(1).amax(1) == 200).all()
    for offset in (places // 20 - 9, places % 20 - 9):
        assert (offset.min(), offset.max()) == (-3, 3)


def test_what_is_read_outside_is_the_edge():
    image = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)
    moved = translate(right=torch.tensor([2.0]))
    expected = torch.tensor([[0, 0, 0, 1], [4, 4, 4, 5], [8, 8, 8, 9], [12, 12, 12, 13]])
    for mode in ("nearest", "bilinear"):
        assert torch.equal(warp(image, moved, "edge", mode)[0, 0], expected.to(torch.uint8))
        assert torch.equal(warp(image, identity(1, image), "edge", mode), image)


def test_the_background_is_the_median_of_the_border():
    image = torch.full((2, 1, 5, 5), 7, dtype=torch.uint8)
    image[0, 0, 1:4, 1:4] = 255  # the middle does not count
    image[1, 0, 0, :] = 99  # 5 of 16
    assert background(image).tolist() == [7, 7]


def test_the_cutout_of_strong_has_the_color_of_the_border():
    images = torch.full((200, 1, 16, 16), 240, dtype=torch.uint8)
    images[:, :, 4:12, 4:12] = 10
    made = Augmentation(cutout=0.5).views((1, 16, 16), "file")["strong"](images, streams(200))
    levels = ((made + 1) * 127.5).round().unique().tolist()
    assert levels == [10, 240]
    assert (made < 0).flatten(1).sum(1).min() < 40  # of 64: part of the ink is hidden
    assert Augmentation(cutout=0.5).move(images, streams(200)) is images


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"shfit": 0.1}, "Did you mean 'shift'"),
        ({"shift": 0.6}, "shift cannot be 0.6"),
        ({"magnitude": 10}, "less than or equal to 9"),
        ({"mirror": "perhaps"}, "valid boolean"),
        ({"scale": -0.1}, "greater than or equal to 0"),
        ({"never": ["Solarise"]}, "Did you mean 'Solarize'"),
        ({"never": ["Identity"]}, "'never' names no operation 'Identity'"),
    ],
)
def test_a_file_that_describes_nothing_is_refused_with_help(tmp_path, described, message):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(described))
    with pytest.raises(UsageError, match=message) as caught:
        read_augmentation(path)
    assert "mine.json" in str(caught.value)


@pytest.mark.parametrize(("text", "message"), [("{", "as JSON"), ("[1]", "one JSON object")])
def test_a_file_that_is_no_object_is_refused(tmp_path, text, message):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_augmentation(tmp_path / "mine.json")


def test_a_file_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(UsageError, match=r"Did you mean 'mine\.json'"):
        read_augmentation(tmp_path / "mnie.json")


def test_a_file_holds_what_it_says(tmp_path):
    (tmp_path / "a.json").write_text('{"mirror": true, "shift": 0.1, "never": ["Invert"]}')
    expected = Augmentation(mirror=True, shift=0.1, never=("Invert",))
    assert read_augmentation(tmp_path / "a.json") == expected
    (tmp_path / "a.json").write_text("{}")
    assert read_augmentation(tmp_path / "a.json") == Augmentation()


def test_what_never_may_happen_does_not():
    image = torch.full((300, 1, 8, 8), 100, dtype=torch.uint8)
    image[..., 4:] = 20
    only_geometry = Augmentation(
        magnitude=9,
        never=(*TABLES, *BLENDS, "Invert"),
    )
    strong = only_geometry.views((1, 8, 8), "file")["strong"](image, streams(300))
    assert strong.min() == pytest.approx(20 * 2 / 255 - 1, abs=1e-6)
    assert strong.max() == pytest.approx(100 * 2 / 255 - 1, abs=1e-6)
    free = replace(only_geometry, never=()).views((1, 8, 8), "file")["strong"]
    assert free(image, streams(300)).max() > 0.5


def test_views_of_takes_a_name_or_a_description():
    images, described = pictures(5), '{"shift": 0.2}'
    one = views_of(described, (3, 12, 10))["weak"](images, streams(5))
    other = Augmentation(shift=0.2).views((3, 12, 10), "x")["weak"](images, streams(5))
    assert torch.equal(one, other)
    assert not torch.equal(one, plain((3, 12, 10))(images, streams(5)))
    assert SYMBOLS.mirror is False
    with pytest.raises(DataError, match="file"):
        views_of(described, (30,))
