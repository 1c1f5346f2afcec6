"""What several test files need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# before torch is imported: threads that wait spin, and a process with threads cannot be forked
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from tests.forked import forked_workers as forked_workers
from tests.forked import forks as forks

# the same examples every time, and no complaint on a machine that is busy
settings.register_profile("realmix", deadline=None, derandomize=True, database=None)
settings.load_profile("realmix")

# no test sees a power cut, and each wait for the disk takes some 6 ms
os.fsync = lambda file: None


@pytest.fixture
def data_root() -> str:
    """The folder with the real data sets; skips the test where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("REALMIX_DATA", beside))
    if not folder.is_dir():
        pytest.skip("the real data sets are not here (REALMIX_DATA)")
    return str(folder)


BRIEFLY_FOUND: dict[bytes, tuple[float, float]] = {}
BRIEFLY_FITTED: dict[bytes, Any] = {}


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What precedes a run and stands for the labels alone, at a twentieth of the work; no charts.

    For tests of what a run does and says; how well a committee, a penalty or the reading of
    mirrored pictures is found has tests of its own, and so have the charts.
    """
    from realmix.evaluate import mirror  # not before jaxtyping has its hook in place
    from realmix.models.tree_arrays import Trees, forest
    from realmix.procedures.rows import committee, shared
    from realmix.runs import budget

    monkeypatch.setattr(budget, "WARM_UP", 1)
    monkeypatch.setattr(budget, "TRIAL", 2)
    monkeypatch.setattr(mirror, "STEPS", 5)
    monkeypatch.setattr(committee, "BOOSTED", 3)
    monkeypatch.setattr(shared, "FOLDS", 2)
    monkeypatch.setattr(shared, "OF_COLUMNS", (0.1, shared.USUAL, 10.0))
    monkeypatch.setattr(shared, "STRENGTHS", (1.0, 10.0, 100.0))
    monkeypatch.setattr(shared, "_strengths", BRIEFLY_FOUND)  # not to be met by other tests
    monkeypatch.setattr(shared, "_layers", BRIEFLY_FITTED)

    def few(rows: Any, label: Any, num_classes: int, count: int, *rest: Any, **more: Any) -> Trees:
        return forest(rows, label, num_classes, min(count, 3), *rest, **more)

    def blank(figure: Any, file: Any, **given: Any) -> None:
        file.write(b"<svg xmlns='http://www.w3.org/2000/svg'/>")

    monkeypatch.setattr(committee, "forest", few)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", blank)
