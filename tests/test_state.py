"""The moving average: worked numbers, buffers, independence."""

import copy

import pytest
import torch
from torch import nn

from realmix.state import Ema


def network(weight=0.0):
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)).double()
    nn.init.constant_(net[0].weight, weight)
    return net


def test_the_average_of_one_two_three_at_nine_tenths():
    ema, seen = Ema(network(0.0), 0.9), []
    for value in (1.0, 2.0, 3.0):
        ema.update(network(value), step=1000)  # long after the warm-up
        seen.append(ema.network[0].weight.item())
    assert seen == pytest.approx([0.1, 0.29, 0.561], abs=1e-12)


@pytest.mark.parametrize(
    ("step", "decay", "kept"),
    [(0, 0.999, 0.1), (90, 0.999, 0.91), (90, 0.5, 0.5), (10**6, 0.9, 0.9)],
)
def test_the_decay_warms_up_as_one_plus_t_over_ten_plus_t(step, decay, kept):
    ema = Ema(network(1.0), decay)
    ema.update(network(0.0), step)
    assert ema.network[0].weight.item() == pytest.approx(kept, abs=1e-12)


def test_several_updates_equal_a_reference_with_a_loop():
    values = torch.linspace(-1, 2, 40, dtype=torch.float64).tolist()
    ema, expected = Ema(network(5.0), 0.7), 5.0
    for step, value in enumerate(values):
        ema.update(network(value), step)
        decay = min(0.7, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert ema.network[0].weight.item() == pytest.approx(expected, rel=1e-12)


def test_a_decay_of_zero_copies():
    ema = Ema(network(1.0), 0.0)
    ema.update(network(7.0), 50)
    assert ema.network[0].weight.item() == 7.0


def test_running_statistics_are_averaged_and_counters_copied():
    ema, net = Ema(network(), 0.9), network()
    net[1].running_mean.fill_(10.0)
    net[1].running_var.fill_(3.0)
    net[1].num_batches_tracked.fill_(42)
    ema.update(net, 1000)
    norm = ema.network[1]
    assert norm.running_mean.item() == pytest.approx(1.0)
    assert norm.running_var.item() == pytest.approx(0.9 * 1 + 0.1 * 3)
    assert norm.num_batches_tracked.item() == 42


def test_the_average_has_no_gradients_and_the_network_keeps_its_own():
    net = network()
    ema = Ema(net, 0.9)
    assert not any(p.requires_grad for p in ema.parameters())
    assert all(p.requires_grad for p in net.parameters())
    net(torch.ones(3, 1).double()).sum().backward()
    ema.update(net, 0)
    assert all(p.grad is None for p in ema.parameters())


def test_average_and_network_share_no_memory():
    net = network(1.0)
    ema = Ema(net, 0.9)
    before = copy.deepcopy(ema.state_dict())
    nn.init.constant_(net[0].weight, 9.0)
    net(torch.randn(4, 1).double())
    assert all(torch.equal(before[name], value) for name, value in ema.state_dict().items())
    mine = copy.deepcopy(net.state_dict())
    ema.update(net, 3)
    assert all(torch.equal(mine[name], value) for name, value in net.state_dict().items())
