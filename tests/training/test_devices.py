"""Where to compute."""

from __future__ import annotations

import pytest
import torch

from realmix.base.errors import UsageError
from realmix.training.devices import best_precision, choose, fitting_threads


def test_auto_is_a_device_that_is_there() -> None:
    assert torch.zeros(1, device=choose("auto")).sum() == 0
    assert choose("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "tpu", "cdua"])
def test_an_unknown_device_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=rf"no device '{name}' here. Available: .*cpu"):
        choose(name)


def test_tiny_images_and_features_stay_in_single_precision() -> None:
    cpu = torch.device("cpu")
    assert best_precision(cpu, (1, 8, 8)) == best_precision(cpu, (20,)) == torch.float32
    assert best_precision(cpu, (3, 32, 32)) in (torch.float32, torch.bfloat16)


@pytest.mark.parametrize(
    ("shape", "expected"), [((9,), 1), ((1, 8, 8), 1), ((3, 16, 16), 2), ((3, 64, 15), 1)]
)
def test_small_inputs_are_trained_on_by_one_thread(shape: tuple[int, ...], expected: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with fitting_threads(torch.device("cpu"), shape):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
