"""Cells as jobs of submitit: here as processes of their own, one of which dies."""

import os
import time

import pytest
from test_compare import table  # noqa: F401

from realmix.base.errors import Interrupted, UsageError
from realmix.comparison.engines.batch import Cell, outcomes_of
from realmix.comparison.face import compare

submitit = pytest.importorskip("submitit")


class Told:
    """Remembers, and asks to stop from the beginning or never."""

    def __init__(self, stops=False):
        self.notes, self.stops = [], stops

    def note(self, text):
        self.notes.append(text)

    def stopping(self):
        return self.stops


def asked(table, folder, executor, **options):  # noqa: F811
    return compare(table, ["linear"], labels=[6], seeds=1, out=folder, executor=executor, **options)


@pytest.mark.slow
def test_a_job_of_its_own_does_a_cell(table, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    executor = submitit.AutoExecutor(folder=tmp_path / "jobs", cluster="local")
    executor.update_parameters(timeout_min=10)
    told = Told()
    found = asked(table, tmp_path / "c", executor, watch=told)
    assert len(found.done) == 1
    assert len(list((tmp_path / "jobs").glob("*_result.pkl"))) == 1
    again = asked(table, tmp_path / "c", executor)
    assert again.done == found.done
    assert len(list((tmp_path / "jobs").glob("*_submitted.pkl"))) == 1  # nothing was done again


class Job:
    """What submitit gives, with its fate chosen."""

    job_id, cancelled = "7", False

    class paths:
        stderr = "jobs/7.err"

    def __init__(self, task, dies):
        self.task, self.dies = task, dies

    def done(self):
        return True

    def exception(self):
        return MemoryError() if self.dies else None

    def result(self):
        return {"cell": self.task["cell"], "status": "done"}


class Executor:
    """Lets the second job die; or none end."""

    def __init__(self, ends=True):
        self.jobs, self.ends = [], ends

    def batch(self):
        import contextlib

        return contextlib.nullcontext()

    def submit(self, function, task):
        job = Job(task, dies=len(self.jobs) == 1)
        job.done = lambda: self.ends
        job.cancel = lambda: setattr(job, "cancelled", True)
        self.jobs.append(job)
        return job


TASKS = [{"cell": number, "command": "realmix"} for number in range(3)]


def test_a_job_that_dies_takes_one_cell_along():
    found = list(outcomes_of(Executor())(TASKS, lambda: False))
    assert [one["status"] for one in found] == ["done", "failed", "done"]
    assert "Job 7 died (MemoryError). Its log: jobs/7.err" in found[1]["error"]


def test_stopping_cancels_what_is_queued():
    executor, began = Executor(ends=False), time.monotonic()
    found = list(outcomes_of(executor)(TASKS, lambda: True))
    assert [one["status"] for one in found] == ["stopped"] * 3
    assert all(job.cancelled for job in executor.jobs)
    assert time.monotonic() - began < 1


def test_a_preempted_job_is_queued_again_with_its_task():
    again = Cell().checkpoint({"cell": 1})
    assert isinstance(again.function, Cell)
    assert again.args == ({"cell": 1},)


def test_a_stopped_comparison_is_interrupted(table, tmp_path):  # noqa: F811
    with pytest.raises(Interrupted):
        asked(table, tmp_path / "c", Executor(ends=False), watch=Told(stops=True))


def test_what_is_no_executor_is_refused(table, tmp_path):  # noqa: F811
    with pytest.raises(UsageError, match=r"submitit.AutoExecutor.* not str"):
        asked(table, tmp_path / "c", "slurm")
    with pytest.raises(UsageError, match="scheduler or executor"):
        asked(table, tmp_path / "c", Executor(), scheduler="tcp://127.0.0.1:1")
