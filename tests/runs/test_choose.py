"""The rule of --algorithm auto, and what the records say of it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.accuracy import TASKS, current_lines
from benchmarks.records import by_seed
from realmix.contract.algorithm import Facts
from realmix.data.reading.load import load
from realmix.runs.choose import AUTO, LONG, MANY, QUICK, RUNGS, TAUGHT, TUNED, contenders
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.methods import METHODS
from realmix.runs.phases import Phases
from realmix.runs.prepared import ENCODED
from realmix.runs.watch import Silent

ROWS_ALONE = ("committee", "linear")
ROOT = Path(__file__).resolve().parents[2]


def facts(images: bool = True, labels: int = 40, pool: int = 1000) -> Facts:
    shape = (3, 32, 32) if images else (9,)
    return Facts(10, labels, pool, shape, torch.full((10,), 0.1))


@pytest.mark.parametrize(
    ("known", "steps", "alone", "candidates"),
    [
        (facts(pool=0), 400, ("supervised",), ()),
        (facts(images=False, pool=0), 400, ROWS_ALONE, ()),
        (facts(images=False), 400, ROWS_ALONE, QUICK),
        (facts(images=False), LONG, ROWS_ALONE, QUICK),
        (facts(), 400, ("supervised",), ("mixmatch",)),
        (facts(labels=4000), LONG - 1, ("supervised",), ("mixmatch",)),
        (facts(labels=100), LONG, ("supervised",), ("flexmatch",)),
        (facts(labels=101), LONG, ("supervised",), ("fixmatch",)),
    ],
)
def test_the_first_row_that_fits_decides(
    known: Facts, steps: int, alone: tuple[str, ...], candidates: tuple[str, ...]
) -> None:
    found = contenders(AUTO, "auto", known, steps)
    assert (found.alone, found.candidates) == (alone, candidates)
    assert set(found.all) <= set(METHODS)
    assert found.why


def test_a_name_that_was_asked_for_is_taken() -> None:
    found = contenders("vat", "auto", facts(), 400)
    assert found == (("supervised",), ("vat",), "vat", "", "", (), "")
    assert contenders("vat", "auto", facts(pool=0), 400).all == ("supervised",)
    assert contenders("supervised", "auto", facts(images=False), 400).all == ("supervised",)


def test_a_network_that_was_asked_for_stands_for_the_labels_alone() -> None:
    found = contenders("vat", "mlp", facts(images=False), 400)
    assert found.all == ("supervised", "vat")


def test_without_a_gate_there_is_one_training() -> None:
    assert contenders("vat", "auto", facts(images=False), 400).first.all == ("vat",)
    assert contenders(AUTO, "auto", facts(images=False), 400).first.all == QUICK[:1]
    assert contenders(AUTO, "auto", facts(images=False, pool=0), 400).first.all == ("committee",)


def test_on_features_of_an_encoder_a_vote_is_the_favorite() -> None:
    found = contenders(AUTO, "auto", dataclasses.replace(facts(images=False), preset=ENCODED), 400)
    assert (found.candidates, found.favorite) == (RUNGS, "consensus")
    assert contenders(AUTO, "auto", facts(images=False), 400).favorite == ""


@pytest.mark.parametrize("preset", ["features", ENCODED])
def test_labels_of_unknown_quality_are_one_more_thing_to_try(preset: str) -> None:
    known = dataclasses.replace(facts(images=False), preset=preset)
    plain = contenders(AUTO, "auto", known, 400)
    found = contenders(AUTO, "auto", dataclasses.replace(known, num_weak=1), 400)
    assert found.candidates == (*plain.candidates, "weak_labels")
    assert found.favorite == plain.favorite


def test_where_the_encoder_is_tuned_the_vote_teaches_it_if_there_are_features_for_one() -> None:
    pictures = facts()
    found = contenders(AUTO, TUNED, dataclasses.replace(pictures, has_features=True), 400)
    assert found.alone == ("linear", "supervised")
    assert (found.candidates, found.asked) == (("consensus", "taught"), "taught")
    without = contenders(AUTO, TUNED, pictures, 400)
    assert (without.alone, without.candidates) == (("supervised",), ("softmatch",))


def test_the_page_names_what_the_rule_takes() -> None:
    page = (ROOT / "docs" / "choosing.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| ([\w, ]+) \|", page, re.MULTILINE)
    assert rows[1:] == [
        "labels alone",
        ", ".join(QUICK),
        ", ".join(RUNGS),
        ", ".join(TAUGHT),
        "mixmatch",
        "flexmatch",
        "fixmatch",
    ]


def test_a_run_says_what_was_chosen_and_compares_it() -> None:
    config = Config("digits@20", algorithm=AUTO, steps=2, fields={"batch_size": 4})
    plan = Phases(load("digits@20"), config, None, Silent())
    assert plan.contenders.candidates == ("mixmatch",)
    assert "too short" in plan.contenders.why
    assert Experiment(plan).run().result["algorithm"] == "mixmatch"


@pytest.mark.parametrize(("task", "labels"), [("digits", 20), ("digits", 40), ("cifar10", 1000)])
def test_the_choice_is_near_the_best_of_the_records(task: str, labels: int) -> None:
    """Within two points of the best method of at least three seeds, and above the labels alone."""
    lines = current_lines(task)
    means = {
        name: float(np.mean(list(found.values())))
        for name in METHODS
        if len(found := by_seed(lines, labels=labels, algorithm=name)) >= 3
    }
    (name,) = contenders(AUTO, AUTO, facts(labels=labels), TASKS[task].steps).candidates
    chosen = means[name]
    assert chosen > means["supervised"]
    assert chosen >= max(means.values()) - 0.02


def test_on_columns_several_models_together_are_trusted_and_many_labels_try_each() -> None:
    rows = facts(images=False)
    found = contenders("vat", "auto", rows, 400)
    assert (found.alone, found.trusted) == ((*ROWS_ALONE, "supervised"), "committee")
    many = contenders(AUTO, "auto", facts(images=False, labels=MANY), 400)
    assert many.alone == (*ROWS_ALONE, "supervised", "forest", "boosting")
    assert many.trusted == "committee"
    assert contenders(AUTO, "mlp", rows, 400).alone == ("supervised",)
    assert contenders(AUTO, "mlp", rows, 400).trusted == ""
    encoded = contenders(AUTO, "auto", dataclasses.replace(rows, preset=ENCODED), 400)
    assert (encoded.alone, encoded.trusted) == (("linear", "supervised"), "linear")
    assert contenders("boosting", "auto", rows, 400).all == ("boosting",)
