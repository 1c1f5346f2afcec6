"""What a run ships, taught to a small network."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest

from realmix.base.errors import DataError, Interrupted, UsageError
from realmix.command.distilling import told
from realmix.runs.classifier import load_classifier
from realmix.runs.climb import distill as distilling
from realmix.runs.climb.distill import FIGURES, Distilled, distill
from realmix.runs.config import Config
from realmix.runs.run import fit
from realmix.runs.watch import Silent

pytestmark = pytest.mark.usefixtures("brief")


def rows_file(folder: Path, pool: int = 200) -> Path:
    """Three clusters with 12 labels, a pool and 30 test rows."""
    rng = np.random.default_rng(0)
    y = np.arange(12 + pool + 30) % 3
    x = 3 * np.eye(3)[y] + rng.normal(size=(len(y), 3))
    known = np.where(np.arange(len(y)) < 12, y, -1)
    end = 12 + pool
    np.savez(folder / "rows.npz", x=x[:end], y=known[:end], x_test=x[end:], y_test=y[end:])
    return folder / "rows.npz"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    data = rows_file(tmp_path)
    config = Config(str(data), algorithm="gaussian_mixture", gate="none", device="cpu")
    fit(config, tmp_path / "run", Silent())
    return tmp_path / "run"


def small(run: Path, steps: int = 120, **more: object) -> Distilled:
    return distill(run, run / "small", "mlp", steps, **more)  # type: ignore[arg-type]


def test_a_small_network_learns_what_the_run_ships(run: Path) -> None:
    found = small(run)
    figures = found.figures
    assert figures["agreement_rows"] == 20  # a tenth of 200
    assert figures["agreement"] >= 0.8
    with np.load(run.parent / "rows.npz") as data:
        exam, truth = data["x_test"], data["y_test"]
    classifier = load_classifier(run / "small")
    assert classifier.model == "mlp"
    right = (classifier.predict_proba(exam).argmax(1) == truth).mean()
    assert figures["test"]["accuracy"] == pytest.approx(right)
    result = json.loads((run / "result.json").read_text())
    assert figures["teacher_test"] == result["test"]["shipped"]
    assert json.loads((run / "small" / FIGURES).read_text()) == figures


def test_rows_that_are_held_are_not_taught(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of them may be anything: the network is the same."""
    one = small(run, 4).classifier.network.state_dict()
    with np.load(run / "evidence.npz") as kept:
        evidence = {name: kept[name] for name in kept.files}
    held = distilling._held(200, 0)
    assert len(held) == 20
    evidence["pool_shipped"][held] = [0.0, 0.0, 1.0]
    np.savez(run / "evidence.npz", **evidence)
    other = distill(run, run / "other", "mlp", 4).classifier.network.state_dict()
    assert all(value.equal(other[name]) for name, value in one.items())


def test_what_is_interrupted_goes_on(run: Path) -> None:
    class Stops(Silent):
        asked = 0

        def stopping(self) -> bool:
            self.asked += 1
            return self.asked == 3

    with pytest.raises(Interrupted):
        small(run, 6, watch=Stops())
    cut = small(run, 6).classifier.network.state_dict()
    whole = distill(run, run / "whole", "mlp", 6).classifier.network.state_dict()
    assert all(value.equal(whole[name]) for name, value in cut.items())


def test_a_pool_that_has_changed_is_refused(run: Path) -> None:
    rows_file(run.parent, pool=180)
    with pytest.raises(UsageError, match="is not that of the run"):
        small(run, 2)


def test_a_run_without_a_pool_is_refused(tmp_path: Path) -> None:
    fit(Config(str(rows_file(tmp_path, pool=0)), device="cpu", steps=2), tmp_path / "run", Silent())
    with pytest.raises(UsageError, match="no pool"):
        small(tmp_path / "run", 2)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        small(tmp_path, 2)


def test_texts_are_learned_without_the_encoder(tmp_path: Path) -> None:
    words = (["good", "fine", "nice"], ["bad", "poor", "sad"])
    lines = [f"{words[i % 2][i % 3]} film {i % 7},{i % 2 if i < 12 else ''}" for i in range(72)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *lines]))
    config = Config(
        str(tmp_path / "texts.csv"), algorithm="gaussian_mixture", encoder="tfidf", gate="none",
        device="cpu",
    )  # fmt: skip
    fit(config, tmp_path / "run", Silent())
    found = distill(tmp_path / "run", tmp_path / "small", steps=3)
    classifier = load_classifier(tmp_path / "small")
    assert classifier.takes == "texts"
    texts = np.array(["a good film", "a bad film"], object)
    np.testing.assert_allclose(
        classifier.predict_proba(texts), found.classifier.predict_proba(texts), atol=1e-6
    )


def test_the_terminal_shows_both(run: Path) -> None:
    from rich.console import Console

    found = small(run, 3)
    console = Console(width=100, record=True, file=io.StringIO())
    figures = {**found.figures, "agreement": 0.951}
    console.print(told(figures, run / "small"))
    text = console.export_text()
    assert "They agree on 95.1% of 20 pool rows" in text
    assert "the small one" in text
    console.print(told({**figures, "test": None, "agreement": None}, run / "small"))
    assert "test rows" not in console.export_text()


def test_steps_fit_into_the_minutes(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of 8 steps that take 16 seconds leave 30 steps of a minute."""
    now = [0.0]
    learned = distilling._Student.learned

    def slow(self: object, steps: int, folder: object, watch: object) -> object:
        now[0] += 2.0 * steps
        return learned(self, min(steps, 2), folder, watch)  # type: ignore[arg-type]

    monkeypatch.setattr(distilling._Student, "learned", slow)
    monkeypatch.setattr(distilling.time, "monotonic", lambda: now[0])
    found = distill(run, run / "small", "mlp", minutes=1.0)
    assert found.figures["steps"] == 30
    assert dataclasses.asdict(found)["figures"]["network"] == "mlp"
