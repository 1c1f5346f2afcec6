"""The benchmark of pre-training beside the pool: its data, order and sums, and that it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.records import do, measured
from benchmarks.starts import LITE0, RANDOM, TINY, Setting, few_labels, part_of_base
from benchmarks.transfer import DIGITS, Job, jobs, main, missing, untaught
from benchmarks.transfer_page import (
    DISTILLED,
    SELF_TRAINING,
    TABLE_4,
    brings,
    shares,
    table_4,
    taught,
)
from realmix.data.encoded import Encoded, Kept, Reference
from realmix.data.reading.load import load

SETTING = Setting("digits", (20, 40), 200, 3000, Path("starts"))


def line(
    start: str, method: str, labels: int, seed: int, accuracy: float, **more: float
) -> dict[str, object]:
    job = Job(start, method, labels, seed)
    return {**job._asdict(), "accuracy": accuracy, "steps": 3000, **more}


def test_the_pool_is_the_same_at_every_share_of_the_base() -> None:
    whole = load("digits")
    parts = [part_of_base(whole, 200, labels, seed=1) for labels in (40, 100, 200)]
    assert [int((part.label >= 0).sum()) for part in parts] == [40, 100, 200]
    pools = [part.inputs[part.label < 0] for part in parts]
    assert len(pools[0]) == len(whole.label) - 200
    for pool in pools[1:]:
        np.testing.assert_array_equal(pool, pools[0])


def test_fewer_labels_are_among_more_of_the_base() -> None:
    whole = load("digits")
    few, many = (part_of_base(whole, 200, labels, seed=1) for labels in (40, 200))
    base = {row.tobytes() for row in many.inputs[many.label >= 0]}
    assert {row.tobytes() for row in few.inputs[few.label >= 0]} <= base


def test_features_stay_with_their_rows() -> None:
    """Features are the number of the row, and of the test rows behind them."""
    whole, count = load("digits"), 1297
    number = np.arange(count + 500)
    reference = Reference("any", 8, 1, "")
    encoded = Encoded(Kept(number[:, None, None], number), None, reference, 0.0)
    part = part_of_base(type(whole)(**{**vars(whole), "encoded": encoded}), 200, labels=40, seed=0)
    assert part.encoded is not None
    place = part.encoded.plain.place
    np.testing.assert_array_equal(part.inputs, whole.inputs[place[: len(part.label)]])
    np.testing.assert_array_equal(place[len(part.label) :], count + np.arange(500))


def test_few_labels_are_those_of_the_record_of_random_starts() -> None:
    np.testing.assert_array_equal(
        few_labels(load("digits"), 20, seed=2).label, load("digits@20", seed=2).label
    )


def test_teachers_come_first_and_a_stop_leaves_whole_comparisons() -> None:
    order = list(jobs(SETTING, 3))
    assert len(order) == len(set(order)) == 9 + 2 * 18 + 3 * 9
    assert {(job.start, job.method) for job in order[:9]} == {(LITE0, SELF_TRAINING)}
    assert {job.start for job in order[9:27]} == {TINY}
    assert {job.method for job in order[9:27]} == set(TABLE_4)
    assert {job.seed for job in order[45:54]} == {0}


def test_what_is_done_is_not_done_again_and_what_failed_is(tmp_path: Path) -> None:
    first, second, third = list(jobs(DIGITS, 1))[3:6]
    lines = [{**first._asdict(), "steps": 3}, {**second._asdict(), "steps": 3, "error": "x"}]
    lines.append({**third._asdict(), "steps": 4})
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    left = missing(tmp_path, DIGITS, 1)
    assert first not in left
    assert {second, third} <= set(left)


def test_a_job_waits_for_the_teacher_that_a_head_leaves(tmp_path: Path) -> None:
    setting = Setting("digits", (20, 40), 200, 3000, tmp_path)
    setting.teacher(40, 0).touch()
    waiting = untaught(setting, jobs(setting, 1))
    assert waiting == [Job(RANDOM, DISTILLED, labels, 0) for labels in (100, 200)]


def test_differences_are_from_the_labels_alone_of_random_starts() -> None:
    lines = [line(RANDOM, "supervised", 20, seed, 0.5) for seed in (0, 1)]
    lines += [line(TINY, "realmix", 20, seed, 0.6 + 0.1 * seed) for seed in (0, 1)]
    rows = list(table_4(lines, SETTING))
    assert rows[2] == "| random | labels alone | 0.500 ± 0.000 |  |"
    assert rows[3] == (
        "| Tiny ImageNet | RealMix | 0.650 ± 0.071, +0.150 (two seeds: +0.100, +0.200) |  |"
    )


def test_what_pre_training_and_realmix_bring_each_other() -> None:
    found = {(TINY, "realmix"): 0.7, (RANDOM, "realmix"): 0.6, (TINY, "supervised"): 0.55}
    lines = [line(*which, 20, 0, accuracy) for which, accuracy in found.items()]
    assert list(brings(lines, SETTING))[2:] == [
        "| Tiny ImageNet, RealMix | +0.100 (one seed) |  |",
        "| RealMix over labels alone, from Tiny ImageNet | +0.150 (one seed) |  |",
    ]


def test_what_each_part_brings() -> None:
    found = {RANDOM: (0.5, 0.6), TINY: (0.55, 0.7)}  # alone, with self-training
    lines = [
        line(start, SELF_TRAINING, 200, seed, student, alone=alone)
        for start, (alone, student) in found.items()
        for seed in (0, 1)
    ]
    rows = [row.split("|") for row in shares(lines, SETTING) if "seeds" in row]
    assert {cells[1].strip(): cells[-2].strip()[:6] for cells in rows} == {
        "pre-training, labels alone": "+0.050",
        "pre-training, with self-training": "+0.100",
        "self-training, from random": "+0.100",
        "self-training, from Tiny ImageNet": "+0.150",
        "both": "+0.200",
    }


def test_the_taught_network_is_compared_with_itself() -> None:
    lines = [line(RANDOM, DISTILLED, 40, seed, 0.7, alone=0.6) for seed in (0, 1)]
    lines += [line(LITE0, SELF_TRAINING, 40, seed, 0.95, alone=0.9) for seed in (0, 1)]
    assert list(taught(lines, SETTING))[2:] == [
        "| the labels alone | 0.600 ± 0.000 |  |  |",
        "| taught | 0.700 ± 0.000, +0.100 (two seeds: +0.100, +0.100) |  |  |",
        "| its teacher | 0.900 ± 0.000 |  |  |",
    ]


def test_what_fails_is_a_line_and_costs_no_other() -> None:
    def fails() -> dict[str, object]:
        raise ValueError("NaN")

    assert measured({"seed": 1}, fails) == {"seed": 1, "error": "ValueError: NaN", "seconds": 0.0}


@pytest.mark.usefixtures("forks")
def test_none_begins_after_the_deadline(tmp_path: Path) -> None:
    do(tmp_path, measured, [({}, dict)], jobs=1, end=0.0)
    assert not (tmp_path / "results.jsonl").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_a_dry_run_leaves_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a teacher at hand, as lite0 would leave it."""
    starts = tmp_path / "starts"
    starts.mkdir()
    says = np.full((1297 - 200, 10), 25, np.uint8)
    np.savez(starts / "lite0-40-0.npz", of_255=says)
    given = ["--dry", "--jobs", "1", "--record", str(tmp_path), "--starts", str(starts)]
    monkeypatch.setattr(sys, "argv", ["transfer", *given])
    main()
    lines = [json.loads(one) for one in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert not [one["error"] for one in lines if "error" in one]
    assert sum(one["method"] == DISTILLED for one in lines) == 1
    assert {one["start"] for one in lines} == {RANDOM, TINY}
    assert "| Tiny ImageNet | RealMix |" in (tmp_path / "README.md").read_text()
