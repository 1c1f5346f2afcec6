"""What can only be seen on an accelerator. Skipped without one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from realmix.augment.presets import PRESETS
from realmix.base.randomness import Draws, keys
from realmix.contract.state import BIN_SHAPE
from realmix.data.reading.load import load
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("preset", ["cifar", "svhn", "digits", "photos", "features"])
def test_augmented_inputs_are_those_of_the_cpu(preset: str) -> None:
    shape = {"digits": (1, 8, 8), "features": (12,)}.get(preset, (3, 32, 32))
    rng = torch.Generator().manual_seed(0)
    if len(shape) == 1:
        inputs = torch.randn(64, *shape, generator=rng)
    else:
        inputs = torch.randint(0, 256, (64, *shape), generator=rng, dtype=torch.uint8)
    for name, view in PRESETS[preset](shape).items():
        rates = (torch.rand(BIN_SHAPE, generator=rng),) if name in ("learned", "uncovered") else ()
        here = view(inputs, Draws(keys(7, torch.arange(64))), *rates)
        draws = Draws(keys(7, torch.arange(64, device="cuda")))
        there = view(inputs.cuda(), draws, *(each.cuda() for each in rates))
        if name == "probe":
            (here, drawn), (there, drawn_there) = here, there
            assert torch.equal(drawn, drawn_there.cpu())
        # integers are exact; sines, logarithms and interpolation may differ by rounding
        close = torch.isclose(there.cpu(), here, atol=2 / 255 + 1e-6)
        assert close.float().mean() > 0.999, name


def trainer(algorithm: str, folder: Path | None) -> Trainer:
    config = Config("digits@40", algorithm=algorithm, steps=20, gate="none", device="cuda")
    phases = Phases(load("digits@40"), config, None, Silent())
    return phases.trainer(phases.only, 20, folder)


@pytest.mark.parametrize(
    "algorithm", ["supervised", "mean_teacher", "mixmatch", "fixmatch", "realmix"]
)
def test_training_resumes_where_it_was(algorithm: str, tmp_path: Path) -> None:
    whole = trainer(algorithm, None).run()
    trainer(algorithm, tmp_path).run(until=8)
    second = trainer(algorithm, tmp_path)
    assert second.resume()
    second.run()
    for name, value in whole.state().items():
        torch.testing.assert_close(second.state()[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_a_step_does_not_wait_for_the_device() -> None:
    run = trainer("realmix", None)
    run.run(until=3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        run._advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")
