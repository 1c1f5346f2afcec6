"""CTAugment: every image against Pillow in drawn order, the drawing, and the bins."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor

from realmix.augment import ct_augment, geometry, slots
from realmix.augment.ct_augment import OPERATIONS, CTAugment, bin_chances, bin_counts
from realmix.base.errors import UsageError
from realmix.base.randomness import Draws, keys
from realmix.contract.state import BIN_SHAPE
from tests.augment.test_rand_augment import pictures

PUBLISHED = {
    "AutoContrast", "Blur", "Brightness", "Color", "Contrast", "Cutout", "Equalize", "Invert",
    "Identity", "Posterize", "Rescale", "Rotate", "Sharpness", "ShearX", "ShearY", "Smooth",
    "Solarize", "TranslateX", "TranslateY",
}  # fmt: skip
FILTERS = [
    Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BILINEAR,
    Image.Resampling.BOX, Image.Resampling.HAMMING, Image.Resampling.NEAREST,
]  # fmt: skip
CPU = torch.device("cpu")


def draws(count: int, seed: int = 0) -> Draws:
    return Draws(keys(seed, torch.arange(count)))


def affine(image: Image.Image, matrix) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


def towards(image: Image.Image, other: Image.Image, v: float) -> Image.Image:
    return Image.blend(image, other, v)


def cutout(image: Image.Image, v: float, row: float, column: float) -> Image.Image:
    pixels = np.array(image)
    height, width = pixels.shape[:2]
    size = 1 + int(v * min(height, width) * 0.499)
    i, j = int(np.float32(row) * height), int(np.float32(column) * width)
    top, left = max(0, i - size // 2), max(0, j - size // 2)
    pixels[top : min(height, i + size // 2), left : min(width, j + size // 2)] = 127
    return Image.fromarray(pixels)


def rescaled(image: Image.Image, v: float, method: float) -> Image.Image:
    (w, h), s = image.size, 0.25 * v
    cropped = image.crop((s * w, s * h, w * (1 - s), h * (1 - s)))
    return cropped.resize(image.size, FILTERS[int(method * 5.99)])


def published(image: Image.Image, name: str, v: float, w: float, place: list[float]) -> Image.Image:
    """One operation, written independently after FixMatch's code; translations by shares."""
    factor, shear, (width, height) = 0.1 + 1.9 * v, (2 * v - 1) * 0.3, image.size
    return {
        "Identity": lambda: image,
        "AutoContrast": lambda: towards(image, ImageOps.autocontrast(image), v),
        "Blur": lambda: towards(image, image.filter(ImageFilter.BLUR), v),
        "Brightness": lambda: ImageEnhance.Brightness(image).enhance(factor),
        "Color": lambda: ImageEnhance.Color(image).enhance(factor),
        "Contrast": lambda: ImageEnhance.Contrast(image).enhance(factor),
        "Cutout": lambda: cutout(image, v, *place),
        "Equalize": lambda: towards(image, ImageOps.equalize(image), v),
        "Invert": lambda: towards(image, ImageOps.invert(image), v),
        "Posterize": lambda: ImageOps.posterize(image, 1 + int(v * 7.999)),
        "Rescale": lambda: rescaled(image, v, w),
        "Rotate": lambda: image.rotate(int(np.round((2 * v - 1) * 45))),
        "Sharpness": lambda: ImageEnhance.Sharpness(image).enhance(factor),
        "ShearX": lambda: affine(image, (1, shear, 0, 0, 1, 0)),
        "ShearY": lambda: affine(image, (1, 0, 0, shear, 1, 0)),
        "Smooth": lambda: towards(image, image.filter(ImageFilter.SMOOTH), v),
        "Solarize": lambda: ImageOps.solarize(image, int(v * 255.999)),
        "TranslateX": lambda: affine(image, (1, 0, -shear * width, 0, 1, 0)),
        "TranslateY": lambda: affine(image, (1, 0, 0, 0, 1, -shear * height)),
    }[name]()


def test_the_operations_are_the_published_nineteen_and_fit_the_rates():
    assert set(OPERATIONS) == PUBLISHED
    assert OPERATIONS[0] == "Identity"
    counts = bin_counts(CPU)
    assert (len(OPERATIONS), counts.shape[1], counts.max().item()) == BIN_SHAPE
    assert counts[OPERATIONS.index("Posterize")].tolist() == [8, 1]
    assert counts[OPERATIONS.index("Rescale")].tolist() == [17, 6]
    assert counts[OPERATIONS.index("Identity")].tolist() == [1, 1]
    assert counts[OPERATIONS.index("Rotate")].tolist() == [17, 1]


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("side", [32, 28, 8])
def test_every_image_equals_pillow_in_the_drawn_order(side, learned):
    count = 1500
    images, policy = pictures(count, side), CTAugment()
    rates = torch.rand(BIN_SHAPE, generator=torch.Generator().manual_seed(1)) if learned else None
    if learned:
        rates[OPERATIONS.index("Rescale"), 1] = 1.0  # all six filters
    ours, drawn = policy(images, draws(count), rates)
    again = draws(count)
    same, strength = policy.draw(again, rates)
    place = again.uniform(shape=(2, 2)).tolist()
    assert torch.equal(drawn, same)
    seen = set()
    for i in range(count):
        picture = Image.fromarray(images[i].permute(1, 2, 0).contiguous().numpy())
        exact = True
        for slot in range(2):
            name, (v, w) = OPERATIONS[drawn[i, slot, 0]], strength[i, slot].tolist()
            picture = published(picture, name, v, w, place[i][slot])
            # Pillow sums up positions for its "nearest", which fails exactly between two pixels
            exact = exact and not (name == "Rescale" and int(w * 5.99) == 5 and side == 28)
            seen.add((name, int(w * 5.99) if name == "Rescale" else 0))
        expected = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        if exact:
            assert torch.equal(ours[i], expected), (drawn[i], strength[i])
    assert len(seen) == 18 + 6


def test_nearest_enlargement_is_pillow_s_but_for_positions_between_two_pixels():
    images, v = pictures(200, 28), torch.linspace(0, 1, 200, dtype=torch.float64)
    ours = ct_augment.rescale(images, torch.stack([v, torch.ones(200)], 1), torch.zeros(200, 2))
    for image, result, share in zip(images, ours, v.tolist(), strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
        expected = torch.from_numpy(np.array(rescaled(picture, share, 1.0))).permute(2, 0, 1)
        side = 28 - 2 * round(7 * share)
        between = any((2 * x + 1) * side % 56 == 0 for x in range(28))
        assert between or torch.equal(result, expected)


def test_the_strengths_of_the_method_card():
    v = torch.tensor([[1.0, 0], [0.5, 0], [0.0, 0]], dtype=torch.float64)
    white, middle = torch.full((3, 1, 32, 32), 255, dtype=torch.uint8), torch.full((3, 2), 0.5)
    erased = ct_augment.cut(white, v, middle) == 127
    assert erased.sum((1, 2, 3)).tolist() == [256, 64, 0]
    assert ct_augment.enhancement(v[:, 0]).tolist() == pytest.approx([2.0, 1.05, 0.1])
    turned = ct_augment.MATRICES["Rotate"](white, torch.tensor([1.0, 0.01, -1.0]))
    assert torch.equal(turned, geometry.rotate(torch.tensor([45.0, 0.0, -45.0])))
    moved = ct_augment.MATRICES["TranslateX"](white, torch.tensor([1.0, 0.0, -1.0]))
    assert moved[:, 0, 2].tolist() == pytest.approx([-9.6, 0, 9.6])


def test_the_published_translation_by_pixels_would_change_nothing():
    image = Image.fromarray(pictures(1)[0].permute(1, 2, 0).contiguous().numpy())
    for v in np.linspace(0, 1, 11):
        moved = affine(image, (1, 0, (2 * v - 1) * 0.3, 0, 1, 0))
        assert np.array_equal(np.array(moved), np.array(image))


def test_probes_draw_operations_and_bins_equally_often():
    count = 30_000
    drawn, strength = CTAugment().draw(draws(count))
    assert drawn.shape == (count, 2, 3)
    assert drawn.dtype == torch.int64
    share = torch.bincount(drawn[..., 0].flatten(), minlength=19) / (2 * count)
    assert share.tolist() == pytest.approx([1 / 19] * 19, abs=0.004)
    for name, bins in (("Rotate", (17, 1)), ("Posterize", (8, 1)), ("Rescale", (17, 6))):
        chosen = drawn[drawn[..., 0] == OPERATIONS.index(name)]
        for parameter, number in enumerate(bins):
            found = torch.bincount(chosen[:, 1 + parameter], minlength=17) / len(chosen)
            expected = [1 / number] * number + [0.0] * (17 - number)
            assert found.tolist() == pytest.approx(expected, abs=0.04)
    assert strength.min() >= 0
    assert strength.max() < 1
    first = strength[drawn[..., 0] == OPERATIONS.index("Rotate")][:, 0]
    assert first.mean().item() == pytest.approx(0.5, abs=0.02)
    assert first.std().item() == pytest.approx(math.sqrt(1 / 12), abs=0.01)


def test_a_strength_lies_in_its_bin():
    drawn, strength = CTAugment().draw(draws(5000))
    counts = bin_counts(CPU)[drawn[..., 0]]
    assert torch.equal((strength * counts).long(), drawn[..., 1:])
    inside = (strength * counts) % 1
    assert inside.mean().item() == pytest.approx(0.5, abs=0.01)
    assert inside.std().item() == pytest.approx(math.sqrt(1 / 12), abs=0.01)
    assert int(0.37 * 17) == 6  # the card's example


def test_the_chances_of_the_method_card():
    rates = torch.zeros(BIN_SHAPE)
    rotate = OPERATIONS.index("Rotate")
    rates[rotate, 0, :4] = torch.tensor([1.0, 0.9, 0.75, 0.5])
    p = bin_chances(rates)[rotate, 0]
    assert (p / p.sum()).tolist()[:4] == pytest.approx([0.526042, 0.473958, 0, 0], abs=5e-7)
    assert p[4:].abs().sum() == 0


def test_bins_just_at_the_threshold_are_drawn():
    rates = torch.zeros(BIN_SHAPE)
    rates[3, 0, :3] = torch.tensor([0.99, 0.7900001, 0.7899])  # plus 0.01: 1, 0.8, below
    assert (bin_chances(rates)[3, 0, :3] > 0).tolist() == [True, True, False]


def test_bins_that_a_parameter_does_not_have_have_no_chance_however_bad_the_others_are():
    rates = torch.ones(BIN_SHAPE)
    posterize = OPERATIONS.index("Posterize")
    rates[posterize, 0, :8] = 0.0
    rates[posterize, 0, 5] = 0.001
    p = bin_chances(rates)[posterize, 0]
    assert (p[:8] > 0).all()  # 0.01 / 0.011 is above the threshold
    assert (p[8:] == 0).all()


def test_learned_bins_are_drawn_by_their_chances():
    count = 40_000
    rates = torch.ones(BIN_SHAPE)
    rotate, rescale = (OPERATIONS.index(name) for name in ("Rotate", "Rescale"))
    rates[rotate, 0] = torch.tensor([0.0] * 5 + [1.0, 0.9, 0.85, 0.5] + [0.0] * 8)
    rates[rescale, 1] = torch.tensor([0.2, 0.2, 1.0, 0.2, 0.2, 0.2] + [1.0] * 11)
    drawn, _ = CTAugment().draw(draws(count), rates)
    share = torch.bincount(drawn[..., 0].flatten(), minlength=19) / (2 * count)
    assert share.tolist() == pytest.approx([1 / 19] * 19, abs=0.004)
    chosen = drawn[drawn[..., 0] == rotate]
    found = torch.bincount(chosen[:, 1], minlength=17) / len(chosen)
    weight = np.array([1.01, 0.91, 0.86]) / 2.78
    expected = [0.0] * 5 + weight.tolist() + [0.0] * 9
    assert found.tolist() == pytest.approx(expected, abs=0.02)
    assert not found[[0, 1, 2, 3, 4, 8, 9, 16]].any()
    assert (drawn[drawn[..., 0] == rescale][:, 2] == 2).all()


class Extreme(Draws):
    """Always the same number."""

    number = 0.0

    def uniform(self, low=0.0, high=1.0, shape=()):
        return torch.full((len(self), *shape), self.number)

    def integers(self, high, shape=()):
        return (torch.arange(len(self)) % high)[:, None].expand(-1, *shape)


@pytest.mark.parametrize("number", [0.0, 1 - 2.0**-24])
@pytest.mark.parametrize("equal", [False, True])
def test_the_ends_of_the_random_numbers_stay_inside(number, equal):
    extreme = Extreme(keys(0, torch.arange(19)))
    extreme.number = number
    rates = torch.zeros(BIN_SHAPE)
    rates[:, 1, 0] = rates[:, 0, 2] = 1.0  # the first and the last bins have no chance
    drawn, strength = CTAugment().draw(extreme, torch.ones(BIN_SHAPE) if equal else rates)
    counts = bin_counts(CPU)[drawn[..., 0]]
    assert (drawn[..., 1:] < counts).all()
    assert (strength < 1).all()
    if not equal:
        assert (drawn[1:, :, 1] == 2).all()
        assert (drawn[..., 2] == 0).all()
    assert (CTAugment().draw(extreme)[0][..., 1:] < counts).all()


def test_only_allowed_operations_are_drawn():
    drawn, _ = CTAugment(("Rotate", "Blur"), num_operations=3).draw(draws(500))
    assert drawn.shape == (500, 3, 3)
    assert {OPERATIONS[i] for i in drawn[..., 0].unique().tolist()} == {"Rotate", "Blur"}


def test_halved_geometry_turns_moves_and_cuts_off_half_as_much():
    images = pictures(300, 32)
    names = ("Rotate", "ShearX", "TranslateY", "Rescale")
    whole, half = (CTAugment(names, num_operations=1, geometry_scale=scale) for scale in (1.0, 0.5))
    ours, drawn = half(images, draws(300))
    _, strength = whole.draw(draws(300))
    for i in range(300):
        name, (v, w) = OPERATIONS[drawn[i, 0, 0]], strength[i, 0].tolist()
        # angles and shears lie around the middle, what is cut off starts at 0
        v = v / 2 if name == "Rescale" else 0.5 + (v - 0.5) / 2
        picture = Image.fromarray(images[i].permute(1, 2, 0).contiguous().numpy())
        expected = np.array(published(picture, name, v, w, [0, 0]))
        assert torch.equal(ours[i], torch.from_numpy(expected).permute(2, 0, 1))


def test_one_warp_joins_the_geometry_of_both_slots():
    names = ("Rotate", "ShearX", "TranslateX")
    policy = CTAugment(names, one_warp=True, geometry_scale=0.5)
    images = pictures(64)
    first = geometry.flip(torch.ones(64, dtype=torch.bool))
    drawn, strength = policy.draw(draws(64))
    moves = [first]
    for slot in range(2):
        rows = [
            ct_augment.MATRICES[OPERATIONS[drawn[i, slot, 0]]](
                images[:1], (2 * strength[i : i + 1, slot, 0] - 1) * 0.5
            )
            for i in range(64)
        ]
        moves.append(torch.cat(rows))
    expected = geometry.warp(images, moves[0] @ moves[1] @ moves[2])
    assert (policy(images, draws(64), None, first)[0] != expected).float().mean() < 1e-3


def test_the_device_form_without_subsets_gives_the_same(monkeypatch):
    def everywhere(result, chosen, operation, *given):
        return torch.where(chosen.view(-1, *[1] * (result.dim() - 1)), operation(*given), result)

    images = pictures(200)
    for policy in (CTAugment(), CTAugment(one_warp=True, mode="bilinear")):
        on_rows, _ = policy(images, draws(200))
        with monkeypatch.context() as patch:
            patch.setattr(slots, "put", everywhere)
            assert torch.equal(policy(images, draws(200))[0], on_rows)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_neither_neighbours_nor_order_matter_and_inputs_stay(learned, channels):
    images, rates = pictures(101, 8, channels), torch.ones(BIN_SHAPE) if learned else None
    before, key, policy = images.clone(), keys(3, torch.arange(101)), CTAugment()
    result, drawn = policy(images, Draws(key), rates)
    assert result.shape == images.shape
    assert result.dtype == torch.uint8
    assert torch.equal(images, before)
    order = torch.randperm(101, generator=torch.Generator().manual_seed(0))
    shuffled, drawn_too = policy(images[order], Draws(key[order]), rates)
    assert torch.equal(shuffled, result[order])
    assert torch.equal(drawn_too, drawn[order])
    halves = [policy(images[p], Draws(key[p]), rates)[0] for p in (slice(37), slice(37, None))]
    assert torch.equal(torch.cat(halves), result)


def test_an_empty_batch_works_and_a_wrong_name_is_refused_with_a_hint():
    images: Tensor = pictures(1)[:0]
    assert CTAugment()(images, draws(0))[0].shape == (0, 3, 32, 32)
    with pytest.raises(UsageError, match=r"CTAugment.*Did you mean 'Rescale'"):
        CTAugment(("Rescal",))


def test_torchvision_agrees_on_blending_towards_an_effect():
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    images, half = pictures(20), torch.full((20, 2), 0.5, dtype=torch.float64)
    for name, theirs in (
        ("AutoContrast", functional.autocontrast),
        ("Equalize", functional.equalize),
        ("Invert", functional.invert),
    ):
        table = ct_augment.TABLES[name](images, half, half)
        ours = slots.color.apply_table(images, table).float()
        assert (ours - (images.float() + theirs(images).float()) / 2).abs().max() <= 1.5
