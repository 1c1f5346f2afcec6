"""A run whose photos are seen by a frozen encoder: fit, predict, and what can go wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from realmix.augment.views import network_input
from realmix.base.errors import UsageError
from realmix.command.predictions import predict_all
from realmix.data.reading.images import read_images
from realmix.data.reading.load import load
from realmix.encoders.encoder import PhotoEncoder
from realmix.encoders.encoding import Encoding
from realmix.encoders.pictures import Files
from realmix.runs.augmentation import encoding_of, num_views
from realmix.runs.choose import RUNGS
from realmix.runs.classifier import load_classifier
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.prepared import Prepared, standardizer_of
from realmix.runs.run import fit, read
from realmix.runs.watch import Silent
from tests.encoders import tiny_encoder as small
from tests.encoders.onnx_file import mean_colours

pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A folder of photos, an encoder from a file, and a cache of its own."""
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    encoder = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    folder = small.photos(tmp_path / "photos")
    # mirrored without a trial, which takes longer than all the rest
    quick = {"image_size": 32, "steps": 4, "augment": "photos", "device": "cpu"}
    return Config.from_json({"data": str(folder), "encoder": encoder, **quick})


def changed(config: Config, **values: object) -> Config:
    return Config.from_json({**config.to_json(), **values})


@pytest.mark.slow
def test_an_encoder_sees_more_than_8_bits_by_the_scale_of_the_set(
    config: Config, tmp_path: Path
) -> None:
    for file in (tmp_path / "photos").rglob("*.png"):  # 12 bits in 16, where all was nearly black
        grey = np.asarray(Image.open(file).convert("L")).astype(np.uint16) * 16
        Image.fromarray(grey).save(file)
    data = read(config)
    assert data.scale is not None
    assert data.files is not None
    encoding = encoding_of(data, config)
    assert isinstance(encoding, Encoding)
    encoding.only([0, 3]).features(1, 0)  # of which the next line finds what was kept
    plain = encoding.features(1, 0).plain
    images, _ = read_images(data.files, (3, 32, 32), data.scale)
    direct = encoding.encoder.encode(network_input(torch.from_numpy(images)))
    np.testing.assert_allclose(plain.features[plain.place, 0], direct.numpy(), atol=2e-3)
    assert set(encoding.digests).isdisjoint(Files(data.files).digests()), "kept apart"
    fit(config, tmp_path / "run", Silent())
    assert_pool_as_shipped(tmp_path)


def assert_pool_as_shipped(tmp_path: Path) -> None:
    """The model file says of the pool's files what the run said of the pool."""
    classifier = load_classifier(tmp_path / "run")
    found = predict_all(classifier, str(tmp_path / "photos" / "unlabeled"), None)
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        names, probs = evidence["pool_names"], evidence["pool_shipped"]
    mine = {name: row for name, row in zip(found.names, found.probs, strict=True)}
    assert set(mine) == set(names.tolist())
    for name, row in zip(names.tolist(), probs, strict=True):
        np.testing.assert_allclose(mine[name], row, atol=1e-5)


def test_a_run_on_photos_predicts_raw_photos(config: Config, tmp_path: Path) -> None:
    result = fit(config, tmp_path / "run", Silent())
    assert result["algorithm"] in RUNGS
    classifier = load_classifier(tmp_path / "run")
    assert classifier.encoder is not None
    assert classifier.shape == (classifier.encoder.dimension,)
    assert_pool_as_shipped(tmp_path)


@pytest.mark.slow
def test_several_encoders_of_photos(config: Config, tmp_path: Path) -> None:
    """Embedded, the model file needs neither of their files."""
    names = [f"timm:{small.NETWORK}={small.weights_file(tmp_path, seed)}" for seed in (0, 1)]
    two = changed(config, encoder=",".join(names), embed_encoder=True)
    result = fit(two, tmp_path / "run", Silent())
    assert result["encoder"]["name"] == ",".join(names)
    for file in tmp_path.glob("weights-*"):
        file.unlink()
    classifier = load_classifier(tmp_path / "run")
    found = predict_all(classifier, str(tmp_path / "photos" / "unlabeled"), None)
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        names_of, probs = evidence["pool_names"].tolist(), evidence["pool_shipped"]
    mine = dict(zip(found.names, found.probs, strict=True))
    for name, row in zip(names_of, probs, strict=True):
        np.testing.assert_allclose(mine[name], row, atol=1e-5)


def test_the_report_shows_photos(config: Config, tmp_path: Path) -> None:
    fit(changed(config, algorithm="fixmatch", views=3), tmp_path / "run", Silent())
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        assert evidence["sure_images"].shape[1:] == (3, 32, 32)
        assert evidence["views_images"].shape[1:] == (3, 3, 32, 32)
        assert evidence["decide_images"].shape[1:] == (3, 32, 32)


def test_the_report_shows_no_views_that_the_encoder_did_not_see(
    config: Config, tmp_path: Path
) -> None:
    fit(changed(config, algorithm="gaussian_mixture"), tmp_path / "run", Silent())
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        assert "sure_images" in evidence
        assert "views_images" not in evidence


@pytest.mark.parametrize("algorithm", ["fixmatch", "mixmatch", "realmix", "mean_teacher", "vat"])
def test_methods_for_images_train_a_head_on_cached_views(
    config: Config, algorithm: str, tmp_path: Path
) -> None:
    both = changed(config, algorithm=algorithm, model="linear", views=5)
    result = fit(both, tmp_path / "run", Silent())
    assert result["algorithm"] == algorithm
    assert result["network"][-1].startswith("linear")
    assert (tmp_path / "cache" / "features").is_dir()


def test_a_second_run_computes_no_features(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(changed(config, algorithm="linear"), tmp_path / "first", Silent())
    encode = PhotoEncoder.encode
    seen = list[int]()

    def counted(self: PhotoEncoder, inputs: torch.Tensor) -> torch.Tensor:
        seen.append(len(inputs))
        return encode(self, inputs)

    monkeypatch.setattr(PhotoEncoder, "encode", counted)
    fit(changed(config, algorithm="linear", seed=1), tmp_path / "second", Silent())
    assert seen == [2]  # the blank pictures that tell the dimension


def test_another_encoders_weights_are_refused_by_both_fingerprints(
    config: Config, tmp_path: Path
) -> None:
    fit(changed(config, algorithm="linear"), tmp_path / "run", Silent())
    classifier = load_classifier(tmp_path / "run")
    file = Path(str(config.encoder).partition("=")[2])
    state = load_file(file)
    state["conv_stem.weight"] += 1
    save_file(state, file)
    assert classifier.encoder is not None
    with pytest.raises(UsageError, match=rf"{classifier.encoder.fingerprint}.* has [0-9a-f]{{16}}"):
        predict_all(classifier, str(tmp_path / "photos" / "unlabeled"), None)
    with pytest.raises(UsageError, match="encoder"):  # nor is the finished run shown as this one's
        fit(changed(config, algorithm="linear"), tmp_path / "run", Silent())


@pytest.mark.parametrize("kind", ["timm", "onnx"])
def test_an_embedded_encoder_needs_no_other_file(kind: str, config: Config, tmp_path: Path) -> None:
    file = Path(str(config.encoder).partition("=")[2])
    if kind == "onnx":
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
        file = tmp_path / "colours.onnx"
        file.write_bytes(mean_colours(16))
        config = changed(config, encoder=str(file))
    fit(changed(config, algorithm="linear", embed_encoder=True), tmp_path / "run", Silent())
    pool = str(tmp_path / "photos" / "unlabeled")
    before = predict_all(load_classifier(tmp_path / "run"), pool, None)
    file.unlink()
    np.testing.assert_array_equal(
        predict_all(load_classifier(tmp_path / "run"), pool, None).probs, before.probs
    )


def test_changed_photos_are_noticed(config: Config, tmp_path: Path) -> None:
    fit(changed(config, algorithm="linear"), tmp_path / "run", Silent())
    folder = tmp_path / "photos" / "unlabeled"
    one, other = sorted(folder.iterdir())[:2]
    shutil.copy(one, other)
    with pytest.raises(UsageError, match="rows"):
        fit(changed(config, algorithm="linear"), tmp_path / "run", Silent())


def test_unreadable_photos_are_left_out_of_predictions(config: Config, tmp_path: Path) -> None:
    fit(changed(config, algorithm="linear"), tmp_path / "run", Silent())
    folder = tmp_path / "photos" / "unlabeled"
    (folder / "bad.png").write_bytes(b"no picture")
    found = predict_all(load_classifier(tmp_path / "run"), str(folder), None)
    assert len(found.names) == len(found.probs) == 16
    assert [Path(path).name for path, _ in found.bad] == ["bad.png"]


def test_arrays_with_test_rows(config: Config, tmp_path: Path) -> None:
    x = small.pictures(60, 10).transpose(0, 2, 3, 1).copy()
    y = np.arange(60) % 2
    x[y == 1] //= 3
    label = np.where(np.arange(60) < 30, y, -1)
    np.savez(tmp_path / "rows.npz", x=x[:40], y=label[:40], x_test=x[40:], y_test=y[40:])
    mine = changed(config, data=str(tmp_path / "rows.npz"), algorithm="linear")
    result = fit(mine, tmp_path / "run", Silent())
    assert result["test"]["count"] == 20
    classifier = load_classifier(tmp_path / "run")
    probs = classifier.predict_proba(x[40:].transpose(0, 3, 1, 2))
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        np.testing.assert_allclose(probs, evidence["test_shipped"], atol=1e-5)


def test_feature_rows_take_no_encoder(config: Config, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.eye(20), y=np.arange(20) % 2)
    with pytest.raises(UsageError, match="these are feature rows"):
        fit(changed(config, data=str(tmp_path / "rows.npz")), tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("algorithm", "views", "expected"),
    [
        ("auto", None, 1),
        ("supervised", None, 1),
        ("label_spreading", None, 1),
        ("fixmatch", None, 8),
        ("noisy_student", None, 8),
        ("fixmatch", 3, 3),
        ("auto", 4, 4),
    ],
)
def test_only_what_compares_views_pays_for_them(
    algorithm: str, views: int | None, expected: int
) -> None:
    assert num_views(Config("x", algorithm=algorithm, encoder="lite0", views=views)) == expected


def test_features_have_mean_zero_and_one_scale(config: Config, tmp_path: Path) -> None:
    phases = phases_of(changed(config, algorithm="linear"))
    rows: Prepared = phases.rows
    plain = rows.views["plain"](rows.inputs, None).double()
    torch.testing.assert_close(plain.mean(0), torch.zeros_like(plain[0]), atol=1e-4, rtol=0)
    assert float(plain.square().mean()) == pytest.approx(1, abs=1e-4)


def test_blocks_do_not_change_the_standardizer(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = phases_of(config).dataset.encoded
    assert kept is not None
    whole = standardizer_of(kept.plain, 40)
    monkeypatch.setattr("realmix.runs.prepared.BLOCK", 7)
    parts = standardizer_of(kept.plain, 40)
    torch.testing.assert_close(whole.mean, parts.mean)
    torch.testing.assert_close(whole.scale, parts.scale)


def phases_of(config: Config, seconds: float = 0.0) -> Phases:
    dataset = read(config)
    encoding = encoding_of(dataset, config)
    assert encoding is not None
    kept = encoding.features(num_views(config), config.seed)
    dataset = replace(dataset, encoded=replace(kept, seconds=seconds))
    return Phases(dataset, config, None, Silent())


@pytest.mark.parametrize(("minutes", "plenty"), [(None, True), (15.0, False)])
def test_only_minutes_that_were_asked_for_include_the_extraction(
    minutes: float | None, plenty: bool, config: Config
) -> None:
    """An extraction of 15 minutes leaves no steps of 15 that were asked for, and all by default."""
    wish = changed(config, algorithm="fixmatch", views=2, steps=None, minutes=minutes)
    assert (phases_of(wish, seconds=900.0).steps > 100) == plenty


def test_what_config_says_reaches_the_record(config: Config, tmp_path: Path) -> None:
    fit(changed(config, algorithm="linear"), tmp_path / "run", Silent())
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    assert kept["config"]["encoder"] == config.encoder
    assert "the encoder" in kept["digest"]


def test_files_stand_beside_their_rows(config: Config) -> None:
    dataset = load(config.data)
    assert dataset.files is not None
    assert [str(file) for file in dataset.files] == list(dataset.names or ())
