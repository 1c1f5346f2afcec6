"""Cells on a real Dask scheduler with workers of their own, one of which is killed midway."""

import json
import time
import warnings
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from realmix.base.errors import UsageError
from realmix.comparison.engines import cluster as engine
from realmix.comparison.engines.cluster import client_of
from realmix.comparison.face import compare
from tests.forked import started

pytest.importorskip("distributed")
STEPS = 40  # of a cell that is under way when its worker is killed


def command(name: str, *words: str) -> None:
    """What `dask NAME` does."""
    from distributed.cli import dask_scheduler, dask_worker

    warnings.resetwarnings()  # which are errors in the tests
    {"scheduler": dask_scheduler, "worker": dask_worker}[name].main(words)


class Cluster:
    """A scheduler and two workers, each a process, forked: this one has the imports behind it."""

    def __init__(self, folder: Path) -> None:
        import torch._dynamo  # noqa: F401  once here, not in each at its first optimizer

        self.folder, found = folder, folder / "scheduler.json"
        self.scheduler = self._started(
            "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(found)
        )
        self.workers = [self._worker(found, name) for name in ("one", "two")]
        self.address = self._address(found)

    def _started(self, *words: str, log: str = "scheduler") -> BaseProcess:
        return started(self.folder / f"{log}.log", command, *words)

    def _worker(self, scheduler: Path, name: str) -> BaseProcess:
        words = "--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout", "60"
        place = ("--local-directory", str(self.folder), "--scheduler-file", str(scheduler))
        return self._started("worker", *words, *place, log=name)

    def _address(self, scheduler: Path) -> str:
        for _ in range(600):
            with suppress(OSError, ValueError):
                return str(json.loads(scheduler.read_text())["address"])
            time.sleep(0.1)
        raise AssertionError((self.folder / "scheduler.log").read_text())

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.join(10)


@pytest.fixture
def cluster(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Cluster(folder)
    yield found
    found.close()


class Killer:
    """Kills a worker as soon as cells are under way, and remembers what it is told."""

    def __init__(self, victim: BaseProcess, out: Path) -> None:
        self.victim, self.out, self.told = victim, out, []

    def note(self, text: str) -> None:
        self.told.append(text)

    def stopping(self) -> bool:
        under_way = next(self.out.glob("runs/*/config.json"), None)
        if under_way and self.victim.is_alive():
            self.victim.kill()
        return False


@pytest.mark.slow
def test_all_cells_finish_although_a_worker_is_killed(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "LOOK", 0.05)  # so that the killer strikes early
    out = tmp_path / "out"
    killer = Killer(cluster.workers[0], out)
    asked = {"out": out, "labels": [20], "seeds": 3, "steps": STEPS}
    results = compare("digits", ["supervised"], scheduler=cluster.address, watch=killer, **asked)
    assert not cluster.workers[0].is_alive(), "nothing was killed"
    assert len(results.done) == 3
    assert not results.failed
    assert compare("digits", ["supervised"], workers=1, **asked).done == results.done


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_named_with_how_to_start_one():
    with (
        pytest.raises(UsageError, match=r"'tcp://127.0.0.1:9'.*\n?.*dask scheduler"),
        suppress(KeyboardInterrupt),
    ):
        client_of("tcp://127.0.0.1:9")
