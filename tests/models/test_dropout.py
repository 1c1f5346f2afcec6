"""What networks leave out in training: dropout before the head, residual units at random."""

import pytest
import torch
from torch import nn

from realmix.base.errors import UsageError
from realmix.models import build
from realmix.models.head import Head
from realmix.models.wide_resnet import Unit, skip, skipped_shares

CASES = [("convnet", (3, 16, 16)), ("wrn-10-1", (3, 16, 16)), ("mlp", (5,))]
TIMM = ["resnet18", "vit_tiny_patch16_224", "densenet121"]
EVERY = pytest.mark.parametrize(("name", "shape"), CASES)


def rows(shape, count=4):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def is_random(net, inputs):
    """Whether a second pass differs; BatchNorm in train mode does not depend on the first."""
    with torch.no_grad():
        return not torch.equal(net(inputs), net(inputs))


@EVERY
def test_dropout_is_there_in_training_only_and_only_when_asked_for(name, shape):
    plain, dropping = build(name, shape, 3, 0), build(name, shape, 3, 0, dropout=0.5)
    inputs = rows(shape)
    assert not is_random(plain.train(), inputs)
    assert is_random(dropping.train(), inputs)
    assert not is_random(dropping.eval(), inputs)
    assert torch.equal(dropping(inputs), plain.eval()(inputs))


@EVERY
def test_features_are_whole_and_the_head_drops_them(name, shape):
    net = build(name, shape, 3, 0, dropout=0.5).train()
    inputs = rows(shape)
    features = net.features(inputs)
    assert torch.equal(features, net.features(inputs))
    assert not torch.equal(net.head(features), net.head(features))


@EVERY
@pytest.mark.parametrize("options", [{"dropout": 0.3}, {"stochastic_depth": 0.2}])
def test_weights_have_the_same_names_and_values_with_and_without(name, shape, options):
    plain = build(name, shape, 3, seed=5).state_dict()
    noisy = build(name, shape, 3, seed=5, **options).state_dict()
    assert plain.keys() == noisy.keys()
    assert all(torch.equal(value, noisy[key]) for key, value in plain.items())


def test_without_dropout_the_random_state_is_left_alone():
    for name, shape in CASES:
        net, before = build(name, shape, 3, 0).train(), torch.get_rng_state()
        net(rows(shape))
        assert torch.equal(before, torch.get_rng_state())


def test_dropout_zeroes_its_share_and_keeps_the_expectation():
    head = Head(1000, 1, dropout=0.25).train()
    nn.init.ones_(head.weight)
    nn.init.zeros_(head.bias)
    torch.manual_seed(0)
    kept = torch.cat([head(torch.full((50, 1000), 3.0)) for _ in range(20)]) / 4  # 3 / .75 each
    assert kept.mean().item() == pytest.approx(750, abs=5 * (1000 * 0.75 * 0.25 / 1000) ** 0.5)
    assert kept.std().item() == pytest.approx((1000 * 0.75 * 0.25) ** 0.5, rel=0.1)


# --- stochastic depth


def test_units_survive_less_and_less_towards_the_last():
    survival = [1 - share for share in skipped_shares(0.2, 5)]
    assert survival == pytest.approx([0.96, 0.92, 0.88, 0.84, 0.80])


@pytest.mark.parametrize("depth", [10, 16])
def test_the_units_of_a_wide_resnet_follow_that_rule(depth):
    net = build(f"wrn-{depth}-1", (3, 8, 8), 3, 0, stochastic_depth=0.3)
    shares = [unit.skipped for unit in net.modules() if isinstance(unit, Unit)]
    count = (depth - 4) // 2
    assert shares == pytest.approx([0.3 * (unit + 1) / count for unit in range(count)])
    plain = build(f"wrn-{depth}-1", (3, 8, 8), 3, 0)
    assert {unit.skipped for unit in plain.modules() if isinstance(unit, Unit)} == {0.0}


def test_units_are_skipped_in_training_only_and_only_when_asked_for():
    plain = build("wrn-10-1", (3, 8, 8), 3, 0)
    skipping = build("wrn-10-1", (3, 8, 8), 3, 0, stochastic_depth=0.5)
    inputs = rows((3, 8, 8), 16)
    assert not is_random(plain.train(), inputs)
    assert is_random(skipping.train(), inputs)
    assert not is_random(skipping.eval(), inputs)
    plain.load_state_dict(skipping.state_dict())  # the statistics that training left
    assert torch.equal(skipping(inputs), plain.eval()(inputs))


def test_skipping_is_drawn_per_example_and_keeps_the_expectation():
    values = 1 + torch.rand(20_000, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    left = skip(values, 0.2, training=True)
    gone = (left == 0).flatten(1)
    assert torch.equal(gone.all(1), gone.any(1))  # an example as a whole
    assert gone.all(1).float().mean().item() == pytest.approx(0.2, abs=5 * (0.16 / 20_000) ** 0.5)
    whole = ~gone.all(1)
    torch.testing.assert_close(left[whole], values[whole] / 0.8)
    assert left.mean().item() == pytest.approx(values.mean().item(), rel=0.02)
    assert torch.equal(skip(values, 0.2, training=False), values)
    assert torch.equal(skip(values, 0.0, training=True), values)


def test_a_skipped_unit_is_its_shortcut():
    unit = Unit(4, 4, 1, activate_first=False, skipped=0.5).train()
    x = rows((4, 5, 5), 64)
    torch.manual_seed(0)
    y = unit(x)
    untouched = (y == x).flatten(1).all(1)
    assert 10 < untouched.sum() < 54
    unit.skipped = 0.0
    torch.testing.assert_close((y - x)[~untouched], 2 * (unit(x) - x)[~untouched])


# --- timm


@pytest.mark.parametrize("name", TIMM)
def test_the_parts_of_a_timm_network_make_it_up(name):
    pytest.importorskip("timm")
    net = build(f"timm:{name}", (1, 32, 32), 5, seed=0).eval()
    images = rows((1, 32, 32), 3)
    with torch.no_grad():
        features = net.features(images)
        assert features.shape == (3, net.head.in_features)
        torch.testing.assert_close(net.head(features), net(images))
        found = features @ net.head.weight.T + net.head.bias
        torch.testing.assert_close(found, net(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_timm_networks_are_random_in_training_only_and_only_when_asked_for(name):
    pytest.importorskip("timm")
    shape, options = (1, 32, 32), {"dropout": 0.5, "stochastic_depth": 0.5}
    images = rows(shape, 8)
    assert not is_random(build(f"timm:{name}", shape, 5, 0).train(), images)
    for key, value in options.items():
        net = build(f"timm:{name}", shape, 5, 0, **{key: value})
        for parameter in net.parameters():
            nn.init.normal_(parameter)  # at first some units add nothing
        assert is_random(net.train(), images), key
        assert not is_random(net.eval(), images)
        assert net.state_dict().keys() == build(f"timm:{name}", shape, 5, 0).state_dict().keys()


def test_a_timm_network_without_units_to_skip_skips_none():
    pytest.importorskip("timm")
    net = build("timm:densenet121", (1, 32, 32), 5, 0, dropout=0.4, stochastic_depth=0.2)
    assert is_random(net.train(), rows((1, 32, 32)))


def test_a_timm_network_with_two_heads_is_refused():
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match="'levit_128s' has several heads"):
        build("timm:levit_128s", (3, 224, 224), 5, 0)
