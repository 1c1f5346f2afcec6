"""`--init FILE`: trainings that begin with the weights of a network of timm or torchvision."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from realmix.base.errors import StorageError, UsageError
from realmix.contract.algorithm import Recipe
from realmix.models.tuned.network import Tuned
from realmix.runs.config import Config
from realmix.runs.networks import Networks
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from tests.encoders import tiny_encoder as small

SHAPE = (3, 32, 32)


def networks(file: Path, model: str = "auto", shape: tuple[int, ...] = SHAPE) -> Networks:
    return Networks(Config("photos", init=str(file), model=model), shape, 3, Recipe())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file whose name begins with a network's."""
    return small.weights_file(tmp_path).rename(tmp_path / f"{small.NETWORK}-abc.safetensors")


def check(net: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """All but the last layer is the file's, and all of it trains."""
    assert isinstance(net, Tuned)
    for name, value in net.body.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert net.head.weight.shape[0] == 3
    assert not net.still
    assert len(list(net.parameters())) == len(list(net.named_parameters()))


def test_the_files_name_says_which_network(weights: Path) -> None:
    made = networks(weights)
    assert made.model == f"tuned:timm:{small.NETWORK}@32"
    check(made(), load_file(weights))


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_a_state_that_torch_saved_is_read_too(suffix: str, weights: Path, tmp_path: Path) -> None:
    state = load_file(weights)
    file = tmp_path / f"mine{suffix}"
    torch.save({"state_dict": state, "epoch": 3}, file)
    check(networks(file, f"timm:{small.NETWORK}")(), state)


def test_a_network_of_torchvision(tmp_path: Path) -> None:
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    file = tmp_path / "resnet18-f37072fd.pth"
    state = models.resnet18().state_dict()
    torch.save(state, file)
    made = networks(file, "torchvision:resnet18", (3, 64, 64))
    assert made.model == "tuned:torchvision:resnet18@64"
    check(made(), state)


def test_a_run_begins_with_it(weights: Path, tmp_path: Path) -> None:
    folder = small.photos(tmp_path / "photos")
    quick = {"steps": 2, "device": "cpu", "gate": "none", "augment": "photos"}
    few = {"algorithm": "supervised", "fields": {"batch_size": 4}}
    config = Config.from_json({"data": str(folder), "init": str(weights), **quick, **few})
    result = fit(config, tmp_path / "run", Silent())
    assert result["network"][0].startswith(f"timm:{small.NETWORK} (")


@pytest.mark.parametrize(
    ("name", "model", "message"),
    [
        ("mine.safetensors", "auto", "does not say which network.*--model timm:NAME beside"),
        ("mine.safetensors", "convnet", "'convnet'.*--model timm:NAME"),
        ("mine.safetensors", "timm:test_vit", r"does not fit: of \d+ weights \d+ are missing"),
    ],
)
def test_what_does_not_fit_is_said(name: str, model: str, message: str, weights: Path) -> None:
    with pytest.raises(UsageError, match=message):
        networks(weights.rename(weights.parent / name), model)()


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "exploded",)

    for name, content in {"pickle": pickle.dumps(Bomb()), "noise": b"\x00" * 99}.items():
        file = tmp_path / f"{name}.pth"
        file.write_bytes(content)
        with pytest.raises(UsageError, match=r"more than tensors|not a whole file"):
            networks(file, f"timm:{small.NETWORK}")
    torch.save({"weights": Bomb()}, tmp_path / "saved.pth")
    with pytest.raises(UsageError, match="more than tensors"):
        networks(tmp_path / "saved.pth", f"timm:{small.NETWORK}")
    assert not (tmp_path / "exploded").exists()


def test_a_damaged_file_is_still_called_so(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(StorageError, match="not a whole safetensors file"):
        networks(weights)


def test_a_file_with_metadata_of_others_is_no_model_of_realmix(weights: Path) -> None:
    save_file(load_file(weights), weights, {"format": "pt"})
    check(networks(weights)(), load_file(weights))
