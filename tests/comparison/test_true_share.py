"""A field that follows the share of foreign rows in each cell."""

import json

import pytest
from test_compare import here, table  # noqa: F401

from realmix.base.errors import DataError, UsageError
from realmix.comparison.contenders import Contender
from realmix.comparison.face import compare
from realmix.comparison.tables import TABLE

pytestmark = pytest.mark.usefixtures("brief")

FOLLOWS = "realmix:out_of_distribution=true_share"


def test_only_values_that_ask_for_it_are_replaced():
    found = Contender.of(f"{FOLLOWS}:weight=10")
    assert found.asks_truth
    assert found.told(0.25).fields == {"out_of_distribution": 0.25, "weight": 10}
    assert not found.told(0.25).asks_truth
    assert not Contender.of("realmix:out_of_distribution=0.5").asks_truth


@pytest.fixture
def five(tmp_path):
    """Five classes, of which the first three are known where some are foreign."""
    path = tmp_path / "five.csv"
    lines = [f"{i % 5 + i / 999:.3f},{i % 7},{'abcde'[i % 5]}" for i in range(200)]
    path.write_text("\n".join(["x,y,label", *lines]) + "\n")
    return str(path)


def test_each_cell_has_the_share_of_its_own_scenario(five, tmp_path, monkeypatch):
    monkeypatch.setattr("realmix.comparison.compare.outcomes", here)
    found = compare(
        five, ["supervised", FOLLOWS], labels=[6], seeds=1, sweep={"mismatch": [0, 50, 100]},
        steps=2, workers=1, out=tmp_path / "c",
    )  # fmt: skip
    assert not found.failed
    shares = {}
    for cell, outcome in found.done.items():
        if cell.algorithm == FOLLOWS:
            shares[dict(cell.scenario)["mismatch"]] = outcome["true_share"]
            config = json.loads((tmp_path / "c/runs" / cell.name / "config.json").read_text())
            assert config["algorithm"]["out_of_distribution"] == outcome["true_share"]
            assert f"--set out_of_distribution={outcome['true_share']}" in outcome["command"]
            assert outcome["command"] in (tmp_path / "c" / TABLE).read_text()
        else:
            assert "true_share" not in outcome
    assert shares["0"] == 0
    assert shares["50"] == pytest.approx(0.5, abs=0.1)
    assert shares["100"] == 1


def test_a_pool_nobody_knows_has_no_true_share(table, tmp_path):  # noqa: F811
    pool = tmp_path / "pool.csv"
    pool.write_text("x,y\n0.1,0.2\n0.3,0.4\n")
    with pytest.raises(DataError, match="nobody knows the class of 2 rows of the pool"):
        compare(table, [FOLLOWS], labels=[6], unlabeled=str(pool), out=tmp_path / "c", workers=1)
    assert not (tmp_path / "c").exists()


def test_only_fields_that_are_shares_take_it(table, tmp_path):  # noqa: F811
    with pytest.raises(UsageError, match="extension"):
        compare(table, ["realmix:extension=true_share"], labels=[6], out=tmp_path / "c")
