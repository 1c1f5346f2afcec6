"""What a cell's accuracy is on other rows: by its test rows, and by its pool where that may be."""

import json

import numpy as np
import pytest
from test_compare import here

from realmix.comparison.face import compare
from realmix.comparison.powered import answers, other_rows
from realmix.comparison.tables import RECORDS
from realmix.evaluate import powered as evaluated
from realmix.evaluate.intervals import wilson

pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Three classes that overlap; test rows and pool of one kind, but in one scenario."""
    monkeypatch.setattr("realmix.comparison.compare.outcomes", here)
    rng = np.random.default_rng(0)
    label = np.arange(400) % 3
    points = rng.normal(size=(400, 2)) + 2 * np.stack([label == 0, label == 1], 1)
    lines = [f"{x:.4f},{y:.4f},{'abc'[c]}" for (x, y), c in zip(points, label, strict=True)]
    table = tmp_path / "rows.csv"
    table.write_text("\n".join(["x,y,label", *lines]) + "\n")
    return compare(
        str(table),
        ["linear", "label_spreading", "sklearn:GaussianNB"],
        labels=[12],
        seeds=1,
        sweep={"imbalance-pool": [1, 5]},
        workers=1,
        out=tmp_path / "c",
    )


def test_the_pool_counts_where_no_scenario_has_changed_it(results, monkeypatch):
    monkeypatch.setattr("realmix.comparison.powered.HARMLESS", ())
    assert all(found.worth == 120 for found in other_rows(results).values())
    monkeypatch.setattr("realmix.comparison.powered.HARMLESS", ("imbalance-pool",))
    monkeypatch.setattr(evaluated, "APART", np.inf)
    found = other_rows(results)
    alone = next(cell for cell in found if cell.algorithm == "linear")
    own = answers(results.folder, alone)
    for cell, other in found.items():
        if cell.setting != alone.setting:
            continue
        outcome = results.done[cell]
        if cell.algorithm.startswith("sklearn"):
            right = outcome["accuracy"] * 120
            assert other.interval == wilson(right, 120)
        else:
            correct = answers(results.folder, cell).correct
            assert correct.mean() == pytest.approx(outcome["accuracy"])
            best = evaluated.powered(correct, own.sure, own.pool_sure)
            assert other == (best.accuracy, best.interval, best.worth)
    assert found[alone].worth > 120


def test_rows_of_another_kind_leave_the_test_rows_alone(results, monkeypatch):
    monkeypatch.setattr("realmix.comparison.powered.HARMLESS", ("imbalance-pool",))
    monkeypatch.setattr(evaluated, "APART", 0.0)
    assert all(found.worth == 120 for found in other_rows(results).values())


def test_it_stands_in_the_tables_and_a_lost_run_takes_nothing_along(results):
    told = json.loads((results.folder / RECORDS).read_text())["cells"]
    for row in told:
        assert row["low"] <= row["other_rows"] <= row["high"]
    for path in results.folder.glob("runs/*/evidence.npz"):
        path.write_bytes(b"damaged")
    assert all(found.worth == 120 for found in other_rows(results).values())
