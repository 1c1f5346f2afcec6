"""Runs that train their encoder: fit, predict, resume, budget, and what can go wrong."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from realmix.algorithms import ALGORITHMS
from realmix.base.errors import Interrupted, UsageError
from realmix.command.predictions import predict_all
from realmix.data.reading.load import load
from realmix.models.tuned.network import Tuned
from realmix.runs import budget
from realmix.runs.classifier import load_classifier
from realmix.runs.config import Config
from realmix.runs.networks import TUNING, settings_of
from realmix.runs.phases import Phases
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer
from tests.encoders import tiny_encoder as small

pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A folder of photos, and an encoder from a file; two steps of few photos."""
    encoder = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    folder = small.photos(tmp_path / "photos")
    quick = {"image_size": 32, "steps": 2, "augment": "photos", "device": "cpu", "gate": "none"}
    few = {"algorithm": "fixmatch", "fields": {"batch_size": 4, "unlabeled_ratio": 1}}
    return Config.from_json(
        {"data": str(folder), "encoder": encoder, "tune": "last", **quick, **few}
    )


def changed(config: Config, **values: object) -> Config:
    return Config.from_json({**config.to_json(), **values})


@pytest.mark.parametrize("how", ["head", "last", "all", "lora-2"])
def test_a_run_ships_one_file_that_takes_raw_photos(
    how: str, config: Config, tmp_path: Path
) -> None:
    result = fit(changed(config, tune=how), tmp_path / "run", Silent())
    assert result["network"][0].startswith(f"timm:{small.NETWORK} (")
    file = shutil.copy(tmp_path / "run" / "model.safetensors", tmp_path / "model.safetensors")
    shutil.rmtree(tmp_path / "run")
    for weights in tmp_path.glob("weights-*"):
        weights.unlink()  # they are in the model
    classifier = load_classifier(Path(file))
    assert classifier.shape == (3, 32, 32)
    assert classifier.encoder is None
    found = predict_all(classifier, str(tmp_path / "photos" / "unlabeled"), None)
    assert found.probs.shape == (16, 2)
    np.testing.assert_allclose(found.probs.sum(1), 1, rtol=1e-5)


@pytest.mark.slow
def test_predictions_are_the_runs(config: Config, tmp_path: Path) -> None:
    fit(changed(config, tune="lora", gate="balanced"), tmp_path / "run", Silent())
    found = predict_all(
        load_classifier(tmp_path / "run"), str(tmp_path / "photos" / "unlabeled"), None
    )
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        names, probs = evidence["pool_names"].tolist(), evidence["pool_shipped"]
    mine = dict(zip(found.names, found.probs, strict=True))
    for name, row in zip(names, probs, strict=True):  # a run may compute in bfloat16
        np.testing.assert_allclose(mine[name], row, atol=0.02)


def test_photos_are_read_at_the_encoders_size_and_arrays_stay(
    config: Config, tmp_path: Path
) -> None:
    from realmix.runs.augmentation import encoding_of
    from realmix.runs.run import read

    encoding = encoding_of(read(config), config)
    assert encoding is not None
    seen = encoding.pictures()
    assert seen.inputs.shape == (40, 3, 32, 32)
    np.testing.assert_array_equal(
        seen.inputs, load(config.data, image_size=32, label_column="label").inputs
    )
    arrays = tmp_path / "arrays.npz"
    np.savez(arrays, x=small.pictures(40, 12), y=np.arange(40) % 2)
    encoding = encoding_of(read(changed(config, data=str(arrays))), config)
    assert encoding is not None
    assert encoding.pictures().inputs.shape == (40, 3, 12, 12)


def trainer(config: Config, name: str, folder: Path | None = None, steps: int = 3) -> Trainer:
    dataset = load(config.data, image_size=32, label_column="label")
    phases = Phases(
        dataset,
        changed(config, algorithm=name, steps=steps, fields={"batch_size": 4}),
        None,
        Silent(),
    )
    return phases.trainer(phases.only, steps, folder)


@pytest.mark.parametrize("name", sorted(ALGORITHMS.keys() - {"ladder"}))
def test_every_algorithm_trains_what_is_to_be_tuned_and_nothing_else(
    name: str, config: Config
) -> None:
    one = trainer(config, name)
    net = one.student.network
    assert isinstance(net, Tuned)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    one.run()
    after = net.state_dict()
    moved = {key for key, value in before.items() if not torch.equal(after[key], value)}
    known = {key for key, _ in net.named_parameters()}
    assert {"head.weight", "body.conv_head.weight"} <= moved <= known


@pytest.mark.parametrize("how", ["last", "lora"])
def test_resume_is_exact(how: str, config: Config, tmp_path: Path) -> None:
    tuned = changed(config, tune=how)
    whole = trainer(tuned, "fixmatch", tmp_path / "whole", 4).run().state()
    trainer(tuned, "fixmatch", tmp_path / "cut", 4).run(until=2)
    again = trainer(tuned, "fixmatch", tmp_path / "cut", 4)
    assert again.step == 2
    for name, value in again.run().state().items():
        torch.testing.assert_close(value, whole[name], rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(
    ("method", "more"),
    [("noisy_student", {}), ("dividemix", {"few_labels": True}), ("simclr_v2", {})],
)
def test_procedures_train_it_too(
    method: str, more: dict[str, object], config: Config, tmp_path: Path
) -> None:
    asked = changed(config, algorithm=method, tune="head", fields={**config.fields, **more})
    result = fit(asked, tmp_path / "run", Silent())
    assert result["algorithm"] == method
    found = predict_all(
        load_classifier(tmp_path / "run"), str(tmp_path / "photos" / "unlabeled"), None
    )
    assert len(found.probs) == 16


def test_an_interrupted_run_goes_on(config: Config, tmp_path: Path) -> None:
    class Stops(Silent):
        asked = 0

        def stopping(self) -> bool:
            self.asked += 1
            return self.asked == 2

    with pytest.raises(Interrupted):
        fit(changed(config, steps=4), tmp_path / "run", Stops())
    fit(changed(config, steps=4), tmp_path / "run", Silent())
    fit(changed(config, steps=4), tmp_path / "whole", Silent())
    cut, whole = (load_file(tmp_path / run / "model.safetensors") for run in ("run", "whole"))
    assert all(torch.equal(value, whole[name]) for name, value in cut.items())


def test_other_weights_of_the_encoder_are_another_run(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "run", Silent())
    file = Path(str(config.encoder).partition("=")[2])
    state = load_file(file)
    state["conv_stem.weight"] += 1
    save_file(state, file)
    with pytest.raises(UsageError, match="encoder"):
        fit(config, tmp_path / "run", Silent())


def test_the_recipe_changes_little_and_the_user_has_the_last_word(config: Config) -> None:
    fields, recipe = settings_of(changed(config, fields={"learning_rate": 0.5}), "fixmatch")
    assert recipe.learning_rate == 0.5
    assert recipe.layer_decay == TUNING["layer_decay"] < 1
    assert recipe.unlabeled_ratio == 3  # of FixMatch's 7
    papers = settings_of(changed(config, fields={}), "mixmatch")[1]
    assert papers.unlabeled_ratio == 1
    assert fields["threshold"] == 0.95
    assert settings_of(changed(config, tune=None), "fixmatch")[1].learning_rate == 0.03


def test_auto_takes_a_method_that_leaves_an_encoder_calm(config: Config) -> None:
    dataset = load(config.data, image_size=32, label_column="label")
    asked = changed(config, algorithm="auto", fields={}, gate="balanced")
    found = Phases(dataset, asked, None, Silent()).contenders
    assert found.candidates == ("softmatch",)
    assert found.alone == ("supervised",)


def test_the_time_of_answers_counts(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two final networks answer for 16 rows of the pool, and two in the folds 11 times each."""
    dataset = load(config.data, image_size=32, label_column="label")
    phases = Phases(dataset, changed(config, gate="balanced"), None, Silent())
    now = [0.0]

    def half_a_minute(network: object, rows: torch.Tensor) -> None:
        now[0] += 30.0
        assert len(rows) == 40  # of 64

    monkeypatch.setattr(phases.rows, "probs", half_a_minute)
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    held = sum(len(part) for _, part in phases.plan.folds)
    assert held > 0
    expected = (2 * 16 + 2 * 11 * held) * 30 / 40
    assert budget.seconds_of_answers(phases) == pytest.approx(expected)


@pytest.mark.slow
def test_minutes_bound_a_run_and_its_estimate_comes_first(config: Config, tmp_path: Path) -> None:
    class Listens(Silent):
        def plan(self, phases: object, words: str) -> None:
            told.append(words)

        def phase(self, name: str, start: int, steps: int) -> None:
            told.append(name)

    told: list[str] = []
    started = time.monotonic()
    fit(changed(config, steps=None, minutes=0.05), tmp_path / "run", Listens())
    assert time.monotonic() - started < 3 + 30  # and what is beside training
    assert "of its weights train) on 32 x 32 pixels, about" in told[0]
    assert told[-1].startswith("final/")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tune": "heads"}, "Did you mean 'head'"),
        ({"tune": "lora-0"}, "lora-RANK, not 'lora-0'"),
        ({"encoder": None}, "name it, such as --encoder auto"),
        ({"encoder": "none"}, "name it, such as --encoder auto"),
        ({"model": "convnet"}, "leave out --model"),
        ({"init": "runs/a"}, "leave out --init"),
    ],
)
def test_what_does_not_go_together_is_said(
    given: dict[str, object], message: str, config: Config
) -> None:
    with pytest.raises(UsageError, match=message):
        changed(config, **given)


def test_texts_and_rows_are_refused(config: Config, tmp_path: Path) -> None:
    texts, rows = tmp_path / "texts.csv", tmp_path / "rows.csv"
    words = ("good film", "bad film", "a good one", "a bad one")
    lines = [f"{words[i % 4]} {i},{('' if i > 20 else i % 2)}" for i in range(40)]
    texts.write_text("\n".join(["text,label", *lines]))
    rows.write_text("\n".join(["a,label", *(f"{i * i % 7}.5,{i % 2}" for i in range(40))]))
    plain = {"image_size": None, "augment": "auto"}
    with pytest.raises(UsageError, match=r"--tune trains BERTs.*'tfidf' is none"):
        fit(changed(config, data=str(texts), encoder="tfidf", **plain), tmp_path / "r", Silent())
    with pytest.raises(UsageError, match="is for pictures, and these are feature rows"):
        fit(changed(config, data=str(rows), **plain), tmp_path / "r", Silent())
    with pytest.raises(UsageError, match="leave out --views"):
        fit(changed(config, views=4), tmp_path / "r", Silent())
    assert not (tmp_path / "r").exists()


def test_a_finished_run_is_shown_again(config: Config, tmp_path: Path) -> None:
    first = fit(config, tmp_path / "run", Silent())
    assert fit(config, tmp_path / "run", Silent()) == first
