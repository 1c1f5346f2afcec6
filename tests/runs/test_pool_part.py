"""A run whose pool is more than its encoder can see in the time there is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from realmix.base.errors import Interrupted
from realmix.encoders import encoding
from realmix.encoders.encoding import Encoding
from realmix.runs.config import Config
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from tests.encoders import tiny_encoder as small
from tests.runs.test_run import contents

pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """24 labels, 16 photos in the pool, and 15 minutes with an encoder of 15 seconds a photo."""
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    made, now = Encoding.features, [0.0]

    def slowly(self: Encoding, views: int, seed: int) -> Any:
        now[0] += 15.0 * len(self.missing())
        return made(self, views, seed)

    monkeypatch.setattr(Encoding, "features", slowly)
    monkeypatch.setattr(encoding, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(encoding, "LEAST", 2)
    encoder = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    folder = small.photos(tmp_path / "photos")
    quick = {"image_size": 32, "minutes": 15, "algorithm": "prototypes", "gate": "none"}
    return Config.from_json({"data": str(folder), "encoder": encoder, **quick})


class StopsOnceBegun(Silent):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stopping(self) -> bool:
        return (self.folder / "config.json").exists()


def told(folder: Path) -> tuple[int | None, int, str]:
    """Rows of the pool as they are settled and as they were answered, and the word on it."""
    settled = json.loads((folder / "config.json").read_text())["pool_rows"]
    with np.load(folder / "evidence.npz") as evidence:
        answered = len(evidence["pool_names"])
    notes = json.loads((folder / "result.json").read_text())["notes"]
    return settled, answered, " ".join(note for note in notes if "drawn at random" in note)


def test_it_learns_from_so_many_rows_as_half_of_its_time_allows(
    config: Config, tmp_path: Path
) -> None:
    fit(config, tmp_path / "run", Silent())
    settled, answered, note = told(tmp_path / "run")
    assert settled == answered == 6  # 450 seconds are 30 photos, 24 of them labeled
    assert "sees 6 of the pool's 16 rows" in note
    assert "All take about 2 min 30 s more: --minutes 20." in note  # 150 s and 450 s, twice


def test_stopped_it_goes_on_with_the_same_rows(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "whole", Silent())
    for kept in (tmp_path / "cache").rglob("*"):
        kept.is_file() and kept.unlink()
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "parts", StopsOnceBegun(tmp_path / "parts"))
    fit(config, tmp_path / "parts", Silent())
    assert told(tmp_path / "parts")[:2] == (6, 6)
    mine, theirs = contents(tmp_path / "parts"), contents(tmp_path / "whole")
    assert mine["weights"] == theirs["weights"]
    assert mine["evidence"] == theirs["evidence"]


def test_what_was_seen_before_takes_no_time(config: Config, tmp_path: Path) -> None:
    for number in range(2):
        fit(config, tmp_path / f"run-{number}", Silent())
    assert told(tmp_path / "run-0")[:2] == (6, 6)
    assert told(tmp_path / "run-1") == (None, 16, "")


def test_steps_without_minutes_and_comparisons_learn_from_all(
    config: Config, tmp_path: Path
) -> None:
    steps = Config.from_json({**config.to_json(), "minutes": None, "steps": 4})
    fit(steps, tmp_path / "steps", Silent())
    assert told(tmp_path / "steps") == (None, 16, "")
    fit(config, tmp_path / "whole", Silent(), whole=True)
    assert told(tmp_path / "whole") == (None, 16, "")


def test_a_run_of_an_older_version_goes_on_with_all_rows(config: Config, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "run", StopsOnceBegun(tmp_path / "run"), whole=True)
    file = tmp_path / "run" / "config.json"
    saved = json.loads(file.read_text())
    del saved["pool_rows"]
    file.write_text(json.dumps(saved))
    for kept in (tmp_path / "cache").rglob("*"):
        kept.is_file() and kept.unlink()
    fit(config, tmp_path / "run", Silent())
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        assert len(evidence["pool_names"]) == 16
