"""The rule of --algorithm auto, and what the records say of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.accuracy import TASKS, current_lines
from benchmarks.records import by_seed, lines_of
from benchmarks.tables import STEPS as TABLE_STEPS
from benchmarks.tables import TABLES
from realmix.contract.algorithm import Facts
from realmix.runs.choose import AUTO, LONG, resolved
from realmix.runs.config import Config
from realmix.data.reading.load import load
from realmix.runs.experiment import Experiment
from realmix.runs.methods import METHODS
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

ROOT = Path(__file__).resolve().parents[2]


def facts(images: bool = True, labels: int = 40, pool: int = 1000) -> Facts:
    shape = (3, 32, 32) if images else (9,)
    return Facts(10, labels, pool, shape, torch.full((10,), 0.1))


@pytest.mark.parametrize(
    ("known", "steps", "expected"),
    [
        (facts(pool=0), 400, "supervised"),
        (facts(images=False, pool=0), 400, "supervised"),
        (facts(images=False), 400, "label_propagation"),
        (facts(images=False), LONG, "label_propagation"),
        (facts(), 400, "mixmatch"),
        (facts(labels=4000), LONG - 1, "mixmatch"),
        (facts(labels=100), LONG, "flexmatch"),
        (facts(labels=101), LONG, "fixmatch"),
    ],
)
def test_the_first_row_that_fits_decides(known: Facts, steps: int, expected: str) -> None:
    name, why = resolved(AUTO, known, steps)
    assert name == expected
    assert name in METHODS
    assert why


def test_a_name_that_was_asked_for_is_taken() -> None:
    assert resolved("vat", facts(pool=0), 400) == ("vat", "")


def test_the_page_names_what_the_rule_takes() -> None:
    page = (ROOT / "docs" / "choosing.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| (\w+) \|", page, re.MULTILINE)
    assert rows == ["supervised", "label_propagation", "mixmatch", "flexmatch", "fixmatch"]


def test_a_run_says_what_was_chosen_and_compares_it() -> None:
    config = Config("digits@20", algorithm=AUTO, steps=2, fields={"batch_size": 4})
    plan = Phases(load("digits@20"), config, None, Silent())
    assert plan.candidate == "mixmatch"
    assert "too short" in plan.why
    outcome = Experiment(plan).run()
    assert outcome.result["algorithm"] == "mixmatch"


@pytest.mark.parametrize(("task", "labels"), [("digits", 20), ("digits", 40), ("cifar10", 1000)])
def test_the_choice_is_near_the_best_of_the_records(task: str, labels: int) -> None:
    """Within two points of the best method of at least three seeds, and above the labels alone."""
    lines = current_lines(task)
    means = {
        name: float(np.mean(list(found.values())))
        for name in METHODS
        if len(found := by_seed(lines, labels=labels, algorithm=name)) >= 3
    }
    chosen = means[resolved(AUTO, facts(labels=labels), TASKS[task].steps)[0]]
    assert chosen > means["supervised"]
    assert chosen >= max(means.values()) - 0.02


def test_on_tables_the_choice_does_no_harm() -> None:
    """Its mean difference from the labels alone, on the table where it does worst."""
    lines = lines_of("tables")
    chosen = resolved(AUTO, facts(images=False), TABLE_STEPS)[0]
    changes = []
    for table in TABLES:
        base = by_seed(lines, table=table, algorithm="supervised")
        found = by_seed(lines, table=table, algorithm=chosen)
        changes.append(np.mean([found[seed] - base[seed] for seed in found]))
    assert min(changes) > -0.01
    assert np.mean(changes) > 0
