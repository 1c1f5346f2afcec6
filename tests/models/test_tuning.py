"""How much of an encoder trains: which parameters, from where on, and LoRA by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from realmix.base.errors import UsageError
from realmix.base.randomness import generator
from realmix.encoders.catalogue import photo_encoder
from realmix.models import build, described
from realmix.models.tuned.adapters import LowRank, adapt, merged
from realmix.models.tuned.network import Tuned, tuned_name
from realmix.models.tuned.tuning import tune
from realmix.training.trainer import as_trained
from tests.encoders import tiny_encoder as small

NAMES = ("timm:test_efficientnet", "timm:test_vit")
SHAPE = (3, 24, 24)


def network(name: str, how: str | None = None, seed: int = 0) -> Tuned:
    net = build(tuned_name(name, 64), SHAPE, 3, seed)
    assert isinstance(net, Tuned)
    if how:
        tune(net, how, seed)
    return net


def pictures(count: int = 4) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def moved(net: Tuned) -> set[str]:
    """The tensors that some steps change."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):  # the second moves what lies behind a matrix that was 0
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(pictures()), torch.tensor([0, 1, 2, 0]))
        loss.backward()
        optimizer.step()
    after = net.state_dict()
    return {name for name, value in before.items() if not torch.equal(after[name], value)}


@pytest.mark.parametrize("name", NAMES)
def test_each_way_moves_its_own_part_and_no_statistics(name):
    heads = {"head.weight", "head.bias"}
    everything = {n for n, _ in network(name).named_parameters()}
    assert moved(network(name, "head")) == heads
    last = moved(network(name, "last"))
    assert heads < last < everything
    top = {"timm:test_efficientnet": ("conv_head", "bn2", "blocks.4"),
           "timm:test_vit": ("blocks.5", "norm", "fc_norm")}[name]  # fmt: skip
    assert all(n.startswith(tuple(f"body.{part}." for part in top)) for n in last - heads)
    whole = moved(network(name, "all"))
    assert whole <= everything  # no running mean among them
    assert len(everything - whole) <= 1  # a bias that does not count
    lora = moved(network(name, "lora"))
    assert heads < lora
    assert all(n.endswith((".up", ".down")) for n in lora - heads)


def test_the_last_block_is_no_normalization_alone():
    net = network("timm:test_convnext")
    assert [name.rpartition(".")[0] for name in net.layers[-1]] == ["head.norm"] * 2
    tune(net, "last", 0)
    assert {name.partition(".")[0] for name, _ in net.body.named_parameters()} == {"stages", "head"}
    assert any(value.ndim > 1 for value in net.body.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_what_trains_is_a_parameter_and_what_does_not_a_buffer(name):
    for how, share in {"head": 0.0, "last": 0.5, "all": 1.0}.items():
        net = network(name, how)
        assert all(p.requires_grad for p in net.parameters())
        trained = sum(p.numel() for p in net.body.parameters())
        whole = sum(p.numel() for p in network(name).body.parameters())
        assert (trained == 0) if share == 0 else trained <= whole
        assert net.state_dict().keys() == network(name).state_dict().keys()
        copied = copy.deepcopy(net).requires_grad_(True)  # as a later stage of a procedure does
        assert sum(p.numel() for p in copied.body.parameters()) == trained


@pytest.mark.parametrize("how", ["head", "last", "all", "lora"])
@pytest.mark.parametrize("name", NAMES)
def test_at_the_start_the_answers_are_the_pretrained_networks(name, how):
    plain = network(name).eval()
    with torch.no_grad():
        expected = plain(pictures())
        net = network(name, how)
        torch.testing.assert_close(net.train()(pictures()), expected, rtol=0, atol=0)
        torch.testing.assert_close(net.eval()(pictures()), expected, rtol=0, atol=0)


def test_the_features_are_those_of_the_frozen_encoder(tmp_path):
    encoder = photo_encoder(f"timm:{small.NETWORK}={small.weights_file(tmp_path)}", 32)
    net = build(tuned_name(encoder.reference.name, 32), SHAPE, 3, 0)
    net.take(encoder.weights, "")
    with torch.no_grad():
        found = net.eval().features(pictures())
    torch.testing.assert_close(found, encoder.encode(pictures()).float(), rtol=2e-3, atol=2e-3)
    grey = pictures()[:, :1]
    assert torch.equal(net.features(grey), net.features(grey.expand(-1, 3, -1, -1)))


def test_a_body_that_is_still_ignores_the_batch():
    net = network(NAMES[0], "all").train()
    both = net(pictures())
    alone = net(pictures()[:1])
    torch.testing.assert_close(alone, both[:1])
    loose = network(NAMES[0]).train()
    assert not torch.allclose(loose(pictures())[:1], loose(pictures()[:2])[:1], atol=1e-3)


def test_evaluation_in_parts_is_the_same():
    net = network(NAMES[1]).eval()
    many = torch.rand(130, *SHAPE) * 2 - 1
    with torch.no_grad():
        parts = torch.cat([net(part) for part in many.split(10)])
        torch.testing.assert_close(net(many), parts, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "how", "learns", "half"),
    [
        ("timm:test_efficientnet", "all", True, False),
        ("timm:test_efficientnet", "lora", True, False),
        ("timm:test_efficientnet", "head", True, True),
        ("timm:test_efficientnet", "all", False, True),
        ("timm:test_vit", "all", True, True),
    ],
)
def test_the_gradient_of_depthwise_convolutions_is_taken_in_float32(name, how, learns, half):
    net, seen = network(name, how), []
    net.body.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(learns):
        net(pictures())
    assert seen == [half]


def test_depths_count_from_the_head_down():
    net = network(NAMES[1], "all")
    names = {id(p): n for n, p in net.named_parameters()}
    depth = {names[id(p)]: d for p, d in net.depths()}
    assert depth["body.blocks.5.attn.qkv.weight"] == depth["body.norm.weight"] == 1
    assert depth["body.blocks.0.attn.qkv.weight"] == 6
    assert depth["body.patch_embed.proj.weight"] == depth["body.cls_token"] == 7
    assert "head.weight" not in depth
    assert not list(network(NAMES[1], "lora").depths())


def test_low_rank_by_hand():
    part = LowRank(torch.Size((2, 3)), 1, generator(0))
    part.down.data = torch.tensor([[1.0, 2.0, 3.0]])
    assert torch.equal(part(torch.ones(2, 3)), torch.ones(2, 3))  # B is 0 at first
    part.up.data = torch.tensor([[10.0], [-1.0]])
    expected = [[11.0, 21.0, 31.0], [0.0, -1.0, -2.0]]
    np.testing.assert_array_equal(part(torch.ones(2, 3)).detach().numpy(), expected)


@pytest.mark.parametrize("name", [*NAMES, "attention"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_merged_is_unmerged(name, precision):
    if name == "attention":
        net = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        adapt(net, 2, generator(0))
        given, plain = torch.randn(2, 5, 8), nn.TransformerEncoderLayer(8, 2, 16)
        assert len(net.self_attn.parametrizations) == 1  # queries, keys and values in one
    else:
        net, given, plain = network(name, "lora-2"), pictures(), network(name)
    start = copy.deepcopy(net).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    net.eval()
    with torch.no_grad(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        apart = net(given)
        assert not torch.allclose(apart, start(given), atol=1e-2)
        merged(net)
        torch.testing.assert_close(net(given), apart, rtol=0, atol=0)
    assert net.state_dict().keys() == plain.state_dict().keys()


def test_additions_follow_from_the_seed():
    first, same, other = (network(NAMES[1], "lora", seed) for seed in (1, 1, 2))
    name = "body.blocks.0.attn.qkv.parametrizations.weight.0.down"
    assert first.get_parameter(name).shape == (8, 64)
    assert torch.equal(first.get_parameter(name), same.get_parameter(name))
    assert not torch.equal(first.get_parameter(name), other.get_parameter(name))
    assert network(NAMES[1], "lora-2").get_parameter(name).shape == (2, 64)


def test_additions_are_refused_where_they_would_tune_little():
    net = build("tuned:torchvision:resnet18@32", SHAPE, 3, 0)
    with pytest.raises(UsageError, match=r"only 2% of this network's weights.*--tune last or all"):
        tune(net, "lora", 0)


def test_its_description_says_how_much_trains():
    net = network(NAMES[0], "head")
    assert described("tuned:timm:test_efficientnet@64", net, SHAPE) == (
        "timm:test_efficientnet (771 of its weights train) on 64 x 64 pixels"
    )


def test_pictures_and_weights_of_a_body_lie_in_the_order_that_is_fastest(monkeypatch) -> None:
    """Else a convolution takes the other order, which is compiled anew for each size of a batch."""
    orders = list[bool]()
    for order in (torch.channels_last, torch.contiguous_format):
        for place in ("realmix.models.tuned.network", "realmix.training.trainer"):
            monkeypatch.setattr(f"{place}.fastest_order", lambda *asked, order=order: order)
        net = as_trained(network(NAMES[0]), torch.device("cpu"), SHAPE)
        stem = net.network.body.conv_stem
        stem.register_forward_pre_hook(lambda part, given: orders.append(given[0].is_contiguous()))
        net(pictures())
        orders.append(stem.weight.is_contiguous())
    assert orders == [False, False, True, True]
