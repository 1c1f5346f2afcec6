"""Networks of pictures by name, and which of their parameters belong together."""

from __future__ import annotations

import pytest
from torch import nn

from realmix.base.errors import UsageError
from realmix.encoders.bodies import body, layers


@pytest.mark.parametrize(
    ("name", "side", "stages"),
    [
        ("timm:test_efficientnet", 64, 6),  # a stem and five stages
        ("timm:test_vit", 64, 7),  # an embedding and six blocks
        ("torchvision:resnet18", 32, 5),  # a stem and four layers
        ("torchvision:mobilenet_v3_small", 32, 14),  # behind its 13 stages a hidden layer
        ("lite0", 64, 8),
        ("lite2", 64, 8),
    ],
)
def test_layers_hold_each_parameter_once_from_the_pictures_upwards(name, side, stages):
    network = body(name, side).network
    found = layers(network)
    assert sorted(name for group in found for name in group) == sorted(
        name for name, _ in network.named_parameters()
    )
    assert len(found) == stages
    first, last = network.get_parameter(found[0][-1]), list(network.parameters())[-1]
    assert first.shape[0] <= 768  # of the stem, which is narrow
    assert last is network.get_parameter(found[-1][-1])


def test_what_has_no_number_belongs_to_what_is_before_it():
    part = {"stem": nn.Linear(2, 2), "layer1": nn.Linear(2, 2), "norm": nn.LayerNorm(2)}
    part |= {"stage_2": nn.ModuleList([nn.Linear(2, 2)]), "bn1": nn.BatchNorm1d(2)}
    assert layers(nn.ModuleDict(part)) == [
        ["stem.weight", "stem.bias"],
        ["layer1.weight", "layer1.bias", "norm.weight", "norm.bias"],
        ["stage_2.0.weight", "stage_2.0.bias", "bn1.weight", "bn1.bias"],
    ]


def test_a_transformer_of_torchvision_has_a_layer_for_each_block():
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    found = layers(models.VisionTransformer(16, 8, 3, 2, 8, 16))
    assert found[0][:2] == ["class_token", "conv_proj.weight"]
    assert [len(group) for group in found] == [4, 12, 12, 12 + 2 + 2]  # a norm and a head behind


def test_a_name_with_a_file_is_the_network_alone():
    assert body("timm:test_vit=/nowhere/weights.pth", 64).look.size == 64


@pytest.mark.parametrize("name", ["/a/file.onnx", "tfidf", "timm:", "hf:minilm"])
def test_what_is_no_network_of_torch_cannot_be_trained(name):
    with pytest.raises(UsageError, match="no network of torch"):
        body(name)
