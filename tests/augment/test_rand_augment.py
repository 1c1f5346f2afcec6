"""RandAugment: METHODS' magnitudes, the drawing, and every image against Pillow in drawn order."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from realmix.augment import geometry, rand_augment, slots
from realmix.augment.rand_augment import OPERATIONS, RandAugment
from realmix.base.errors import UsageError
from realmix.base.randomness import Draws, keys

GREY = (127, 127, 127)
FIXMATCH = {
    "Identity", "AutoContrast", "Equalize", "Rotate", "Solarize", "Color", "Contrast",
    "Brightness", "Sharpness", "ShearX", "TranslateX", "TranslateY", "Posterize", "ShearY",
}  # fmt: skip


def draws(count: int, seed: int = 0) -> Draws:
    return Draws(keys(seed, torch.arange(count)))


def pictures(count: int, side: int = 32, channels: int = 3) -> Tensor:
    """(B, C, side, side) uint8: noise on smooth ground."""
    rng = np.random.default_rng(side)
    y, x = np.mgrid[:side, :side] / side
    angle = rng.uniform(0, 6, (count, channels, 2, 1, 1))
    ground = 120 + 90 * np.sin(angle[:, :, 0] * x + angle[:, :, 1] * y)
    noise = rng.integers(0, 30, (count, channels, side, side))
    return torch.tensor((ground + noise).clip(0, 255).astype(np.uint8))


def affine(image: Image.Image, matrix) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=GREY)


def fixmatch(image: Image.Image, name: str, m: int, sign: float) -> Image.Image:
    """One operation, written independently after the released FixMatch code (grey fill at once)."""
    pixels = int(m) * sign * image.size[0] / 32
    enhance = float(m) * 1.8 / 10 + 0.1
    shear = sign * float(m) * 0.3 / 10
    return {
        "Identity": lambda: image,
        "AutoContrast": lambda: ImageOps.autocontrast(image),
        "Equalize": lambda: ImageOps.equalize(image),
        "Rotate": lambda: image.rotate(sign * int(m * 30 / 10), fillcolor=GREY),
        "Solarize": lambda: ImageOps.solarize(image, 256 - int(m * 256 / 10)),
        "Color": lambda: ImageEnhance.Color(image).enhance(enhance),
        "Contrast": lambda: ImageEnhance.Contrast(image).enhance(enhance),
        "Brightness": lambda: ImageEnhance.Brightness(image).enhance(enhance),
        "Sharpness": lambda: ImageEnhance.Sharpness(image).enhance(enhance),
        "ShearX": lambda: affine(image, (1, shear, 0, 0, 1, 0)),
        "ShearY": lambda: affine(image, (1, 0, 0, shear, 1, 0)),
        "TranslateX": lambda: affine(image, (1, 0, -pixels, 0, 1, 0)),
        "TranslateY": lambda: affine(image, (1, 0, 0, 0, 1, -pixels)),
        "Posterize": lambda: ImageOps.posterize(image, 4 - int(m * 4 / 10)),
    }[name]()


def test_the_operations_are_fixmatchs_fourteen():
    assert set(OPERATIONS) == FIXMATCH
    assert len(OPERATIONS) == 14
    assert OPERATIONS[0] == "Identity"


def test_magnitudes_of_the_method_card():
    m = torch.tensor([1, 5, 9])
    assert rand_augment.threshold(m).tolist() == [231, 128, 26]
    assert rand_augment.bits(m).tolist() == [4, 2, 1]
    assert rand_augment.enhancement(m).tolist() == pytest.approx([0.28, 1.0, 1.72])
    images = pictures(3)
    rotated = rand_augment.MATRICES["Rotate"](images, m.float())
    assert torch.equal(rotated, geometry.rotate(torch.tensor([3.0, 15.0, 27.0])))
    sheared = rand_augment.MATRICES["ShearX"](images, m.float())
    assert sheared[:, 0, 1].tolist() == pytest.approx([0.03, 0.15, 0.27])
    assert rand_augment.MATRICES["TranslateX"](images, m.float())[:, 0, 2].tolist() == [-1, -5, -9]
    assert rand_augment.MATRICES["TranslateY"](pictures(3, 8), m.float())[
        :, 1, 2
    ].tolist() == pytest.approx([-0.25, -1.25, -2.25])


@pytest.mark.parametrize("side", [32, 28, 8])
def test_every_image_equals_pillow_in_the_drawn_order(side):
    count = 1200
    images = pictures(count, side)
    policy = RandAugment(probability=0.9)
    ours = policy(images, draws(count))
    operation, magnitude, sign = (x.tolist() for x in policy.draw(draws(count)))
    for i in range(count):
        picture = Image.fromarray(images[i].permute(1, 2, 0).contiguous().numpy())
        for slot in range(2):
            name = OPERATIONS[operation[i][slot]]
            picture = fixmatch(picture, name, magnitude[i][slot], sign[i][slot])
        expected = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        assert torch.equal(ours[i], expected), (operation[i], magnitude[i], sign[i])


def test_drawing_is_uniform_and_executes_half():
    count = 20_000
    operation, magnitude, sign = RandAugment().draw(draws(count))
    share = torch.bincount(operation.flatten(), minlength=14) / (2 * count)
    assert share[1:].tolist() == pytest.approx([0.5 / 14] * 13, abs=0.006)
    assert share[0].item() == pytest.approx(0.5 + 0.5 / 14, abs=0.01)
    levels = torch.bincount(magnitude.flatten(), minlength=10) / (2 * count)
    assert levels.tolist() == pytest.approx([0.0] + [1 / 9] * 9, abs=0.01)
    assert sign.mean().item() == pytest.approx(0, abs=0.02)
    both = (operation[:, 0] == operation[:, 1]) & (operation[:, 0] > 0)
    assert both.float().mean().item() == pytest.approx(13 * (0.5 / 14) ** 2, abs=0.004)
    # the slots and what is drawn for them are independent
    numbers = torch.cat([operation, magnitude, sign], 1).double()
    assert (torch.corrcoef(numbers.T) - torch.eye(6)).abs().max() < 0.03


def test_only_allowed_operations_are_drawn():
    policy = RandAugment(("Rotate", "Equalize"), probability=1.0, max_magnitude=3)
    operation, magnitude, _ = policy.draw(draws(500))
    names = {OPERATIONS[i] for i in operation.unique().tolist()}
    assert names == {"Rotate", "Equalize"}
    assert magnitude.unique().tolist() == [1, 2, 3]


def test_one_warp_joins_the_geometry_of_both_slots():
    names = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
    policy = RandAugment(names, probability=1.0, one_warp=True, fill=0, geometry_scale=0.5)
    images = pictures(64)
    first = geometry.flip(torch.ones(64, dtype=torch.bool))
    operation, magnitude, sign = policy.draw(draws(64))
    signed = magnitude * sign * 0.5
    steps = [first]
    for slot in range(2):
        rows = [
            rand_augment.MATRICES[OPERATIONS[o]](images[:1], signed[i : i + 1, slot])
            for i, o in enumerate(operation[:, slot].tolist())
        ]
        steps.append(torch.cat(rows))
    expected = geometry.warp(images, steps[0] @ steps[1] @ steps[2])
    different = (policy(images, draws(64), first) != expected).float().mean()
    assert different < 1e-3  # positions exactly between two pixels


def test_the_device_form_without_subsets_gives_the_same(monkeypatch):
    def everywhere(result, chosen, operation, *given):
        return torch.where(chosen.view(-1, *[1] * (result.dim() - 1)), operation(*given), result)

    images = pictures(200)
    for policy in (RandAugment(), RandAugment(one_warp=True, mode="bilinear")):
        on_rows = policy(images, draws(200))
        with monkeypatch.context() as patch:
            patch.setattr(slots, "put", everywhere)
            assert torch.equal(policy(images, draws(200)), on_rows)


@pytest.mark.parametrize("one_warp", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_neither_neighbours_nor_order_matter_and_inputs_stay(one_warp, channels):
    images = pictures(101, channels=channels)
    before = images.clone()
    key = keys(3, torch.arange(101))
    policy = RandAugment(one_warp=one_warp, mode="bilinear" if one_warp else "nearest")
    result = policy(images, Draws(key))
    assert result.shape == images.shape
    assert result.dtype == torch.uint8
    assert torch.equal(images, before)
    order = torch.randperm(101, generator=torch.Generator().manual_seed(0))
    assert torch.equal(policy(images[order], Draws(key[order])), result[order])
    halves = [policy(images[part], Draws(key[part])) for part in (slice(37), slice(37, None))]
    assert torch.equal(torch.cat(halves), result)


def test_probability_zero_and_an_empty_batch_change_nothing():
    images = pictures(9)
    assert torch.equal(RandAugment(probability=0.0)(images, draws(9)), images)
    assert RandAugment()(images[:0], draws(0)).shape == (0, 3, 32, 32)


def test_wrong_settings_are_refused_with_a_hint():
    with pytest.raises(UsageError, match="Did you mean 'Rotate'"):
        RandAugment(("Rotat",))
    with pytest.raises(UsageError, match="max_magnitude"):
        RandAugment(max_magnitude=10)
