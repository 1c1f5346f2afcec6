"""Pictures given to an estimator: paths of image files, arrays, and the encoder that sees them."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from realmix import SemiSupervisedClassifier
from realmix.base.errors import DataError
from realmix.encoders.catalogue import photo_encoder
from realmix.encoders.extract import features_of
from realmix.encoders.pictures import Files
from realmix.estimators.pictures import given_files, given_pictures, pictures_of
from tests.encoders import tiny_encoder as small

QUICK = {"steps": 5, "random_state": 0, "device": "cpu", "gate": False, "augment": "photos"}


def photos(folder: Path) -> tuple[list[str], list[str | None]]:
    """Paths of 40 pictures, dark and bright, and the labels of the first 24 of them."""
    root = small.photos(folder)
    files = sorted(root.rglob("*.png"), key=lambda file: int(file.stem))
    label = [None if f.parent.name == "unlabeled" else f.parent.name for f in files]
    return list(map(str, files)), label


@pytest.mark.slow
def test_paths_of_image_files_are_pictures_and_no_texts(tmp_path: Path):
    X, y = photos(tmp_path)
    model = SemiSupervisedClassifier("supervised", encoder="none", **QUICK).fit(X, y)
    assert model.classifier_.takes == "images"
    read = pictures_of(list(map(Path, X))).inputs
    found = model.predict_proba(X)
    np.testing.assert_array_equal(found, model.predict_proba(read))
    for given in (list(map(Path, X)), np.array(X), pd.Series(X), pd.DataFrame({"file": X})):
        np.testing.assert_array_equal(model.predict_proba(given), found)
    framed = SemiSupervisedClassifier("supervised", encoder="none", **QUICK)
    framed.fit(pd.DataFrame({"path": X, "note": "none"}), y)
    np.testing.assert_array_equal(framed.predict_proba(X), found)


@pytest.mark.slow
def test_the_features_of_a_frozen_encoder_train_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("timm", reason="timm is not installed")
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    X, y = photos(tmp_path / "photos")
    name = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    model = SemiSupervisedClassifier(encoder=name, **QUICK).fit(X, y)
    assert not (tmp_path / "cache").exists()
    assert model.result_["encoder"]["name"].startswith("timm:")
    wanted = np.concatenate(list(features_of(photo_encoder(name), Files(tuple(map(Path, X))))))
    bare = model.classifier_._predict_features([wanted])
    np.testing.assert_allclose(model.predict_proba(X), bare, atol=1e-3)  # other precision
    pool = [row for row, label in enumerate(y) if label is None]
    near = model.classes_[bare[pool].argmax(1)]  # the run holds features in float16
    assert np.mean(model.transduction_[pool] == near) > 0.9
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_files_that_cannot_be_read_are_named_with_their_rows(tmp_path: Path):
    X, y = photos(tmp_path)
    (tmp_path / "torn.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"(?s)1 of the 41 image .*X\[40\], .*torn.png: .*of X and"):
        SemiSupervisedClassifier(**QUICK).fit([*X, str(tmp_path / "torn.png")], [*y, None])
    model = SemiSupervisedClassifier("supervised", encoder="none", **QUICK).fit(X, y)
    with pytest.raises(DataError, match=r"1 of the 1 image files .*\n  X\[0\], gone.jpg"):
        model.predict(["gone.jpg"])
    with pytest.raises(DataError, match="X is one string"):
        model.predict(X[0])
    features = SemiSupervisedClassifier("supervised", steps=5).fit([[0.0], [1.0]], ["a", "b"])
    with pytest.raises(DataError, match="fitted to feature rows, and X names image files"):
        features.predict(X)


def test_what_names_no_image_files_is_left_to_others():
    assert given_files(["a.jpg is a fine film", "b"]) is None
    assert given_files(["a.jpg", "a text"]) is None
    assert given_files([]) is None
    assert given_files(pd.DataFrame({"a": ["x.png"], "b": ["y.png"]})) is None
    assert given_files(np.zeros((2, 3))) is None
    assert given_files(("A.PNG", Path("b"))) == (Path("A.PNG"), Path("b"))


def test_pictures_of_more_than_8_bits_have_one_scale_in_fit_and_predict(tmp_path: Path):
    files = []
    for i in range(12):
        levels = np.full((8, 8), 1000 + 2000 * (i % 2) + i, np.uint16)
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(levels).save(files[-1])
    y = [["dark", "bright"][i % 2] if i < 8 else None for i in range(12)]
    model = SemiSupervisedClassifier("supervised", **QUICK).fit(files, y)
    assert model.classifier_.scale is not None
    low, high = model.classifier_.scale
    assert (low, high) == (1000.0, 3011.0)
    assert model.predict_proba(files[-2:]).shape == (2, 2)


def pillow(count: int = 40) -> tuple[list[Image.Image], list[str | None]]:
    """Dark and bright pictures of several sizes, and the labels of the first 24 of them."""
    rng, names = np.random.default_rng(0), ("dark", "bright")
    pictures = [
        Image.fromarray(rng.integers(c * 120, c * 120 + 90, (14 + row % 5, 20, 3), np.uint8))
        for row, c in enumerate([0, 1] * (count // 2))
    ]
    return pictures, [names[row % 2] if row < 24 else None for row in range(count)]


def test_pictures_of_several_sizes_in_a_list() -> None:
    X, y = pillow()
    X[1], X[3], X[5] = X[1].convert("P"), X[3].convert("L"), X[5].convert("RGBA")
    model = SemiSupervisedClassifier("supervised", encoder="none", **QUICK).fit(X, y)
    assert model.classifier_.shape == (3, 16, 16)  # the median of the shorter sides
    found = model.predict_proba(X)
    assert (found.argmax(1) == np.tile([1, 0], 20)).mean() > 0.9  # "bright" comes first
    arrays = [np.asarray(one.convert("RGB")) for one in X]
    for given in (pd.Series(X), arrays, tuple(X)):
        np.testing.assert_allclose(model.predict_proba(given), found, atol=1e-5)
    square = [one.convert("RGB").crop((2, 0, 18, 16)) for one in X[2::5]]  # of one size
    expected = model.predict_proba(np.stack([np.asarray(one) for one in square]))
    np.testing.assert_array_equal(model.predict_proba(square), expected)


def test_what_a_list_of_pictures_holds() -> None:
    grey = given_pictures([Image.new("L", (6, 4), 7), Image.new("1", (6, 4), 1)])
    assert grey is not None
    assert grey.shape == (2, 1, 4, 6)
    assert grey[:, 0, 0, 0].tolist() == [7, 255]
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    colors = given_pictures([palette])
    assert colors is not None
    assert colors[0, :, 0, 0].tolist() == [10, 20, 30]  # and not the number in the palette
    large = given_pictures([Image.new("RGB", (900, 700)), Image.new("RGB", (500, 800))])
    assert large is not None
    assert large.shape == (2, 3, 224, 224)
    written = io.BytesIO()
    Image.new("L", (3, 2), 9).save(written, "PNG")
    for cell in (written.getvalue(), {"bytes": written.getvalue(), "path": "a.png"}):
        column = given_pictures(pd.Series([cell, cell]))
        assert column is not None
        assert column.tolist() == [[[[9, 9, 9], [9, 9, 9]]]] * 2
    same = [np.zeros((4, 4, 3), np.uint8)] * 2
    for other in ([], ["a"], same, [np.zeros((2, 2))], np.zeros((2, 4, 4), np.uint8), [1, 2]):
        assert given_pictures(other) is None
    with pytest.raises(DataError, match=r"X\[0\] is a picture of more than 8 bits \(mode F\)"):
        given_pictures([Image.new("F", (4, 4))])
    cut = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        cut, "PNG"
    )
    with pytest.raises(DataError, match=r"X\[0\] is a picture that cannot be read"):
        given_pictures([Image.open(io.BytesIO(cut.getvalue()[:5000]))])
    with pytest.raises(DataError, match=r"X\[1\] is a picture that cannot be read"):
        given_pictures([cut.getvalue(), cut.getvalue()[:20]])


def test_entries_of_several_shapes_that_are_no_pictures() -> None:
    with pytest.raises(DataError, match=r"several shapes, such as \(2,\) and \(3,\)"):
        SemiSupervisedClassifier(**QUICK).fit([[1.0, 2.0], [1.0, 2.0, 3.0]], [0, 1])
