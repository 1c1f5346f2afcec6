"""What several test files need."""

from __future__ import annotations

import os
from pathlib import Path

# before torch is imported: threads that wait spin, and a process with threads cannot be forked
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# the same examples every time, and no complaint on a machine that is busy
settings.register_profile("realmix", deadline=None, derandomize=True, database=None)
settings.load_profile("realmix")


@pytest.fixture
def data_root() -> str:
    """The folder with the real data sets; skips the test where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("REALMIX_DATA", beside))
    if not folder.is_dir():
        pytest.skip("the real data sets are not here (REALMIX_DATA)")
    return str(folder)
