"""The GPU's benchmark runs, with next to nothing, where there is none."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import main


@pytest.mark.slow
def test_the_dry_visit_leaves_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(sys, "argv", ["gpu", "--dry", "--record", str(tmp_path)])
    main()
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
