"""Rows that a run keeps for its report, and how the report shows them."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from realmix.augment.presets import PRESETS
from realmix.contract.algorithm import Views
from realmix.data.pools import Dataset
from realmix.report import plots
from realmix.report.evidence import GALLERY, pool_evidence
from realmix.report.galleries import large, mistakes, views
from realmix.report.page import label_page
from realmix.report.pictures import mistake_evidence, one_of_each, view_evidence
from realmix.report.record import Run


def dataset(count: int = 30, **changes) -> Dataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 3, 8, 8), np.uint8)
    label = np.arange(count) % 4 - 1
    names = tuple(f"folder/{i}.png" for i in range(count))
    return Dataset(images, label, ("a", "b", "c"), "svhn", names=names, **changes)


def seen(asked: Views) -> dict:
    return view_evidence(dataset(), PRESETS["svhn"]((3, 8, 8)), asked, seed=5)


def test_the_first_view_is_the_picture_itself():
    kept = seen(Views(("weak",), ("weak", "strong", "strong")))
    assert kept["views_names"].tolist() == ["plain", "weak", "strong"]
    assert kept["views_images"].shape == (8, 3, 3, 8, 8)
    rows = one_of_each(dataset().label, 8)
    assert np.array_equal(kept["views_images"][:, 0], dataset().inputs[rows])
    assert kept["views_label"].tolist() == dataset().label[rows].tolist()
    assert (kept["views_images"][:, 1] != kept["views_images"][:, 2]).any()


def test_the_weak_view_is_one_that_the_preset_can_give():
    kept = seen(Views(("weak",)))
    for plain, weak in kept["views_images"]:  # moved by a pixel: no value that was not there
        assert set(weak.ravel()) <= set(plain.ravel())


def test_views_that_learn_their_strengths_are_shown_too():
    kept = seen(Views(("probe",), ("learned",)))
    assert kept["views_names"].tolist() == ["plain", "probe", "learned"]


def test_what_is_shown_follows_from_the_seed_and_leaves_global_randomness_alone():
    before = torch.random.get_rng_state()
    one, other = seen(Views(("weak",))), seen(Views(("weak",)))
    assert np.array_equal(one["views_images"], other["views_images"])
    assert torch.equal(before, torch.random.get_rng_state())


def decoded(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_to_label_is_that_of_its_file(tmp_path, mode):
    channels, file = (3 if mode == "RGB" else 1), tmp_path / "photo.png"
    kept = np.zeros((channels, 8, 8), np.uint8)
    Image.linear_gradient("L").convert(mode).resize((400, 300)).save(file)
    shown = decoded(large(str(file), kept, 192))
    assert (shown.size, shown.mode, shown.format) == ((192, 192), mode, "JPEG")
    assert len(np.unique(shown)) > 100
    assert large(str(file), kept, 192) in label_page("run", [(str(file), kept)], ("a", "b"))
    for name in ("row 5", str(tmp_path / "gone.png"), str(tmp_path)):
        assert large(name, kept, 192) == plots.tile(kept, 192)
    enough = np.zeros((channels, 192, 192), np.uint8)
    assert large(str(file), enough, 192) == plots.tile(enough, 192)


def test_a_deep_picture_to_label_is_as_it_was_kept(tmp_path):
    """By the scale of its set, which one file does not tell."""
    Image.fromarray(np.full((300, 300), 4095, np.uint16)).save(tmp_path / "deep.png")
    kept = np.zeros((1, 8, 8), np.uint8)
    assert large(str(tmp_path / "deep.png"), kept, 192) == plots.tile(kept, 192)


def test_of_equal_rows_of_the_pool_one_is_shown():
    data = dataset(200)
    pool = np.flatnonzero(data.label < 0)
    data.inputs[pool[1]] = data.inputs[pool[40]] = data.inputs[pool[0]]
    sureness = np.linspace(0.4, 0.9, len(pool))
    probs = np.stack([sureness, 1 - sureness, 0 * sureness], 1)
    probs[:11] = probs[:11, [1, 0, 2]]
    kept = pool_evidence(data, probs, probs, probs, seed=0)
    least = np.argsort(probs.max(1), kind="stable")
    equal = {0, 1, 40}
    shown = [row for row in least if row not in equal or row == min(equal, key=list(least).index)]
    assert kept["unsure_index"].tolist() == shown[:GALLERY]
    assert len(equal & set(kept["sure_index"].tolist())) == 1
    assert kept["unsure_images"].shape == (GALLERY, 3, 8, 8)


def test_of_feature_rows_no_views_are_kept():
    rows = Dataset(np.zeros((2, 3), np.float32), np.array([0, 1]), ("a", "b"), "features")
    assert view_evidence(rows, PRESETS["features"]((3,)), Views(), 0) == {}


def test_one_of_each_class_comes_first():
    label = np.array([2, 2, -1, 0, 2, 0, 1])
    assert one_of_each(label, 3).tolist() == [3, 6, 0]
    assert one_of_each(label, 5).tolist() == [3, 6, 0, 5, 1]
    assert one_of_each(label, 9).tolist() == [3, 6, 0, 5, 1, 4]


def test_mistakes_are_the_wrong_rows_the_surest_first():
    label = np.array([0, 1, 2, 0])
    probs = np.array([[0.1, 0.8, 0.1], [0, 1, 0], [0.95, 0.05, 0], [0.2, 0.2, 0.6]], np.float32)
    evidence = {"heldout_label": label, "heldout_model": probs}
    held = np.array([5, 9, 7, 20])
    kept = mistake_evidence(dataset(), held, evidence, "model")
    assert kept["wrong_index"].tolist() == [2, 0, 3]
    assert kept["wrong_label"].tolist() == [2, 0, 0]
    assert kept["wrong_guess"].tolist() == [0, 1, 2]
    assert kept["wrong_confidence"].tolist() == pytest.approx([0.95, 0.8, 0.6])
    assert kept["wrong_names"].tolist() == ["folder/7.png", "folder/5.png", "folder/20.png"]
    assert np.array_equal(kept["wrong_images"], dataset().inputs[[7, 5, 20]])


def test_test_rows_come_before_held_out_ones():
    tests = {"test_label": np.zeros(50, int), "test_shipped": np.tile([0.3, 0.7, 0.0], (50, 1))}
    images = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 8, 8), np.uint8)
    given = dataset(test_inputs=images, test_names=tuple(map(str, range(50))))
    kept = mistake_evidence(given, np.zeros(0, int), tests, "shipped")
    assert kept["wrong_index"].tolist() == list(range(GALLERY))
    assert kept["wrong_images"][:, 0, 0, 0].tolist() == list(range(GALLERY))
    assert kept["wrong_names"].tolist() == list(map(str, range(GALLERY)))


def run_with(tmp_path, evidence, **config) -> Run:
    return Run(tmp_path, config, [], {"classes": ["a", "b", "c"]}, evidence)


def test_the_report_shows_views_by_name_and_mistakes_by_file(tmp_path):
    label, probs = np.array([0, 1]), np.array([[0, 1, 0], [0, 0, 1.0]])
    judged = {"heldout_label": label, "heldout_model": probs}
    evidence = seen(Views(("weak",), ("strong",))) | mistake_evidence(
        dataset(), np.array([3, 4]), judged, "model"
    )
    run = run_with(tmp_path, evidence, augmentation={"preset": "svhn"})
    shown = views(run)
    assert shown["preset"] == "svhn"
    assert [name for name, _ in shown["rows"][0]["pictures"]] == ["as it is", "weak", "strong"]
    assert [row["name"] for row in shown["rows"]] == ["a", "b", "c"] * 2 + ["a", "b"]
    first = mistakes(run)[0]
    assert (first["given"], first["name"], first["file"]) == ("a", "b", "folder/3.png")
    assert first["picture"].startswith("data:image/png")


def test_a_run_that_kept_none_shows_none(tmp_path):
    run = run_with(tmp_path, {}, augmentation="?")
    assert views(run) is None
    assert mistakes(run) == []
