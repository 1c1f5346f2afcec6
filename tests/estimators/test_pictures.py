"""Pictures given to an estimator: paths of image files, arrays, and the encoder that sees them."""

from __future__ import annotations

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
from realmix.estimators.pictures import given_files, pictures_of
from tests.encoders import tiny_encoder as small

QUICK = {"steps": 5, "random_state": 0, "device": "cpu", "gate": False}


def photos(folder: Path) -> tuple[list[str], list[str | None]]:
    """Paths of 40 pictures, dark and bright, and the labels of the first 24 of them."""
    root = small.photos(folder)
    files = sorted(root.rglob("*.png"), key=lambda file: int(file.stem))
    label = [None if f.parent.name == "unlabeled" else f.parent.name for f in files]
    return list(map(str, files)), label


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
    features = SemiSupervisedClassifier("supervised", **QUICK).fit([[0.0], [1.0]], ["a", "b"])
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
