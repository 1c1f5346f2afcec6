"""A run of auto that tunes its encoder: the rungs that do not, on the features beside pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realmix.command.predictions import predict_all
from realmix.runs.classifier import load_classifier
from realmix.runs.config import Config
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from tests.encoders import tiny_encoder as small


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
