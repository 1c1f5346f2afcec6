"""Runs whose pool is joined by a bank's sentences, or has labels of unknown quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realmix import SemiSupervisedClassifier
from realmix.base.errors import UsageError
from realmix.runs.config import Config
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from tests.runs.test_written import COMMON, WORDS, tickets

pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REALMIX_DATA", raising=False)
    rng = np.random.default_rng(1)
    lines = [
        " ".join([*rng.choice(WORDS[kind], 3), *rng.choice(COMMON, 4)])
        for kind in ("sport", "money") * 30
    ]
    (tmp_path / "bank.txt").write_text("\n".join(lines))
    data, bank = str(tickets(tmp_path, pool=0)), str(tmp_path / "bank.txt")
    return Config(data, encoder="tfidf", steps=5, device="cpu", bank=bank, bank_rows=20)


def test_a_run_learns_from_a_bank_and_is_its_bank(config: Config, tmp_path: Path) -> None:
    result = fit(config, tmp_path / "run", Silent())
    assert result["unlabeled"] == result["bank"]["retrieved"] == 20
    assert result["bank"]["sentences"] == 60
    assert not any("plain supervised" in note for note in result["notes"])
    assert fit(config, tmp_path / "run", Silent()) == result
    with (tmp_path / "bank.txt").open("a") as file:
        file.write("\none more sentence")
    with pytest.raises(UsageError, match="the bank of sentences"):
        fit(config, tmp_path / "run", Silent())


def test_an_estimator_takes_weak_labels() -> None:
    X = np.concatenate([np.zeros((20, 2)), np.ones((20, 2))]) + np.arange(40)[:, None] / 100
    y = [0, 0, 0, *[-1] * 17, 1, 1, 1, *[-1] * 17]
    weak = [0] * 20 + [1] * 19 + [None]
    model = SemiSupervisedClassifier(steps=5, random_state=0).fit(X, y, weak_labels=weak)
    assert model.result_["weak_labels"]["right"] == 6
    assert "weak_labels" in {line["algorithm"] for line in model.result_["tried"]}
    assert (model.predict(X) == [0] * 20 + [1] * 20).mean() > 0.9
