"""Cells as jobs of a batch system such as Slurm, by a submitit executor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from realmix.base.errors import UsageError
from realmix.comparison.engines.work import FAILED, STOPPED, do

LOOK = 1.0  # seconds between looks whether jobs are done, and whether to stop


class Cell:
    """One cell as a job: preempted or out of time, it is queued again and goes on where it was."""

    def __call__(self, task: Mapping[str, Any]) -> dict[str, Any]:
        return do(task, threads=None)  # as many as the job was given

    def checkpoint(self, task: Mapping[str, Any]) -> Any:
        """What submitit queues in its place; the run's folder keeps the last checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, task)


def outcomes_of(executor: Any) -> Callable[..., Iterator[dict[str, Any]]]:
    """What does the cells of a comparison as jobs, all of which are queued at once.

    Args:
        executor: of submitit, with its parameters set.

    Raises:
        UsageError: it is none.
    """
    if not all(hasattr(executor, name) for name in ("submit", "batch")):
        raise UsageError(
            "executor takes one of submitit, such as submitit.AutoExecutor(folder='jobs'), not"
            f" {type(executor).__name__}."
        )

    def outcomes(
        tasks: Sequence[Mapping[str, Any]], stopping: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        if not tasks:
            return  # an empty array is an error
        with executor.batch():  # of Slurm one array
            jobs = [executor.submit(Cell(), task) for task in tasks]
        left = list(zip(jobs, tasks, strict=True))
        while left:
            for job, task in [pair for pair in left if pair[0].done()]:
                left.remove((job, task))
                yield _outcome(job, task)
            if stopping():
                break
            time.sleep(LOOK if left else 0)
        for job, task in left:
            job.cancel()
            yield {"cell": task["cell"], "command": task["command"], "status": STOPPED}

    return outcomes


def _outcome(job: Any, task: Mapping[str, Any]) -> dict[str, Any]:
    """What came of a job; of one that died, that."""
    if (error := job.exception()) is None:
        found: dict[str, Any] = job.result()
        return found
    why = f"Job {job.job_id} died ({type(error).__name__}). Its log: {job.paths.stderr}"
    return {"cell": task["cell"], "command": task["command"], "status": FAILED, "error": why}
