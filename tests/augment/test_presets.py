"""The views of every preset: ranges, independence of neighbours, and what digits must never do."""

import functools

import pytest
import torch
from torch import Tensor

from realmix.augment import ct_augment, geometry
from realmix.augment.ct_augment import CTAugment
from realmix.augment.erase import random_cutout
from realmix.augment.presets import (
    DIGIT_LEARNED,
    DIGIT_OPERATIONS,
    PRESETS,
    image_shift,
    network_input,
)
from realmix.base.errors import DataError
from realmix.base.randomness import Draws, keys
from realmix.contract.algorithm import Erasing
from realmix.contract.state import BIN_SHAPE

VIEWS = {"plain", "weak", "strong", "cutout", "simple"}
IMAGE_VIEWS = {"probe", "learned", "uncovered"}
ERASING = Erasing(0.3, (0.02, 0.4))
CASES = [
    ("cifar", (3, 32, 32)), ("svhn", (3, 32, 32)), ("photos", (3, 20, 33)), ("photos", (1, 8, 8)),
    ("digits", (1, 8, 8)), ("digits", (1, 28, 28)), ("features", (30,)),
    ("symbols", (1, 8, 8)), ("symbols", (3, 40, 28)), ("unmirrored", (3, 20, 24)),
]  # fmt: skip
RANDOM = [
    (preset, shape, name)
    for preset, shape in CASES
    for name in sorted((VIEWS | IMAGE_VIEWS if len(shape) == 3 else VIEWS) - {"plain"})
]


def stored(shape: tuple[int, ...], count: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    if len(shape) == 1:
        return torch.randn(count, *shape, generator=generator)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


def streams(index: Tensor, step: int = 0) -> Draws:
    """Draws of these examples at this step, with a copy that is the same at every step."""
    return Draws(keys(step, index), copy=Draws(keys(99, index)))


def seen(views, name, inputs, draws):
    """The network inputs that a view gives; by equal rates, and as RealMix erases."""
    if name in ("learned", "uncovered"):
        return views[name](inputs, draws, torch.ones(BIN_SHAPE))
    if name == "cutout":
        return views[name](inputs, draws, ERASING)
    return views[name](inputs, draws)[0] if name == "probe" else views[name](inputs, draws)


def names_for(shape):
    return VIEWS | IMAGE_VIEWS if len(shape) == 3 else VIEWS


def test_the_presets_and_their_views():
    pictures = {"cifar", "svhn", "digits", "photos", "unmirrored", "symbols"}
    assert set(PRESETS) == {*pictures, "features", "none"}
    for preset, shape in CASES:
        assert set(PRESETS[preset](shape)) == names_for(shape)


@pytest.mark.parametrize(("preset", "shape"), CASES)
def test_views_give_network_inputs_and_leave_the_stored_ones(preset, shape):
    inputs = stored(shape, 60)
    before = inputs.clone()
    views = PRESETS[preset](shape)
    for name in views:
        result = seen(views, name, inputs, streams(torch.arange(60)))
        assert result.shape == inputs.shape
        assert result.dtype == torch.float32
        assert torch.isfinite(result).all()
        if len(shape) == 3:
            assert result.min() >= -1
            assert result.max() <= 1 + 1e-6
    assert torch.equal(inputs, before)


@pytest.mark.parametrize(("preset", "shape", "name"), RANDOM)
def test_an_example_does_not_notice_its_neighbours(preset, shape, name):
    view = functools.partial(seen, PRESETS[preset](shape), name)
    inputs, index = stored(shape, 97), torch.arange(97)
    result = view(inputs, streams(index))
    assert torch.equal(view(inputs, streams(index)), result)
    order = torch.randperm(97, generator=torch.Generator().manual_seed(1))
    assert torch.equal(view(inputs[order], streams(order)), result[order])
    parts = [slice(1), slice(1, 42), slice(42, None)]
    split = [view(inputs[part], streams(index[part])) for part in parts]
    assert torch.equal(torch.cat(split), result)


@pytest.mark.parametrize(("preset", "shape", "name"), RANDOM)
def test_views_change_from_step_to_step(preset, shape, name):
    view, inputs = functools.partial(seen, PRESETS[preset](shape), name), stored(shape, 60)
    first, second = (view(inputs, streams(torch.arange(60), step)) for step in (0, 1))
    assert (first != second).flatten(1).any(1).float().mean() > 0.9


def test_no_global_randomness_is_used():
    view = PRESETS["cifar"]((3, 32, 32))["strong"]
    state = torch.random.get_rng_state()
    view(stored((3, 32, 32), 8), streams(torch.arange(8)))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_plain_has_no_randomness_and_the_right_scale():
    images = torch.tensor([0, 127, 128, 255], dtype=torch.uint8).view(1, 1, 2, 2)
    values = network_input(images).flatten().tolist()
    assert values == pytest.approx([-1, -1 / 255, 1 / 255, 1], abs=1e-6)
    big = stored((3, 32, 32), 4)
    assert torch.equal(
        PRESETS["cifar"]((3, 32, 32))["plain"](big, streams(torch.arange(4))), network_input(big)
    )


@pytest.mark.parametrize(
    ("preset", "mirrors"), [("cifar", True), ("photos", True), ("svhn", False)]
)
def test_weak_is_one_of_the_shifts_and_mirrors_half_where_it_may(preset, mirrors):
    count = 400
    images = stored((3, 32, 32), 1).expand(count, -1, -1, -1)
    result = PRESETS[preset]((3, 32, 32))["weak"](images, streams(torch.arange(count)))
    shift = torch.arange(9) - 4
    dy, dx = (x.flatten() for x in torch.meshgrid(shift, shift, indexing="ij"))
    found = []
    for mirrored in (False, True):
        candidates = geometry.flip_and_crop(images[:81], torch.full((81,), mirrored), dx, dy)
        same = (result[:, None] == network_input(candidates)[None]).flatten(2).all(2)
        found.append(same)
    assert torch.equal(found[0].sum(1) + found[1].sum(1), torch.ones(count, dtype=torch.int64))
    assert found[1].any(1).float().mean().item() == pytest.approx(0.5 if mirrors else 0.0, abs=0.07)
    assert (found[0] | found[1]).any(0).float().mean() > 0.95  # 400 draws of 81 shifts


def test_padding_is_an_eighth_of_the_side():
    images = torch.arange(96, dtype=torch.uint8).expand(300, 3, 96, 96)
    weak = PRESETS["svhn"]((3, 96, 96))["weak"](images, streams(torch.arange(300)))
    middle = ((weak[:, 0, 0, 48] + 1) * 255 / 2).round() - 48
    assert middle.min() == -12
    assert middle.max() == 12


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("name", sorted(VIEWS - {"plain"}))
def test_digits_are_never_mirrored(side, name):
    image = torch.zeros(1, 1, side, side, dtype=torch.uint8)
    image[..., : side // 4 + 1] = 255  # a bar on the left
    count = 1000
    views = PRESETS["digits"]((1, side, side))
    result = seen(views, name, image.expand(count, -1, -1, -1), streams(torch.arange(count)))
    left, right = result[..., : side // 2].mean((1, 2, 3)), result[..., side // 2 :].mean((1, 2, 3))
    # a rectangle erased with a bright value may lie on the right, nothing else may
    assert (right > left + 0.05).float().mean() < (0.12 if name == "cutout" else 0.01)


def test_digits_are_never_inverted():
    image = torch.zeros(500, 1, 8, 8, dtype=torch.uint8)
    image[:, :, 2:6, 3:5] = 255
    for name in ("weak", "strong"):
        result = PRESETS["digits"]((1, 8, 8))[name](image, streams(torch.arange(500)))
        border = torch.cat([result[:, 0, 0], result[:, 0, -1]], 1).mean(1)
        assert (border <= result.amax((1, 2, 3))).all()
        assert (border < -0.1).float().mean() > 0.95


def test_weak_digits_move_sideways_by_at_most_one_pixel_and_stay_readable():
    image = torch.zeros(400, 1, 8, 8, dtype=torch.uint8)
    image[:, :, 3:5, 3:5] = 255
    weak = (PRESETS["digits"]((1, 8, 8))["weak"](image, streams(torch.arange(400))) + 1) / 2
    mass = weak.sum((1, 2, 3))
    assert ((mass > 2.8) & (mass < 5.4)).all()  # 4 before: enlarged or shrunk by up to 10 %
    columns = (weak.sum((1, 2)) * torch.arange(8)).sum(1) / mass - 3.5
    assert columns.abs().max() < 1.2
    assert columns.min() < -0.8
    assert columns.max() > 0.8
    rows = (weak.sum((1, 3)) * torch.arange(8)).sum(1) / mass - 3.5
    assert rows.abs().max() < 0.3


def test_the_strong_view_ends_with_a_grey_cutout():
    images = torch.full((300, 3, 32, 32), 255, dtype=torch.uint8)
    strong = PRESETS["cifar"]((3, 32, 32))["strong"](images, streams(torch.arange(300)))
    # exact 0 occurs in no scaled uint8 image
    grey = (strong == 0).flatten(1).sum(1) // 3
    assert grey.min() >= 64
    assert grey.max() == 256


@pytest.mark.parametrize("name", ["cutout", "simple"])
def test_the_copy_stays_the_same_while_the_weak_part_changes(name):
    view = functools.partial(seen, PRESETS["svhn"]((3, 32, 32)), name)
    images = stored((3, 32, 32), 64)
    index = torch.arange(64)
    same_copy = [view(images, Draws(keys(0, index), Draws(keys(7, index)))) for _ in range(2)]
    assert torch.equal(*same_copy)
    other_copy = view(images, Draws(keys(0, index), Draws(keys(8, index))))
    changed = (other_copy != same_copy[0]).flatten(1).any(1).float().mean().item()
    # neither copy erased with probability .7 * .7
    assert changed == pytest.approx(0.51, abs=0.2) if name == "cutout" else changed > 0.9


def test_cutout_copies_erase_three_of_ten():
    images = torch.full((3000, 3, 32, 32), 255, dtype=torch.uint8)
    result = seen(PRESETS["svhn"]((3, 32, 32)), "cutout", images, streams(torch.arange(3000)))
    assert (result < 1).flatten(1).any(1).float().mean().item() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(("probability", "area"), [(0.0, 0.3), (0.8, 0.1), (1.0, 0.25)])
def test_cutout_copies_erase_as_often_and_as_much_as_they_are_told(probability, area):
    images = torch.full((2000, 3, 32, 32), 255, dtype=torch.uint8)
    view = PRESETS["svhn"]((3, 32, 32))["cutout"]
    erased = view(images, streams(torch.arange(2000)), Erasing(probability, (area, area))) < 1
    shares = erased[:, 0].float().mean((1, 2))
    happened = shares > 0
    assert happened.float().mean().item() == pytest.approx(probability, abs=0.03)
    if probability:  # sides are cut off to whole pixels, and the weak view may push out a part
        assert shares[happened].median().item() == pytest.approx(area * 0.93, rel=0.08)


def test_feature_views_add_noise_and_drop_to_the_mean():
    rows = torch.full((2000, 10), 5.0)
    views = PRESETS["features"]((10,))
    index = torch.arange(2000)
    assert torch.equal(views["plain"](rows, streams(index)), rows)
    weak = views["weak"](rows, streams(index)) - 5
    assert weak.mean().item() == pytest.approx(0, abs=0.01)
    assert weak.std().item() == pytest.approx(0.1, abs=0.01)
    strong = views["strong"](rows, streams(index))
    assert (strong == 0).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert strong[strong != 0].std().item() == pytest.approx(0.3, abs=0.02)
    cutout = seen(views, "cutout", rows, streams(index))
    assert (cutout.abs() < 1).float().mean().item() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("preset", "shape"),
    [("cifar", (30,)), ("digits", (64,)), ("photos", (4, 32, 32)), ("features", (3, 8, 8))],
)
def test_a_preset_refuses_a_shape_it_does_not_fit(preset, shape):
    with pytest.raises(DataError, match="needs"):
        PRESETS[preset](shape)


def test_digits_are_not_inverted_or_colored_by_either_policy():
    never = {"Solarize", "Invert", "Color"}
    assert not never & {*DIGIT_OPERATIONS, *DIGIT_LEARNED}
    assert {*ct_augment.OPERATIONS} - {*DIGIT_LEARNED} == never
    image = torch.zeros(500, 1, 8, 8, dtype=torch.uint8)
    image[:, :, 2:6, 3:5] = 255
    views = PRESETS["digits"]((1, 8, 8))
    for name in ("probe", "learned", "uncovered"):
        result = seen(views, name, image, streams(torch.arange(500)))
        border = torch.cat([result[:, 0, 0], result[:, 0, -1]], 1).mean(1)
        assert (border <= result.amax((1, 2, 3))).all()


def test_a_probe_is_weak_then_ctaugment_and_says_what_was_drawn():
    images, index = stored((3, 32, 32), 50), torch.arange(50)
    probed, drawn = PRESETS["cifar"]((3, 32, 32))["probe"](images, streams(index))
    draws = streams(index)
    weak = image_shift(images, draws, True)
    expected, expected_drawn = CTAugment()(weak, draws)
    assert torch.equal(probed, network_input(expected))
    assert torch.equal(drawn, expected_drawn)
    assert drawn.shape == (50, 2, 3)


def test_the_learned_view_is_weak_then_ctaugment_by_the_rates_then_cutout():
    images, index = stored((3, 32, 32), 50), torch.arange(50)
    rates = torch.rand(BIN_SHAPE, generator=torch.Generator().manual_seed(0))
    learned = PRESETS["svhn"]((3, 32, 32))["learned"](images, streams(index), rates)
    draws = streams(index)
    changed, _ = CTAugment()(image_shift(images, draws, False), draws, rates)
    assert torch.equal(learned, random_cutout(network_input(changed), draws, 0.5))
    uncovered = PRESETS["svhn"]((3, 32, 32))["uncovered"](images, streams(index), rates)
    assert torch.equal(uncovered, network_input(changed))
    other = PRESETS["svhn"]((3, 32, 32))["learned"](images, streams(index), torch.ones(BIN_SHAPE))
    assert not torch.equal(learned, other)
