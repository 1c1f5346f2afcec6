"""Networks by name: shapes, sizes, initial weights, errors."""

import math

import pytest
import torch
from torch import nn

from realmix.base.errors import UsageError
from realmix.models import build
from realmix.models.convnet import ConvNet
from realmix.models.mlp import MLP
from realmix.models.wide_resnet import Unit, WideResNet

CASES = [
    ("auto", (1, 8, 8)), ("convnet", (3, 32, 32)), ("convnet", (1, 7, 9)),
    ("wrn-10-1", (3, 16, 16)), ("auto", (20,)), ("mlp", (3,)),
]  # fmt: skip


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("name", "shape"), CASES)
@pytest.mark.parametrize("num_classes", [2, 5])
def test_inputs_of_that_shape_give_logits_of_all_classes(name, shape, num_classes):
    net = build(name, shape, num_classes, seed=0)
    rows = torch.randn(4, *shape)
    assert net(rows).shape == (4, num_classes)
    assert net.head(net.features(rows)).shape == (4, num_classes)


def test_auto_chooses_by_the_kind_of_input():
    assert isinstance(build("auto", (3, 32, 32), 10, 0), ConvNet)
    assert isinstance(build("auto", (20,), 10, 0), MLP)
    assert isinstance(build("wrn-10-2", (3, 32, 32), 10, 0), WideResNet)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("convnt", (3, 8, 8), "Did you mean 'convnet'"),
        ("wrn-28", (3, 8, 8), "Did you mean 'wrn-28-2'"),
        ("resnet", (3, 8, 8), "There is no network 'resnet'.*Known: convnet"),
        ("wrn-27-2", (3, 8, 8), r"6 n \+ 4 .*not 27"),
        ("wrn-4-2", (3, 8, 8), r"6 n \+ 4"),
        ("mlp", (3, 8, 8), "'mlp' does not take images"),
        ("convnet", (20,), "'convnet' does not take feature rows"),
    ],
)
def test_a_name_that_does_not_fit_is_explained(name, shape, message):
    with pytest.raises(UsageError, match=message):
        build(name, shape, 10, 0)


def wide_resnet_size(channels, num_classes, depth, width):
    """Weights of convolutions, two numbers a normalized channel, and the last layer."""
    total, before = channels * 16 * 9, 16
    for stage in range(3):
        filters = 16 * width * 2**stage
        for _ in range((depth - 4) // 6):
            total += 2 * before + 9 * before * filters  # norm, 3x3
            total += 2 * filters + 9 * filters * filters  # norm, 3x3
            total += before * filters if before != filters else 0  # 1x1
            before = filters
    return total + 2 * before + before * num_classes + num_classes


@pytest.mark.parametrize(
    ("channels", "num_classes", "depth", "width"), [(3, 10, 28, 2), (1, 7, 10, 1), (3, 100, 16, 4)]
)
def test_a_wide_resnet_has_exactly_its_parameters(channels, num_classes, depth, width):
    net = WideResNet(channels, num_classes, depth, width)
    assert count(net) == wide_resnet_size(channels, num_classes, depth, width)


def test_the_network_of_the_papers_has_a_million_and_a_half():
    assert count(WideResNet(3, 10)) == wide_resnet_size(3, 10, 28, 2) == 1_467_610


@pytest.mark.parametrize(
    ("side", "widths"),
    [
        (2, [32, 32]),
        (8, [32, 32, 64, 64, 128, 128]),
        (15, [32, 32, 64, 64, 128, 128]),
        (16, [32, 64, 128, 256]),
        (96, [32, 64, 128, 256]),
    ],
)
def test_a_convnet_has_the_stages_that_suit_its_images(side, widths):
    net = build("convnet", (3, side, side + 5), 10, seed=0)
    size, before = 0, 3
    for width in widths:
        size += 9 * before * width + 2 * width  # 3x3, norm
        before = width
    assert count(net) == size + before * 10 + 10
    assert net(torch.zeros(2, 3, side, side + 5)).shape == (2, 10)


def test_an_mlp_has_exactly_its_parameters():
    layers = [(20, 256), (256, 256)]
    assert count(MLP(20, 7)) == sum(a * b + 2 * b for a, b in layers) + 256 * 7 + 7


def test_initial_weights_have_the_scales_of_the_published_code():
    net = build("wrn-28-2", (3, 32, 32), 10, seed=0)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            k = module.kernel_size[0]
            expected = math.sqrt(2 / (k * k * module.out_channels))
            tolerance = 4 / math.sqrt(2 * module.weight.numel())
            assert module.weight.std().item() == pytest.approx(expected, rel=tolerance)
            assert module.bias is None
        if isinstance(module, nn.BatchNorm2d):
            assert module.eps == 1e-3
    expected = math.sqrt(2 / (128 + 10))
    assert net.head.weight.std().item() == pytest.approx(expected, rel=0.1)
    assert net.head.bias.abs().sum() == 0


def test_a_unit_with_equal_width_adds_its_input():
    unit = Unit(4, 4, 1, activate_first=False)
    nn.init.zeros_(unit.conv2.weight)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(unit(x), x)


def test_a_unit_normalizes_and_activates_before_each_convolution():
    def activated(x, norm):
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
        normal = (x - mean) / (var + norm.eps).sqrt()
        return torch.maximum(normal, 0.1 * normal)

    x = 3 + 2 * torch.randn(2, 4, 5, 5)
    unit = Unit(4, 6, 2, activate_first=False)
    first = nn.functional.conv2d(activated(x, unit.norm1), unit.conv1.weight, stride=2, padding=1)
    second = nn.functional.conv2d(activated(first, unit.norm2), unit.conv2.weight, padding=1)
    kept = nn.functional.conv2d(x, unit.shortcut.weight, stride=2)
    torch.testing.assert_close(unit(x), kept + second, rtol=1e-4, atol=1e-5)


def test_the_first_unit_activates_its_shortcut_and_later_ones_do_not():
    units = [m for m in WideResNet(3, 10, 16, 2).modules() if isinstance(m, Unit)]
    assert [unit.activate_first for unit in units] == [True] + [False] * 5
    assert [unit.conv1.stride[0] for unit in units] == [1, 1, 2, 1, 2, 1]
    x = torch.randn(2, 16, 5, 5)
    for first in (True, False):
        unit = Unit(16, 8, 1, activate_first=first)
        nn.init.zeros_(unit.conv2.weight)
        given = nn.functional.leaky_relu(unit.norm1(x), 0.1) if first else x
        torch.testing.assert_close(unit(x), unit.shortcut(given))


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_seed_decides_the_weights(name, shape):
    torch.manual_seed(1)
    one = build(name, shape, 3, seed=4).state_dict()
    torch.manual_seed(2)
    again, other = build(name, shape, 3, 4).state_dict(), build(name, shape, 3, 5).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in one.items())
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_building_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    build("auto", (3, 8, 8), 3, seed=0)
    with pytest.raises(UsageError):
        build("nothing", (3, 8, 8), 3, seed=0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_timm_networks_take_images_of_any_channels(name):
    pytest.importorskip("timm")
    net = build(f"timm:{name}", (1, 32, 32), 5, seed=0)
    assert net(torch.randn(2, 1, 32, 32)).shape == (2, 5)
    weight = next(build(f"timm:{name}", (1, 32, 32), 5, seed=0).parameters())
    assert torch.equal(next(net.parameters()), weight)


def test_a_timm_name_that_does_not_exist_is_explained():
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match=r"timm has no model 'resnet_18'. Did you mean 'resnet18'"):
        build("timm:resnet_18", (3, 32, 32), 5, seed=0)
