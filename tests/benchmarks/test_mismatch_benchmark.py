"""The benchmark of foreign pools: its order and sums, and that it runs and goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.mismatch import ADDED, ALONE, METHODS, SWAPPED, Job, final, main
from benchmarks.mismatch_page import claims, page, table


def line(method: str, sweep: str, mismatch: int, seed: int, accuracy: float) -> dict[str, object]:
    job = Job(method, sweep, mismatch, seed)
    return {**job._asdict(), "accuracy": accuracy, "steps": 3000, "versions": {"torch": "2"}}


LINES = [
    *(line("supervised", ALONE, 0, seed, 0.70 + seed / 100) for seed in (0, 1)),
    *(line("mixmatch", SWAPPED, 75, seed, 0.65) for seed in (0, 1)),
    *(line("mixmatch", SWAPPED, 0, seed, 0.75) for seed in (0, 1)),
    line("realmix", ADDED, 75, 1, 0.72),
]


def test_differences_are_paired_by_seed() -> None:
    rows = list(table(LINES, ["mixmatch", "realmix"], SWAPPED))
    assert rows[0] == "| method | 0 % | 75 % |"
    assert rows[2:] == [
        "| mixmatch | 0.750 ± 0.000 (+0.045) | **0.650 ± 0.000 (-0.055)** |",
    ]
    assert list(table(LINES, ["realmix"], ADDED))[2:] == ["| realmix | 0.720 (+0.010) |"]


def test_the_worst_share_decides_the_claim() -> None:
    rows = list(claims(LINES))[2:]
    assert rows[0].startswith("| mixmatch | swapped | -0.055 | 75 % | -0.119 to +0.009 | 75 %")
    assert rows[1] == "| realmix | added | +0.010 | 75 % | one seed | none |"


def test_what_failed_is_said() -> None:
    bad = {**line("realmix", SWAPPED, 50, 0, 0.0), "error": "DivergedError: NaN\nat step 3"}
    assert "- realmix, swapped 50 %, seed 0: DivergedError: NaN\n" in page(
        [*LINES, bad], LINES, ["mixmatch"]
    )


def test_a_stop_leaves_whole_comparisons() -> None:
    """Until the labels alone and all seeds of a place are done, no other place is begun."""
    jobs = list(final())
    assert [job.method for job in jobs[:3]] == ["supervised"] * 3
    assert {job.mismatch for job in jobs[3:15]} == {75}
    assert len({job.seed for job in jobs[3:15]}) == 3
    assert {job.method for job in jobs} == METHODS.keys()


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_a_dry_run_leaves_its_record_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mismatch", "--dry", "--record", str(tmp_path)])
    results = tmp_path / "results.jsonl"
    main()
    lines = [json.loads(one) for one in results.read_text().splitlines()]
    assert not [one["error"] for one in lines if "error" in one]
    assert {one["method"] for one in lines} == METHODS.keys()
    assert "| realmix, estimated |" in (tmp_path / "README.md").read_text()
    assert (tmp_path / "figure.svg").read_text().startswith("<?xml")
    kept = results.read_text().splitlines(keepends=True)[:-1]
    results.write_text("".join(kept))
    capsys.readouterr()
    main()
    assert capsys.readouterr().out.startswith("1/1")
    assert len(results.read_text().splitlines()) == len(lines)
