"""Images of more than 8 bits have one scale; long ones are padded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from realmix.base.errors import DataError
from realmix.data.pixels.formats import BadImage
from realmix.data.pixels.scale import common_scale, eight_bits, scale_note
from realmix.data.reading.decode import fit, is_long, read_image
from realmix.data.reading.images import choose_scale, choose_shape, read_headers
from realmix.data.reading.load import load

KINDS = {"uint16 png": (np.uint16, "png"), "uint16 tif": (np.uint16, "tif"),
         "int32 tif": (np.int32, "tif"), "float tif": (np.float32, "tif")}  # fmt: skip


def deep(path: Path, values: np.ndarray, kind: str = "uint16 png") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dtype, ending = KINDS[kind]
    Image.fromarray(values.astype(dtype)).save(path.with_suffix(f".{ending}"))
    return path.with_suffix(f".{ending}")


def noise(low: float, high: float, seed: int = 0, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, (size, size))


@pytest.mark.parametrize("kind", KINDS)
def test_one_scale_for_all_files_keeps_their_order(tmp_path: Path, kind: str) -> None:
    tops = [100, 300, 500, 700]  # the brightest value of each file, the darkest is 50
    for i, top in enumerate(tops):
        values = noise(51, top - 1, i)
        values[0, :2] = 50, top
        deep(tmp_path / "ab"[i % 2] / f"{i}.png", values, kind)
    data = load(str(tmp_path))
    assert data.scale == (50, 700)
    assert data.names is not None
    for name, image in zip(data.names, data.inputs, strict=True):
        top = tops[int(Path(name).stem)]
        assert image.max() == round((top - 50) / 650 * 255)
        assert image.min() == 0
    assert any("from 50 to 700 of 4 files become 0 to 255, by one scale" in n for n in data.notes)


def test_pool_has_a_say_and_the_test_set_has_none(tmp_path: Path) -> None:
    for i, place in enumerate(("data/a", "data/b", "data/unlabeled", "exam/a", "exam/b")):
        values = noise(1000, 2000 + i, i)
        values[0, :2] = 1000, 2000
        if place == "data/unlabeled":
            values[0, :2] = 500, 3000
        if place == "exam/a":
            values[0, :2] = 0, 9000
        deep(tmp_path / place / "1.png", values)
    data = load(str(tmp_path / "data"), test=str(tmp_path / "exam"))
    assert data.scale == (500, 3000)
    assert data.test_inputs is not None
    assert (data.test_inputs[0, 0, 0, :2] == [0, 255]).all()  # clipped
    assert data.test_inputs[1, 0, 0, 0] == round((1000 - 500) / 2500 * 255)


def test_negative_values_have_a_scale_too(tmp_path: Path) -> None:
    deep(tmp_path / "a" / "1.tif", np.full((8, 8), -1000.0), "float tif")
    deep(tmp_path / "b" / "1.tif", np.full((8, 8), 3000.0), "float tif")
    data = load(str(tmp_path))
    assert data.scale == (-1000, 3000)
    assert data.inputs[:, 0, 0, 0].tolist() == [0, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_a_bad_file(tmp_path: Path, value: float) -> None:
    bad = noise(0, 1)
    bad[3, 3] = value
    for name in "ab":
        deep(tmp_path / name / "1.tif", noise(0, 1, ord(name)), "float tif")
    deep(tmp_path / "unlabeled" / "1.tif", bad, "float tif")
    deep(tmp_path / "unlabeled" / "2.tif", noise(0, 1, 7), "float tif")
    data = load(str(tmp_path))
    assert len(data.inputs) == 3
    assert "NaN or infinite" in data.bad_files[0][1]
    assert data.scale is not None
    assert data.scale[1] <= 1


def test_an_outlier_does_not_spoil_the_scale() -> None:
    values = np.linspace(1000, 1100, 100_000)
    values[7] = 65535
    low, high = common_scale(values, (1000, 65535))
    assert 1000 <= low < 1001
    assert 1099 < high <= 1101
    note = scale_note(5, (1000, 65535), (low, high), values)
    assert "those beyond" in note
    assert common_scale(np.array([7.0, 7.0]), (7, 7)) == (7, 8)
    assert common_scale(np.array([1.0, 2.0, 5.0]), (1, 5)) == (1, 5)


def test_what_is_lost_is_told() -> None:
    many = np.arange(51_241, 52_182).astype(float)
    assert "256 of 941 different values are left" in scale_note(
        2, (51241, 52181), (51241, 52181), many
    )
    assert "are left" not in scale_note(2, (0, 300), (0, 300), np.arange(301.0))
    assert "WARNING: only 3 of" in scale_note(
        2, (0, 1e6), (0, 1e6), np.r_[np.arange(40.0), 5e5, 1e6]
    )


def test_values_become_eight_bits_as_a_loop_would() -> None:
    values = noise(-5, 20, size=300)
    low, high = -2.0, 13.0
    expected = [
        [round(min(max((v - low) / (high - low), 0), 1) * 255) for v in row] for row in values
    ]
    assert eight_bits(values, (low, high)).tolist() == expected


def test_files_of_8_bits_stay_as_they_are(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((8, 8), 100 + ord(name), np.uint8)).save(tmp_path / name / "1.png")
    data = load(str(tmp_path))
    assert data.scale is None
    assert data.inputs[:, 0, 0, 0].tolist() == [197, 198]


def test_full_deep_images_beside_8_bits_are_read_by_their_depth(tmp_path: Path) -> None:
    deep(tmp_path / "a" / "1.png", noise(0, 65535))
    (tmp_path / "b").mkdir()
    Image.fromarray(noise(0, 255).astype(np.uint8)).save(tmp_path / "b" / "1.png")
    data = load(str(tmp_path))
    assert data.scale is None
    assert any("1 image has more than 8 bits, beside 1 of 8" in note for note in data.notes)
    assert np.abs(data.inputs[0].astype(int) - data.inputs[1]).max() <= 1


@pytest.mark.parametrize(("low", "high"), [(51_241, 52_181), (0, 4095)])
def test_other_deep_images_beside_8_bits_are_refused(tmp_path: Path, low: int, high: int) -> None:
    deep(tmp_path / "a" / "1.png", noise(low, high))
    (tmp_path / "b").mkdir()
    Image.fromarray(noise(0, 255).astype(np.uint8)).save(tmp_path / "b" / "1.png")
    with pytest.raises(DataError, match=r"No one scale fits both.*8 bits: .*a/1\.png"):
        load(str(tmp_path))


def test_an_image_of_8_bits_does_not_fit_a_deep_set(tmp_path: Path) -> None:
    Image.fromarray(noise(0, 255).astype(np.uint8)).save(tmp_path / "1.png")
    with pytest.raises(BadImage, match="8 bits a pixel, where the others have values from 51"):
        read_image(tmp_path / "1.png", (1, 8, 8), scale=(51_000, 52_000))


def test_no_deep_file_has_no_scale(tmp_path: Path) -> None:
    bad = tmp_path / "a.png"
    bad.write_bytes(b"no")
    assert choose_scale([bad], read_headers([bad])) == (None, ())


@pytest.mark.parametrize(
    ("size", "long"), [((400, 20), 1), ((20, 40), 1), ((20, 39), 0), ((9, 9), 0)]
)
def test_long_images_are_padded_and_said_to_be(
    tmp_path: Path, size: tuple[int, int], long: int
) -> None:
    width, height = size
    assert is_long(width, height) == bool(long)
    path = tmp_path / "1.png"
    Image.new("L", size, 200).save(path)
    note = choose_shape(read_headers([path]), 16)[1]
    assert ("1 of 1 are at least twice as long" in note) == bool(long)
    pixels = read_image(path, (1, 16, 16))
    assert pixels is not None
    rows, columns = (pixels[0] > 100).any(1).sum(), (pixels[0] > 100).any(0).sum()
    wanted = (
        (16, max(round(16 * height / width), 1))
        if width > height
        else (round(16 * width / height), 16)
    )
    assert (columns, rows) == (wanted if long else (16, 16))


def test_both_ends_of_a_strip_are_seen() -> None:
    strip = np.zeros((20, 400), np.uint8)
    left, right = strip.copy(), strip.copy()
    left[:, :60], right[:, -60:] = 255, 255
    one, other = (fit(Image.fromarray(image), (1, 64, 64))[0] for image in (left, right))
    assert one[:, :8].max() > 200
    assert not one[:, 32:].any()
    assert (one == other[:, ::-1]).all()
