"""Where to compute."""

from __future__ import annotations

import pytest
import torch

from realmix.base.errors import UsageError
from realmix.training.devices import best_precision, choose


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
