"""Runs that train their encoder of texts: the same answers as frozen at the start, exact resume."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from realmix import SemiSupervisedClassifier, compare
from realmix.algorithms import ALGORITHMS
from realmix.base.errors import UsageError
from realmix.command.predictions import predict_all
from realmix.data.pools import Dataset
from realmix.data.texts.tokens import NOTHING, padded
from realmix.encoders.catalogue import text_encoder
from realmix.encoders.texts import chosen, packaged
from realmix.encoders.texts.bert import Bert, Form, form_of
from realmix.models import build, described, merged
from realmix.models.tuned.texts import Named, TunedTexts, trainable
from realmix.models.tuned.tuning import tune
from realmix.runs import augmentation
from realmix.runs import classifier as classifier_module
from realmix.runs.augmentation import augmented, encoding_of
from realmix.runs.classifier import load_classifier
from realmix.runs.climb.distill import distill
from realmix.runs.climb.tuning import climbed, learned_from
from realmix.runs.config import Config
from realmix.runs.networks import OF_TEXTS, settings_of
from realmix.runs.phases import Phases
from realmix.runs.run import fit, read
from realmix.runs.watch import Silent
from realmix.training.trainer import Trainer
from tests.encoders.texts.test_token_encoder import CONFIG, WORDS, folder, state

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

RUNNING = ("supervised", "pseudo_label", "entropy_minimization", "mean_teacher", "uda", "fixmatch",
           "adamatch", "flexmatch", "freematch", "softmatch", "meta_pseudo_labels")  # fmt: skip
NAME = str(Named("tiny", form_of(CONFIG, "mean"), 5))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Sentences of a man or a dog, a tiny encoder's folder, and two steps of few texts."""
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    rng, file = np.random.default_rng(0), tmp_path / "texts.csv"
    with file.open("w") as out:
        table = csv.writer(out)
        table.writerow(["text", "label"])
        for i in range(48):
            kind = ("man", "dog")[i % 2]
            rest = rng.choice(["eats", "food", "runs", "far", "a"], 3, replace=False)
            table.writerow([f"{kind} {' '.join(rest)} {i}", kind if i < 24 else ""])
    return Config.from_json(
        {
            "data": str(file),
            "encoder": str(folder(tmp_path / "bert")),
            "tune": "all",
            "steps": 2,
            "device": "cpu",
            "gate": "none",
            "algorithm": "fixmatch",
            "fields": {"batch_size": 4, "unlabeled_ratio": 1},
        }
    )


def changed(config: Config, **values: object) -> Config:
    return Config.from_json({**config.to_json(), **values})


def tokens_of(config: Config) -> Dataset:
    dataset = augmented(read(config), config).dataset
    return learned_from(dataset, encoding_of(dataset, config), config)


def phases_of(config: Config) -> Phases:
    return Phases(tokens_of(config), config, None, Silent())


def network(how: str | None = None, pooling: str = "mean", seed: int = 0) -> TunedTexts:
    net = build(str(Named("tiny", form_of(CONFIG, pooling), 5)), (1, 5), 3, seed)
    assert isinstance(net, TunedTexts)
    given = Bert(form_of(CONFIG, pooling))
    given.take(state())
    net.take(given.state_dict(), "")
    if how:
        tune(net, how, seed)
    return net


def numbers(*texts: list[int], length: int = 1) -> torch.Tensor:
    return torch.from_numpy(padded(texts, length)).long()[:, None]


SOME = ([1, 4, 5, 6, 2], [1, 8, 2], [1, 10, 9, 2])


def test_a_name_says_the_sizes() -> None:
    form = Form(6, 384, 12, 1536, 30522, 512, 1e-12, "mean")
    name = str(Named("/home/a b+c@d=e/minilm:last", form, 256))
    assert name == "tuned:minilm:last=6:384:12:1536:30522:512:1e-12:mean@256"
    assert Named.of(name) == Named("minilm:last", form, 256)
    assert described(NAME, network("head"), (1, 5)) == (
        "tiny (27 of its weights train) on up to 5 tokens"
    )


@pytest.mark.parametrize("how", ["head", "last", "all", "lora"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_at_the_start_the_features_are_the_frozen_encoders(
    how: str, pooling: str, tmp_path: Path
) -> None:
    place = folder(tmp_path / "bert")
    encoder = text_encoder(str(place))
    if pooling == "cls":
        (place / "1_Pooling").mkdir()
        (place / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
        encoder = text_encoder(str(place))
    texts = ["a man eats food", "dog", "a dog runs far"]
    net = network(how, pooling)
    given = trainable(str(place)).tokenizing.encode(texts)
    assert given.shape == (3, 1, 5)
    for mode in (True, False):
        found = net.train(mode).features(given).detach()
        torch.testing.assert_close(found, encoder.encode(texts).float(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("mode", [True, False])
def test_padding_changes_nothing(mode: bool) -> None:
    net = network("all").train(mode)
    together = net(numbers(*SOME, length=9))
    for text, row in zip(SOME, together, strict=True):
        torch.testing.assert_close(net(numbers(text))[0], row, rtol=1e-5, atol=1e-5)
    nothing = torch.full((2, 1, 9), NOTHING)
    assert net(nothing).isfinite().all()


def test_each_way_moves_its_own_part() -> None:
    heads = {"head.weight", "head.bias"}
    moved = {}
    for how in ("head", "last", "all", "lora"):
        net = network(how)
        before = {name: value.clone() for name, value in net.state_dict().items()}
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(numbers(*SOME)), torch.tensor([0, 1, 2]))
            loss.backward()
            optimizer.step()
        after = net.state_dict()
        moved[how] = {n for n, value in before.items() if not torch.equal(after[n], value)}
    assert moved["head"] == heads
    assert all(name.startswith("body.body.layers.1.") for name in moved["last"] - heads)
    assert len(moved["last"] - heads) == 12
    assert {"body.words.weight", "body.places.weight", "body.kind"} <= moved["all"]
    assert moved["last"] < moved["all"]
    assert all(name.endswith((".up", ".down")) for name in moved["lora"] - heads)
    assert len(moved["lora"] - heads) == 2 * 2 * 4  # of two layers: in, out and two linear ones


def test_words_of_four_bits_stay_as_they_are_and_all_else_moves() -> None:
    form = form_of({**CONFIG, "hidden_size": 32}, "mean")._replace(packed=True)
    net = build(str(Named("tiny", form, 5)), (1, 5), 3, 0)
    assert isinstance(net, TunedTexts)
    rng = torch.Generator().manual_seed(0)
    for value in net.body.state_dict().values():
        if value.is_floating_point():
            value.normal_(generator=rng)
        else:
            value.random_(256, generator=rng)
    tune(net, "all", 0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(net(numbers(*SOME)), torch.tensor([0, 1, 2])).backward()
    optimizer.step()
    same = {n for n, value in net.state_dict().items() if torch.equal(before[n], value)}
    assert same == {"body.words.scales", "body.words.halves"}
    assert {d for p, d in net.depths()} == {1, 2, 3}
    again = build(str(Named("tiny", form, 5)), (1, 5), 3, 1)
    again.load_state_dict(net.state_dict())
    net.eval(), again.eval()
    torch.testing.assert_close(again(numbers(*SOME)), net(numbers(*SOME)))


def test_auto_is_tuned_by_the_best_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    made = dict.fromkeys(("minilm", "e5"), ("json", lambda last: "none"))
    monkeypatch.setattr(packaged, "LOADERS", made)
    assert chosen.best_to_train() == "e5"
    monkeypatch.setattr(packaged, "LOADERS", {"minilm": made["minilm"]})
    assert chosen.best_to_train() == "minilm"
    monkeypatch.setattr(packaged, "LOADERS", {})
    with pytest.raises(UsageError, match="'tfidf' is none"):
        trainable("auto")


def test_depths_count_from_the_head_down() -> None:
    net = network("all")
    names = {id(p): n for n, p in net.named_parameters()}
    depth = {names[id(p)]: d for p, d in net.depths()}
    assert depth["body.body.layers.1.self_attn.in_proj_weight"] == 1
    assert depth["body.body.layers.0.linear1.weight"] == 2
    assert {depth[f"body.{name}"] for name in ("words.weight", "kind", "norm.bias")} == {3}


def test_tokens_of_views_are_the_views_tokens(config: Config) -> None:
    """By the encoder's own features of the same views, which choose as the tokens do."""
    views = {"views": 4}
    tokens = tokens_of(changed(config, **views)).encoded
    dataset = augmented(read(config), config).dataset
    frozen = changed(config, tune=None, **views)
    features = learned_from(dataset, encoding_of(dataset, frozen), frozen).encoded
    assert tokens is not None
    assert tokens.augmented is not None
    assert features is not None
    assert features.augmented is not None
    assert tokens.longest == 5
    assert tokens.augmented.features.shape == (48, 3, 5)
    assert tokens.augmented.features.dtype == np.int16
    net = network()
    for view in range(3):
        seen = torch.from_numpy(tokens.augmented.features[tokens.augmented.place, view]).long()
        expected = features.augmented.features[features.augmented.place, view].astype(np.float32)
        found = net.eval().features(seen[:, None]).detach().numpy()
        np.testing.assert_allclose(found, expected, atol=0.03)  # bfloat16


def test_the_end_of_a_text_is_read_where_that_is_asked_for(config: Config) -> None:
    first, last = (
        tokens_of(changed(config, encoder=f"{config.encoder}{end}")).encoded
        for end in ("", ":last")
    )
    assert first is not None
    assert last is not None
    begins = {WORDS[row[1]] for row in first.plain.features[:, 0]}
    assert begins == {"man", "dog"}
    assert {WORDS[row[-2]] for row in last.plain.features[:, 0]} == {"[UNK]"}  # the number


def trainer(config: Config, folder: Path | None = None) -> Trainer:
    phases = phases_of(config)
    return phases.trainer(phases.only, 4, folder)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["last", "all", "lora"])
def test_resume_is_exact(how: str, config: Config, tmp_path: Path) -> None:
    tuned = changed(config, tune=how)
    whole = trainer(tuned, tmp_path / "whole").run().state()
    trainer(tuned, tmp_path / "cut").run(until=2)
    again = trainer(tuned, tmp_path / "cut")
    assert again.resume()
    for name, value in again.run().state().items():
        torch.testing.assert_close(value, whole[name], rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_algorithms_run_or_say_why_not(name: str, config: Config) -> None:
    asked = changed(config, algorithm=name, fields={"batch_size": 4})
    if name not in RUNNING:
        with pytest.raises(UsageError, match=r"takes the numbers of words.*fixmatch|CTAugment"):
            phases_of(asked)
        return
    one = trainer(asked)
    before = {key: value.clone() for key, value in one.student.network.state_dict().items()}
    one.run()
    after = one.student.network.state_dict()
    moved = {key for key, value in before.items() if not torch.equal(after[key], value)}
    assert {"head.weight", "body.words.weight", "body.body.layers.0.linear1.weight"} <= moved


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("pi_model", {"noise": 0.0}),
        ("temporal_ensembling", {"noise": 0.0}),
    ],
)
def test_what_mixes_or_adds_noise_runs_without_it(
    name: str, fields: dict[str, object], config: Config
) -> None:
    trainer(changed(config, algorithm=name, fields={"batch_size": 4, **fields})).run()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("supervised", {"alpha": 0.5}),
        ("mean_teacher", {"student_noise": 0.1}),
        ("fixmatch", {"mixed_labels": True}),
        ("dividemix", {"few_labels": True}),
    ],
)
def test_what_calculates_with_inputs_is_refused(
    name: str, fields: dict[str, object], config: Config
) -> None:
    with pytest.raises(UsageError, match="takes the numbers of words"):
        phases_of(changed(config, algorithm=name, fields=fields))


@pytest.mark.parametrize("name", ["label_spreading", "sent_augment"])
def test_methods_of_rows_that_leave_no_layer_are_refused(name: str, config: Config) -> None:
    with pytest.raises(UsageError, match="texts whose encoder is tuned"):
        phases_of(changed(config, algorithm=name, fields={}))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["head", "last", "all", "lora-2"])
def test_a_run_ships_one_file_that_takes_raw_texts(
    how: str, config: Config, tmp_path: Path
) -> None:
    tuned = changed(config, tune=how, gate="balanced")
    result = fit(tuned, tmp_path / "run", Silent())
    assert result["network"][0].startswith("bert (")
    assert result["encoder"]["size"] is None
    with np.load(tmp_path / "run" / "evidence.npz") as evidence:
        probs = evidence["pool_shipped"]
    file = shutil.copy(tmp_path / "run" / "model.safetensors", tmp_path / "model.safetensors")
    shutil.rmtree(tmp_path / "run")
    shutil.rmtree(tmp_path / "bert")  # all of it is in the model
    classifier = load_classifier(Path(file))
    assert (classifier.takes, classifier.shape) == ("texts", (1, 5))
    texts = [str(text) for text in read(config).inputs[24:]]
    # a run may compute in bfloat16
    np.testing.assert_allclose(classifier.predict_texts(texts), probs, atol=0.02)
    found = predict_all(classifier, config.data, None)
    np.testing.assert_allclose(found.probs[24:], probs, atol=0.02)


@pytest.mark.slow
def test_auto_tries_the_vote_and_what_it_teaches(config: Config, tmp_path: Path) -> None:
    result = fit(changed(config, algorithm="auto", gate="balanced"), tmp_path / "run", Silent())
    tried = {line["algorithm"]: line["uses_pool"] for line in result["tried"]}
    assert tried == {"linear": False, "supervised": False, "consensus": True, "taught": True}
    assert load_classifier(tmp_path / "run").takes == "texts"


@pytest.mark.parametrize("name", ["linear", "consensus"])
def test_a_method_of_rows_says_the_same_with_its_encoder_as_the_body(
    name: str, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for place in (augmentation, classifier_module):  # bfloat16 rounds otherwise in other batches
        monkeypatch.setattr(place, "best_precision", lambda device, shape: torch.float32)
    for tuned in (None, "head"):
        mine = changed(config, algorithm=name, fields={}, tune=tuned)
        fit(mine, tmp_path / f"run-{tuned}", Silent())
        classifier = load_classifier(tmp_path / f"run-{tuned}")
        found[tuned] = classifier.predict_texts([str(text) for text in read(config).inputs])
    np.testing.assert_allclose(found["head"], found[None], atol=0.03)  # features are float16


@pytest.mark.parametrize(
    ("given", "device", "tuned"),
    [
        ({"minutes": 60.0}, "cuda", True),
        ({"minutes": 60.0}, "cpu", False),
        ({"minutes": 5.0}, "cuda", False),
        ({"minutes": 60.0, "algorithm": "consensus"}, "cuda", False),
        ({"minutes": 60.0, "encoder": "tfidf"}, "cuda", False),
        ({"minutes": 60.0, "views": 4}, "cuda", False),
    ],
)
def test_auto_tunes_the_encoder_where_it_has_a_gpu_and_minutes(
    given: dict[str, object], device: str, tuned: bool, config: Config
) -> None:
    asked = Config.from_json({"data": config.data, "encoder": config.encoder, **given})
    found, told = climbed(asked, ("first",), read(config), device, {})
    assert (found.tune, len(told)) == (("all", 2) if tuned else (None, 1))
    assert found.encoder == asked.encoder


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "named"), [(None, 1), ("tfidf", 0)])
def test_the_rung_above_frozen_features_is_named(
    encoder: str | None, named: int, config: Config, tmp_path: Path
) -> None:
    frozen = {"tune": None, "algorithm": "auto", "gate": "balanced", "fields": {}}
    asked = changed(config, encoder=encoder or config.encoder, **frozen)
    result = fit(asked, tmp_path / "run", Silent())
    assert sum("--tune all" in note for note in result["notes"]) == named


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers")
def test_it_is_distilled_and_compared(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "run", Silent())
    small = distill(tmp_path / "run", tmp_path / "small", steps=2)
    assert small.figures["teacher_encoder"].endswith("bert")
    assert small.classifier.encoder is not None
    assert small.classifier.encoder.name == "tfidf"
    common = {name: getattr(config, name) for name in ("data", "encoder", "tune", "steps")}
    names = ("fixmatch:batch_size=4", "linear")
    found = compare(
        algorithms=names, seeds=[0], test_share=0.3, out=tmp_path / "c", workers=1, **common
    )
    assert len(found.outcomes) == 2
    assert not found.failed


def test_other_weights_or_texts_are_another_run(config: Config, tmp_path: Path) -> None:
    fit(config, tmp_path / "run", Silent())
    assert fit(config, tmp_path / "run", Silent())["algorithm"] == "fixmatch"
    file = Path(str(config.encoder)) / "model.safetensors"
    weights = load_file(file)
    save_file(
        {**weights, "embeddings.LayerNorm.bias": weights["embeddings.LayerNorm.bias"] + 1}, file
    )
    with pytest.raises(UsageError, match="encoder"):
        fit(config, tmp_path / "run", Silent())
    save_file(weights, file)
    Path(config.data).write_text(Path(config.data).read_text().replace("far", "food"))
    with pytest.raises(UsageError, match="changed"):
        fit(config, tmp_path / "run", Silent())


@pytest.mark.parametrize(
    "name", ["tfidf", "wordllama", "hf:some/name", "bert.onnx", "minilm,tfidf"]
)
def test_encoders_that_cannot_be_trained_are_said(name: str, config: Config) -> None:
    if name == "wordllama":
        pytest.importorskip("wordllama")
    with pytest.raises(UsageError, match=r"--tune trains BERTs.*realmix\[offline\].*FOLDER"):
        tokens_of(changed(config, encoder=name))


def test_one_view_is_too_few(config: Config) -> None:
    with pytest.raises(UsageError, match="--views 2"):
        changed(config, views=1)


def test_a_folder_may_be_named_as_sentence_transformers_does(config: Config) -> None:
    found = trainable(f"hf:{config.encoder}")
    assert found.reference.fingerprint == trainable(str(config.encoder)).reference.fingerprint


def test_the_recipe_changes_an_encoder_of_texts_less(config: Config) -> None:
    rates = [settings_of(changed(config, fields={}), "fixmatch", texts)[1].learning_rate
             for texts in (False, True)]  # fmt: skip
    assert rates[1] == OF_TEXTS["learning_rate"] < rates[0]
    assert phases_of(config).recipe.learning_rate == rates[1]


@pytest.mark.slow
def test_the_estimate_is_of_all_that_is_trained(config: Config, tmp_path: Path) -> None:
    class Listens(Silent):
        def plan(self, phases: object, words: str) -> None:
            told.append(words)

    told: list[str] = []
    asked = changed(config, steps=None, minutes=0.05, gate="balanced", algorithm="auto")
    fit(asked, tmp_path / "run", Listens())
    assert "of its weights train) on up to 5 tokens, about" in told[0]


def test_merged_additions_are_the_plain_networks(config: Config) -> None:
    net = network("lora-2").eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    before = net(numbers(*SOME)).detach()
    merged(net)
    torch.testing.assert_close(net(numbers(*SOME)), before, rtol=1e-5, atol=1e-5)
    assert net.state_dict().keys() == network().state_dict().keys()


def test_the_estimator_tunes_it_too(config: Config) -> None:
    dataset = read(config)
    texts = [str(text) for text in dataset.inputs]
    labels = [None if i >= 24 else ("man", "dog")[i % 2] for i in range(48)]
    model = SemiSupervisedClassifier(
        algorithm="fixmatch", encoder=config.encoder, tune="last", steps=2, random_state=0
    ).fit(texts, labels)
    assert model.predict(texts[:3]).shape == (3,)


def test_none_of_it_is_augmented_where_that_is_asked_for(config: Config) -> None:
    kept = tokens_of(replace(config, augment="none")).encoded
    assert kept is not None
    assert kept.augmented is not None
    for view in range(7):
        np.testing.assert_array_equal(kept.augmented.features[:, view], kept.plain.features[:, 0])
