"""The GPU's benchmark runs, with next to nothing, where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_dry_visit_leaves_its_record(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--dry", "--record", str(tmp_path)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], capture_output=True)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {line["part"] for line in lines} == {"tests", "steps", "clock"}
    assert {line["algorithm"] for line in lines if line["part"] == "clock"} == {
        "fixmatch",
        "realmix",
    }
    assert all(line["alone"] > 0 for line in lines if line["part"] == "steps")
    page = (tmp_path / "README.md").read_text()
    assert "| convnet | supervised | float32 |" in page
    assert "3 of 3" in page
