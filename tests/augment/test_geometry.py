"""Geometry against Pillow and torchvision, and what every matrix must satisfy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from realmix.augment import geometry

SIZES = [(8, 8), (28, 28), (32, 32), (20, 33)]


def noise_and_ramp(height: int, width: int) -> Tensor:
    """(2, 3, H, W) uint8: one image of noise, one smooth."""
    noise = np.random.default_rng(0).integers(0, 256, (3, height, width))
    y, x = np.mgrid[:height, :width]
    smooth = [127 + 127 * np.sin((x + i * y) / (5 + i)) for i in range(3)]
    return torch.tensor(np.stack([noise, np.stack(smooth)]).astype(np.uint8))


def pillow(image: Tensor, operation) -> Tensor:
    """`operation` of a Pillow image on one (3, H, W) tensor."""
    result = operation(Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()))
    return torch.from_numpy(np.array(result)).permute(2, 0, 1)


def affine(matrix, fill=(9, 9, 9)):
    return lambda image: image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=fill)


def pair(value: float) -> Tensor:
    return torch.tensor([value, value])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("degrees", [-27, -10, 3, 15, 27, 45.5])
def test_rotate_is_pillows_bit_by_bit(size, degrees):
    images = noise_and_ramp(*size)
    ours = geometry.warp(images, geometry.rotate(pair(degrees)), fill=9)
    for image, result in zip(images, ours, strict=True):
        assert torch.equal(result, pillow(image, lambda x: x.rotate(degrees, fillcolor=(9, 9, 9))))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("amount", [-0.27, 0.03, 0.15])
def test_shears_from_the_corner_are_pillows_bit_by_bit(size, amount):
    images = noise_and_ramp(*size)
    x = geometry.warp(images, geometry.shear_x(pair(amount), -size[0] / 2), fill=9)
    y = geometry.warp(images, geometry.shear_y(pair(amount), -size[1] / 2), fill=9)
    for i, image in enumerate(images):
        assert torch.equal(x[i], pillow(image, affine((1, amount, 0, 0, 1, 0))))
        assert torch.equal(y[i], pillow(image, affine((1, 0, 0, amount, 1, 0))))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("right", "down"), [(3, 0), (-2, 5), (0, -7), (1.3, -0.6)])
def test_translate_is_pillows_bit_by_bit(size, right, down):
    images = noise_and_ramp(*size)
    ours = geometry.warp(images, geometry.translate(pair(right), pair(down)), fill=9)
    for image, result in zip(images, ours, strict=True):
        assert torch.equal(result, pillow(image, affine((1, 0, -right, 0, 1, -down))))


def test_translate_moves_the_picture_right_and_down():
    images = noise_and_ramp(8, 8)
    moved = geometry.warp(images, geometry.translate(pair(2.0), pair(1.0)))
    assert torch.equal(moved[:, :, 1:, 2:], images[:, :, :-1, :-2])
    assert (moved[:, :, 0] == 0).all()
    assert (moved[:, :, :, :2] == 0).all()
    assert torch.equal(
        geometry.warp(images, geometry.translate(down=pair(1.0)))[:, :, 1:], images[:, :, :-1]
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_warp_agrees_with_torchvision(size, mode):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    images = noise_and_ramp(*size)
    matrix = geometry.compose(
        geometry.translate(pair(2.0), pair(-1.0)),
        geometry.scale(pair(1.2)),
        geometry.rotate(pair(-17.0)),
    )
    # torchvision rotates clockwise, about the centre, and translates last
    matrix = geometry.compose(
        geometry.scale(pair(1.2)),
        geometry.rotate(pair(-17.0)),
        geometry.translate(*map(pair, (2.0, -1.0))),
    )
    ours = geometry.warp(images, matrix, mode=mode).int()
    theirs = (
        functional.affine(
            images.float(),
            angle=17.0,
            translate=[2, -1],
            scale=1.2,
            shear=[0.0, 0.0],
            interpolation=functional.InterpolationMode(mode),
        )
        .round()
        .int()
    )
    # nearest: positions halfway between two pixels may fall to either side
    different = (ours - theirs).abs() > (0 if mode == "nearest" else 1)
    assert different.float().mean() < 0.01


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", SIZES)
def test_identity_parameters_change_nothing(size, mode):
    images = noise_and_ramp(*size)
    zero, one = pair(0.0), pair(1.0)
    matrices = [
        geometry.identity(2, images),
        geometry.rotate(zero),
        geometry.shear_x(zero, -4.0),
        geometry.shear_y(zero, 3.0),
        geometry.translate(zero, zero),
        geometry.scale(one),
        geometry.flip(zero.bool()),
    ]
    for matrix in [*matrices, geometry.compose(*matrices)]:
        assert torch.equal(geometry.warp(images, matrix, mode=mode), images)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_flip_mirrors_only_the_chosen(mode):
    images = noise_and_ramp(20, 33)
    result = geometry.warp(images, geometry.flip(torch.tensor([True, False])), mode=mode)
    assert torch.equal(result[0], images[0].flip(-1))
    assert torch.equal(result[1], images[1])


def test_float_images_keep_their_dtype_and_range():
    images = noise_and_ramp(28, 28).float() / 255
    for mode in ("nearest", "bilinear"):
        result = geometry.warp(images, geometry.rotate(pair(20.0)), 0.5, mode)
        assert result.dtype == torch.float32
        assert result.min() >= -1e-6
        assert result.max() <= 1 + 1e-6
    assert torch.allclose(
        geometry.warp(images, geometry.identity(2, images), 0.5, "bilinear"), images, atol=1e-4
    )


def test_each_image_has_its_own_matrix():
    images = noise_and_ramp(32, 32)
    both = geometry.warp(images, geometry.rotate(torch.tensor([10.0, -20.0])))
    for i, degrees in enumerate((10.0, -20.0)):
        one = geometry.warp(images[i : i + 1], geometry.rotate(torch.tensor([degrees])))
        assert torch.equal(both[i : i + 1], one)


def test_composed_integer_moves_equal_sequential_ones():
    images = noise_and_ramp(32, 32)
    steps = [
        geometry.translate(pair(3.0), pair(0.0)),
        geometry.flip(torch.tensor([True, True])),
        geometry.translate(pair(4.0), pair(2.0)),
        geometry.rotate(pair(90.0)),
    ]
    together = geometry.warp(images, geometry.compose(*steps), fill=9)
    for step in steps:
        images = geometry.warp(images, step, fill=9)
    # what was pushed out on the right and came back is lost when done step by step
    kept = images != 9
    assert torch.equal(together[kept], images[kept])
    assert kept.float().mean() > 0.7


@settings(max_examples=25, deadline=None)
@given(
    degrees=st.floats(-180, 180),
    shear=st.floats(-0.3, 0.3),
    right=st.floats(-9, 9),
    factor=st.floats(0.5, 2),
)
def test_compose_is_the_matrix_product_in_order(degrees, shear, right, factor):
    steps = [
        geometry.rotate(pair(degrees)),
        geometry.shear_x(pair(shear), -4.0),
        geometry.translate(pair(right), pair(-right)),
        geometry.scale(pair(factor)),
    ]
    expected = steps[0] @ steps[1] @ steps[2] @ steps[3]
    assert torch.allclose(geometry.compose(*steps), expected, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(values=st.tuples(*[st.floats(-3, 3)] * 6), mode=st.sampled_from(["nearest", "bilinear"]))
def test_any_matrix_keeps_shape_dtype_and_input(values, mode):
    images = noise_and_ramp(20, 33)
    before = images.clone()
    matrix = torch.tensor([*values, 0, 0, 1], dtype=torch.float64).view(1, 3, 3).repeat(2, 1, 1)
    result = geometry.warp(images, matrix, 127, mode)
    assert result.shape == images.shape
    assert result.dtype == torch.uint8
    assert torch.equal(images, before)


def reference_flip_and_crop(image: np.ndarray, mirrored: bool, dx: int, dy: int, pad: int):
    image = image[:, :, ::-1] if mirrored else image
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)), "reflect")
    height, width = image.shape[1:]
    return padded[:, pad + dy : pad + dy + height, pad + dx : pad + dx + width]


@pytest.mark.parametrize("size", SIZES)
def test_flip_and_crop_equals_mirror_pad_and_crop(size):
    images = noise_and_ramp(*size)[:1].repeat(50, 1, 1, 1)
    rng = np.random.default_rng(1)
    mirrored = rng.random(50) < 0.5
    dx, dy = rng.integers(-4, 5, (2, 50))
    result = geometry.flip_and_crop(
        images, torch.from_numpy(mirrored), torch.from_numpy(dx), torch.from_numpy(dy)
    )
    for i in range(50):
        expected = reference_flip_and_crop(images[i].numpy(), mirrored[i], dx[i], dy[i], 4)
        assert np.array_equal(result[i].numpy(), expected)


def test_flip_and_crop_takes_float_images():
    images = noise_and_ramp(8, 8).float()
    zero = torch.zeros(2, dtype=torch.int64)
    assert torch.equal(geometry.flip_and_crop(images, zero.bool(), zero, zero), images)
    assert torch.equal(geometry.flip_and_crop(images, ~zero.bool(), zero, zero), images.flip(-1))
