"""Checkpoints are whole or refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realmix.base.errors import StorageError
from realmix.training import checkpoint

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "count": torch.tensor(7),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 4),
}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "new" / "a.safetensors", TENSORS, {"classes": ["é", "<b>"]})
    tensors, header = checkpoint.read(tmp_path / "new" / "a.safetensors")
    assert header["classes"] == ["é", "<b>"]
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, TENSORS, {"step": 3})
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        tensors, header = checkpoint.read(path)
    except StorageError:
        return
    # a flip may fall on white space of the outer header, which changes nothing
    assert header["step"] == 3
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(StorageError, match=r"a\.safetensors"):
        checkpoint.read(path)


class Payload:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import builtins; builtins.realmix_was_attacked = True",)


@pytest.mark.parametrize("suffix", ["safetensors", "pt", "pkl"])
def test_a_pickle_is_refused_and_not_executed(tmp_path: Path, suffix: str) -> None:
    import builtins

    path = tmp_path / f"a.{suffix}"
    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(StorageError):
        checkpoint.read(path)
    assert not hasattr(builtins, "realmix_was_attacked")


def test_a_safetensors_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3)}, tmp_path / "a.safetensors")
    with pytest.raises(StorageError, match="not a file of realmix"):
        checkpoint.read(tmp_path / "a.safetensors")


def test_two_generations_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        checkpoint.save_generation(tmp_path, step, {"x": torch.tensor(step)}, {})
    assert [p.name for p in checkpoint.generations(tmp_path)] == [
        "step-000000030.safetensors",
        "step-000000020.safetensors",
    ]
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found[1]["step"] == found[0]["x"] == 30


def test_a_damaged_newest_generation_gives_way_to_the_one_before(tmp_path: Path) -> None:
    for step in (10, 20):
        checkpoint.save_generation(tmp_path, step, {"x": torch.tensor(step)}, {})
    checkpoint.generations(tmp_path)[0].write_bytes(b"gone")
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found[1]["step"] == 10


def test_no_whole_generation_is_an_error_and_none_at_all_is_a_new_run(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path) is None
    (tmp_path / "step-000000001.safetensors").write_bytes(b"")
    with pytest.raises(StorageError, match="No checkpoint"):
        checkpoint.newest(tmp_path)
