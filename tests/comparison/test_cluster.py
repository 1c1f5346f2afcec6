"""Cells on a real Dask scheduler with workers of their own, one of which is killed midway."""

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from realmix.base.errors import UsageError
from realmix.comparison.engines.cluster import client_of
from realmix.comparison.face import compare

pytest.importorskip("distributed")
ROOT = Path(__file__).resolve().parents[2]
STEPS = 150  # of a cell that is under way when its worker is killed


class Cluster:
    """A scheduler and two workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, ""
        self.scheduler = self._start(
            "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"
        )
        self.address = self._said(r"(tcp://[0-9.]+:\d+)")
        self.workers = [self._worker(), self._worker()]

    def _start(self, module: str, *words: str) -> subprocess.Popen:
        log = open(self.folder / f"{len(list(self.folder.glob('*.log')))}.log", "w")  # noqa: SIM115
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        program = [sys.executable, "-m", module, *words]
        with log:
            return subprocess.Popen(program, stderr=log, stdout=log, env=environment)

    def _worker(self) -> subprocess.Popen:
        words = "--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout", "60"
        place = ("--local-directory", str(self.folder))
        return self._start("distributed.cli.dask_worker", self.address, *words, *place)

    def _said(self, pattern: str) -> str:
        for _ in range(300):
            found = re.search(pattern, (self.folder / "0.log").read_text())
            if found:
                return found[1]
            time.sleep(0.2)
        raise AssertionError((self.folder / "0.log").read_text())

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait(10)


@pytest.fixture
def cluster(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Cluster(folder)
    yield found
    found.close()


class Killer:
    """Kills a worker as soon as cells are under way, and remembers what it is told."""

    def __init__(self, victim: subprocess.Popen, out: Path) -> None:
        self.victim, self.out, self.told = victim, out, []

    def note(self, text: str) -> None:
        self.told.append(text)

    def stopping(self) -> bool:
        under_way = next(self.out.glob("runs/*/config.json"), None)
        if under_way and self.victim.poll() is None:
            self.victim.kill()
        return False


@pytest.mark.slow
def test_all_cells_finish_although_a_worker_is_killed(cluster, tmp_path):
    out = tmp_path / "out"
    killer = Killer(cluster.workers[0], out)
    results = compare(
        "digits",
        ["supervised", "sklearn:LogisticRegression"],
        out=out,
        labels=[20],
        seeds=2,
        steps=STEPS,
        scheduler=cluster.address,
        watch=killer,
    )
    assert cluster.workers[0].poll() is not None, "nothing was killed"
    assert len(results.done) == 4
    assert not results.failed
    again = compare(
        "digits",
        ["supervised", "sklearn:LogisticRegression"],
        out=out,
        labels=[20],
        seeds=2,
        steps=STEPS,
        workers=1,
    )
    assert again.done == results.done


def test_a_scheduler_that_does_not_answer_is_named_with_how_to_start_one():
    with (
        pytest.raises(UsageError, match=r"'tcp://127.0.0.1:9'.*\n?.*dask scheduler"),
        suppress(KeyboardInterrupt),
    ):
        client_of("tcp://127.0.0.1:9")
