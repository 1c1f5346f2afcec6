"""A run on texts: fit, predict, decide, the report, the estimator, and what can go wrong."""

from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from realmix import SemiSupervisedClassifier
from realmix.base.errors import DataError, UsageError
from realmix.command.main import main
from realmix.command.predictions import predict_all
from realmix.data.encoded import Reference
from realmix.encoders.texts import chosen, packaged
from realmix.runs.augmentation import encoding_of
from realmix.runs.classifier import load_classifier
from realmix.runs.config import Config
from realmix.runs.decide import PAGE, TABLE, decide
from realmix.runs.run import fit, read
from realmix.runs.watch import Silent

pytestmark = pytest.mark.usefixtures("brief")

WORDS = {
    "sport": ["goal", "match", "team", "coach", "league", "striker", "<b>cup</b>"],
    "money": ["bank", "shares", "market", "profit", "stocks", "trade", "=SUM(A1)"],
}
COMMON = ["today", "the", "news", "of", "yesterday", "big", "small", "new"]


def tickets(folder: Path, labeled: int = 24, pool: int = 40) -> Path:
    rng = np.random.default_rng(0)
    rows = [["text", "label"]]
    for i in range(labeled + pool):
        kind = ("sport", "money")[i % 2]
        words = [*rng.choice(WORDS[kind], 3), *rng.choice(COMMON, 4)]
        rows.append([" ".join(words), kind if i < labeled else ""])
    with (folder / "tickets.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "tickets.csv"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REALMIX_DATA", raising=False)
    return Config(str(tickets(tmp_path)), encoder="tfidf", steps=20, device="cpu")


def changed(config: Config, **values: object) -> Config:
    return Config.from_json({**config.to_json(), **values})


@pytest.mark.slow
def test_a_run_on_texts_predicts_raw_texts(config: Config, tmp_path: Path) -> None:
    result = fit(config, tmp_path / "run", Silent())
    assert result["encoder"]["name"] == "tfidf"
    assert result["baseline"]["accuracy"] > 0.8
    classifier = load_classifier(tmp_path / "run")
    assert classifier.takes == "texts"
    found = predict_all(classifier, config.data, None)
    mine = {name: row for name, row in zip(found.names, found.probs, strict=True)}
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        for name, row in zip(evidence["pool_names"], evidence["pool_shipped"], strict=True):
            np.testing.assert_allclose(mine[str(name)], row, atol=1e-5)
    lines = tmp_path / "new.txt"
    lines.write_text("the team and its coach\n\nshares of the bank\n")
    assert predict_all(classifier, str(lines), None).label == ["sport", "money"]
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("profit of the trade")
    (tmp_path / "texts" / "b.txt").write_text(" ")
    inside = predict_all(classifier, str(tmp_path / "texts"), None)
    (tmp_path / "odd" / "sport").mkdir(parents=True)
    (tmp_path / "odd" / "sport" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=r"holds no text that can be read \(no text file\)"):
        predict_all(classifier, str(tmp_path / "odd"), None)
    (tmp_path / "odd" / "sport" / "b.txt").write_text("a goal of the striker")
    assert len(predict_all(classifier, str(tmp_path / "odd"), None).bad) == 1
    assert inside.label == ["money"]
    assert [reason for _, reason in inside.bad] == ["an empty text"]


def test_the_model_file_is_whole_without_the_data(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "run", Silent())
    classifier = load_classifier(tmp_path / "run")
    assert set(classifier.embedded or ()) == {"terms", "words", "characters", "projection"}
    Path(config.data).unlink()
    moved = (tmp_path / "run" / "model.safetensors").rename(tmp_path / "m.safetensors")
    probs = load_classifier(moved).predict_texts(["a goal of the striker", "stocks"])
    assert probs.argmax(1).tolist() == [classifier.classes.index(c) for c in ("sport", "money")]
    with pytest.raises(DataError, match="takes texts"):
        classifier.predict_proba(np.zeros((2, 3)))


@pytest.mark.parametrize("algorithm", ["fixmatch", "uda", "mixmatch", "realmix", "vat"])
def test_methods_that_compare_views_learn_from_texts(
    config: Config, tmp_path: Path, algorithm: str
) -> None:
    run = changed(config, algorithm=algorithm, gate="none", views=4, steps=5)
    assert fit(run, tmp_path / "run", Silent())["algorithm"] == algorithm


class Counted:
    """An encoder that says how long texts are and how many words they have, and counts them."""

    kind = "texts"
    state: ClassVar[dict[str, torch.Tensor]] = {}
    read: ClassVar[list[int]] = []

    def __init__(self, last: bool = False) -> None:
        self.reference = Reference("counted", None, 2, "0123456789abcdef")

    def on(self, *place: object) -> Counted:
        return self

    def encode(self, texts: list[str]) -> torch.Tensor:
        Counted.read.append(len(texts))
        return torch.tensor([[len(text), len(text.split())] for text in texts]).half()


def test_views_are_kept_and_follow_from_the_seed(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "LOADERS", {"counted": ("json", Counted)})

    def views(seed: int, count: int = 4) -> tuple[np.ndarray, int]:
        """The augmented views, and how many texts were read for them."""
        Counted.read.clear()
        run = changed(config, encoder="auto")
        encoding = encoding_of(read(run), run)
        assert encoding is not None
        kept = encoding.features(count, seed).augmented
        assert kept is not None
        return np.array(kept.features[kept.place]), sum(Counted.read)

    first, again, other = views(0), views(0), views(1)
    assert (first[1], again[1], other[1]) == (64 + 3 * 64, 0, 3 * 64)
    assert first[0].shape == (64, 3, 2)
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != other[0]).any()
    # two of the three are weak: they keep most of the seven words
    assert first[0][:, :2, 1].min() >= 4
    assert views(0, 2)[1] == 64  # another number of views is another file


def test_texts_are_read_by_an_encoder_and_by_their_words(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "LOADERS", {"counted": ("json", Counted)})
    monkeypatch.setattr(chosen, "FEW", 64)
    monkeypatch.setattr(chosen, "LITTLE", 64)
    Counted.read.clear()
    result = fit(changed(config, encoder=None), tmp_path / "run", Silent())
    assert result["encoder"]["name"] == "counted,tfidf"
    assert result["baseline"]["accuracy"] > 0.8
    classifier = load_classifier(tmp_path / "run")
    found = predict_all(classifier, config.data, None)
    mine = {name: row for name, row in zip(found.names, found.probs, strict=True)}
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        for name, row in zip(evidence["pool_names"], evidence["pool_shipped"], strict=True):
            np.testing.assert_allclose(mine[str(name)], row, atol=1e-5)


@pytest.mark.slow
def test_a_bank_is_read_by_what_is_the_same_in_all_runs(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "LOADERS", {"counted": ("json", Counted)})
    bank = tmp_path / "bank.txt"
    bank.write_text("".join(f"news of the bank and its trade {i}\n" for i in range(40)))
    run = changed(config, encoder="counted,tfidf", bank=str(bank), bank_rows=10)
    assert fit(run, tmp_path / "run", Silent())["encoder"]["name"] == "counted,tfidf"
    Counted.read.clear()
    fit(run, tmp_path / "again", Silent())
    assert sum(Counted.read) < 40  # what was made of the bank is kept
    with open(config.data, newline="") as file:
        length = sum(len(row["text"]) for row in csv.DictReader(file))
    monkeypatch.setattr(chosen, "FEW", 1)
    monkeypatch.setattr(chosen, "LITTLE", length + 1)  # the bank's sentences change no encoder
    result = fit(changed(run, encoder=None), tmp_path / "auto", Silent())
    assert result["encoder"]["name"] == "counted"


def test_what_a_run_learned_from_must_stay(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "run", Silent())
    file = Path(config.data)
    file.write_text(file.read_text().replace("yesterday", "tomorrow"))
    with pytest.raises(UsageError, match=r"changed.*rows"):
        fit(config, tmp_path / "run", Silent())


def test_the_report_and_decide_show_escaped_texts(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "run", Silent())
    page = (tmp_path / "run" / "report.html").read_text()
    assert "&lt;b&gt;cup&lt;/b&gt;" in page
    assert "<b>cup</b>" not in page
    case = decide(tmp_path / "run")
    if case.names:
        rows = list(csv.reader((tmp_path / "run" / TABLE).open()))
        assert rows[0] == ["name", "label", "text"]
        assert not any(cell.startswith("=") for row in rows for cell in row)
        shown = (tmp_path / "run" / PAGE).read_text()
        assert "<b>cup" not in shown
        assert "class of each text" in shown


def test_the_command_line_takes_texts(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fit", config.data, "--text-column", "text", "--encoder", "tfidf", "--steps", "5"]
    assert main([*words, "--out", str(tmp_path / "run")]) in (0, None)
    out = capsys.readouterr()
    assert "Texts are column 'text'" in out.out + out.err
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["text_column"]
    out_file = str(tmp_path / "p.csv")
    assert main(["predict", str(tmp_path / "run"), config.data, "--out", out_file]) in (0, None)
    assert len(Path(out_file).read_text().splitlines()) == 65


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"encoder": "none"}, "--encoder auto, or tfidf"),
        ({"encoder": "minilmm"}, "Did you mean 'minilm'"),
        ({"augment": "photos"}, "for pictures, and these are texts"),
        ({"augment": "column", "algorithm": "fixmatch"}, "needs a column 'backtranslated'"),
        ({"embed_encoder": True}, "for encoders of pictures"),
        ({"image_size": 32, "encoder": None}, "these data are texts"),
    ],
)
def test_wishes_that_do_not_fit_texts(
    config: Config, tmp_path: Path, values: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        fit(changed(config, **values), tmp_path / "run", Silent())


def test_what_a_model_of_texts_does_not_take(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "run", Silent())
    classifier = load_classifier(tmp_path / "run")
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")
    with pytest.raises(UsageError, match="no column 'text'"):
        predict_all(classifier, str(tmp_path / "other.csv"), None)
    (tmp_path / "empty.csv").write_text("text,id\n,2\n")
    with pytest.raises(DataError, match="an empty text"):
        predict_all(classifier, str(tmp_path / "empty.csv"), None)


def test_the_estimator_takes_lists_and_data_frames(config: Config) -> None:
    with Path(config.data).open() as file:
        rows = list(csv.DictReader(file))
    X, y = [row["text"] for row in rows], [row["label"] for row in rows]
    model = SemiSupervisedClassifier(encoder="tfidf", steps=20, random_state=0)
    model.fit(X, y)
    assert model.predict(["a goal of the team"]).tolist() == ["sport"]
    assert model.score(X[:24], y[:24]) > 0.9
    assert len(model.transduction_) == 64
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    for wrong, said in (("a goal", "one string"), ([[1.0]], "holds none")):
        with pytest.raises(DataError, match=said):
            model.predict(wrong)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": range(64), "text": X})
    framed = model.fit(frame, y).predict_proba(frame.iloc[:3])
    np.testing.assert_array_equal(framed, again.predict_proba(X[:3]))
