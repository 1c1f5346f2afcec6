"""A run of auto that tunes its encoder: the rungs that do not, on the features beside pictures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from realmix.command.predictions import predict_all
from realmix.runs.classifier import load_classifier
from realmix.runs.climb.tuning import climbed, words
from realmix.runs.config import Config
from realmix.runs.run import fit, read
from realmix.runs.watch import Silent
from tests.encoders import tiny_encoder as small

pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    encoder = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    folder = small.photos(tmp_path / "photos")
    quick = {"image_size": 32, "steps": 2, "augment": "photos", "device": "cpu"}
    few = {"fields": {"batch_size": 4, "unlabeled_ratio": 1}}
    return Config.from_json(
        {"data": str(folder), "encoder": encoder, "tune": "last", **quick, **few}
    )


@pytest.mark.slow
def test_auto_tries_the_vote_and_what_it_teaches(config: Config, tmp_path: Path) -> None:
    result = fit(config, tmp_path / "run", Silent())
    tried = {line["algorithm"]: line["uses_pool"] for line in result["tried"]}
    assert tried == {"linear": False, "supervised": False, "consensus": True, "taught": True}
    classifier = load_classifier(tmp_path / "run")
    assert classifier.encoder is None  # it is in the network
    assert classifier.shape == (3, 32, 32)
    found = predict_all(classifier, str(tmp_path / "photos" / "unlabeled"), None)
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        names, probs = evidence["pool_names"].tolist(), evidence["pool_shipped"]
    mine = dict(zip(found.names, found.probs, strict=True))
    for name, row in zip(names, probs, strict=True):  # a run may compute in bfloat16
        np.testing.assert_allclose(mine[name], row, atol=0.03)


def test_a_method_of_rows_says_the_same_with_its_encoder_as_the_body(
    config: Config, tmp_path: Path
) -> None:
    pool = str(tmp_path / "photos" / "unlabeled")
    one = {"algorithm": "consensus", "gate": "none", "fields": {}}
    found = {}
    for tune in (None, "all"):
        mine = Config.from_json({**config.to_json(), **one, "tune": tune})
        fit(mine, tmp_path / f"run-{tune}", Silent())
        found[tune] = predict_all(load_classifier(tmp_path / f"run-{tune}"), pool, None).probs
    np.testing.assert_allclose(found["all"], found[None], atol=0.03)  # features are float16


@pytest.mark.parametrize(
    ("given", "device", "tuned"),
    [
        ({"minutes": 60.0}, "cuda", True),
        ({"minutes": 60.0}, "cpu", False),
        ({"minutes": 5.0}, "cuda", False),
        ({}, "cuda", False),
        ({"minutes": 60.0, "algorithm": "consensus"}, "cuda", False),
        ({"minutes": 60.0, "encoder": "lite0,timm:resnet18"}, "cuda", False),
        ({"minutes": 60.0, "encoder": "a.onnx"}, "cuda", False),
        ({"minutes": 60.0, "encoder": "none"}, "cuda", False),
        ({"minutes": 60.0, "views": 4}, "cuda", False),
        ({"minutes": 60.0, "model": "mlp"}, "cuda", False),
    ],
)
def test_auto_tunes_the_encoder_where_it_has_a_gpu_and_minutes(
    given: dict[str, object], device: str, tuned: bool, config: Config
) -> None:
    asked = Config.from_json({"data": config.data, "encoder": "lite0", **given})
    found, told = climbed(asked, ("first",), read(config), device, {})
    assert (found.tune, len(told)) == (("all", 2) if tuned else (None, 1))


def test_the_rung_above_is_named_with_about_how_long_it_takes(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """1,000 steps of 64 pictures at 4.5 passes of 10 ms, 48 minutes, five times."""
    plan = SimpleNamespace(folds=[None] * 5, share=0.8)
    phases: Any = SimpleNamespace(config=Config("x", device="cpu"), plan=plan)
    assert "about 4 h 0 min on this CPU: --encoder one --tune all --minutes 240;" in words(
        phases, "one", 0.01
    )
    assert "about 14 min 24 s on this CPU: --encoder one --tune all;" in words(
        phases, "one", 0.0006
    )
    mine = Config.from_json({**config.to_json(), "tune": None, "fields": {}})
    result = fit(mine, tmp_path / "run", Silent())
    assert sum("--tune all" in note for note in result["notes"]) == 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("tuned", ["all", None])
def test_what_began_with_a_gpu_goes_on_without_one_as_it_began(
    tuned: str | None, device: str, config: Config
) -> None:
    asked = Config.from_json({"data": config.data, "encoder": "lite0", "minutes": 60.0})
    assert climbed(asked, (), read(config), device, {"tune": tuned})[0].tune == tuned


def test_a_run_writes_down_whether_it_tunes(config: Config, tmp_path: Path) -> None:
    fit(dataclasses.replace(config, algorithm="supervised"), tmp_path / "run", Silent())
    assert json.loads((tmp_path / "run" / "config.json").read_text())["tune"] == "last"
