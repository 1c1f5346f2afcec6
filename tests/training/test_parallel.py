"""Several processes behave as one: same batches, same losses within rounding, same weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import realmix.training.trainer as trainer_module
from realmix.contract.algorithm import Batch
from realmix.data.reading.load import load
from realmix.data.sampling import batch_at
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training import parallel
from tests import gathered
from tests.forked import together

Found = tuple[dict[str, torch.Tensor], list[dict[str, torch.Tensor]]]


def train(name: str, out: Path) -> None:
    """Six steps in this process; the first of them tells rows, records and weights."""
    parallel.join(torch.device("cpu"))
    assert parallel.agreed(5 + parallel.rank(), torch.device("cpu")) == 5
    seen = hashlib.sha256()

    def watched(*given: Any) -> Batch:
        batch = batch_at(*given)
        for stream in (batch.labeled, batch.unlabeled):
            for view in (*stream.views, stream.index):
                seen.update(view.contiguous().numpy().tobytes())
        return batch

    trainer_module.batch_at = watched  # of this process, which ends soon
    fields = {"threshold": 0.0} if name == "fixmatch" else {}  # rounding moves no example over it
    config = Config(
        "digits@40", algorithm=name, steps=6, gate="none", fields={**fields, "batch_size": 15}
    )
    records: list[dict[str, float]] = []
    phases = Phases(load("digits@40"), config, None, Silent())
    trainer = phases.trainer(phases.only, 6)
    trainer.log_every = 1
    trainer.observe = lambda record: records.append(
        {key: value for key, value in record.items() if key != "seconds"}
    )
    trainer.run()
    weights = torch.cat([p.detach().flatten() for p in trainer.student.parameters()])
    if parallel.rank() == 0:
        norms = [weights.norm().item(), trainer.nets.ema.network.head.bias.norm().item()]
        told = {"seen": seen.hexdigest(), "records": records, "norms": norms}
        out.write_text(json.dumps(told))
    parallel.wait_for_all()
    parallel.leave()


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What `tests.gathered` finds in this process, and in each of two."""
    folder = tmp_path_factory.mktemp("gathered")
    for ended in together(2, folder, gathered.write, folder):
        assert ended.status == 0, ended.said[-3000:]
    return gathered.results(), [torch.load(folder / f"{number}.pt") for number in (0, 1)]


def outcome(folder: Path, processes: int, algorithm: str) -> dict[str, Any]:
    out = folder / f"{processes}.json"
    for ended in together(processes, folder, train, algorithm, out):
        assert ended.status == 0, ended.said[-3000:]
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["realmix", "fixmatch", "vat"])
def test_two_processes_train_as_one(tmp_path: Path, algorithm: str) -> None:
    one, two = (outcome(tmp_path, n, algorithm) for n in (1, 2))
    assert one["seen"] == two["seen"]  # rows and augmented bytes of every step
    for mine, other in zip(one["records"], two["records"], strict=True):
        # sums in another order differ in the last digit, and each step makes ten times more of it
        rounding = min(1e-6 * 10 ** mine["step"], 0.02)
        assert mine == pytest.approx(other, rel=rounding, abs=rounding / 10)
    assert one["norms"] == pytest.approx(two["norms"], rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["features", "logits", "both features", "both logits"])
def test_all_processes_have_what_one_computes(one_and_two: Found, kind: str) -> None:
    one, two = one_and_two
    for mine in two:
        torch.testing.assert_close(mine[kind], one[kind], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["through", "leaf", "before.weight", "before.bias"])
def test_what_comes_before_the_network_has_the_gradient_of_all_rows(
    one_and_two: Found, kind: str
) -> None:
    one, two = one_and_two
    assert one[kind].abs().min() > 0
    for mine in two:
        torch.testing.assert_close(mine[kind], one[kind], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["student", "head", "other"])
def test_every_network_and_head_has_the_gradients_of_one_process(
    one_and_two: Found, part: str
) -> None:
    one, two = one_and_two
    names = [name for name in one if name.startswith(f"{part}.")]
    assert names
    for name in names:
        for mine in two:
            torch.testing.assert_close(mine[name], one[name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.slow
def test_three_steps_with_a_head_and_a_second_network_end_alike(one_and_two: Found) -> None:
    one, two = one_and_two
    names = [name for name in one if name.startswith("end ")]
    assert {name.split(".")[0] for name in names} == {"end student", "end algorithm", "end ema"}
    for name in names:
        assert torch.equal(two[0][name], two[1][name]), name  # the processes never drift apart
        torch.testing.assert_close(two[0][name], one[name], rtol=1e-2, atol=1e-4, msg=name)


def test_one_process_needs_no_group() -> None:
    assert (parallel.num_processes(), parallel.rank()) == (1, 0)
    assert parallel.any_process(True, torch.device("cpu")) is True
    assert parallel.any_process(False, torch.device("cpu")) is False
    gradient = torch.ones(3)
    parallel.sum_over_processes([gradient])
    assert torch.equal(gradient, torch.ones(3))


def test_shared_batch_norm_is_batch_norm_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 5, 4, 4, requires_grad=True)
    plain, shared = torch.nn.BatchNorm2d(5), torch.nn.BatchNorm2d(5)
    with monkeypatch.context() as patch:
        patch.setattr(parallel, "num_processes", lambda: 2)
        parallel.share_moments(shared)
    assert type(shared) is parallel.SharedBatchNorm2d
    monkeypatch.setattr(parallel.dist, "all_reduce", lambda tensor: None)
    (gradient,) = torch.autograd.grad(plain(x).square().sin().sum(), x)
    (other,) = torch.autograd.grad(shared(x).square().sin().sum(), x)
    torch.testing.assert_close(other, gradient, rtol=1e-4, atol=1e-5)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(getattr(shared, name), getattr(plain, name))
    plain.eval()
    shared.eval()
    torch.testing.assert_close(shared(x), plain(x))
