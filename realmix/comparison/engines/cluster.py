"""Cells on the workers of a Dask scheduler: beyond one machine, and where workers may die."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.comparison.engines.work import FAILED, STOPPED, do

PATIENCE = 5  # seconds for a scheduler to answer
RETRIES = 3  # of a cell whose worker went away with an error
LOOK = 0.5  # seconds between looks whether to stop
_HOW = (
    "Start one with `dask scheduler`, and on each machine `dask worker ADDRESS --nthreads 1`, where"
    " realmix is installed; the folder of --out and the data must be there under the same path."
)


def client_of(address: str) -> Any:
    """A connection to a scheduler.

    Raises:
        UsageError: Dask is not installed, or nothing answers at that address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--scheduler needs Dask: pip install 'realmix[cluster]'. Without it the cells run on"
            " this machine."
        ) from None
    try:
        return Client(  # type: ignore[no-untyped-call]
            address, timeout=PATIENCE, set_as_default=False
        )
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"No Dask scheduler answers at '{printable(address)}' ({type(error).__name__}). {_HOW}"
        ) from None


def each_done(
    client: Any,
    function: Callable[[Mapping[str, Any]], dict[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    stopping: Callable[[], bool],
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any] | Exception | None]]:
    """Do tasks on the cluster: each with what came of it, an error, or None where it was stopped.

    A worker that dies takes nothing along: the scheduler gives its tasks to another, where a run
    goes on from its last checkpoint.
    """
    futures = {client.submit(function, task, pure=False, retries=RETRIES): task for task in tasks}
    left = set(futures)
    while left:
        time.sleep(LOOK)
        for future in [one for one in left if one.done()]:
            left.remove(future)
            error = future.exception() if future.status == "error" else None
            cut = future.status not in ("finished", "error")
            yield futures[future], error or (None if cut else future.result())
        if stopping():
            client.cancel(list(left))
            yield from ((futures[future], None) for future in left)
            return


def outcomes_of(address: str) -> Callable[..., Iterator[dict[str, Any]]]:
    """What does the cells of a comparison on a cluster.

    Raises:
        UsageError: see `client_of`.
    """
    client = client_of(address)

    def outcomes(
        tasks: Sequence[Mapping[str, Any]], stopping: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        with client:
            for task, found in each_done(client, partial(do, threads=1), tasks, stopping):
                about = {"cell": task["cell"], "command": task["command"]}
                if found is None:
                    yield {**about, "status": STOPPED}
                elif isinstance(found, Exception):
                    yield {**about, "status": FAILED, "error": f"{type(found).__name__}: {found}"}
                else:
                    yield found

    return outcomes
