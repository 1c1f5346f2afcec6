"""A classifier as one file: the same predictions back, and nothing else accepted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from realmix import models
from realmix.base.errors import DataError, StorageError, UsageError
from realmix.runs.classifier import Classifier, Standardizer
from realmix.training import checkpoint


def images(model: str = "auto", classes: tuple[str, ...] = ("a", "b", "c")) -> Classifier:
    network = models.build(model, (1, 8, 8), len(classes), seed=1)
    return Classifier(network, classes, model, (1, 8, 8), "digits", None, {"algorithm": "realmix"})


def pictures(count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)


def test_a_saved_classifier_predicts_the_same(tmp_path: Path) -> None:
    classifier = images(classes=("ä", "<b>", "c"))
    classifier.save(tmp_path / "model.safetensors")
    again = Classifier.load(tmp_path / "model.safetensors")
    assert again.classes == ("ä", "<b>", "c")
    assert again.about == {"algorithm": "realmix"}
    np.testing.assert_allclose(
        again.predict_proba(pictures()), classifier.predict_proba(pictures()), rtol=1e-5
    )


def test_feature_rows_are_standardized_as_in_training(tmp_path: Path) -> None:
    rows = np.array([[1.0, 10.0, 7.0], [3.0, 30.0, 7.0]], np.float32)
    standard = Standardizer.of(rows)
    np.testing.assert_allclose(standard(rows), [[-1, -1, 0], [1, 1, 0]])
    network = models.build("mlp", (3,), 2, seed=0)
    classifier = Classifier(network, ("a", "b"), "mlp", (3,), "features", standard, {})
    classifier.save(tmp_path / "m.safetensors")
    again = Classifier.load(tmp_path / "m.safetensors")
    np.testing.assert_allclose(again.predict_proba(rows), classifier.predict_proba(rows))
    with torch.no_grad():
        expected = network.eval()(torch.tensor([[-1.0, -1.0, 0.0]])).softmax(-1)
    np.testing.assert_allclose(classifier.predict_proba(rows[:1]), expected, rtol=1e-5)


def test_no_rows_have_no_predictions() -> None:
    assert images().predict_proba(pictures(0)).shape == (0, 3)


def test_inputs_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(1, 8, 8\), not \(3, 8, 8\)"):
        images().predict_proba(np.zeros((2, 3, 8, 8), np.uint8))


def test_a_checkpoint_is_no_classifier(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "x.safetensors", {"x": torch.zeros(1)}, {"step": 1})
    with pytest.raises(StorageError, match="not a classifier"):
        Classifier.load(tmp_path / "x.safetensors")


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    tensors, header = images()._tensors(), images()._header()
    checkpoint.write(tmp_path / "x.safetensors", tensors, {**header, "model": "wrn-10-1"})
    with pytest.raises(StorageError, match="do not fit wrn-10-1"):
        Classifier.load(tmp_path / "x.safetensors")


def test_a_lent_body_is_all_but_the_last_layer() -> None:
    classifier = images()
    other = models.build("auto", (1, 8, 8), 5, seed=9)  # another number of classes
    head = {name: value.clone() for name, value in other.head.state_dict().items()}
    classifier.lend_body(other)
    mine, theirs = classifier.network.state_dict(), other.state_dict()
    for name, value in theirs.items():
        if name.startswith("head."):
            assert torch.equal(value, head[name.removeprefix("head.")])
        else:
            assert torch.equal(value, mine[name])
    theirs["body.0.0.weight"].zero_()
    assert classifier.network.state_dict()["body.0.0.weight"].abs().sum() > 0  # a copy


@pytest.mark.parametrize(
    ("model", "shape"), [("wrn-10-1", (1, 8, 8)), ("convnet", (3, 8, 8)), ("convnet", (1, 32, 32))]
)
def test_a_body_that_does_not_fit_is_not_lent(model: str, shape: tuple[int, ...]) -> None:
    other = models.build(model, shape, 3, seed=9)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(UsageError, match=r"'auto' for inputs of shape \(1, 8, 8\).*--image-size"):
        images().lend_body(other)
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize(("base", "unit"), [(1.7e9, 40), (1.7e18, 4e10), (0.0, 1.0), (-1e6, 1e-3)])
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_large_numbers_with_small_differences_are_told_apart(
    base: float, unit: float, dtype: type
) -> None:
    if dtype == np.int64 and unit < 1:
        return
    steps = np.arange(18) % 9
    rows = (base + unit * steps)[:, None].astype(dtype)
    standard = Standardizer.of(rows)(rows)
    assert standard.dtype == np.float32
    np.testing.assert_allclose(standard[:, 0], (steps - 4) / steps.std(), rtol=1e-3, atol=1e-4)


def test_blocks_of_rows_give_what_all_at_once_would(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(5, 3, (1000, 7))
    monkeypatch.setattr("realmix.models.standardizer._BLOCK", 100)
    standard = Standardizer.of(rows)
    np.testing.assert_allclose(standard.mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(standard.scale, rows.std(0), rtol=1e-12)
    np.testing.assert_allclose(standard(rows), (rows - rows.mean(0)) / rows.std(0), atol=1e-6)


def test_a_file_whose_standardizer_is_float32_is_still_read(tmp_path: Path) -> None:
    rows = np.array([[1.0, 10.0], [3.0, 30.0]])
    network = models.build("mlp", (2,), 2, seed=1)
    old = Standardizer(*(t.float() for t in vars(Standardizer.of(rows)).values()))
    model = Classifier(network, ("a", "b"), "mlp", (2,), "features", old, {})
    model.save(tmp_path / "old.safetensors")
    again = Classifier.load(tmp_path / "old.safetensors")
    assert again.scale is None
    np.testing.assert_allclose(
        again.predict_proba(rows), model.predict_proba(rows.astype(np.float32)), rtol=1e-5
    )
