"""Networks of one's own, what an estimator keeps of trainings, and weights of classes."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from realmix import NETWORKS, SemiSupervisedClassifier
from realmix.base.errors import UsageError
from realmix.estimators import listening
from realmix.models import build
from realmix.models.head import Head
from realmix.models.own import Own, as_network, own_name
from realmix.runs.classifier import Classifier
from tests.encoders import tiny_encoder as small

QUICK = {"steps": 3, "gate": False, "random_state": 0, "algorithm": "fixmatch"}


class Small(nn.Module):
    """Logits, with a last linear layer."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(2, 5), nn.Linear(5, outputs)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.last(self.hidden(rows).relu())


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    return rng.normal(size=(40, 2)) + 3 * y[:, None], np.where(np.arange(40) < 12, y, -1)


def test_a_module_learns_from_the_weights_that_it_has_and_stays_as_it_is():
    X, y = rows()
    module = Small()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = SemiSupervisedClassifier(model=module, **QUICK).fit(X, y)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    tuned = model.classifier_.network
    assert isinstance(tuned, Own)
    moved = tuned.body.hidden.weight - before["hidden.weight"]
    assert 0 < moved.abs().max() < 0.2  # three steps
    assert model.result_["network"] == [f"{own_name(module)} (27 weights) on 2 columns"]
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_what_is_saved_is_a_state_that_asks_for_its_class(tmp_path: Path):
    X, y = rows()
    model = SemiSupervisedClassifier(model=Small(), **QUICK).fit(X, y)
    model.classifier_.save(tmp_path / "model.safetensors")
    name = model.classifier_.model
    made = NETWORKS.pop(name)
    with pytest.raises(UsageError, match=rf"own class Small.*realmix.NETWORKS\['{name}'\]"):
        Classifier.load(tmp_path / "model.safetensors")
    NETWORKS[name] = lambda shape, num_classes: Small(num_classes)
    loaded = Classifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    NETWORKS[name] = made


def test_a_pickle_brings_its_module():
    X, y = rows()
    model = SemiSupervisedClassifier(model=Small(), **QUICK).fit(X, y)
    packed = pickle.dumps(model)
    NETWORKS.pop(model.classifier_.model)
    np.testing.assert_array_equal(pickle.loads(packed).predict(X), model.predict(X))


def test_a_name_in_the_table_is_a_network_of_fresh_weights():
    NETWORKS["small"] = lambda shape, num_classes: Small(num_classes)
    try:
        first, same, other = (build("small", (2,), 3, seed) for seed in (0, 0, 1))
        assert torch.equal(first.body.hidden.weight, same.body.hidden.weight)
        assert not torch.equal(first.body.hidden.weight, other.body.hidden.weight)
        X, y = rows()
        model = SemiSupervisedClassifier(model="small", **QUICK).fit(X, y)
        assert model.result_["network"][0].startswith("small (27 weights)")
        build("pair:small", (2,), 3, 0)
    finally:
        del NETWORKS["small"]


def test_two_equal_networks_cannot_decide_together():
    X, y = rows()
    with pytest.raises(UsageError, match=r"begins with the same.*realmix.NETWORKS"):
        SemiSupervisedClassifier(
            model=Small(), **QUICK | {"algorithm": "dividemix", "fields": {"few_labels": True}}
        ).fit(X, y)


def test_the_last_linear_layer_is_the_head_where_logits_come_from_it():
    given = torch.randn(7, 2)
    module = Small(3)
    net = as_network(module, (2,), 3)
    torch.testing.assert_close(net(given), module(given), rtol=0, atol=0)
    torch.testing.assert_close(net.features(given), module.hidden(given).relu(), rtol=0, atol=0)
    assert net.head.out_features == 3


def test_features_get_a_head_and_other_logits_are_their_own_features():
    net = as_network(Small(4), (2,), 3)
    assert isinstance(net.head, Head)
    assert net(torch.randn(5, 2)).shape == (5, 3)
    behind = nn.Sequential(Small(3), nn.Tanh())
    net, given = as_network(behind, (2,), 3), torch.randn(5, 2)
    assert isinstance(net.head, nn.Identity)
    assert torch.equal(net(given), behind(given))
    whole = build("mlp", (2,), 3, 0)
    assert as_network(whole, (2,), 3) is whole


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(Small(2), nn.Softmax(1)), "gives probabilities.*Leave out its softmax"),
        (nn.Linear(3, 2), r"Linear does not take inputs of shape \(2, 2\)"),
        (nn.Unflatten(1, (2, 1)), r"gives \(2, 2, 1\) for inputs \(2, 2\).*logits, \(2, 2\)"),
        (nn.LSTM(2, 2), "gives tuple; it must give one tensor"),
    ],
)
def test_what_is_no_network_for_these_inputs_is_explained(module, message):
    X, y = rows()
    with pytest.raises(UsageError, match=message):
        SemiSupervisedClassifier(model=module, **QUICK).fit(X, y)


def test_history_holds_the_records_of_every_training(capsys):
    X, y = rows()
    wanted = QUICK | {"gate": True, "steps": 4}
    model = SemiSupervisedClassifier(model="mlp", **wanted).fit(X, y)
    assert capsys.readouterr().out == ""
    assert set(model.history_) == {"fixmatch", "supervised"}
    final = model.history_["fixmatch"]["final"]
    assert [record["step"] for record in final] == sorted(record["step"] for record in final)
    assert final[-1]["step"] == 4
    assert "loss" in final[0]
    assert "accuracy" in model.history_["fixmatch"]["fold-1"][-1]
    SemiSupervisedClassifier(model="mlp", verbose=2, **wanted).fit(X, y)
    told = capsys.readouterr().out
    assert "[realmix] final/fixmatch" in told
    assert "loss" in told


def test_what_takes_long_before_the_first_training_is_told_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(listening, "time", SimpleNamespace(monotonic=lambda: now[0]))
    quiet, talks = listening.Listener(), listening.Listener(1)
    for second, done in ((4, 100), (12, 300), (15, 400), (23, 600)):
        now[0] = float(second)
        for listener in (quiet, talks):
            listener.counting("encoding pictures with lite0", done, 1_000)
    assert capsys.readouterr().out.splitlines() == [
        f"[realmix] encoding pictures with lite0: {done} of 1,000" for done in (300, 600)
    ]


@pytest.mark.parametrize("given", ["balanced", {"a": 1.5, "b": 0.5}])
def test_classes_weigh_what_is_asked_for(given):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 2))  # nothing tells the classes apart
    y = np.array((["b"] * 30 + ["a"] * 10) + [""] * 20)
    wanted = QUICK | {"algorithm": "supervised", "steps": 200, "model": "linear"}
    wanted["fields"] = {"learning_rate": 0.05, "weight_decay": 0.0, "ema_decay": 0.95}
    alike = SemiSupervisedClassifier(**wanted).fit(X, y)
    with pytest.warns(match="class_weight counts where a network is trained by steps"):
        weighed = SemiSupervisedClassifier(class_weight=given, **wanted).fit(X, y)
    shares = [model.predict_proba(X)[:, 0].mean() for model in (alike, weighed)]
    np.testing.assert_allclose(shares, [0.25, 0.5], atol=0.05)


def test_a_class_of_networks_is_no_network():
    X, y = rows()
    with pytest.raises(UsageError, match=r"give what it makes: model=Linear\(\.\.\.\)"):
        SemiSupervisedClassifier(model=nn.Linear, **QUICK).fit(X, y)


def test_weights_of_no_class_are_refused():
    X, y = rows()
    with pytest.raises(UsageError, match=r"class_weight: '2' is no number of a class"):
        SemiSupervisedClassifier(class_weight={2: 1.0}, **QUICK).fit(X, y)
    with pytest.raises(UsageError, match="must be above 0"):
        SemiSupervisedClassifier(class_weight={1: 0}, **QUICK).fit(X, y)


@pytest.mark.slow
def test_an_encoder_of_pictures_is_tuned(tmp_path: Path):
    pytest.importorskip("timm", reason="timm is not installed")
    encoder = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    X, y = small.pictures(30, 16), np.where(np.arange(30) < 12, np.arange(30) % 2, -1)
    quick = QUICK | {"augment": "photos", "fields": {"batch_size": 4}, "device": "cpu"}
    model = SemiSupervisedClassifier(encoder=encoder, tune="lora-2", **quick).fit(X, y)
    assert model.classifier_.encoder is None  # its weights are the classifier's own
    assert model.predict_proba(X).shape == (30, 2)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(UsageError, match="name it, such as encoder='auto'"):
        SemiSupervisedClassifier(tune="head", **quick).fit(X, y)
