"""Color operations against Pillow on the same parameters; all of them exact."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor

from realmix.augment import color

SIZES = [(8, 8), (28, 28), (32, 32), (20, 33)]
FACTORS = [0.0, 0.28, 0.64, 1.0, 1.36, 1.72]


def examples(height: int, width: int, channels: int) -> Tensor:
    """(5, C, H, W) uint8: noise, smooth, dark, flat, almost flat."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    smooth = [127 + 127 * np.sin((x + i * y) / (5 + i)) for i in range(channels)]
    noise = rng.integers(0, 256, (channels, height, width))
    flat = np.full_like(noise, 77)
    almost = flat.copy()
    almost[0, 0, 0] = 80
    images = [noise, np.stack(smooth), noise // 5 + 30, flat, almost]
    return torch.tensor(np.stack(images).astype(np.uint8))


def pillow(image: Tensor, operation) -> Tensor:
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    result = np.array(operation(Image.fromarray(pixels.squeeze(2) if len(image) == 1 else pixels)))
    return torch.from_numpy(result.reshape(pixels.shape)).permute(2, 0, 1)


def every(value: float, images: Tensor) -> Tensor:
    return torch.full((len(images),), value)


def assert_equal_to_pillow(images: Tensor, ours: Tensor, operation) -> None:
    assert ours.dtype == torch.uint8
    for image, result in zip(images, ours, strict=True):
        assert torch.equal(result, pillow(image, operation))


@pytest.fixture(params=[(*size, channels) for size in SIZES for channels in (1, 3)], ids=str)
def images(request) -> Tensor:
    return examples(*request.param)


ENHANCERS = [
    (ImageEnhance.Brightness, lambda x, f: color.apply_table(x, color.brightness(x, f))),
    (ImageEnhance.Contrast, lambda x, f: color.apply_table(x, color.contrast(x, f))),
    (ImageEnhance.Color, color.saturate),
    (ImageEnhance.Sharpness, color.sharpen),
]


@pytest.mark.parametrize(("enhancer", "ours"), ENHANCERS, ids=lambda x: getattr(x, "__name__", ""))
def test_enhancements_are_pillows_bit_by_bit(images, enhancer, ours):
    for factor in FACTORS:
        result = ours(images, every(factor, images))
        assert_equal_to_pillow(images, result, lambda x, f=factor: enhancer(x).enhance(f))


@pytest.mark.parametrize("threshold", [0, 26, 128, 231, 256])
def test_solarize_is_pillows(images, threshold):
    result = color.apply_table(images, color.solarize(images, every(threshold, images)))
    assert_equal_to_pillow(images, result, lambda x: ImageOps.solarize(x, threshold))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_posterize_is_pillows(images, bits):
    result = color.apply_table(images, color.posterize(images, every(bits, images)))
    assert_equal_to_pillow(images, result, lambda x: ImageOps.posterize(x, bits))


@pytest.mark.parametrize("name", ["invert", "autocontrast", "equalize"])
def test_tables_without_parameter_are_pillows(images, name):
    result = color.apply_table(images, getattr(color, name)(images))
    assert_equal_to_pillow(images, result, getattr(ImageOps, name))


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("adjust_brightness", 1.36),
        ("adjust_contrast", 0.64),
        ("adjust_saturation", 1.36),
        ("adjust_sharpness", 1.72),
        ("solarize", 128),
        ("posterize", 2),
        ("invert", None),
        ("autocontrast", None),
        ("equalize", None),
    ],
)
def test_torchvision_agrees_within_its_rounding(name, argument):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    images = examples(32, 32, 3)[:3]
    tables = {
        "adjust_brightness": color.brightness,
        "adjust_contrast": color.contrast,
        "solarize": color.solarize,
        "posterize": color.posterize,
        "invert": color.invert,
        "autocontrast": color.autocontrast,
        "equalize": color.equalize,
    }
    blends = {"adjust_saturation": color.saturate, "adjust_sharpness": color.sharpen}
    given = () if argument is None else (every(argument, images),)
    ours = (
        blends[name](images, *given)
        if name in blends
        else color.apply_table(images, tables[name](images, *given))
    )
    theirs = getattr(functional, name)(images, *(() if argument is None else (argument,)))
    # torchvision's tensor kernels cut off where Pillow rounds, and the other way round
    assert (ours.int() - theirs.int()).abs().max() <= 1


@pytest.mark.parametrize("name", ["smooth", "blur"])
def test_filters_are_pillows_and_so_is_a_part_of_the_way(images, name):
    given = ImageFilter.SMOOTH if name == "smooth" else ImageFilter.BLUR
    filtered = getattr(color, name)(images)
    assert_equal_to_pillow(images, filtered.to(torch.uint8), lambda x: x.filter(given))
    part = color.blend(images.int(), filtered, every(0.3, images))
    assert_equal_to_pillow(images, part, lambda x: Image.blend(x, x.filter(given), 0.3))


def test_an_image_too_small_to_blur_stays():
    images = examples(4, 4, 3)
    assert torch.equal(color.blur(images), images.int())
    assert_equal_to_pillow(
        images, color.blur(images).to(torch.uint8), lambda x: x.filter(ImageFilter.BLUR)
    )


@pytest.mark.parametrize("name", ["invert", "autocontrast", "equalize"])
@pytest.mark.parametrize("share", [0.0, 0.37, 1.0])
def test_a_part_of_the_way_is_pillows_blend(images, name, share):
    table = color.part_way(getattr(color, name)(images), every(share, images))
    operation = getattr(ImageOps, name)
    assert_equal_to_pillow(
        images,
        color.apply_table(images, table),
        lambda x: Image.blend(x, operation(x), share),
    )


def test_grey_is_pillows_conversion():
    images = examples(28, 28, 3)
    for image, result in zip(images, color.grey(images), strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
        assert np.array_equal(result[0].numpy(), np.array(picture.convert("L")))


def test_each_image_has_its_own_parameter():
    images = examples(8, 8, 3)[:2]
    factors = torch.tensor([0.28, 1.72])
    for operation in (color.brightness, color.contrast, color.saturate, color.sharpen):
        both = operation(images, factors)
        for i in range(2):
            assert torch.equal(both[i : i + 1], operation(images[i : i + 1], factors[i : i + 1]))


def test_composed_tables_equal_one_after_the_other():
    images = examples(20, 33, 3)
    first = color.autocontrast(images)
    once = color.apply_table(images, first)
    second = color.solarize(images, every(100, images))
    twice = color.apply_table(once, second)
    assert torch.equal(color.apply_table(images, color.compose_tables(first, second)), twice)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), channels=st.sampled_from([1, 3]), low=st.integers(0, 255))
def test_neutral_parameters_change_nothing_and_inputs_stay(seed, channels, low):
    pixels = np.random.default_rng(seed).integers(low, 256, (2, channels, 6, 7)).astype(np.uint8)
    images = torch.from_numpy(pixels.copy())
    one = every(1.0, images)
    assert torch.equal(color.saturate(images, one), images)
    assert torch.equal(color.sharpen(images, one), images)
    neutral = [
        color.identity(images),
        color.brightness(images, one),
        color.contrast(images, one),
        color.solarize(images, every(256, images)),
        color.posterize(images, every(8, images)),
        color.compose_tables(color.invert(images), color.invert(images)),
    ]
    for table in neutral:
        assert torch.equal(color.apply_table(images, table), images)
    color.apply_table(images, color.equalize(images))
    assert np.array_equal(images.numpy(), pixels)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), side=st.integers(3, 12))
def test_autocontrast_and_equalize_are_pillows_on_any_image(seed, side):
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.integers(0, 257, 2))
    images = torch.from_numpy(
        rng.integers(low, max(high, low + 1), (1, 3, side, side)).astype(np.uint8)
        if low < 256
        else np.full((1, 3, side, side), 255, np.uint8)
    )
    for name in ("autocontrast", "equalize"):
        result = color.apply_table(images, getattr(color, name)(images))
        assert_equal_to_pillow(images, result, getattr(ImageOps, name))
