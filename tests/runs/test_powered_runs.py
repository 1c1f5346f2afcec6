"""Accuracies by held-out labels and pool, in a run: when they are told, and by whose sureness."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from realmix.command.summary import summary
from realmix.data.pools import Dataset
from realmix.data.reading.load import from_arrays
from realmix.evaluate.intervals import wilson
from realmix.evaluate.powered import powered
from realmix.report.page import render
from realmix.report.record import read_run
from realmix.runs.config import Config
from realmix.runs.experiment import Experiment
from realmix.runs.parts.phase import Trained
from realmix.runs.phases import Phases
from realmix.runs.pool import powered as pool_powered
from realmix.runs.pool.powered import pool_sureness
from realmix.runs.prepared import Prepared
from realmix.runs.run import fit
from realmix.runs.watch import Silent

pytestmark = pytest.mark.usefixtures("brief")


def rows(labels: int = 30, pool: int = 300, shift: float = 0.0) -> Dataset:
    """Three classes that overlap; the pool shifted off them."""
    rng = np.random.default_rng(0)
    label = np.arange(labels + pool) % 3
    x = rng.normal(size=(3, 4))[label] * 1.5 + rng.normal(size=(len(label), 4))
    x[labels:] += shift
    label = np.where(np.arange(len(label)) < labels, label, -1)
    return from_arrays(x.astype(np.float32), label)


def outcome(dataset: Dataset, **options: Any) -> Any:
    config = Config("rows", steps=5, **{"algorithm": "label_spreading", **options})
    return Experiment(Phases(dataset, config, None, Silent())).run()


def test_each_model_s_figures_are_by_the_sureness_of_the_labels_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[np.ndarray] = []

    def listening(*given: Any) -> np.ndarray:
        asked.append(pool_sureness(*given))
        return asked[-1]

    monkeypatch.setattr(pool_powered, "pool_sureness", listening)
    found = outcome(rows())
    told, evidence = found.result["with_pool"], found.evidence
    assert (told["why_not"], told["rows"]) == (None, 300)
    sure = evidence["heldout_baseline"].max(1)
    for name in ("baseline", "model", "shipped"):
        correct = evidence[f"heldout_{name}"].argmax(1) == evidence["heldout_label"]
        assert told[name] == powered(correct, sure, asked[0], each=0.8).to_json()  # five folds
    assert told["baseline"]["worth"] > 0.8 * 30
    right = round(found.result["baseline"]["accuracy"] * 30)
    assert found.result["baseline"]["interval"] == pytest.approx(wilson(right * 0.8, 24))
    assert found.result["folds"] == 5


@pytest.mark.parametrize(
    ("dataset", "why"),
    [
        (rows(shift=6.0), "may not be rows of one kind"),
        (rows(labels=15), "It takes 20 labeled rows or more"),
    ],
)
def test_it_is_said_why_it_cannot_be_told(dataset: Dataset, why: str) -> None:
    told = outcome(dataset).result["with_pool"]
    assert why in told["why_not"]
    assert set(told) == {"why_not"}


@pytest.mark.parametrize(("pool", "gate"), [(0, "balanced"), (300, "none")])
def test_without_a_pool_or_a_comparison_there_is_nothing(pool: int, gate: str) -> None:
    algorithm = "linear" if not pool else "label_spreading"
    assert outcome(rows(pool=pool), gate=gate, algorithm=algorithm).result["with_pool"] is None


def test_folds_count_by_the_labels_held_out_of_them() -> None:
    prepared = Prepared(rows(pool=50))
    parts = []
    for held, bias in ((1, 0.0), (3, 2.0)):
        network = torch.nn.Linear(4, 3)
        torch.nn.init.zeros_(network.weight)
        network.bias.data = torch.tensor([bias, 0.0, 0.0])
        parts.append(Trained(network, "linear", np.zeros((held, 3)), 0.0, 0, 5, True))
    sure = pool_sureness(prepared, parts, 0)
    other = np.exp(2) / (np.exp(2) + 2)
    assert sure == pytest.approx(np.full(50, (1 / 3 + 3 * other) / 4))


def test_a_large_pool_is_asked_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_powered, "MOST", 40)
    assert outcome(rows()).result["with_pool"]["rows"] == 40


def test_console_and_report_show_it(tmp_path: Any) -> None:
    x = rows()
    lines = [*(",".join(f"{v:.4f}" for v in row) for row in x.inputs)]
    names = ["abc"[c] if c >= 0 else "" for c in x.label]
    table = tmp_path / "rows.csv"
    body = [f"{line},{name}" for line, name in zip(lines, names, strict=True)]
    table.write_text("\n".join(["p,q,r,s,label", *body]) + "\n")
    config = dataclasses.replace(Config(str(table)), algorithm="label_spreading", steps=5)
    fit(config, tmp_path / "run", Silent())
    run = read_run(tmp_path / "run")
    assert run.with_pool is not None
    assert "with the 300 rows of the pool" in render(run)
    from rich.console import Console

    console = Console(width=150)
    with console.capture() as shown:
        console.print(summary(tmp_path / "run"))
    low, high = run.with_pool["baseline"]["interval"]
    assert "and 300 pool rows" in shown.get()
    assert f"{low:5.1%} to {high:.1%}" in shown.get()
