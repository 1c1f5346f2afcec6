"""Networks made of networks: pairs, and the one with another hidden layer."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from realmix.base.errors import UsageError
from realmix.models import build
from realmix.models.composed import Extended, hidden_layer, num_features
from realmix.runs.classifier import Classifier

PAIRS = [("pair:auto", (1, 8, 8)), ("pair:wrn-10-1", (3, 16, 16)), ("pair:mlp", (5,))]


@pytest.mark.parametrize(("name", "shape"), PAIRS)
def test_a_pair_averages_the_logits_of_two_different_networks(name, shape):
    pair = build(name, shape, 3, seed=4).eval()
    rows = torch.randn(6, *shape)
    one, two = pair.first(rows), pair.second(rows)
    assert not torch.equal(one, two)
    torch.testing.assert_close(pair(rows), (one + two) / 2)
    assert torch.equal(pair(rows).argmax(1), (one + two).argmax(1))
    torch.testing.assert_close(pair.head(pair.features(rows)), pair(rows))
    assert pair.features(rows).shape == (6, 2 * pair.first.features(rows).shape[1])


def test_a_pair_s_first_network_is_the_one_of_that_seed_and_the_seed_decides_both():
    pair, again = (build("pair:mlp", (5,), 3, seed=4).state_dict() for _ in range(2))
    alone = build("mlp", (5,), 3, seed=4).state_dict()
    assert all(torch.equal(pair[f"first.{name}"], value) for name, value in alone.items())
    assert all(torch.equal(value, again[name]) for name, value in pair.items())
    assert {name.split(".")[0] for name in pair} == {"first", "second"}  # no head beside theirs


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pair:pair:mlp", "no pair of pairs: --model mlp"),
        ("pair:", "There is no network"),
        ("pair:mpl", "Did you mean 'mlp'"),
        ("pair:convnet", "does not take feature rows"),
    ],
)
def test_a_pair_of_what_there_is_not_is_explained(name, message):
    with pytest.raises(UsageError, match=message):
        build(name, (5,), 3, seed=0)


def test_a_pair_of_timm_networks_has_a_head(tmp_path):
    pytest.importorskip("timm")
    pair = build("pair:timm:test_resnet", (3, 32, 32), 5, seed=0).eval()
    rows = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(pair.head(pair.features(rows)), pair(rows))


def test_a_saved_pair_predicts_the_same_and_lends_its_body(tmp_path: Path):
    pair = build("pair:convnet", (1, 8, 8), 3, seed=1)
    made = Classifier(pair, ("a", "b", "c"), "pair:convnet", (1, 8, 8), "digits", None, {})
    made.save(tmp_path / "m.safetensors")
    again = Classifier.load(tmp_path / "m.safetensors")
    pictures = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    np.testing.assert_allclose(
        again.predict_proba(pictures), made.predict_proba(pictures), rtol=1e-5
    )
    other = build("pair:convnet", (1, 8, 8), 7, seed=2)
    heads = other.first.head.weight.clone(), other.second.head.weight.clone()
    made.lend_body(other)
    for mine, theirs, head in ((pair.first, other.first, 0), (pair.second, other.second, 1)):
        assert torch.equal(mine.body[0][0].weight, theirs.body[0][0].weight)
        assert torch.equal(theirs.head.weight, heads[head])


# --- features of length 1


@pytest.mark.parametrize(("name", "shape"), [("unit:auto", (1, 8, 8)), ("unit:mlp", (5,))])
def test_features_of_length_one_decide(name, shape):
    unit, plain = (build(each, shape, 3, seed=4).eval() for each in (name, name[5:]))
    rows = torch.randn(6, *shape)
    features = plain.features(rows)
    expected = features / features.square().sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(unit.features(rows), expected)
    torch.testing.assert_close(unit(rows), plain.head(expected))
    assert unit.head is unit.encoder.head
    assert all(
        torch.equal(v, unit.state_dict()[f"encoder.{n}"]) for n, v in plain.state_dict().items()
    )


def test_a_saved_network_of_unit_features_predicts_the_same_and_lends_its_body(tmp_path: Path):
    unit = build("unit:convnet", (1, 8, 8), 3, seed=1)
    made = Classifier(unit, ("a", "b", "c"), "unit:convnet", (1, 8, 8), "digits", None, {})
    made.save(tmp_path / "m.safetensors")
    again = Classifier.load(tmp_path / "m.safetensors")
    pictures = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    np.testing.assert_allclose(
        again.predict_proba(pictures), made.predict_proba(pictures), rtol=1e-5
    )
    other = build("unit:convnet", (1, 8, 8), 7, seed=2)
    made.lend_body(other)
    assert torch.equal(unit.encoder.body[0][0].weight, other.encoder.body[0][0].weight)
    assert other.head.weight.shape == (7, unit.head.in_features)


# --- another hidden layer


def extended(seed=0, shape=(1, 8, 8)):
    encoder = build("auto", shape, 4, seed=0)
    width = num_features(encoder, shape)
    return Extended(encoder, width, 3, torch.Generator().manual_seed(seed))


def test_the_extended_network_has_features_behind_the_new_layer():
    net, rows = extended().eval(), torch.randn(6, 1, 8, 8)
    linear, norm, relu = net.hidden
    expected = relu(norm(linear(net.encoder.features(rows))))
    torch.testing.assert_close(net.features(rows), expected)
    torch.testing.assert_close(net(rows), net.head(expected))
    assert net(rows).shape == (6, 3)
    assert isinstance(norm, nn.BatchNorm1d)
    assert linear.bias is None


def test_new_layers_come_from_their_generator_alone():
    before = torch.get_rng_state()
    one, again, other = extended(1), extended(1), extended(2)
    assert torch.equal(before, torch.get_rng_state())
    for part in ("hidden.0.weight", "head.weight"):
        values = [net.state_dict()[part] for net in (one, again, other)]
        assert torch.equal(values[0], values[1])
        assert not torch.equal(values[0], values[2])
    layer = hidden_layer(200, 300, torch.Generator().manual_seed(0), relu=False)
    assert [type(part) for part in layer] == [nn.Linear, nn.BatchNorm1d]
    assert layer[0].weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("name", "shape"), [("auto", (1, 8, 8)), ("wrn-10-1", (3, 16, 16)), ("mlp", (5,))]
)
def test_the_number_of_features_is_found_without_a_trace(name, shape):
    net = build(name, shape, 3, seed=0)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    assert num_features(net, shape) == net.head.in_features
    assert net.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
