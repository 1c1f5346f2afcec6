"""Who shares BatchNorm statistics, and who updates them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from realmix.functional.forward import (
    apart,
    evaluated,
    evaluating,
    follow_weights,
    frozen_statistics,
    interleave,
    interleaved,
    interleaved_last,
    joint,
    noisy,
    steady,
    without_dropout,
)
from realmix.functional.noise import gaussian
from realmix.models.mlp import MLP


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).double()


def normalized(x, eps=1e-5):
    return (x - x.mean(0)) / (x.var(0, correction=0) + eps).sqrt()


def parts(count=3, size=6):
    generator = torch.Generator().manual_seed(1)
    return [
        (i + 1) * torch.randn(size, 3, generator=generator, dtype=torch.float64) + i
        for i in range(count)
    ]


def running(net):
    return {name: value.clone() for name, value in net.state_dict().items() if "running" in name}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


# --- joint


def test_in_eval_mode_joint_is_the_same_as_a_pass_a_part():
    net = network().eval()
    x, u = parts()[0][:2], parts()[1]
    for together, alone in zip(joint(net, x, u), (net(x), net(u)), strict=True):
        torch.testing.assert_close(together, alone)


def test_joint_normalizes_all_parts_together():
    norm = nn.BatchNorm1d(3).double()
    x, u, v = parts()
    got = joint(norm, x[:2], u, v)
    assert [len(part) for part in got] == [2, 6, 6]
    torch.testing.assert_close(torch.cat(got), normalized(torch.cat([x[:2], u, v])))


def test_joint_updates_the_statistics_once_with_all_rows():
    norm = nn.BatchNorm1d(3, momentum=0.1).double()
    everything = torch.cat(parts())
    joint(norm, *parts())
    assert norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_mean, 0.1 * everything.mean(0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * everything.var(0))


# --- follow_weights


def test_statistics_follow_the_last_two_passes_in_every_layer():
    net = nn.Sequential(
        nn.BatchNorm2d(2, momentum=1e-3), nn.Flatten(), nn.BatchNorm1d(8, momentum=None)
    )
    assert follow_weights(net) is net
    assert [net[0].momentum, net[2].momentum] == [0.5, 0.5]
    assert not any("momentum" in name for name in net.state_dict())


# --- frozen_statistics


def test_frozen_statistics_normalize_by_the_batch_and_leave_the_running_means():
    norm = nn.BatchNorm1d(3).double()
    (x,) = parts(1)
    before = running(norm)
    with frozen_statistics(norm):
        torch.testing.assert_close(norm(x), normalized(x))
    assert same(before, running(norm))
    assert norm.num_batches_tracked == 0
    norm(x)
    assert norm.num_batches_tracked == 1
    assert not same(before, running(norm))


def test_frozen_statistics_reach_every_layer_of_every_kind():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(2), nn.Flatten())
    )
    before = running(net)
    with frozen_statistics(net):
        net(torch.randn(4, 1, 3, 3))
    assert same(before, running(net))


def test_frozen_statistics_nest():
    net, (x,) = network(), parts(1)
    before = running(net)
    with frozen_statistics(net):
        with frozen_statistics(net):
            net(x)
        net(x)
    assert same(before, running(net))
    net(x)
    assert not same(before, running(net))


def test_frozen_statistics_are_released_after_an_exception():
    net, (x,) = network(), parts(1)
    before = running(net)
    with pytest.raises(RuntimeError, match="inside"), frozen_statistics(net):
        raise RuntimeError("inside")
    net(x)
    assert not same(before, running(net))


def test_a_layer_without_running_statistics_stays_without():
    norm = nn.BatchNorm1d(3, track_running_stats=False)
    with frozen_statistics(norm):
        pass
    assert not norm.track_running_stats


def test_gradients_pass_through_frozen_statistics():
    net, (x,) = network(), parts(1)
    with frozen_statistics(net):
        net(x).square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())


# --- interleave


@pytest.mark.parametrize(("size", "offsets"), [(4, [0, 1, 2, 4]), (64, [0, 21, 42, 64])])
def test_pieces_have_the_lengths_of_the_published_code(size, offsets):
    marked = [torch.full((size,), part) for part in range(3)]
    first = interleave(marked)[0].tolist()
    assert [first.index(1), first.index(2), size] == offsets[1:]


def test_interleave_swaps_the_worked_example():
    x, a, b = (torch.arange(4) + 10 * part for part in range(3))
    got = [part.tolist() for part in interleave([x, a, b])]
    assert got == [[0, 11, 22, 23], [10, 1, 12, 13], [20, 21, 2, 3]]


@given(st.integers(1, 5), st.integers(1, 20))
def test_interleave_is_its_own_inverse(count, size):
    rows = [torch.arange(size * 2).view(size, 2) + 1000 * part for part in range(count)]
    twice = interleave(interleave(rows))
    assert all(torch.equal(one, other) for one, other in zip(rows, twice, strict=True))


@given(st.integers(1, 5), st.integers(1, 20))
def test_interleave_loses_no_row(count, size):
    rows = [torch.arange(size) + 1000 * part for part in range(count)]
    assert torch.equal(torch.cat(interleave(rows)).sort().values, torch.cat(rows))


def test_only_the_first_interleaved_pass_updates_the_statistics():
    norm = nn.BatchNorm1d(3, momentum=0.1).double()
    x, a, b = parts(3, 6)
    got = interleaved(norm, x, a, b)
    first = torch.cat([x[:2], a[2:4], b[4:]])
    torch.testing.assert_close(norm.running_mean, 0.1 * first.mean(0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * first.var(0))
    assert norm.num_batches_tracked == 1
    # each pass has its own batch statistics, and rows come back in their places
    second = normalized(torch.cat([a[:2], x[2:4], a[4:]]))
    torch.testing.assert_close(got[0][:2], normalized(first)[:2])
    torch.testing.assert_close(got[0][2:4], second[2:4])
    torch.testing.assert_close(got[1][:2], second[:2])
    torch.testing.assert_close(got[1][2:4], normalized(first)[2:4])


def test_in_eval_mode_interleaved_is_the_same_as_joint():
    net = network().eval()
    for one, other in zip(interleaved(net, *parts()), joint(net, *parts()), strict=True):
        torch.testing.assert_close(one, other)


def dropping():
    torch.manual_seed(0)
    return MLP(3, 2, (4,), dropout=0.5).double()


def test_without_dropout_batchnorm_stays_in_train_mode_and_all_is_put_back():
    net, x = dropping(), parts()[0]
    net.body[2].eval()  # as somebody left it
    with without_dropout(net):
        assert torch.equal(net(x), net(x))
        assert net.body[1].training
    assert net.training
    assert net.head.training
    assert not net.body[2].training
    assert not torch.equal(net(x), net(x))


def test_steady_logits_depend_on_the_batch_and_change_nothing():
    net, x = dropping(), parts()[1]
    before = running(net)
    logits = steady(net, x)
    assert not logits.requires_grad
    assert torch.equal(logits, steady(net, x))
    assert not torch.allclose(logits[:3], steady(net, x[:3]))
    assert same(before, running(net))
    assert net.head.training


# --- as in evaluation


def test_an_evaluated_pass_is_that_of_eval_mode_and_leaves_a_network_in_train_mode():
    net = nn.Sequential(network(), nn.Dropout(0.5))
    x = parts()[0].requires_grad_()
    net(x)  # the running statistics are not the first ones
    before = running(net)
    got = evaluated(net, x)
    assert all(module.training for module in net.modules())
    assert same(before, running(net))
    assert not got.requires_grad
    assert torch.equal(got, net.eval()(x))


def test_train_mode_comes_back_after_an_exception():
    net = network()
    modes = []
    with pytest.raises(IndexError), evaluating(net):
        modes.append(net.training) or modes[1]
    assert modes == [False]
    assert all(module.training for module in net.modules())


def test_the_last_interleaved_pass_alone_updates_the_statistics():
    x, u, v = parts()
    net, first, last = network(), network(), network()
    got = interleaved_last(net, x, u, v)
    for one, other in zip(got, interleaved(first, x, u, v), strict=True):
        torch.testing.assert_close(one, other)
    last(interleave([x, u, v])[-1])
    assert same(running(net), running(last))
    assert not same(running(net), running(first))


# --- noise


def with_dropout():
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_a_noisy_pass_is_normalized_by_its_own_batch():
    net, twin, (x,) = network(), network(), parts(1)
    got = noisy(net, x, 0.5, torch.Generator().manual_seed(3))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(got, twin(x + 0.5 * noise))


def test_a_noisy_pass_remembers_the_statistics_of_inputs_without_noise_and_dropout():
    net, twin = with_dropout().double(), with_dropout().double()
    twin.load_state_dict(net.state_dict())
    twin[1].p, (x,) = 0.0, parts(1)
    noisy(net, x, 5.0, torch.Generator())
    twin(x)
    assert same(running(net), running(twin))
    assert net[2].num_batches_tracked == 1
    assert net[1].training


def test_a_pass_with_noise_of_zero_is_any_pass_and_draws_nothing():
    net, twin, (x,), rng = network(), network(), parts(1), torch.Generator()
    before = rng.get_state()
    assert torch.equal(noisy(net, x, 0.0, rng), twin(x))
    assert same(running(net), running(twin))
    assert torch.equal(rng.get_state(), before)


def test_the_gradient_is_that_of_the_noisy_pass_alone():
    net, twin, (x,) = network(), network(), parts(1)
    noisy(net, x, 0.5, torch.Generator().manual_seed(3)).square().sum().backward()
    twin(gaussian(x, 0.5, torch.Generator().manual_seed(3))).square().sum().backward()
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_apart_normalizes_and_remembers_the_first_part_alone():
    net, (first, second, third) = network(), parts()
    hidden = [net[0](part).detach() for part in (first, second, third)]
    one, two, three = apart(net, first, second, third)
    expected = net[3](net[2](net[1].weight * normalized(hidden[0]) + net[1].bias))
    torch.testing.assert_close(one, expected)
    others = net[1].weight * normalized(torch.cat(hidden[1:])) + net[1].bias
    torch.testing.assert_close(torch.cat([two, three]), net[3](net[2](others)))
    assert net[1].num_batches_tracked == 1
    torch.testing.assert_close(net[1].running_mean, 0.1 * hidden[0].mean(0))
