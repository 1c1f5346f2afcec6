"""Weights from files: tensors, and nothing that runs."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from realmix.base.errors import UsageError
from realmix.encoders.weights import read_state, take_body


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def same(found: dict[str, torch.Tensor]) -> bool:
    own = network().state_dict()
    return found.keys() == own.keys() and all(torch.equal(found[k], v) for k, v in own.items())


def test_safetensors_and_torch_files_hold_the_same(tmp_path: Path) -> None:
    state = network().state_dict()
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    assert same(read_state(tmp_path / "a.safetensors"))
    assert same(read_state(tmp_path / "a.pth"))


def test_a_trainings_file_is_looked_into(tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in network().state_dict().items()}
    torch.save({"epoch": 3, "model": {"state_dict": state}}, tmp_path / "a.pth")
    assert same(read_state(tmp_path / "a.pth"))


class Runs:
    def __reduce__(self):
        return (print, ("this file ran",))


def test_a_file_that_could_run_is_not_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"a": torch.zeros(1), "b": Runs()}, tmp_path / "a.pth")
    with pytest.raises(UsageError, match="holds more than tensors"):
        read_state(tmp_path / "a.pth")
    torch.save(network(), tmp_path / "b.pth")
    with pytest.raises(UsageError, match="holds more than tensors"):
        read_state(tmp_path / "b.pth")
    (tmp_path / "c.pth").write_bytes(pickle.dumps(Runs(), protocol=4))  # torch warns of these
    with pytest.raises(UsageError, match="holds more than tensors"):
        read_state(tmp_path / "c.pth")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_damaged_files_are_said(name: str, tmp_path: Path) -> None:
    state = network().state_dict()
    save_file(state, tmp_path / name) if "safe" in name else torch.save(state, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for cut in (0, 5, len(content) // 2):
        (tmp_path / name).write_bytes(content[:cut])
        with pytest.raises(UsageError, match=name):
            read_state(tmp_path / name)


def test_what_is_no_file_of_weights_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file of weights"):
        read_state(tmp_path / "a.pth")
    (tmp_path / "a.pth").write_text("junk\n")
    with pytest.raises(UsageError, match=r"whole file of weights: neither safetensors nor"):
        read_state(tmp_path / "a.pth")
    torch.save([torch.zeros(2)], tmp_path / "a.pth")
    with pytest.raises(UsageError, match="holds no tensors by name"):
        read_state(tmp_path / "a.pth")


def test_the_body_is_taken_and_the_classifier_passed_over() -> None:
    state = {**network().state_dict(), "head.weight": torch.zeros(5, 2)}
    other = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    assert same(dict(take_body(other, state, "it").state_dict()))


def test_another_networks_weights_are_refused() -> None:
    state = network().state_dict()
    del state["1.bias"]
    state["0.bias"] = torch.zeros(9)
    with pytest.raises(UsageError, match=r"of 4 weights 1 are missing and 1 have another shape"):
        take_body(network(), state, "it")
