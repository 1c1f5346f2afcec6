"""One image file: modes, depths, rotations, and files that are none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pictures import BASE, bad_files, different, encoded, fifo, png_header, save, write_all
from PIL import Image

from realmix.data.pixels.formats import ending_of, formats
from realmix.data.reading.decode import BadImage, read_header, read_image
from realmix.data.reading.images import choose_shape, fit_images, read_headers, read_images

RGB = (3, 8, 8)
GREY = (1, 8, 8)


def chw(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)


def over_white(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return color * share + 255 * (1 - share)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "gif"])
def test_lossless_formats_give_the_exact_pixels(tmp_path: Path, ending: str) -> None:
    options = {"lossless": True} if ending == "webp" else {}
    pixels = BASE if ending != "gif" else np.repeat(BASE[..., :1], 3, axis=2)
    path = save(tmp_path / f"a.{ending}", pixels, **options)
    assert np.array_equal(read_image(path, RGB), chw(pixels))


def test_the_ending_of_the_name_does_not_matter(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png").rename(tmp_path / "a.txt")
    assert np.array_equal(read_image(path, RGB), chw(BASE))


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_eight_orientations_give_the_same_pixels(
    tmp_path: Path, orientation: int, ending: str
) -> None:
    upright = Image.fromarray(np.kron(BASE[:4, :4], np.ones((16, 16, 1), np.uint8)))
    backwards = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how a camera stored it
    stored = upright.transpose(backwards[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if ending == "jpg" else {}
    options |= {"lossless": True} if ending == "webp" else {}
    stored.save(tmp_path / f"a.{ending}", exif=exif, **options)
    read = read_image(tmp_path / f"a.{ending}", (3, 64, 64)).astype(int)
    tolerance = 4 if ending == "jpg" else 0
    assert np.abs(read - chw(np.asarray(upright))).max() <= tolerance


def mode_cases() -> dict[str, tuple[Image.Image, str, np.ndarray]]:
    """name -> (image, ending, (8, 8) or (8, 8, 3) reference in 0..255)."""
    grey, alpha = BASE[..., 0], BASE[..., 1]
    deep = (grey.astype(np.uint16) << 8) + alpha
    palette = Image.fromarray(grey % 4)
    palette.putpalette(bytes(range(12)))
    colors = np.arange(12).reshape(4, 3)[grey % 4]
    clear = palette.copy()
    clear.info["transparency"] = 2
    key = np.where((grey % 4 == 2)[..., None], 255, colors)
    cmyk = np.dstack([BASE, alpha])
    ink = (255 - cmyk[..., :3].astype(float)) * (255 - cmyk[..., 3:].astype(float)) / 255
    big = np.random.default_rng(1).random((8, 8)).astype(np.float32)
    big[0, 0] = 1
    rgba = np.dstack([BASE, alpha])
    la = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
    return {
        "1": (Image.fromarray(grey > 99), "png", np.where(grey > 99, 255, 0)),
        "L": (Image.fromarray(grey), "png", grey),
        "LA": (la, "png", over_white(grey[..., None], alpha)[..., 0]),
        "P": (palette, "png", colors),
        "P with transparency": (clear, "png", key),
        "RGB": (Image.fromarray(BASE), "png", BASE),
        "RGBA": (Image.fromarray(rgba), "png", over_white(BASE, alpha)),
        "CMYK": (Image.merge("CMYK", Image.fromarray(cmyk).split()), "tif", ink),
        "I;16 png": (Image.fromarray(deep), "png", deep / 257),
        "I;16 tif": (Image.fromarray(deep), "tif", deep / 257),
        "I": (Image.fromarray(deep.astype(np.int32)), "tif", deep / 257),
        "F in 0..1": (Image.fromarray(big), "tif", big * 255),
        "F in 0..255": (Image.fromarray(big * 255), "tif", big * 255),
        "F in 0..65535": (Image.fromarray(big * 65535), "tif", big * 255),
    }


@pytest.mark.parametrize("name", mode_cases())
def test_every_mode_is_within_one_of_a_reference(tmp_path: Path, name: str) -> None:
    image, ending, expected = mode_cases()[name]
    options = {"transparency": 2} if "transparency" in name else {}
    image.save(tmp_path / f"a.{ending}", **options)
    reference = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, axis=2)
    read = read_image(tmp_path / f"a.{ending}", RGB)
    assert np.abs(read - chw(np.asarray(reference, dtype=float))).max() <= 1
    if expected.ndim == 2:
        read = read_image(tmp_path / f"a.{ending}", GREY)
        assert np.abs(read[0] - expected.astype(float)).max() <= 1


@pytest.mark.parametrize("value", [-1.0, 70_000.0, np.nan])
def test_float_values_in_no_known_range_are_refused(tmp_path: Path, value: float) -> None:
    Image.fromarray(np.full((8, 8), value, dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(BadImage, match="no known range"):
        read_image(tmp_path / "a.tif", RGB)


def test_every_bad_file_is_found_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = bad_files()
    assert len(files) >= 40
    write_all(tmp_path, files)
    paths = [tmp_path / name for name in files]
    _, reasons = read_images(paths, RGB)
    assert [p.name for i, p in enumerate(paths) if i not in reasons] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("foreign_eps.png", "EPS"),
        ("foreign_pdf.png", "PDF"),
        ("foreign_psd.png", "PSD"),
        ("foreign_fits.png", "FITS"),
        ("foreign_avif.png", "AVIF"),
        ("foreign_heic.png", "HEIC"),
        ("foreign_jp2.png", "JPEG 2000"),
        ("foreign_ico.png", "ICO"),
        ("foreign_ppm.png", "PPM"),
        ("foreign_svg.png", "SVG"),
        ("empty.jpg", "empty"),
        ("text.jpg", "not an image"),
        ("cut0.6.jpg", "damaged JPEG"),
        ("cut0.02.png", "damaged PNG"),
    ],
)
def test_the_reason_names_what_the_file_is(tmp_path: Path, name: str, word: str) -> None:
    write_all(tmp_path, {name: bad_files()[name]})
    with pytest.raises(BadImage, match=word):
        read_image(tmp_path / name, RGB)


@pytest.mark.parametrize(("width", "height"), [(9_000, 9_000), (10_000, 10_000), (40_000, 40_000)])
def test_too_many_pixels_are_refused_before_decoding(
    tmp_path: Path, width: int, height: int
) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    _, reasons = read_images([tmp_path / "bomb.png"], RGB)
    assert "more than 51,000,000" in reasons[0]


def test_a_photo_of_108_megapixels_is_read_where_it_is_decoded_smaller(tmp_path: Path) -> None:
    photo = Image.new("L", (12_000, 9_000))
    photo.paste(255, (6_000, 0, 12_000, 9_000))
    photo.save(tmp_path / "a.jpg")
    photo.save(tmp_path / "b.jpg", progressive=True)  # its coefficients are held all at once
    images, reasons = read_images(sorted(tmp_path.iterdir()), (1, 4, 4))
    assert images[0, 0, :, [0, 3]].tolist() == [[0] * 4, [255] * 4]
    assert reasons == {1: "12,000 x 9,000 pixels, more than 51,000,000 in all"}
    _, reasons = read_images([tmp_path / "a.jpg"], (1, 6_000, 6_000))
    assert reasons == {0: "108,000,000 pixels to decode, more than 51,000,000"}


@pytest.mark.parametrize("ending", ["heic", "avif"])
def test_photos_as_iphones_and_browsers_keep_them(tmp_path: Path, ending: str) -> None:
    if ending == "heic":
        pytest.importorskip("pillow_heif")
    formats()  # Pillow knows how to write them from then on
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :48] = (200, 40, 80)
    turned = Image.Exif()
    turned[0x0112] = 6
    photo = Image.fromarray(pixels)
    photo.save(tmp_path / f"0.{ending}", quality=95)
    photo.save(tmp_path / f"1.{ending}", quality=95, exif=turned.tobytes())  # clockwise
    photo.save(tmp_path / f"2.{ending}", quality=95)
    whole = (tmp_path / f"2.{ending}").read_bytes()
    (tmp_path / f"2.{ending}").write_bytes(whole[: len(whole) // 2])
    paths = sorted(tmp_path.iterdir())
    shapes = [(header.width, header.height) for header in map(read_header, paths[:2])]
    assert {frozenset(shape) for shape in shapes} == {frozenset((64, 96))}
    assert ending_of(whole) == f".{ending}"
    images, reasons = read_images(paths, (3, 2, 2))
    assert set(reasons) == {2}
    assert f"damaged {'HEI' if ending == 'heic' else 'AVI'}" in reasons[2]
    same = read_image(paths[0], (3, 64, 96))
    assert same is not None
    assert np.abs(same[:, 8, 8].astype(int) - (200, 40, 80)).max() <= 12
    first, second = images[0], images[1]
    assert first[0, 0, 0] > 120 > 60 > first[0, 0, 1]
    assert second[0, 0, 1] > 120 > 60 > second[0, 0, 0]


def test_without_its_package_a_heic_file_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realmix.data.pixels.formats.formats", lambda: ("JPEG", "PNG"))
    write_all(tmp_path, bad_files())
    for name, words in (("heic", "a HEIC file; pip install 'realmix[heic]'"), ("avif", "pillow")):
        with pytest.raises(BadImage, match=re.escape(words)):
            read_image(tmp_path / f"foreign_{name}.png", RGB)


def test_large_images_are_decoded_apart_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(tmp_path, bad_files())
    for i, size in enumerate((8, 9, 20)):
        save(tmp_path / f"good{i}.png", different(i, size))
    paths = sorted(tmp_path.iterdir())
    images, reasons = read_images(paths, RGB)
    monkeypatch.setattr("realmix.data.reading.images._LARGE", 70)
    again, reasons_again = read_images(paths, RGB)
    assert np.array_equal(images, again)
    assert reasons == reasons_again
    assert len(reasons) == len(paths) - 3


def test_a_named_pipe_is_not_opened(tmp_path: Path) -> None:
    fifo(tmp_path / "a.png")
    with pytest.raises(BadImage, match="not a regular file"):
        read_image(tmp_path / "a.png", RGB)


def test_damaged_exif_data_do_not_spoil_an_image(tmp_path: Path) -> None:
    Image.fromarray(BASE).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    images, reasons = read_images([tmp_path / "a.png"], RGB)
    assert not reasons
    assert np.array_equal(images[0], chw(BASE))


def test_the_shorter_side_is_resized_and_the_centre_kept(tmp_path: Path) -> None:
    pixels = np.zeros((16, 30, 3), np.uint8)
    pixels[:, 7:23] = 200  # the centre square
    read = read_image(save(tmp_path / "a.png", pixels), RGB)
    assert (read[:, :, 1:-1] == 200).all()
    assert (read[:, :, [0, -1]] > 150).all()  # antialiasing sees a little of what is cut off


def test_resizing_is_antialiased(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    read = read_image(save(tmp_path / "a.png", stripes), GREY)
    assert np.abs(read.astype(int) - 127).max() <= 5


def test_a_large_jpeg_is_the_same_as_without_its_short_cut(tmp_path: Path) -> None:
    smooth = np.asarray(Image.fromarray(BASE).resize((512, 512), Image.Resampling.BICUBIC))
    path = save(tmp_path / "a.jpg", smooth, quality=95)
    with Image.open(path) as image:
        slow = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(read_image(path, (3, 32, 32)) - chw(slow)).max() <= 6


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)], 28),
        ([(64, 64), (64, 64)], 64),
        ([(65, 65)], 64),
        ([(28, 40)], 32),
        ([(40, 48), (48, 90), (400, 300)], 32),
        ([(40, 48), (200, 90), (400, 300)], 64),
    ],
)
def test_the_size_suits_the_images(
    tmp_path: Path, sizes: list[tuple[int, int]], expected: int
) -> None:
    paths = [
        save(tmp_path / f"{i}.png", np.zeros((*size, 3), np.uint8)) for i, size in enumerate(sizes)
    ]
    shape, note = choose_shape(read_headers(paths), None)
    assert shape == (3, expected, expected)
    assert f"{expected} x {expected}" in note
    assert choose_shape(read_headers(paths), 20)[0] == (3, 20, 20)


def test_one_channel_only_if_every_image_is_grey(tmp_path: Path) -> None:
    grey = save(tmp_path / "g.png", BASE[..., 0])
    color = save(tmp_path / "c.png")
    assert choose_shape(read_headers([grey]), None)[0] == GREY
    assert choose_shape(read_headers([grey, color]), None)[0] == RGB


def test_no_readable_file_has_no_shape(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    assert choose_shape(read_headers([tmp_path / "a.png"]), None) == (None, "")


def test_arrays_are_fitted_as_files_are(tmp_path: Path) -> None:
    pixels = np.kron(BASE, np.ones((4, 4, 1), np.uint8))
    fitted = fit_images(chw(pixels)[None], RGB)
    assert np.array_equal(fitted[0], read_image(save(tmp_path / "a.png", pixels), RGB))
    assert np.array_equal(fit_images(BASE[None, None, :, :, 0], RGB)[0], chw(BASE[..., [0, 0, 0]]))
    assert fit_images(fitted, RGB) is fitted


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_files_that_were_cut_could_be_read_whole(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(encoded(kind))
    assert read_image(tmp_path / "a", RGB) is not None
